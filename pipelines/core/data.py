"""What every stage takes the data to be: three splits of examples."""

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
"""How the training goes through examples: in an order drawn anew in each epoch; or contiguously, each row of a batch
going on where the same row of the batch before ended, for models that carry their state from batch to batch."""


class Examples(Protocol):
    """A split, as the stages see it: `inputs` for the model, an array or a dict of them by name, and their `labels`."""

    @property
    def inputs(self) -> Any: ...

    @property
    def labels(self) -> Any: ...

    @property
    def order(self) -> Order: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Self: ...

    def reader(self) -> Callable[[tf.Tensor], tuple]:
        """A function, of TensorFlow operations, from row numbers `[batch]` to their inputs and labels, and weights of
        the labels if they have any.
        """
        ...

    def lengths(self) -> np.ndarray | None:
        """Time steps of each example, `[n]`, or `[n, several]` of its parts; None if all have the same."""
        ...

    def preprocessed(self, preprocessor: keras.Model, /) -> Examples:
        """The split as what stands behind the preprocessor takes it, where a pipeline has one."""
        ...


@dataclass(frozen=True)
class Data:
    """The three splits.

    `names` are those of the answers: classes, or what is forecast. `notes` tell the user what was found in the data,
    and how it was treated.
    """

    train: Examples
    validation: Examples
    test: Examples
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """Examples in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}
