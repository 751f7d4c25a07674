"""The data as every stage sees it: three splits of examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    Augment = Callable[[Any, tf.Tensor, tf.Tensor], tuple[Any, tf.Tensor]]

Order = Literal["shuffled", "streams"]
"""Order in which training visits the examples: `shuffled` draws a new order in each epoch; in `streams`, each row of a
batch continues where the same row of the previous batch ended, for models that carry their state from batch to batch.
"""


class Examples(Protocol):
    """A split, as the stages see it: `inputs` for the model, an array or a dict of named arrays, and their `labels`."""

    @property
    def inputs(self) -> Any: ...

    @property
    def labels(self) -> Any: ...

    @property
    def order(self) -> Order: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Self: ...

    def reader(self) -> Callable[[tf.Tensor], tuple]:
        """A function made of TensorFlow operations that maps row numbers `[batch]` to their inputs and labels, and to
        weights of the labels if the split has any.
        """
        ...

    def lengths(self) -> np.ndarray | None:
        """Number of time steps of each example, `[n]`, or of each of its parts, `[n, parts]`; None if all are equal."""
        ...

    def preprocessed(self, preprocessor: keras.Model, /) -> Examples:
        """The split after the preprocessor, as the trained part of the model takes it, if a pipeline has one."""
        ...


@dataclass(frozen=True)
class Data:
    """The three splits.

    `names` holds the names of the answers: classes, or the series to forecast. `notes` tell the user what the loader
    found in the data, and how it handled it.
    """

    train: Examples
    validation: Examples
    test: Examples
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """Number of examples in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}
