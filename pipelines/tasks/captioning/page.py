"""The best and the worst captions of a test split, as an HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from PIL import Image

from ...stages import pages
from . import attention_maps

PICTURE, SMALL = 256, 96
"""The longer side of a picture, at most, and of the small ones with the attention over them, in pixels."""
QUALITY = 80
"""Of JPEG."""
TEMPLATE = Path(__file__).with_name("captions.html.jinja")


@dataclass(frozen=True)
class Example:
    """A picture, what the model says of it, and what people said.

    Attributes:
        name: Of the picture's file.
        image: uint8 `[height, width, 3]`.
        caption: The model's, as it is shown.
        words: Those of the model, one for each map of weights.
        weights: The attention of each word `[words, rows, columns]`, or None of a model without.
        references: What people said of the picture.
        score: CIDEr-D of the caption.
    """

    name: str
    image: np.ndarray
    caption: str
    words: list[str]
    weights: np.ndarray | None
    references: list[str]
    score: float


def page(best: Sequence[Example], worst: Sequence[Example], title: str) -> str:
    """Pictures with captions, scores, references and, of a model that has it, the attention of each word.

    Args:
        best: Those with the highest scores, in the order of the page.
        worst: Those with the lowest.
        title: Of the page.
    """
    return pages.page(
        TEMPLATE,
        title=title,
        attentive=any(map(_attends, (*best, *worst))),
        colours=[to_hex(colour) for colour in attention_maps.colours()(np.linspace(0, 1, 9) ** 0.5)],
        sections={
            "Best captions by CIDEr-D": [_entry(example) for example in best],
            "Worst captions by CIDEr-D": [_entry(example) for example in worst],
        },
    )


def _attends(example: Example) -> bool:
    """Whether there is attention to show: of a model with it, for a caption with words."""
    return example.weights is not None and bool(example.words)


def _entry(example: Example) -> dict[str, Any]:
    """What the template shows of an example: pictures as data URIs; `looks` holds each word with where it looked."""
    entry = {
        "name": example.name,
        "picture": _uri(attention_maps.shrunk(example.image, PICTURE)),
        "caption": example.caption,
        "score": example.score,
        "references": example.references,
        "looks": [],
    }
    if example.weights is None or not _attends(example):
        return entry
    image, top = attention_maps.resized(example.image, SMALL), attention_maps.strongest(example.weights)
    overlaid = [_uri(attention_maps.overlaid(image, weight, top)) for weight in example.weights]
    return entry | {
        "looks": list(zip(example.words, overlaid, strict=True)),
        "strongest": example.weights.max() * example.weights[0].size,
    }


def _uri(image: np.ndarray) -> str:
    """A picture as a JPEG inside a `data:` URI."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
