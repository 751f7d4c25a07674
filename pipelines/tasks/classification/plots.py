"""Plots of classification, as matplotlib figures that need no display."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...stages.plots import literal
from . import metrics


def confusion_matrix(matrix: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """Plots how often each class (row) was taken for each class (column): shares as colours, counts as numbers."""
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
    """Plots accuracy against confidence, with the diagonal where they are equal, above a histogram of confidence.

    Args:
        probabilities: Probability of each class, along the last axis.
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
    """Plots the score of each group of examples, with its interval and the number of examples.

    Args:
        table: One row for each group, with columns `group`, `score`, `low`, `high` and `count`, from the top.
        metric: Name of the scores.
        title: Name of the groups.
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
    """Draws a page of grayscale images with titles."""
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
