"""Selection of images and captions to learn from, where the data leaves it open, and counts of what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import UsageError
from .words import words

if TYPE_CHECKING:
    from .config import CaptioningData


def hold_out(data: CaptioningData, count: int) -> list[str]:
    """Draws a split for each image."""
    sizes = {split: round(getattr(data, split) * count) for split in ("validation", "test")}
    if min(sizes.values()) < 1 or sum(sizes.values()) >= count:
        shares = f"data.validation={data.validation:g} and data.test={data.test:g}"
        raise UsageError(f"{shares} of {count:,} pictures can't be held out: each split needs one at least.")
    names = ["test"] * sizes["test"] + ["validation"] * sizes["validation"]
    names += ["train"] * (count - len(names))
    return [names[place] for place in np.random.default_rng(data.split_seed).permutation(count)]


def learnable(captions: Sequence[list[str]], vocabulary: set[str]) -> list[list[str]]:
    """The captions with at least one known word."""
    return [caption for caption in captions if any(word in vocabulary for word in caption)]


def scored(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The references of an image as words; references without words are left out if others have some.

    >>> scored(["A boat .", "..."]), scored(["..."])
    ((('a', 'boat'),), ((),))
    """
    found = tuple(tuple(words(text)) for text in texts)
    return tuple(filter(None, found)) or found[:1]


def treatments(
    data: CaptioningData, found: list[list[list[str]]], known: list[list[list[str]]], train: np.ndarray
) -> list[str]:
    """Counts what was done to training captions; none of it affects the references for scoring."""
    of_train = [caption for row in train for caption in known[row]]
    unknown = sum(len(found[row]) - len(known[row]) for row in train)
    without = sum(not known[row] for row in train)
    cut = sum(len(caption) > data.length for caption in of_train)
    beyond = sum(max(0, len(known[row]) - data.per_picture) for row in train)
    unit = "words" if data.level == "word" else "characters"
    captions, several = ("caption has", "caption is"), ("captions have", "captions are")
    notes = {
        "no known word, and {are} not learned": (unknown, captions[0], several[0]),
        "left with no caption, and {are} not learned": (without, "picture is", "pictures are"),
        f"longer than data.length={data.length}; the first {unit} are learned": (cut, captions[1], several[1]),
        f"beyond data.per_picture={data.per_picture}, and {{are}} not learned": (beyond, captions[1], several[1]),
    }
    return [
        f"{count:,} training {one if count == 1 else more} {what.format(are='is' if count == 1 else 'are')}"
        for what, (count, one, more) in notes.items()
        if count
    ]
