"""Layer normalization within recurrent cells (Ba, Kiros & Hinton 2016, arXiv 1607.06450)."""

import keras
from keras import ops

from .products import repeated


def layer_norm(v, gamma, beta, epsilon):
    """`gamma * (v - mean) / sqrt(variance + epsilon) + beta` over the last axis, with the biased variance.

    Computes mean and variance in float32 or wider.
    """
    wide = ops.cast(v, keras.backend.result_type(v.dtype, "float32"))
    centred = wide - ops.mean(wide, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    normalized = ops.cast(centred * ops.rsqrt(variance + epsilon), v.dtype)
    return repeated(gamma, v) * normalized + repeated(beta, v)
