"""The best and the worst captions of a test split, as a self-contained HTML page."""

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
"""Largest length of the longer side of an image, and of the small images with attention, in pixels."""
QUALITY = 80
"""JPEG quality."""
TEMPLATE = Path(__file__).with_name("captions.html.jinja")


@dataclass(frozen=True)
class Example:
    """An image, its caption from the model, and the captions that people wrote.

    Attributes:
        name: Name of the image file.
        image: uint8 `[height, width, 3]`.
        caption: The model's caption, as the page shows it.
        words: The words of the model's caption, one for each map of weights.
        weights: The attention of each word, `[words, rows, columns]`; None for a model without attention.
        references: The captions that people wrote.
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
    """Renders images with captions, scores, references and, if the model has it, the attention of each word.

    Args:
        best: The examples with the highest scores, in the order of the page.
        worst: The examples with the lowest scores.
        title: Title of the page.
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
    """Whether the example has attention to show: a model with attention, and a caption with words."""
    return example.weights is not None and bool(example.words)


def _entry(example: Example) -> dict[str, Any]:
    """The template's values for an example: images as data URIs; `looks` pairs each word with its attention."""
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
    """Encodes an image as a JPEG in a `data:` URI."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
