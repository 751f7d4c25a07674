"""Plots of a run, as matplotlib figures that need no display."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..core import files
from ..tasks.classification import metrics

DPI = 120


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, whole."""
    with files.whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def literal(text: str) -> str:
    """A text that matplotlib draws as it is: what stands between two dollar signs would be set as mathematics."""
    return text.replace("$", r"\$")


def learning_curves(history: pd.DataFrame, metric: str, kept: int) -> Figure:
    """Loss and metric (if it is another) of training, as far as it has them, and validation by epoch; the row of the
    kept epoch is marked.
    """
    names = list(dict.fromkeys(["loss", metric]))
    figure = Figure(figsize=(4.5 * len(names), 3.6), layout="constrained")
    best = history["epoch"][kept]
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for column, colour, label in ((name, "C0", "training"), (f"val_{name}", "C1", "validation")):
            if column in history:
                axes.plot(history["epoch"], history[column], "o-", color=colour, markersize=3, label=label)
        axes.axvline(best, color="gray", linewidth=0.8, linestyle="--", label=f"kept: epoch {best}")
        axes.set(xlabel="epoch", title=name, xlim=(0.5, len(history) + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()  # the loss has both
    return figure


def confusion_matrix(matrix: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """How often each class (row) was taken for each (column): shares as colours, counts as numbers."""
    size = max(4.0, 0.5 * len(classes) + 1.5)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.5 else "black" if count else "lightgray"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    ticks, names = range(len(classes)), [literal(name) for name in classes]
    axes.set(xlabel="taken for", ylabel="is", xticks=ticks, yticks=ticks, xticklabels=names, yticklabels=names)
    return figure


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> Figure:
    """Accuracy by confidence beside the diagonal, where the two are equal; below, how often which confidence occurs.

    Args:
        probabilities: Of each class, along the last axis.
        labels: Right classes, integers.
    """
    flat, targets = probabilities.reshape(-1, probabilities.shape[-1]), labels.reshape(-1)
    count, confidence, accuracy = metrics.calibration(flat, targets)
    edges = np.arange(metrics.BINS + 1) / metrics.BINS
    figure = Figure(figsize=(5, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="gray", linewidth=0.8, linestyle="--", label="accuracy = confidence")
    above.plot(confidence[count > 0], accuracy[count > 0], "o-", markersize=4, label="model")
    error = metrics.calibration_error(flat, targets)
    above.set(ylabel="accuracy", title=f"calibration error {error:.4f}", ylim=(-0.02, 1.02))
    above.legend(loc="lower right")
    below.bar(edges[:-1], count, width=1 / metrics.BINS, align="edge", edgecolor="white")
    below.set(xlabel="confidence", ylabel="labels", xlim=(1 / flat.shape[1], 1.01))
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure


def scores_by_group(table: pd.DataFrame, metric: str, title: str) -> Figure:
    """A score by group of examples, with its interval and the number of examples.

    Args:
        table: A row a group, with columns `group`, `score`, `low`, `high` and `count`; the first stands on top.
        metric: What the scores are.
        title: What the groups are.
    """
    figure = Figure(figsize=(6.4, 0.4 * len(table) + 1.3), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(table))
    axes.hlines(places, table["low"], table["high"], linewidth=1.2)
    axes.plot(table["score"], places, "o", markersize=5)
    axes.set(xlabel=f"test {metric} (95% interval)", title=title, yticks=places, yticklabels=table["group"])
    axes.set_ylim(len(table) - 0.4, -0.6)
    for place, count in zip(places, table["count"], strict=True):
        axes.annotate(f"n = {count:,}", (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.grid(alpha=0.3, axis="x")
    return figure


def pictures(images: np.ndarray, titles: list[str], columns: int = 5) -> Figure:
    """A page of gray pictures with titles."""
    rows = max(1, math.ceil(len(images) / columns))
    aspect = images.shape[1] / images.shape[2]
    figure = Figure(figsize=(2.3 * columns, (2.3 * aspect + 0.3) * rows), layout="constrained")
    cells = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, image, title in zip(cells, images, titles, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=8)
    if not titles:
        figure.suptitle("no mistakes on the test split")
    return figure


def comparison(table: pd.DataFrame, metric: str, baselines: dict[str, float]) -> Figure:
    """Mean and spread of a score by cell, beside the baselines as dashed lines."""
    figure = Figure(figsize=(1.2 * len(table) + 3.5, 4), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(table["cell"], table[f"{metric}_mean"], yerr=table[f"{metric}_std"], fmt="o", capsize=4)
    for name, score in baselines.items():
        axes.axhline(score, linestyle="--", linewidth=0.9, color="gray")
        axes.annotate(name, (1.01, score), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set(ylabel=f"test {metric} (mean, one standard deviation)")
    axes.margins(x=0.2)
    axes.grid(alpha=0.3, axis="y")
    return figure
