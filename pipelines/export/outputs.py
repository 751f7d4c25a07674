"""Holds outputs of models and files in one form: one answer a row, or sequences of unequal length with their ends.

Pure NumPy. Numbers are compared within a tolerance; tokens, which are integers or strings, must be equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Output:
    """One named output of a model or a file for all rows."""

    values: np.ndarray
    """Argument of a score function: `(rows, ...)`; an array of arrays, each cut at its end; or an array of strings."""
    steps: np.ndarray
    """`(steps, ...)`: the answers for all rows, or the concatenated steps of all sequences."""
    lengths: np.ndarray | None = None
    """Number of steps of each sequence, `(sequences,)`; None if each row has one answer of fixed shape."""
    width: int = 1
    """Number of sequences in a row; a beam gives several."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_tokens(self) -> bool:
        """Whether the output holds integers or strings, which are compared exactly."""
        return self.steps.dtype.kind in "iuO"

    @property
    def is_text(self) -> bool:
        """Whether the output holds strings."""
        return self.steps.dtype == object

    @cached_property
    def starts(self) -> np.ndarray:
        """Index of the first step of each sequence."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of steps of each sequence; a row of fixed shape counts as a sequence of one step."""
        return np.ones(len(self.steps), int) if self.lengths is None else self.lengths

    @cached_property
    def rows(self) -> np.ndarray:
        """The row of each step, `(steps,)`."""
        return np.repeat(np.arange(len(self.counts)) // self.width, self.counts)

    def sequence(self, number: int) -> np.ndarray:
        """The steps of one sequence."""
        return self.steps[self.starts[number] :][: self.counts[number]]

    def heads(self, counts: np.ndarray) -> np.ndarray:
        """The concatenated first steps of each sequence, `(counts.sum(), ...)`."""
        place = np.arange(len(self.steps)) - np.repeat(self.starts, self.counts)
        return self.steps[place < np.repeat(counts, self.counts)]

    def first(self, rows: int) -> Output:
        """The first rows only."""
        counts = self.counts[: rows * self.width]
        lengths = None if self.lengths is None else counts
        return Output(self.values[:rows], self.steps[: counts.sum()], lengths, self.width)

    def as_sequences(self) -> Output:
        """Rows of fixed shape `(rows, time, ...)` as sequences of equal length; other outputs unchanged."""
        return sequences(self.values) if self.lengths is None and self.values.ndim > 1 else self


def read(
    values: Any, lengths: np.ndarray | None = None, padding: int | str | None = None, ends_known: bool | None = None
) -> Output:
    """Reads an output of a model or a file for all rows.

    Strings `(rows,)` are sequences of their characters.

    Args:
        values: An array `(rows, ...)`; or rows of unequal length, a list or an array of arrays `(time, ...)`.
        lengths: Number of valid steps of each row, `(rows,)`, with time on the next axis; or `(rows, width)`. Rows with
            known ends keep them.
        padding: Token that ends a sequence, on the last axis.
        ends_known: Whether rows end where their arrays end, as in a ragged tensor; None means that rows of unequal
            length do.

    Raises:
        ValueError: If rows have unequal lengths but unknown ends, or do not match each other.
    """
    array = as_array(values)
    in_rows = array.dtype == object and array.ndim == 1 and all(isinstance(row, np.ndarray) for row in array)
    ends_known = in_rows if ends_known is None else ends_known
    if array.dtype == object and array.ndim == 1 and not in_rows:
        if lengths is not None or padding is not None:
            raise ValueError("are strings, which have their own ends; leave them out of `lengths` and `padding`")
        return in_characters(array)
    if array.ndim < 2 and not in_rows and (ends_known or lengths is not None or padding is not None):
        raise ValueError("hold one number a row, not sequences")
    if padding is not None:
        if any(row.dtype.kind == "f" and row.size for row in array):  # an empty list becomes an array of real numbers
            raise ValueError("hold real numbers, which no padding can end; say in `lengths` where each row ends")
        return sequences(array, before=array[0].ndim - 1, padding=padding)
    if ends_known:
        return sequences(array)
    if lengths is not None:
        return sequences(array, before=lengths.ndim - 1, lengths=lengths)
    if in_rows:
        raise ValueError("are padded to unequal widths; say in `lengths` or `padding` where each row ends")
    return Output(array, array)


def as_array(values: Any) -> np.ndarray:
    """Values as an array; an array of arrays if their lengths differ, an array of `str` objects if they are strings."""
    if isinstance(values, np.ndarray) and values.dtype == object and len(values) and _is_row(values.flat[0]):
        return as_objects(map(as_array, values))
    if isinstance(values, list | tuple) and len(set(map(_extent, values))) > 1:
        return as_objects(map(as_array, values))
    array = np.asarray(values)
    if array.dtype.kind not in "OSU":
        return array
    texts = np.empty(array.shape, object)
    texts[...] = np.vectorize(_decoded, otypes=[object])(array) if array.size else texts
    return texts


def as_objects(rows: Iterable[Any]) -> np.ndarray:
    """Rows as an array of objects, even if they have the same shape."""
    rows = list(rows)
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def _is_row(value: Any) -> bool:
    return isinstance(value, np.ndarray | list | tuple)


def _extent(row: Any) -> Any:
    return getattr(row, "shape", len(row) if _is_row(row) else None)


def _decoded(value: Any) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def in_characters(texts: np.ndarray) -> Output:
    """Strings as sequences of characters."""
    characters = np.array([character for text in texts for character in text], object)
    return Output(texts, characters, np.array([len(text) for text in texts], int))


def sequences(
    rows: np.ndarray | Sequence[np.ndarray],
    before: int = 0,
    lengths: np.ndarray | None = None,
    padding: int | str | None = None,
) -> Output:
    """Rows as sequences, cut at their ends.

    Args:
        rows: Arrays `(..., time, ...)`.
        before: Number of axes before the time axis of a row; together they index its sequences.
        lengths: Lengths of the sequences, `(rows, ...)`; None to end them at the first `padding` or at the array's end.
        padding: Token that ends a sequence.

    Raises:
        ValueError: If rows hold different numbers of sequences, or their steps have different shapes.

    >>> found = sequences(np.array([[5, 6, 0, 7], [8, 0, 0, 0]]), padding=0)
    >>> found.steps.tolist(), found.lengths.tolist()
    ([5, 6, 8], [2, 1])
    """
    widths = {math.prod(row.shape[:before]) for row in rows}
    shapes = {row.shape[before + 1 :] for row in rows if row.size}
    if len(widths) > 1 or len(shapes) > 1:
        raise ValueError(f"have rows of shapes that do not go together: {sorted({row.shape for row in rows})[:4]}")
    (width,) = widths
    each = [part for row in rows for part in row.reshape(width, *row.shape[before:])]
    if lengths is not None:
        if len(each) != lengths.size:
            raise ValueError(f"are {len(each)} sequences, and `lengths` are {lengths.size}")
        each = [part[:length] for part, length in zip(each, lengths.reshape(-1), strict=True)]
    if padding is not None:
        each = [part[: until(part, padding)] for part in each]
    counts = np.array([len(part) for part in each], int)
    together = [as_objects(each[start : start + width]) for start in range(0, len(each), width)]
    values = as_objects(together if width > 1 else each)
    full = [part for part in each if len(part)] or each[:1]  # an empty list has a dtype of its own
    return Output(values, np.concatenate(full), counts, width)


def until(tokens: np.ndarray, padding: int | str) -> int:
    """Number of tokens before the first padding."""
    found = np.flatnonzero(tokens == padding)
    return int(found[0]) if len(found) else len(tokens)
