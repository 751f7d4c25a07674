"""Baselines for captions: one sentence for all images, a caption of the most similar image, and human agreement.

A caption is a list of tokens, see `metrics`. A fixed model computes the features of an image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from ...core.errors import DataError
from ...sequences.agreement import Tokens, agreement, rouge_l

BLOCK = 1024  # images whose features are in memory at once, as float32


def most_frequent(captions: Sequence[Sequence[Tokens]]) -> list[str]:
    """The most frequent caption of the training split; a tie goes to the first.

    Args:
        captions: The captions of each training image.

    Raises:
        DataError: If the split has no captions.

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
    """For each test image, a caption of the training image whose features have the highest cosine similarity.

    Of that image's captions, it takes the one that agrees best with the others, by the mean ROUGE-L against each. Ties
    between images or captions go to the first.

    Args:
        train_features: `[n, d]`, of any float type, read in blocks, so that it may be a memory-mapped file.
        test_features: `[m, d]`.
        train_captions: The captions of each training image.

    Returns:
        `m` captions.

    Raises:
        DataError: If there is no training image, if the nearest image has no caption, or if features are all 0,
            missing or infinite.
    """
    if len(train_features) != len(train_captions):
        raise ValueError(f"{len(train_features)} rows of features and {len(train_captions)} pictures must be as many.")
    if not len(train_captions):
        raise DataError("The training split has no pictures, so none is the nearest.")
    found = _nearest_rows(train_features, test_features)
    central = {row: _most_central(row, train_captions[row]) for row in np.unique(found).tolist()}
    return [list(central[row]) for row in found.tolist()]


def human_agreement(references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """How well people agree with each other: scores each reference as a candidate against the others of its image.

    The result is a low ceiling: a person is scored against one reference fewer than a model, which makes the best match
    worse. The first references of all images form one corpus, the second ones another, and so on; the result is the
    mean over the corpora, whose number is the largest number of references of an image. An image with fewer references
    starts again with its first. Images with a single reference are left out.

    Args:
        references: The references of each image.

    Returns:
        `bleu_1` to `bleu_4`, `cider_d`, `rouge_l`; empty if no image has two references.

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
    """The training row with the highest cosine similarity to each test row, `[m]`."""
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
    """Blocks of rows of unit length, float32, each with the index of its first row."""
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
    """The caption with the highest mean ROUGE-L against the others."""
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
