"""Sequences of unequal length, and tensors that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

FINE, COARSE, LONG = 8, 64, 32
"""Sequences are padded to a multiple of FINE steps, and those of more than LONG steps to one of COARSE."""


def as_objects(rows: list) -> np.ndarray:
    """Rows of unequal length as an array of objects, whatever their lengths."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def as_tensor(values: np.ndarray) -> tf.Tensor | tf.RaggedTensor:
    """An array as a tensor, an array of arrays as a ragged one."""
    import tensorflow as tf

    if values.dtype != object:
        return tf.constant(values)
    return tf.RaggedTensor.from_row_lengths(np.concatenate(values), [len(row) for row in values])


def padded(rows: tf.RaggedTensor) -> tf.Tensor:
    """Sequences `[batch, (time), ...]` as one tensor, with zeros at the end, of one of few lengths.

    A compiled layer is compiled anew for each length that it meets.
    """
    import tensorflow as tf

    longest = tf.reduce_max(rows.row_lengths())
    step = tf.where(longest <= LONG, tf.cast(FINE, tf.int64), tf.cast(COARSE, tf.int64))
    dense = rows.to_tensor()
    return tf.pad(dense, [[0, 0], [0, -longest % step], *[[0, 0]] * (dense.shape.rank - 2)])
