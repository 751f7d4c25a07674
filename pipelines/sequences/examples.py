"""Splits of examples whose inputs, and possibly labels, are sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.data import Order
from .padding import as_objects, as_tensor, padded

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TOGETHER = 256
"""Number of texts that are preprocessed together."""


@dataclass(frozen=True)
class Sequences:
    """A split in memory; an array of arrays `[time, ...]` holds sequences of unequal length, which a batch pads with 0.

    Labels of unequal length, one per token, come with weights `[batch, time]`: 1 for a token, 0 for padding. With these
    weights losses, and metrics in the `weighted_metrics` of `compile`, ignore the padding.

    Attributes:
        inputs: An array, or named arrays, such as the source and the target of a translation, each with its own
            lengths.
        labels: `[n, ...]`, or an array of arrays.
        order: Order in which the training visits the examples.
    """

    inputs: np.ndarray | dict[str, np.ndarray]
    labels: np.ndarray
    order: Order = "shuffled"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray | slice) -> Sequences:
        return Sequences(_each(lambda values: values[rows], self.inputs), self.labels[rows], self.order)

    def reader(self) -> Callable[[tf.Tensor], tuple]:
        """A function that gathers rows and pads them: inputs, labels and, if the labels are padded, their weights."""
        import tensorflow as tf

        inputs, labels = _each(as_tensor, self.inputs), as_tensor(self.labels)

        def gathered(values: tf.Tensor | tf.RaggedTensor, rows: tf.Tensor) -> tf.Tensor:
            chosen = tf.gather(values, rows)
            return padded(chosen) if isinstance(values, tf.RaggedTensor) else chosen

        def read(rows: tf.Tensor) -> tuple:
            x, y = _each(lambda values: gathered(values, rows), inputs), gathered(labels, rows)
            if not isinstance(labels, tf.RaggedTensor):
                return x, y
            return x, y, tf.sequence_mask(tf.gather(labels.row_lengths(), rows), tf.shape(y)[1], tf.float32)

        return read

    def lengths(self) -> np.ndarray | None:
        """Number of time steps of each example, `[n]`, or `[n, parts]` if its parts differ; None if all are equal."""
        parts = [*(self.inputs.values() if isinstance(self.inputs, dict) else [self.inputs]), self.labels]
        columns = [np.array([len(row) for row in part]) for part in parts if part.dtype == object]
        different = [c for place, c in enumerate(columns) if not any((c == other).all() for other in columns[:place])]
        return different[0] if len(different) == 1 else np.stack(different, axis=1) if different else None

    def preprocessed(self, preprocessor: keras.Model) -> Sequences:
        """The split itself, which the trained part takes as it is."""
        return self


@dataclass(frozen=True)
class Texts:
    """A split of raw texts, an array of `str` objects, whose labels are not sequences."""

    inputs: np.ndarray
    labels: np.ndarray
    order: Order = "shuffled"

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: np.ndarray | slice) -> Texts:
        return Texts(self.inputs[rows], self.labels[rows], self.order)

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """A function that gathers rows."""
        import tensorflow as tf

        texts, labels = tf.constant(self.inputs.tolist()), tf.constant(self.labels)
        return lambda rows: (tf.gather(texts, rows), tf.gather(labels, rows))

    def lengths(self) -> None:
        """None: a raw text is one string."""

    def preprocessed(self, preprocessor: keras.Model) -> Sequences:
        """The texts as sequences of ids, without the zeros at their ends."""
        import tensorflow as tf

        rows: list[np.ndarray] = []
        for start in range(0, len(self), TOGETHER):
            outputs = preprocessor(tf.constant(self.inputs[start : start + TOGETHER].tolist())).numpy()
            rows += [row[:length] for row, length in zip(outputs, np.count_nonzero(outputs, axis=1), strict=True)]
        return Sequences(as_objects(rows), self.labels, self.order)


def _each(change: Callable[[Any], Any], values: Any) -> Any:
    """Applies a change to an array, or to each of several named arrays."""
    return {name: change(each) for name, each in values.items()} if isinstance(values, dict) else change(values)
