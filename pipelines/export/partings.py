"""Finds the rows and the first step at which two outputs differ, and describes the difference in words. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .outputs import Output

BEFORE = 8
"""Number of tokens before a parting that a message quotes."""
END = "the end"


def aligned(found: Output, wanted: Output) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps that both outputs have in each sequence, and the sequence number of each step, `(steps,)`."""
    common = np.minimum(found.counts, wanted.counts)
    return found.heads(common), wanted.heads(common), np.repeat(np.arange(len(common)), common)


def anywhere(truths: np.ndarray) -> np.ndarray:
    """Whether any value of each step is true, `(steps,)`."""
    return np.asarray(truths.any(axis=tuple(range(1, truths.ndim))))


def difference_of(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance between two arrays of numbers or booleans, entry by entry."""
    return np.abs(values.astype("float64") - others.astype("float64"))


def differences(found: Output, wanted: Output) -> np.ndarray:
    """The largest difference in each row, `(rows,)`, over the steps that both have."""
    ours, theirs, sequence = aligned(found, wanted)
    of_steps = difference_of(ours, theirs)
    of_steps = of_steps.max(axis=tuple(range(1, of_steps.ndim)), initial=0.0)
    largest = np.zeros(len(wanted))
    np.maximum.at(largest, sequence // wanted.width, of_steps)
    return largest


def other_lengths(found: Output, wanted: Output) -> np.ndarray:
    """Rows with a sequence of another length, `(rows,)`."""
    return (found.counts != wanted.counts).reshape(len(wanted), -1).any(axis=1)


def partings(found: Output, wanted: Output) -> np.ndarray:
    """The first step at which each pair of token sequences diverges, `(sequences,)`; -1 where they are equal.

    If one sequence is a prefix of the other, they diverge at its end.

    >>> from .outputs import sequences
    >>> found, wanted = ([np.array(row) for row in rows] for rows in ([[5, 6, 7], [8]], [[5, 9, 7], [8, 4]]))
    >>> partings(sequences(found), sequences(wanted)).tolist()
    [1, 1]
    """
    ours, theirs, sequence = aligned(found, wanted)
    differ = np.flatnonzero(anywhere(ours != theirs))
    parted, first = np.unique(sequence[differ], return_index=True)
    common = np.minimum(found.counts, wanted.counts)
    steps = np.where(found.counts != wanted.counts, common, -1)
    steps[parted] = differ[first] - (np.cumsum(common) - common)[parted]
    return steps


def other_tokens(found: Output, wanted: Output) -> np.ndarray:
    """Rows whose tokens differ from the expected ones, `(rows,)`."""
    return np.asarray((partings(found, wanted) >= 0).reshape(len(wanted), -1).any(axis=1))


def first_parting(found: Output, wanted: Output, row: int, names: Sequence[str] | None = None) -> str:
    """Describes in words where the sequences of a row diverge.

    Args:
        found: The output to judge.
        wanted: The expected output.
        row: A row in which the outputs diverge.
        names: Names of the tokens, if these are integers.
    """
    steps = partings(found, wanted)[row * wanted.width :][: wanted.width]
    place = int(np.flatnonzero(steps >= 0)[0])
    number, step = row * wanted.width + place, int(steps[place])
    which = f"its sequence {place} (counted from 0): " if wanted.width > 1 else ""
    return which + parting(found.sequence(number), wanted.sequence(number), step, names)


def parting(found: np.ndarray, wanted: np.ndarray, step: int, names: Sequence[str] | None = None) -> str:
    """Describes in words how two token sequences diverge at a step.

    >>> parting(np.array([3, 1]), np.array([3, 2]), 1, ["a", "runs", "sleeps", "dog"])
    "the sequences part at step 1 (counted from 0): 'runs' instead of 'sleeps' (ids 1, 2), after 'dog'"
    >>> parting(np.array([3]), np.array([3, 2]), 1)
    'the sequences part at step 1 (counted from 0): the end instead of 2, after 3; the one given ends first'
    """
    at_step = [each[step] if step < len(each) else None for each in (found, wanted)]
    ours, theirs = (END if token is None else named(token, names) for token in at_step)
    ids = [
        str(token) for token in at_step if token is not None and named(token, names) not in (str(token), repr(token))
    ]
    in_words = f" (id{'s' if len(ids) > 1 else ''} {', '.join(ids)})" if ids else ""
    said = f"the sequences part at step {step} (counted from 0): {ours} instead of {theirs}{in_words}"
    if step:
        said += f", after {beginning(wanted[:step], names)}"
    if None in at_step:
        said += f"; the one {'given' if at_step[0] is None else 'expected'} ends first"
    return said


def named(token: int | str, names: Sequence[str] | None) -> str:
    """A token in words: its name in quotes, or its number if it has no name."""
    if isinstance(token, str):
        return repr(token)
    return repr(str(names[token])) if names is not None and 0 <= token < len(names) else str(token)


def beginning(tokens: np.ndarray, names: Sequence[str] | None) -> str:
    """The last of some tokens in words, to show what precedes a parting."""
    more = len(tokens) > BEFORE
    words = [named(token, names) for token in tokens[-BEFORE:]]
    if all(word[0] in "'\"" for word in words):
        bare = [token if names is None or isinstance(token, str) else str(names[token]) for token in tokens[-BEFORE:]]
        joined = ("" if max(map(len, bare)) <= 1 else " ").join(bare)
        return repr(f"... {joined}" if more else joined)
    return f"{'..., ' if more else ''}{', '.join(words)}"
