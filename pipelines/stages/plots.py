"""Plots of a run, as matplotlib figures that need no display."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..core import files

DPI = 120
LONG_NAME = 16
"""Number of characters in a cell's name beyond which the names below a plot are rotated."""


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, whole."""
    with files.whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def literal(text: str) -> str:
    """Escapes a text so that matplotlib draws it literally: it sets text between two dollar signs as mathematics."""
    return text.replace("$", r"\$")


def learning_curves(history: pd.DataFrame, metric: str, kept: int) -> Figure:
    """Plots the loss and the metric (if it differs from the loss) by epoch, for validation and, where recorded, for
    training; marks the kept epoch, a row of the history.
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
    figure.axes[0].legend()  # the plot of the loss shows both splits
    return figure


def comparison(table: pd.DataFrame, metric: str, baselines: dict[str, float]) -> Figure:
    """Plots mean and standard deviation of a score by cell, with the baselines as dashed lines."""
    figure = Figure(figsize=(1.2 * len(table) + 3.5, 4), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(table["cell"], table[f"{metric}_mean"], yerr=table[f"{metric}_std"], fmt="o", capsize=4)
    for name, score in baselines.items():
        axes.axhline(score, linestyle="--", linewidth=0.9, color="gray")
        axes.annotate(name, (1.01, score), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set(ylabel=f"test {metric} (mean, one standard deviation)")
    if table["cell"].str.len().max() > LONG_NAME:
        figure.autofmt_xdate(rotation=30)
    axes.margins(x=0.2)
    axes.grid(alpha=0.3, axis="y")
    return figure
