"""First stage: the splits of a data set, and batches of the training split in an order that the seed fixes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, UsageError

if TYPE_CHECKING:
    import tensorflow as tf

    Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


AHEAD = 4  # batches prepared while the model works on one


@dataclass(frozen=True)
class Split:
    """Examples: `inputs [n, ...]` as they come from the source, and integer `labels [n]` or `[n, positions]`."""

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: np.ndarray | slice) -> Split:
        return Split(self.inputs[rows], self.labels[rows])


@dataclass(frozen=True)
class Data:
    """The three splits, the names of the classes, and a name for each label of an example (one, usually)."""

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    positions: tuple[str, ...] = ("label",)

    def __post_init__(self) -> None:
        if len(np.unique(self.train.labels)) < 2:
            raise DataError("the training examples are all of one class; there is nothing to learn.")

    def sizes(self) -> dict[str, int]:
        """Examples in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def hold_out(split: Split, count: int, seed: int, key: str) -> tuple[Split, Split]:
    """Splits off `count` examples, the shares of the classes kept (stratified): the rest, and what was held out.

    Raises:
        UsageError: Naming the configuration's `key`, if too few examples of a class would be on either side.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(split))
    try:
        rest, held_out = train_test_split(rows, test_size=count, stratify=split.labels, random_state=seed)
    except ValueError as error:
        raise UsageError(f"{key}={count} of {len(split):,} examples can't be held out: {error}") from None
    return split[np.sort(rest)], split[np.sort(held_out)]


def training_batches(
    split: Split, batch_size: int, seed: int, epochs: range, augment: Augment | None = None
) -> tf.data.Dataset:
    """All batches of the given epochs, one after the other; each epoch holds every example once.

    The order and the augmentation depend on the seed and the epoch's number alone, so that a resumed training sees what
    an uninterrupted one would have seen. The arrays stay in memory; examples are gathered batch by batch.

    Args:
        split: The training split.
        batch_size: Examples a batch; the last one of an epoch may hold fewer.
        seed: Of the order.
        epochs: Which epochs, counted from 0.
        augment: Takes inputs `[batch, ...]` and a seed `[2]`, returns changed inputs.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        inputs, labels = tf.constant(split.inputs), tf.constant(split.labels)
        rows = tf.range(len(split), dtype=tf.int64)

    def batch(chosen: tf.Tensor, epoch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.gather(inputs, chosen)
        if augment is not None:
            x = augment(x, tf.stack([tf.cast(seed, tf.int64), epoch * len(split) + chosen[0]]))
        return x, tf.gather(labels, chosen)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(rows, seed=tf.stack([tf.cast(seed, tf.int64), epoch]))
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.map(lambda chosen: batch(chosen, epoch), num_parallel_calls=AHEAD)

    batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch).prefetch(AHEAD)
    options = tf.data.Options()
    options.autotune.enabled = False  # its waiting showed in the time of every epoch
    return batches.with_options(options)


def evaluation_batches(split: Split, batch_size: int = 256) -> tf.data.Dataset:
    """Batches in the split's own order."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((split.inputs, split.labels)).batch(batch_size).prefetch(AHEAD)
