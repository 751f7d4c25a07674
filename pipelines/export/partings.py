"""Where two outputs differ: rows, the first step at which two sequences part, and words for it. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .outputs import Output

BEFORE = 8
"""How many tokens before a parting are told."""
END = "the end"


def aligned(found: Output, wanted: Output) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps that sequences of both have, and the number of the sequence of each, `(steps,)`."""
    common = np.minimum(found.counts, wanted.counts)
    return found.heads(common), wanted.heads(common), np.repeat(np.arange(len(common)), common)


def anywhere(truths: np.ndarray) -> np.ndarray:
    """For each step whether any of its values is true, `(steps,)`."""
    return np.asarray(truths.any(axis=tuple(range(1, truths.ndim))))


def difference_of(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far two arrays of numbers or truth values lie from each other, entry by entry."""
    return np.abs(values.astype("float64") - others.astype("float64"))


def differences(found: Output, wanted: Output) -> np.ndarray:
    """The largest difference in each row, `(rows,)`, in the steps that both have."""
    ours, theirs, sequence = aligned(found, wanted)
    of_steps = difference_of(ours, theirs)
    of_steps = of_steps.max(axis=tuple(range(1, of_steps.ndim)), initial=0.0)
    largest = np.zeros(len(wanted))
    np.maximum.at(largest, sequence // wanted.width, of_steps)
    return largest


def other_lengths(found: Output, wanted: Output) -> np.ndarray:
    """Rows of which a sequence has another length, `(rows,)`."""
    return (found.counts != wanted.counts).reshape(len(wanted), -1).any(axis=1)


def partings(found: Output, wanted: Output) -> np.ndarray:
    """The first step at which each two sequences of tokens part, `(sequences,)`; -1 where they are the same.

    Where one is the beginning of the other, they part at its end.

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
    """Rows whose tokens are not those that are expected, `(rows,)`."""
    return np.asarray((partings(found, wanted) >= 0).reshape(len(wanted), -1).any(axis=1))


def first_parting(found: Output, wanted: Output, row: int, names: Sequence[str] | None = None) -> str:
    """Says where the sequences of a row part, in words.

    Args:
        found: The output to judge.
        wanted: The expected one.
        row: A row in which they part.
        names: Names of the tokens, if these are integers.
    """
    steps = partings(found, wanted)[row * wanted.width :][: wanted.width]
    place = int(np.flatnonzero(steps >= 0)[0])
    number, step = row * wanted.width + place, int(steps[place])
    which = f"its sequence {place} (counted from 0): " if wanted.width > 1 else ""
    return which + parting(found.sequence(number), wanted.sequence(number), step, names)


def parting(found: np.ndarray, wanted: np.ndarray, step: int, names: Sequence[str] | None = None) -> str:
    """Says how two sequences of tokens part at a step, in words.

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
    """A token in words: its name in quotes, or its number if it has none."""
    if isinstance(token, str):
        return repr(token)
    return repr(str(names[token])) if names is not None and 0 <= token < len(names) else str(token)


def beginning(tokens: np.ndarray, names: Sequence[str] | None) -> str:
    """The last of some tokens in words: what stands before a parting."""
    more = len(tokens) > BEFORE
    words = [named(token, names) for token in tokens[-BEFORE:]]
    if all(word[0] in "'\"" for word in words):
        bare = [token if names is None or isinstance(token, str) else str(names[token]) for token in tokens[-BEFORE:]]
        joined = ("" if max(map(len, bare)) <= 1 else " ").join(bare)
        return repr(f"... {joined}" if more else joined)
    return f"{'..., ' if more else ''}{', '.join(words)}"
