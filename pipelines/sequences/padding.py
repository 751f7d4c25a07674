"""Arrays and tensors for sequences of unequal length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

FINE, COARSE, LONG = 8, 64, 32
"""Time steps: sequences of up to LONG steps are padded to a multiple of FINE, longer ones to a multiple of COARSE."""


def as_objects(rows: list) -> np.ndarray:
    """Rows as an array of objects, whether their lengths are equal or not."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def as_tensor(values: np.ndarray) -> tf.Tensor | tf.RaggedTensor:
    """Converts an array to a tensor, and an array of arrays to a ragged tensor."""
    import tensorflow as tf

    if values.dtype != object:
        return tf.constant(values)
    return tf.RaggedTensor.from_row_lengths(np.concatenate(values), [len(row) for row in values])


def padded(rows: tf.RaggedTensor) -> tf.Tensor:
    """Pads sequences `[batch, (time), ...]` with zeros at the end to a tensor of one of few lengths.

    The lengths are few because a compiled layer is compiled again for each new length.
    """
    import tensorflow as tf

    longest = tf.reduce_max(rows.row_lengths())
    step = tf.where(longest <= LONG, tf.cast(FINE, tf.int64), tf.cast(COARSE, tf.int64))
    dense = rows.to_tensor()
    return tf.pad(dense, [[0, 0], [0, -longest % step], *[[0, 0]] * (dense.shape.rank - 2)])
