"""First stage: the splits of a data set, and batches of the training split in an order that the seed fixes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.data import Examples

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ..core.data import Augment


AHEAD = 4  # batches prepared while the model works on one
ENCODED = 256  # texts that are encoded together
WINDOW = 50  # batches whose examples are sorted by length together
FINE, COARSE, LONG = 8, 64, 32
"""Sequences are padded to a multiple of FINE steps, and those of more than LONG steps to one of COARSE."""


@dataclass(frozen=True)
class Split:
    """Examples in memory: `inputs [n, ...]` as they come from the source, and integer `labels [n]` or `[n, positions]`.

    Texts are an array of `str` objects; sequences of unequal length one of arrays.
    """

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: np.ndarray | slice) -> Split:
        return Split(self.inputs[rows], self.labels[rows])

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """Gathers rows; those of unequal length are padded with zeros."""
        import tensorflow as tf

        inputs, labels = _as_tensor(self.inputs), tf.constant(self.labels)
        ragged = isinstance(inputs, tf.RaggedTensor)

        def read(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x = tf.gather(inputs, rows)
            return (padded(x) if ragged else x), tf.gather(labels, rows)

        return read

    def lengths(self) -> np.ndarray | None:
        """Of each example; None if the inputs are one array."""
        return np.array([len(row) for row in self.inputs]) if self.inputs.dtype == object else None

    def encoded(self, encoder: keras.Model) -> Split:
        """Texts as ids, without the zeros at their ends."""
        import tensorflow as tf

        rows: list[np.ndarray] = []
        for start in range(0, len(self), ENCODED):
            outputs = encoder(tf.constant(self.inputs[start : start + ENCODED].tolist())).numpy()
            rows += [row[:length] for row, length in zip(outputs, np.count_nonzero(outputs, axis=1), strict=True)]
        return Split(as_objects(rows), self.labels)


def as_objects(rows: list) -> np.ndarray:
    """Rows of unequal length as an array of objects, whatever their lengths."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def training_batches(
    split: Examples, batch_size: int, seed: int, epochs: range, augment: Augment | None = None
) -> tf.data.Dataset:
    """All batches of the given epochs, one after the other; each epoch holds every example once.

    The order and the augmentation depend on the seed and the epoch's number alone, so that a resumed training sees what
    an uninterrupted one would have seen. Examples are gathered batch by batch. Sequences of
    unequal length are batched with others of similar length, and padded with zeros.

    Args:
        split: The training split.
        batch_size: Examples a batch; the last one of an epoch may hold fewer.
        seed: Of the order.
        epochs: Which epochs, counted from 0.
        augment: Takes inputs and labels `[batch, ...]` and a seed `[2]`, returns changed ones.
    """
    import tensorflow as tf

    lengths = split.lengths()
    with tf.device("CPU"):
        read, rows = split.reader(), tf.range(len(split), dtype=tf.int64)

    def batch(chosen: tf.Tensor, epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, y = read(chosen)
        if augment is not None:
            x, y = augment(x, y, tf.stack([tf.cast(seed, tf.int64), epoch * len(split) + chosen[0]]))
        return x, y

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        of_epoch = tf.stack([tf.cast(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(rows, seed=of_epoch)
        if lengths is not None:
            order = by_length(order, tf.constant(lengths), batch_size, of_epoch)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.map(lambda chosen: batch(chosen, epoch), num_parallel_calls=AHEAD)

    batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch).prefetch(AHEAD)
    options = tf.data.Options()
    options.autotune.enabled = False  # its waiting showed in the time of every epoch
    return batches.with_options(options)


def by_length(order: tf.Tensor, lengths: tf.Tensor, batch_size: int, seed: tf.Tensor) -> tf.Tensor:
    """Changes a random order so that each batch holds examples of similar length, and batches come in random order.

    Examples are sorted within windows of `WINDOW` batches, so that batches differ from epoch to epoch. The last batch,
    which may be smaller, stays the last.

    Args:
        order: Row numbers `[n]` in random order.
        lengths: Of the examples, by row number.
        batch_size: Examples a batch.
        seed: `[2]`, of the order of the batches.
    """
    import tensorflow as tf

    count = tf.size(order, out_type=tf.int64)
    window = tf.range(count) // (batch_size * WINDOW)
    places = window * (tf.reduce_max(lengths) + 1) + tf.gather(lengths, order)
    order = tf.gather(order, tf.argsort(places, stable=True))
    full = count // batch_size
    whole, rest = tf.reshape(order[: full * batch_size], [full, batch_size]), order[full * batch_size :]
    whole = tf.gather(whole, tf.random.experimental.stateless_shuffle(tf.range(full), seed=seed))
    return tf.concat([tf.reshape(whole, [-1]), rest], axis=0)


def padded(rows: tf.RaggedTensor) -> tf.Tensor:
    """Sequences of unequal length as one tensor, with zeros at the end, of one of few lengths.

    A compiled layer is compiled anew for each length that it meets.
    """
    import tensorflow as tf

    longest = tf.reduce_max(rows.row_lengths())
    step = tf.where(longest <= LONG, tf.cast(FINE, tf.int64), tf.cast(COARSE, tf.int64))
    return tf.pad(rows.to_tensor(), [[0, 0], [0, -longest % step]])


def _as_tensor(inputs: np.ndarray) -> tf.Tensor | tf.RaggedTensor:
    import tensorflow as tf

    if inputs.dtype != object:
        return tf.constant(inputs)
    return tf.RaggedTensor.from_row_lengths(np.concatenate(inputs), [len(row) for row in inputs])


def evaluation_batches(split: Examples, batch_size: int = 256) -> tf.data.Dataset:
    """Batches in the split's own order; of sequences of unequal length, in the order of their lengths."""
    import tensorflow as tf

    lengths = split.lengths()
    rows = np.arange(len(split)) if lengths is None else np.argsort(lengths, kind="stable")
    batches = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
    with tf.device("CPU"):
        read = split.reader()
    return batches.map(read).prefetch(AHEAD)
