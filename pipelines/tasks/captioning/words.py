"""Captions as words and as ids; id 0 bounds a caption before its first word and after its last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...runtime import tokens
from ...runtime.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ...core.pipeline import Run

BOUND, UNKNOWN = 0, 1


def words(caption: str, level: Literal["word", "character"] = "word") -> list[str]:
    """The words of a caption, or its characters; the word level leaves out punctuation, as the metrics do.

    >>> words("Two boats, moored at the harbor .")
    ['two', 'boats', 'moored', 'at', 'the', 'harbor']
    """
    if level == "character":
        return [token for token in tokens.characters(caption) if token != tokens.UNREADABLE]
    return [token for token in tokens.words(caption) if any(sign.isalnum() for sign in token)]


def bounded(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary with the bound of captions as start and end; the bound is also the padding."""
    return replace(vocabulary, start=BOUND, end=BOUND)


def of_run(run: Run) -> Vocabulary:
    """The vocabulary of a run's captions."""
    return bounded(Vocabulary(run.names, run.config.data.level))


def to_array(
    captions: Sequence[Sequence[Sequence[str]]], vocabulary: Vocabulary, count: int, length: int
) -> np.ndarray:
    """Ids of the words, int32 `[images, count, length + 1]`, 0 after the last word of each caption.

    Args:
        captions: The captions of each image, which contribute the first `count`; missing ones are rows of zeros.
        vocabulary: The known words.
        count: Number of captions of each image.
        length: Largest number of words in a caption; a longer one keeps its first words.
    """
    ids = np.zeros((len(captions), count, length + 1), np.int32)
    for image, of_image in enumerate(captions):
        for row, caption in enumerate(of_image[:count]):
            kept = vocabulary.encode(caption[:length])
            ids[image, row, : len(kept)] = kept
    return ids
