"""The products of the equations, which a compiled loop computes in a way that its gradient is fast."""

import contextlib
import contextvars

from keras import ops

MATRIX_FEATURES = 8
"""Fewer features are filled up with zeros: XLA multiplies narrow matrices element by element, four times as slowly."""

_product = contextvars.ContextVar("product", default=ops.matmul)
_repeated = contextvars.ContextVar("repeated", default=lambda weight, rows: weight)


def matmul(x, kernel):
    """`x W`, as every cell writes it. A compiled loop keeps it, not to compute it again for the gradient."""
    return _product.get()(x, kernel)


def repeated(weight, rows):
    """A weight of shape `(size,)` that is to be multiplied with, or added to, each of the rows.

    Left to broadcasting, except in a compiled loop: there its gradient is a sum of columns, at which XLA is slow.
    """
    return _repeated.get()(weight, rows)


@contextlib.contextmanager
def computed_by(product, repeat=None):
    """Within this context matrix products are computed by another function `(x, kernel)`.

    Args:
        product: What `matmul` shall be.
        repeat: What `repeated` shall be, or None for broadcasting.
    """
    tokens = [(_product, _product.set(product))]
    if repeat is not None:
        tokens.append((_repeated, _repeated.set(repeat)))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)
