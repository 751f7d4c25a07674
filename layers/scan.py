"""Linear recurrences over all time steps at once."""

import contextlib
import contextvars

from keras import ops

_scan = contextvars.ContextVar("scan", default=None)


def linear_scan(a, b, h, product=ops.multiply, conjugate=lambda a: a):
    """`h_t = a_t * h_(t-1) + b_t` for all t, by doubling: after k rounds each step has seen the 2^k steps before it.

    This takes about log2(time) rounds over whole tensors (Hillis & Steele 1986). The gradient is the same recurrence
    backwards in time, so no round need be kept for it.

    Args:
        a: Tensor of shape `(batch, time, size)`, with a static number of time steps; or `(1, 1, size)`.
        b: Tensor of shape `(batch, time, size)`.
        h: The state before the first step, `(batch, size)`.
        product: The meaning of `*`, associative and linear in each argument.
        conjugate: Conjugates `a`, so that multiplying by the result is the adjoint of multiplying by `a`.

    Returns:
        `h_t` for every t, of shape `(batch, time, size)`.
    """

    def from_h(a, b, h):
        return ops.concatenate([product(a[:, :1], h[:, None]) + b[:, :1], b[:, 1:]], axis=1)

    @ops.custom_gradient
    def scan(a, b, h):
        states = _double(a, from_h(a, b, h), product)

        def gradient(*args, upstream=None):
            upstream = upstream if upstream is not None else args[0]
            following = ops.concatenate([conjugate(a[:, 1:]), ops.zeros_like(a[:, :1])], axis=1)
            reverse = _double(ops.flip(following, 1), ops.flip(upstream, 1), product)
            g = ops.flip(reverse, 1)
            before = ops.concatenate([h[:, None], states[:, :-1]], axis=1)
            return product(conjugate(before), g), g, product(conjugate(a[:, 0]), g[:, 0])

        return states, gradient

    if takes_open_time():
        return _scan.get()(a, from_h(a, b, h), product)
    return scan(ops.broadcast_to(a, ops.shape(b)), b, h)


def takes_open_time():
    """Whether the scan takes an open number of time steps."""
    return _scan.get() is not None


@contextlib.contextmanager
def scanned_by(function):
    """Within this context another function `(a, b, product)` computes the scan, without a gradient and for any time."""
    token = _scan.set(function)
    try:
        yield
    finally:
        _scan.reset(token)


def _double(a, b, product):
    distance = 1
    while distance < b.shape[1]:
        b = ops.concatenate([b[:, :distance], product(a[:, distance:], b[:, :-distance]) + b[:, distance:]], axis=1)
        a = ops.concatenate([a[:, :distance], product(a[:, distance:], a[:, :-distance])], axis=1)
        distance *= 2
    return b
