"""Pictures of where a captioner looked at each word: its attention as colours over the picture."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from PIL import Image

from ...stages.plots import literal

COLUMNS = 6
PANEL = 1.75
"""Width of a small picture in a figure, inches."""
PIXELS = 320
"""The longer side of a small picture in a figure has so many pixels at most."""
WORD_WIDTH, CAPTION_WIDTH = 18, 60
"""Characters in a line above a small picture, and below a single one."""


def draw(image: np.ndarray, words: Sequence[str], weights: np.ndarray | None, title: str = "") -> Figure:
    """A picture, and once more for each word of its caption with the attention over it.

    One scale of colours holds for all words, so that a word for which the model looks at everything is seen to be one.
    Without weights or words there is the picture with its caption below.

    Args:
        image: uint8 `[height, width, 3]`.
        words: Of the caption.
        weights: `[words, rows, columns]`, not negative, on a coarse grid over the picture; None of a model without.
        title: Stands above all.
    """
    if weights is None or not words:
        return _captioned(image, words, title)
    image = shrunk(image, PIXELS)
    columns = min(COLUMNS, len(words) + 1)
    rows = math.ceil((len(words) + 1) / columns)
    size = (max(PANEL * columns, 4.5), (PANEL * _aspect(image) + 0.3) * rows + 1)
    figure = Figure(figsize=size, layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    cells[0].imshow(image)
    top = strongest(weights)
    for axes, (word, weight) in zip(cells[1:], zip(words, weights, strict=True), strict=False):
        axes.imshow(overlaid(image, weight, top))
        axes.set_title(_lines(word, WORD_WIDTH), fontsize=9, pad=3)
    scale = ScalarMappable(_norm(top), colours())
    place: dict[str, Any] = {"location": "bottom", "shrink": 4 / size[0], "aspect": 30, "pad": 0.02}
    bar = figure.colorbar(scale, ax=list(cells), ticks=[0, 1, top], format="%.3g", **place)
    bar.set_label("attention of a place (1: the even share)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    if title:
        figure.suptitle(_lines(title, round(size[0] * 10)), fontsize=11)
    return figure


def enlarged(weights: np.ndarray, height: int, width: int) -> np.ndarray:
    """A coarse grid of weights `[rows, columns]`, bilinear between the middles of its cells: `[height, width]`.

    >>> enlarged(np.array([[0.0, 1.0]]), 1, 4).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    grid = Image.fromarray(np.ascontiguousarray(weights, dtype=np.float32))
    return np.asarray(grid.resize((width, height), Image.Resampling.BILINEAR))


def strongest(weights: np.ndarray) -> float:
    """The upper end of the scale of colours: the largest weight, in units of the even share of one place.

    At least 2, so that a model that looks everywhere at every word is not drawn as one that looks hard.

    Args:
        weights: `[words, rows, columns]` of a caption.
    """
    return max(2.0, float(weights.max()) * weights[0].size)


def overlaid(image: np.ndarray, weight: np.ndarray, top: float) -> np.ndarray:
    """A picture, nearly gray, with the attention of one word as colours over it: uint8 `[height, width, 3]`.

    Args:
        image: uint8 `[height, width, 3]`.
        weight: `[rows, columns]`; without attention anywhere it is 0.
        top: The end of the scale, by `strongest`.
    """
    share = _norm(top)(enlarged(weight * weight.size, *image.shape[:2])).data
    gray = image @ np.array([0.299, 0.587, 0.114])
    faded = 0.3 * image + 0.7 * gray[..., None]
    return (_tinted(faded / 255, share) * 255 + 0.5).astype(np.uint8)


def colours() -> ListedColormap:
    """The scale, from no attention to the strongest, as it looks over the middle gray of a picture."""
    return ListedColormap(_tinted(np.full(3, 0.5), np.linspace(0, 1, 128)))


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """A picture, made smaller if its longer side has more pixels than that."""
    return resized(image, longest) if max(image.shape[:2]) > longest else image


def resized(image: np.ndarray, longest: int) -> np.ndarray:
    """A picture whose longer side has just so many pixels; the shorter one has at least one."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _norm(top: float) -> PowerNorm:
    """Square roots, so that weak attention is seen beside one strong place."""
    return PowerNorm(0.5, vmin=0, vmax=top, clip=True)


def _tinted(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """From the picture over yellow to red, as the share of the strongest attention grows; all in [0, 1]."""
    opacity = 0.8 * share[..., None]
    return (1 - opacity) * picture + opacity * colormaps["autumn_r"](share)[..., :3]


def _captioned(image: np.ndarray, words: Sequence[str], title: str) -> Figure:
    caption = _lines(" ".join(words) or "(no words)", CAPTION_WIDTH)
    lines = caption.count("\n") + 1
    figure = Figure(figsize=(6, 4.6 * _aspect(image) + 0.22 * lines + 0.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(image)
    axes.axis("off")
    figure.supxlabel(caption, fontsize=10)
    if title:
        figure.suptitle(_lines(title, CAPTION_WIDTH), fontsize=11)
    return figure


def _aspect(image: np.ndarray) -> float:
    """Height by width of the space for a picture."""
    return min(max(image.shape[0] / image.shape[1], 0.3), 2)


def _lines(text: str, width: int) -> str:
    """A text in lines of so many characters at most, Chinese and the like of half as many."""
    width //= 1 + any(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return literal("\n".join(textwrap.wrap(text, width)))
