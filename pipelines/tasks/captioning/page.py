"""The best and the worst captions of a test split, as an HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_hex
from PIL import Image

from . import attention_maps

PICTURE, SMALL = 256, 96
"""The longer side of a picture, at most, and of the small ones with the attention over them, in pixels."""
QUALITY = 80
"""Of JPEG."""
STYLE = """
body { font: 15px/1.5 sans-serif; color: #222; background: #fff; max-width: 64em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin: 2em 0 0; border-bottom: 2px solid #888 }
article { display: grid; grid-template-columns: 208px 1fr; column-gap: 20px; padding: 1.2em 0;
  border-bottom: 1px solid #ddd }
article > img { width: 208px; border-radius: 3px }
article p { margin: 0 0 .4em; overflow-wrap: anywhere }
.name { color: #666; font-size: .85em } .caption { font-size: 1.2em; font-weight: bold }
.references { margin: 0 0 .8em; padding-inline-start: 1.2em; color: #444 }
.words { display: flex; flex-wrap: wrap; gap: 8px 6px }
.words figure { margin: 0; width: 96px; text-align: center }
.words figcaption { font-size: .85em; line-height: 1.3; overflow-wrap: anywhere }
.scale { display: inline-block; width: 8em; height: .8em; margin: 0 .4em; vertical-align: middle;
  background: linear-gradient(to right, GRADIENT) }
@media (max-width: 40em) { article { grid-template-columns: 1fr } }
"""


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
    attentive = any(example.weights is not None and example.words for example in (*best, *worst))
    gradient = ", ".join(to_hex(colour) for colour in attention_maps.colours()(np.linspace(0, 1, 9) ** 0.5))
    parts = [
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        f"<style>{STYLE.replace('GRADIENT', gradient)}</style></head>",
        f'<body><h1 dir="auto">{html.escape(title)}</h1>',
        _legend() if attentive else "",
        _section("Best captions by CIDEr-D", best),
        _section("Worst captions by CIDEr-D", worst),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _legend() -> str:
    return (
        '<p>Attention: none<span class="scale"></span>the strongest of the caption. '
        "Each small picture shows where the model looked for the word below it.</p>"
    )


def _section(heading: str, examples: Sequence[Example]) -> str:
    entries = "\n".join(_entry(example) for example in examples) or "<p>There is none.</p>"
    return f"<section><h2>{heading}</h2>\n{entries}\n</section>"


def _entry(example: Example) -> str:
    references = "".join(f'<li dir="auto">{html.escape(reference)}</li>' for reference in example.references)
    picture = _img(attention_maps.shrunk(example.image, PICTURE), example.name)
    return (
        f"<article>{picture}<div>\n"
        f'<p class="name"><bdi>{html.escape(example.name)}</bdi> · CIDEr-D {example.score:.2f}</p>\n'
        f'<p class="caption" dir="auto">{html.escape(example.caption) or "(no words)"}</p>\n'
        f'<p class="name">what people said:</p>\n<ul class="references">{references}</ul>\n'
        f"{_strip(example)}</div></article>"
    )


def _strip(example: Example) -> str:
    """The picture once for each word, with the attention over it; nothing of a model without, or without words."""
    if example.weights is None or not example.words:
        return ""
    image = attention_maps.resized(example.image, SMALL)
    top = attention_maps.strongest(example.weights)
    figures = [
        f"<figure>{_img(attention_maps.overlaid(image, weight, top), '')}"
        f"<figcaption>{html.escape(word)}</figcaption></figure>\n"
        for word, weight in zip(example.words, example.weights, strict=True)
    ]
    return (
        f'<div class="words" dir="auto">\n{"".join(figures)}</div>\n'
        f'<p class="name">strongest attention: {example.weights.max() * example.weights[0].size:.1f} times the even '
        "share of a place</p>\n"
    )


def _img(image: np.ndarray, text: str) -> str:
    """A picture inside the page, with what stands for it where it can't be seen."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="JPEG", quality=QUALITY)
    source = base64.b64encode(data.getvalue()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{source}" alt="{html.escape(text)}">'
