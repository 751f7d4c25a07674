"""Labelled examples for classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...core.data import Data, Examples
from ...core.errors import DataError, UsageError

E = TypeVar("E", bound=Examples)


@dataclass(frozen=True, kw_only=True)
class LabelledData(Data):
    """Splits whose labels are classes, and a name for each label of an example (usually one)."""

    positions: tuple[str, ...] = ("label",)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by number."""
        return self.names

    def __post_init__(self) -> None:
        if len(np.unique(self.train.labels)) < 2:
            raise DataError("the training examples are all of one class; there is nothing to learn.")


def hold_out(split: E, count: int, seed: int, key: str) -> tuple[E, E]:
    """Holds out `count` examples with the shares of the classes kept (stratified): the rest and the held-out part.

    Raises:
        UsageError: If either side would have too few examples of a class; the message begins with `key`, the key of the
            configuration.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(split))
    try:
        rest, held_out = train_test_split(rows, test_size=count, stratify=split.labels, random_state=seed)
    except ValueError as error:
        raise UsageError(f"{key}: {count:,} of {len(split):,} examples can't be held out: {error}") from None
    return split[np.sort(rest)], split[np.sort(held_out)]
