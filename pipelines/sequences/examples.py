"""Examples whose inputs, and labels, are sequences."""

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
"""Texts that are preprocessed together."""


@dataclass(frozen=True)
class Sequences:
    """A split in memory. What has unequal lengths is an array of arrays `[time, ...]`; a batch pads it with zeros.

    Labels of unequal length, one for each token, come with weights `[batch, time]`: 1 for a token, 0 for padding, so
    that losses, and metrics that `compile` is given as `weighted_metrics`, leave out what is padded.

    Attributes:
        inputs: An array, or arrays by name; of translation, say, a source and a target, each with its own lengths.
        labels: `[n, ...]`, or an array of arrays.
        order: In which the training goes through them.
    """

    inputs: np.ndarray | dict[str, np.ndarray]
    labels: np.ndarray
    order: Order = "shuffled"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray | slice) -> Sequences:
        return Sequences(_each(lambda values: values[rows], self.inputs), self.labels[rows], self.order)

    def reader(self) -> Callable[[tf.Tensor], tuple]:
        """Gathers rows and pads them: inputs, labels and, where these are padded too, their weights."""
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
        """Time steps of each example, `[n]`; `[n, several]` if its parts differ; None if all have the same."""
        parts = [*(self.inputs.values() if isinstance(self.inputs, dict) else [self.inputs]), self.labels]
        columns = [np.array([len(row) for row in part]) for part in parts if part.dtype == object]
        different = [c for place, c in enumerate(columns) if not any((c == other).all() for other in columns[:place])]
        return different[0] if len(different) == 1 else np.stack(different, axis=1) if different else None

    def preprocessed(self, preprocessor: keras.Model) -> Sequences:
        """They are what the trained part takes."""
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
        """Gathers rows."""
        import tensorflow as tf

        texts, labels = tf.constant(self.inputs.tolist()), tf.constant(self.labels)
        return lambda rows: (tf.gather(texts, rows), tf.gather(labels, rows))

    def lengths(self) -> None:
        """A raw text is one string."""

    def preprocessed(self, preprocessor: keras.Model) -> Sequences:
        """Texts as ids, without the zeros at their ends."""
        import tensorflow as tf

        rows: list[np.ndarray] = []
        for start in range(0, len(self), TOGETHER):
            outputs = preprocessor(tf.constant(self.inputs[start : start + TOGETHER].tolist())).numpy()
            rows += [row[:length] for row, length in zip(outputs, np.count_nonzero(outputs, axis=1), strict=True)]
        return Sequences(as_objects(rows), self.labels, self.order)


def _each(change: Callable[[Any], Any], values: Any) -> Any:
    """What becomes of an array, or of each of several ones."""
    return {name: change(each) for name, each in values.items()} if isinstance(values, dict) else change(values)
