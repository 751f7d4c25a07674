"""What captions are compared with: one sentence for all, the sentence of the most similar picture, and people.

A caption is a list of tokens, see `metrics`. The features of a picture are what a model that stays fixed makes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from ...core.errors import DataError
from ...sequences.agreement import Tokens, agreement, rouge_l

BLOCK = 1024  # pictures whose features are in memory at once as float32


def most_frequent(captions: Sequence[Sequence[Tokens]]) -> list[str]:
    """The caption that stands most often in the training split, of equally frequent ones the first.

    Args:
        captions: Of each training picture.

    Raises:
        DataError: If there is none.

    Example:

    >>> most_frequent([[["a", "dog"], ["a", "cat"]], [["a", "cat"]]])
    ['a', 'cat']
    """
    counts = Counter(map(tuple, chain.from_iterable(captions)))
    if not counts:
        raise DataError("The training split has no captions, so none is the most frequent.")
    return list(counts.most_common(1)[0][0])


def nearest(
    train_features: np.ndarray, test_features: np.ndarray, train_captions: Sequence[Sequence[Tokens]]
) -> list[list[str]]:
    """For each test picture a caption of the training picture whose features have the highest cosine with its own.

    Of that picture's captions it is the one that agrees best with the others, by the mean ROUGE-L against each. The
    first one counts among equals, pictures or captions.

    Args:
        train_features: `[n, d]`, of any float type; read in blocks, so that it may lie in a file.
        test_features: `[m, d]`.
        train_captions: Of each training picture.

    Returns:
        `m` captions.

    Raises:
        DataError: If there is no training picture, the nearest one has no caption, or features are all 0, missing or
            infinite.
    """
    if len(train_features) != len(train_captions):
        raise ValueError(f"{len(train_features)} rows of features and {len(train_captions)} pictures must be as many.")
    if not len(train_captions):
        raise DataError("The training split has no pictures, so none is the nearest.")
    found = _nearest_rows(train_features, test_features)
    central = {row: _most_central(row, train_captions[row]) for row in np.unique(found).tolist()}
    return [list(central[row]) for row in found.tolist()]


def human_agreement(references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """How well people agree with each other: each reference scored as a candidate against the others of its picture.

    A ceiling to compare with, and a low one: a person is scored against one reference less than a model is, which makes
    the best match worse. The first references of all pictures are scored as one corpus, so are the second ones, and so
    on; the result is the mean over as many corpora as the most references a picture has. A picture with fewer starts
    again with its first. Pictures with one reference are left out.

    Args:
        references: Of each picture.

    Returns:
        `bleu_1` to `bleu_4`, `cider_d`, `rouge_l`; empty if no picture has two references.

    Example:

    >>> human_agreement([[["a", "dog"], ["a", "dog"]], [["a", "cat"]]])["rouge_l"]
    1.0
    >>> human_agreement([[["a", "cat"]]])
    {}
    """
    several = [of_picture for of_picture in references if len(of_picture) > 1]
    rounds = []
    for k in range(max(map(len, several), default=0)):
        chosen = [k % len(of_picture) for of_picture in several]
        candidates = [of_picture[place] for of_picture, place in zip(several, chosen, strict=True)]
        others = [_without(of_picture, place) for of_picture, place in zip(several, chosen, strict=True)]
        rounds.append(agreement(candidates, others))
    return {name: float(np.mean([scores[name] for scores in rounds])) for name in rounds[0]} if rounds else {}


def _nearest_rows(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The training row with the highest cosine, `[m]`."""
    best, found = np.full(len(test), -np.inf, np.float32), np.zeros(len(test), np.int64)
    for train_start, train_block in _directions(train, "training"):
        for test_start, test_block in _directions(test, "test"):
            cosines = test_block @ train_block.T
            place = cosines.argmax(1)
            highest = cosines[np.arange(len(place)), place]
            rows = slice(test_start, test_start + len(place))
            closer = highest > best[rows]
            best[rows][closer], found[rows][closer] = highest[closer], train_start + place[closer]
    return found


def _directions(features: np.ndarray, split: str) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of rows with length 1, float32, each with the place of its first row."""
    for start in range(0, len(features), BLOCK):
        block = np.asarray(features[start : start + BLOCK], np.float32)
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        unusable = ~((norms > 0) & np.isfinite(norms))
        if unusable.any():
            row = start + int(unusable.argmax())
            raise DataError(
                f"The features of {split} picture {row} (counted from 0) are all 0, missing or infinite, so that it is "
                "near to none. Compute them anew, or leave the picture out."
            )
        yield start, block / norms


def _most_central(row: int, captions: Sequence[Tokens]) -> Tokens:
    """The caption that has the highest mean ROUGE-L against each of the others."""
    if not captions:
        raise DataError(f"Training picture {row} (counted from 0) has no caption. Leave it out, or add one.")
    if len(captions) == 1:
        return captions[0]
    means = [
        rouge_l([caption] * (len(captions) - 1), [[other] for other in _without(captions, place)]).mean()
        for place, caption in enumerate(captions)
    ]
    return captions[int(np.argmax(means))]


def _without(captions: Sequence[Tokens], place: int) -> list[Tokens]:
    """All captions but one."""
    return [*captions[:place], *captions[place + 1 :]]
