"""The matrix products of the equations; a compiled loop keeps them for its gradient, not to compute them again."""

import contextlib
import contextvars

from keras import ops

_product = contextvars.ContextVar("product", default=ops.matmul)


def matmul(x, kernel):
    """`x W`, as every cell writes it."""
    return _product.get()(x, kernel)


@contextlib.contextmanager
def computed_by(product):
    """Within this context matrix products are computed by another function `(x, kernel)`."""
    token = _product.set(product)
    try:
        yield
    finally:
        _product.reset(token)
