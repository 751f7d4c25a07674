"""The products in the equations; a compiled loop replaces them so that its gradient is fast."""

import contextlib
import contextvars

from keras import ops

MATRIX_FEATURES = 8
"""Fewer features are padded with zeros: XLA multiplies narrow matrices element by element, four times as slowly."""

_product = contextvars.ContextVar("product", default=ops.matmul)
_repeated = contextvars.ContextVar("repeated", default=lambda weight, rows: weight)


def matmul(x, kernel):
    """`x W`, as every cell writes it. A compiled loop keeps the product, so the gradient need not repeat it."""
    return _product.get()(x, kernel)


def repeated(weight, rows):
    """A weight of shape `(size,)`, prepared for multiplication with each row or addition to it.

    Broadcasting does the rest, except in a compiled loop: there the gradient of broadcasting is a sum of columns, which
    is slow in XLA.
    """
    return _repeated.get()(weight, rows)


@contextlib.contextmanager
def computed_by(product, repeat=None):
    """Within this context another function `(x, kernel)` computes matrix products.

    Args:
        product: Replaces `matmul`.
        repeat: Replaces `repeated`; None for broadcasting.
    """
    tokens = [(_product, _product.set(product))]
    if repeat is not None:
        tokens.append((_repeated, _repeated.set(repeat)))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)
