"""First stage: the splits of a data set, and training batches in an order that the seed fixes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.data import Examples, Order

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ..core.data import Augment


AHEAD = 4  # batches to prepare while the model works on one
WINDOW = 50  # batches whose examples are sorted by length together
COARSE = 8
"""Step in which all lengths but the last are rounded when examples with several lengths are sorted."""


@dataclass(frozen=True)
class Split:
    """Examples in memory: `inputs [n, ...]` as the source gives them, and `labels [n]` or `[n, positions]`."""

    inputs: np.ndarray
    labels: np.ndarray
    order: Order = "shuffled"

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: np.ndarray | slice) -> Split:
        return Split(self.inputs[rows], self.labels[rows], self.order)

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """A function that gathers rows."""
        import tensorflow as tf

        inputs, labels = tf.constant(self.inputs), tf.constant(self.labels)
        return lambda rows: (tf.gather(inputs, rows), tf.gather(labels, rows))

    def lengths(self) -> None:
        """None: all examples have the same length."""

    def preprocessed(self, preprocessor: keras.Model) -> Split:
        """The split with the preprocessor's outputs as inputs."""
        return Split(preprocessor.predict(self.inputs, verbose=0), self.labels, self.order)


def training_batches(
    split: Examples, batch_size: int, seed: int, epochs: range, augment: Augment | None = None
) -> tf.data.Dataset:
    """All batches of the given epochs, one after the other.

    The order and the augmentation depend only on the seed and the number of the epoch, so that a resumed training sees
    the same batches as an uninterrupted one. Examples are gathered batch by batch.

    An epoch contains each shuffled example once; examples of unequal length share a batch with others of similar
    length. Streams continue from batch to batch in every row, in the same way in each epoch: see `in_streams`.

    Args:
        split: The training split.
        batch_size: Number of examples in a batch; the last batch of shuffled examples in an epoch may be smaller.
        seed: Seed of the order and of the augmentation.
        epochs: The epochs, counted from 0.
        augment: Takes inputs and labels `[batch, ...]` and a seed `[2]`, and returns changed inputs and labels.
    """
    import tensorflow as tf

    lengths = split.lengths()
    with tf.device("CPU"):
        read, rows = split.reader(), tf.range(len(split), dtype=tf.int64)
    streams = in_streams(len(split), batch_size) if split.order == "streams" else None

    def batch(chosen: tf.Tensor, epoch: tf.Tensor) -> tuple:
        x, y, *weights = read(chosen)
        if augment is not None:
            x, y = augment(x, y, tf.stack([tf.cast(seed, tf.int64), epoch * len(split) + chosen[0]]))
        return x, y, *weights

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        of_epoch = tf.stack([tf.cast(seed, tf.int64), epoch])
        order = streams
        if order is None:
            order = tf.random.experimental.stateless_shuffle(rows, seed=of_epoch)
            if lengths is not None:
                order = by_length(order, tf.constant(buckets(lengths)), batch_size, of_epoch)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.map(lambda chosen: batch(chosen, epoch), num_parallel_calls=AHEAD)

    batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch).prefetch(AHEAD)
    options = tf.data.Options()
    options.autotune.enabled = False  # its waits showed in the time of every epoch
    return batches.with_options(options)


def steps_of_epoch(split: Examples, batch_size: int) -> int:
    """Number of batches in an epoch; with streams, which all have the same length, every batch is full."""
    return len(split) // batch_size if split.order == "streams" else -(-len(split) // batch_size)


def in_streams(count: int, batch_size: int) -> np.ndarray:
    """Row numbers in an order in which each row of a batch continues the same row of the previous batch.

    The examples are cut into as many contiguous streams as a batch has rows; the remainder, less than a batch, is
    dropped.

    >>> in_streams(7, 2).reshape(-1, 2).tolist()  # a batch a line: rows 0 to 2, and beside them 3 to 5
    [[0, 3], [1, 4], [2, 5]]
    """
    steps = count // batch_size
    return np.arange(steps * batch_size).reshape(batch_size, steps).T.reshape(-1)


def buckets(lengths: np.ndarray) -> np.ndarray:
    """A sort key for each example, `[n]`, that brings examples of similar lengths together.

    Args:
        lengths: `[n]`, which is the key itself; or `[n, parts]`, which sorts coarsely by one part after the other, with
            alternating direction, so that neighbours differ in one length at a time.
    """
    if lengths.ndim == 1:
        return lengths
    coarse = -(-lengths[:, :-1] // COARSE)
    keys = [coarse[:, 0]]
    for place in range(1, lengths.shape[1]):
        column = coarse[:, place] if place < coarse.shape[1] else lengths[:, place]
        keys.append(np.where(keys[-1] % 2 == 0, column, -column))
    rank = np.empty(len(lengths), np.int64)
    rank[np.lexsort(keys[::-1])] = np.arange(len(lengths))
    return rank


def by_length(order: tf.Tensor, lengths: tf.Tensor, batch_size: int, seed: tf.Tensor) -> tf.Tensor:
    """Changes a random order so that each batch contains examples of similar length; the batches stay in random order.

    Examples are sorted within windows of `WINDOW` batches, so that batches differ from epoch to epoch. The last batch,
    which may be smaller, stays the last.

    Args:
        order: Row numbers `[n]` in random order.
        lengths: Lengths or `buckets` of the examples, by row number.
        batch_size: Number of examples in a batch.
        seed: Seed `[2]` of the order of the batches.
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


def evaluation_batches(split: Examples, batch_size: int = 256) -> tf.data.Dataset:
    """Batches in the order of the split; sorted by length if the lengths are unequal; or in streams."""
    import tensorflow as tf

    lengths = split.lengths()
    if split.order == "streams":
        rows = in_streams(len(split), batch_size)
    else:
        rows = np.arange(len(split)) if lengths is None else np.argsort(buckets(lengths), kind="stable")
    batches = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
    with tf.device("CPU"):
        read = split.reader()
    return batches.map(read).prefetch(AHEAD)
