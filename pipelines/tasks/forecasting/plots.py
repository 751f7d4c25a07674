"""Plots of forecasts, as matplotlib figures that need no display."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...stages.plots import literal

KNOWN, FORECAST, CAME = "tab:gray", "tab:blue", "black"
FEW = 14
"""Greatest number of points of a line with dots."""
WIDE = 20
"""Ratio between the largest and the smallest error of the forecasters above which the axis is logarithmic."""


@dataclass(frozen=True)
class Fan:
    """One forecast and the last known steps of its series.

    Attributes:
        title: Title of the panel, which names what is forecast.
        known_dates: datetime64 `[known]`, dates of the known steps.
        known: Values on these dates, `[known]`.
        future_dates: datetime64 `[horizon]`, dates of the forecast steps.
        future: Actual values `[horizon]`, or None if they are unknown.
        forecast: Forecast values `[horizon]`.
        intervals: Lower and upper ends, `[horizon]` each, by the nominal coverage, such as 0.8.
    """

    title: str
    known_dates: np.ndarray
    known: np.ndarray
    future_dates: np.ndarray
    future: np.ndarray | None
    forecast: np.ndarray
    intervals: dict[float, tuple[np.ndarray, np.ndarray]]


def fans(panels: list[Fan]) -> Figure:
    """Plots forecasts with their intervals, one panel each in two columns.

    All curves of the future begin at the last known value, so that a single step is a line too.
    """
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(9 if columns == 1 else 12, 3.6 if rows == 1 else 2.9 * rows + 0.4), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells[len(panels) :]:
        axes.axis("off")
    for axes, panel in zip(cells, panels, strict=False):
        _fan(axes, panel)
    _legend_below(figure)
    return figure


def error_by_step(errors: dict[str, np.ndarray], metric: str) -> Figure:
    """Plots the error of each step of the horizon; with a horizon of one step, a bar for each forecaster.

    Args:
        errors: Errors `[horizon]` by the name of the forecaster, the model first.
        metric: Name of the errors.
    """
    if len(next(iter(errors.values()))) == 1:
        return _error_of_the_step(errors, metric)
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for place, (name, error) in enumerate(errors.items()):
        steps = np.arange(1, len(error) + 1)
        style: dict[str, Any] = {"linewidth": 2.6, "zorder": 3} if place == 0 else {"linewidth": 1.1}
        axes.plot(steps, error, _dotted(error), markersize=4, label=literal(name), **style)
    axes.set(xlabel="step of the horizon", ylabel=literal(metric))
    highest = [error.max() for error in errors.values()]
    if max(highest) > WIDE * min(highest) and min(error.min() for error in errors.values()) > 0:
        axes.set(yscale="log", ylabel=f"{literal(metric)} (logarithmic)")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    return figure


def interval_calibration(nominal: np.ndarray, observed: np.ndarray, title: str) -> Figure:
    """Plots the share of values below the forecast quantiles, with the diagonal of perfect calibration.

    Args:
        nominal: Levels of the quantiles in (0, 1), rising, `[levels]`.
        observed: Share of actual values below each quantile, `[levels]`.
        title: Title of the figure.
    """
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linewidth=0.8, linestyle="--", label="as the level says")
    axes.plot(nominal, observed, "o-", color=FORECAST, markersize=4, label="forecast")
    axes.set(xlabel="level of the quantile", ylabel="share of actual values below it", title=literal(title))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    return figure


def cumulated_difference(dates: np.ndarray, differences: np.ndarray, names: tuple[str, str], metric: str) -> Figure:
    """Plots the cumulated difference between the losses of a naive forecast and the model over time.

    Args:
        dates: datetime64 `[windows]`, in order.
        differences: Loss of the naive forecast minus loss of the model, `[windows]`.
        names: Names of the model and of the naive forecast.
        metric: Name of the losses.
    """
    model, naive = (literal(name) for name in names)
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="gray", linewidth=0.8, linestyle="--")
    axes.plot(dates, np.cumsum(differences), _dotted(differences), color=FORECAST, markersize=4)
    axes.set_title(f"{model} against {naive}: where the line rises, {model} is better")
    axes.set_ylabel(f"cumulated {literal(metric)}\n{naive} less {model}")
    _write_dates(axes)
    return figure


def _fan(axes: Axes, panel: Fan) -> None:
    """Draws the intervals from the widest to the narrowest, and the lines above them."""
    dates = np.append(panel.known_dates[-1:], panel.future_dates)

    def joined(values: np.ndarray) -> np.ndarray:
        return np.append(panel.known[-1:], values)

    for coverage, tint in zip(sorted(panel.intervals, reverse=True), _tints(len(panel.intervals)), strict=True):
        low, high = (joined(end) for end in panel.intervals[coverage])
        axes.fill_between(dates, low, high, color=tint, linewidth=0, label=f"{100 * coverage:g}% interval")
    axes.plot(panel.known_dates, panel.known, color=KNOWN, linewidth=1.2, label="known")
    axes.plot(dates, joined(panel.forecast), color=FORECAST, linewidth=1.8, label="forecast")
    if panel.future is not None:
        axes.plot(dates, joined(panel.future), color=CAME, linewidth=0.8, label="what came")
    axes.set_title(literal(panel.title), fontsize=10)
    _write_dates(axes)


def _error_of_the_step(errors: dict[str, np.ndarray], metric: str) -> Figure:
    """Plots a bar for each forecaster, with the model on top."""
    figure = Figure(figsize=(7, 0.4 * len(errors) + 1.1), layout="constrained")
    axes = figure.subplots()
    colours = [FORECAST, *["lightgray"] * (len(errors) - 1)]
    bars = axes.barh(np.arange(len(errors)), [error[0] for error in errors.values()], color=colours)
    axes.bar_label(bars, fmt="%.4g", padding=3, fontsize=8)
    axes.set(xlabel=f"{literal(metric)}, one step ahead", yticks=np.arange(len(errors)))
    axes.set_yticklabels([literal(name) for name in errors])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
    return figure


def _legend_below(figure: Figure) -> None:
    """Draws one legend for all panels, with each label once."""
    named: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=len(named))


def _write_dates(axes: Axes) -> None:
    """Sets few and short dates on the axis, and a grid."""
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(alpha=0.3)


def _tints(count: int) -> list[tuple[float, ...]]:
    """Opaque tints of the forecast's colour, lightest first."""
    colour = np.array(to_rgb(FORECAST))
    return [tuple(1 - share * (1 - colour)) for share in np.linspace(0.2, 0.5, max(count, 2))[:count]]


def _dotted(values: np.ndarray) -> str:
    """The format of a line, with dots if it has few points."""
    return "o-" if len(values) <= FEW else "-"
