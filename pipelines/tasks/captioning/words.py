"""Captions as words and as numbers; the number 0 bounds a caption, before its first word and after its last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ...runtime import tokens
from ...runtime.tokens import Level

BOUND, UNKNOWN = 0, 1
RESERVED = tokens.RESERVED


def words(caption: str, level: Level = "word") -> list[str]:
    """The words of a caption, or its characters; signs that are no word are left out, as the metrics leave them out.

    >>> words("Two boats, moored at the harbor .")
    ['two', 'boats', 'moored', 'at', 'the', 'harbor']
    """
    found = [token for token in tokens.tokens(caption, level) if token != tokens.NOTHING]
    if level == "character":
        return found
    return [token for token in found if any(sign.isalnum() for sign in token)]


def sentence(found: Sequence[str], level: Level = "word") -> str:
    """Words or characters as one line.

    >>> sentence(["two", "boats"]), sentence(list("no"), "character")
    ('two boats', 'no')
    """
    return (" " if level == "word" else "").join(found)


def fit_vocabulary(captions: Iterable[Sequence[str]], size: int, least: int) -> tuple[str, ...]:
    """The bound, the unknown word, and the most frequent words of captions that stand in them `least` times or more.

    >>> fit_vocabulary([["a", "b", "a"], ["c", "b", "a"]], 10, 2)
    ('', '[UNK]', 'a', 'b')
    """
    counts = Counter(word for caption in captions for word in caption)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return (*RESERVED, *(word for word, count in ranked[: size - len(RESERVED)] if count >= least))


def to_ids(
    captions: Sequence[Sequence[Sequence[str]]], vocabulary: Sequence[str], beside: int, length: int
) -> np.ndarray:
    """Numbers of the words, int32 `[images, beside, length + 1]`, 0 after the last one of each caption.

    Args:
        captions: Of each image, some captions, of which the first `beside` are taken; fewer leave rows of zeros.
        vocabulary: As `fit_vocabulary` gives it.
        beside: Captions of each image.
        length: The most words of a caption; of a longer one the first are taken.
    """
    numbers = {word: number for number, word in enumerate(vocabulary)}
    ids = np.zeros((len(captions), beside, length + 1), np.int32)
    for image, of_image in enumerate(captions):
        for row, caption in enumerate(of_image[:beside]):
            kept = [numbers.get(word, UNKNOWN) for word in caption[:length]]
            ids[image, row, : len(kept)] = kept
    return ids


def from_ids(ids: np.ndarray, vocabulary: Sequence[str]) -> list[list[str]]:
    """The words of captions `[captions, time]`, each up to its bound."""
    return [[vocabulary[number] for number in row[: _end(row)]] for row in ids]


def _end(row: np.ndarray) -> int:
    """Where the bound is.

    >>> _end(np.array([4, 2, 0, 0])), _end(np.array([4, 2]))
    (2, 2)
    """
    bounds = np.flatnonzero(row == BOUND)
    return int(bounds[0]) if len(bounds) else len(row)
