"""Figures of a captioner's attention at each word, drawn as colours over the image."""

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
"""Width of a panel in a figure, in inches."""
PIXELS = 320
"""Largest length of the longer side of an image in a panel, in pixels."""
WORD_WIDTH, CAPTION_WIDTH = 18, 60
"""Largest number of characters in a line above a panel, and in a line below a single image."""


def draw(image: np.ndarray, words: Sequence[str], weights: np.ndarray | None, title: str = "") -> Figure:
    """Draws an image, and once more for each word of its caption with the attention over it.

    All words share one colour scale, which shows the words for which the model looks everywhere. Without weights or
    words, the figure shows the image with its caption below.

    Args:
        image: uint8 `[height, width, 3]`.
        words: The words of the caption.
        weights: `[words, rows, columns]`, nonnegative, on a coarse grid over the image; None for a model without
            attention.
        title: Title above the panels.
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
    """Interpolates a coarse grid of weights `[rows, columns]` bilinearly between its cell centres: `[height, width]`.

    >>> enlarged(np.array([[0.0, 1.0]]), 1, 4).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    grid = Image.fromarray(np.ascontiguousarray(weights, dtype=np.float32))
    return np.asarray(grid.resize((width, height), Image.Resampling.BILINEAR))


def strongest(weights: np.ndarray) -> float:
    """The upper end of the colour scale: the largest weight, in units of the even share of one place.

    It is at least 2, so that a model with even attention at every word does not seem to focus.

    Args:
        weights: The attention of a caption, `[words, rows, columns]`.
    """
    return max(2.0, float(weights.max()) * weights[0].size)


def overlaid(image: np.ndarray, weight: np.ndarray, top: float) -> np.ndarray:
    """Fades an image to near gray and overlays the attention of one word in colour: uint8 `[height, width, 3]`.

    Args:
        image: uint8 `[height, width, 3]`.
        weight: `[rows, columns]`; 0 throughout if the word has no attention.
        top: The upper end of the colour scale, from `strongest`.
    """
    share = _norm(top)(enlarged(weight * weight.size, *image.shape[:2])).data
    gray = image @ np.array([0.299, 0.587, 0.114])
    faded = 0.3 * image + 0.7 * gray[..., None]
    return (_tinted(faded / 255, share) * 255 + 0.5).astype(np.uint8)


def colours() -> ListedColormap:
    """The colour scale, from no attention to the strongest, as it looks over middle gray."""
    return ListedColormap(_tinted(np.full(3, 0.5), np.linspace(0, 1, 128)))


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """Shrinks an image whose longer side has more pixels than `longest`."""
    return resized(image, longest) if max(image.shape[:2]) > longest else image


def resized(image: np.ndarray, longest: int) -> np.ndarray:
    """Resizes an image so that its longer side has `longest` pixels; the shorter side keeps at least one."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _norm(top: float) -> PowerNorm:
    """A square-root scale, which keeps weak attention visible next to one strong place."""
    return PowerNorm(0.5, vmin=0, vmax=top, clip=True)


def _tinted(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Tints an image from its own colours through yellow to red as the share of the top grows; values in [0, 1]."""
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
    """Height divided by width of the space for an image."""
    return min(max(image.shape[0] / image.shape[1], 0.3), 2)


def _lines(text: str, width: int) -> str:
    """Wraps a text into lines of at most `width` characters, or half as many if it holds wide (East Asian) ones."""
    width //= 1 + any(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return literal("\n".join(textwrap.wrap(text, width)))
