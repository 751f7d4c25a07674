"""Findings of a forecasting run beyond its scores: figures, losses by step, part and series, and forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.pipeline import Findings
from ..classification.plots import reliability
from . import backtest, plots
from .answers import beside_median, center, intervals_of, losses, naive_of, standardized
from .direction import risen
from .significance import by_date
from .splits import SeriesData, WindowExamples

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from .config import ForecastConfig

PANELS = 6
MOST_SERIES = 50
STEPS = (1, 2, 3, 5, 10, 20, 24, 48, 96, 192, 336, 720)
LOSSES = {"mse": "squared error", "qlike": "QLIKE", "log_loss": "log loss"}
KNOWN = 4
"""Number of known steps in a fan in multiples of the horizon; a fan shows at least 30."""


def examine(
    run: Run[ForecastConfig, SeriesData], data: SeriesData, answers: np.ndarray, beside: dict[str, np.ndarray]
) -> Findings:
    """Figures, predictions, and losses by step, target, series and part of the test.

    Args:
        run: Run that trained the model.
        data: Splits of the run.
        answers: Forecasts of the model for the test split, in units.
        beside: Forecasts of each baseline for the test split, in units, by its name.
    """
    of_each = {name: losses(run.config, data, each) for name, each in {"model": answers, **beside}.items()}
    by_step = {name: np.nanmean(each, axis=(0, 2)) for name, each in of_each.items()}
    naive = naive_of(run.config)
    against = by_date((of_each[naive] - of_each["model"]).mean(axis=(1, 2)), data.test.origins)
    names = (run.config.model.cell, naive.replace("_", " "))
    figures = {
        "error_by_step": plots.error_by_step(by_step, run.primary),
        "cumulated_difference": plots.cumulated_difference(
            np.unique(data.test.origins), against, names, LOSSES[run.primary]
        ),
    }
    if run.config.data.target == "direction":
        p, came = answers.reshape(-1), risen(data.test.windows).reshape(-1)
        figures["calibration"] = reliability(np.stack([1 - p, p], axis=-1), came.astype(int))
    else:
        figures["forecasts"] = plots.fans(fans(run, data, answers))
    if answers.ndim == 4:
        figures["interval_calibration"] = calibration(run, data, answers)
    steps = [step for step in STEPS if step <= len(by_step["model"])]
    details: dict[str, Any] = {
        "by_step": {name: {str(step): float(each[step - 1]) for step in steps} for name, each in by_step.items()},
        "backtest": backtest.scores(run, data, of_each, naive),
    }
    if len(data.names) > 1:
        details["by_target"] = groups(of_each, naive, data.names, lambda each, place: each[:, :, place])
    if 1 < len(data.stack.names) <= MOST_SERIES:
        series = data.test.windows.series
        tested = {name: number for number, name in enumerate(data.stack.names) if (series == number).any()}
        numbers = list(tested.values())
        details["by_series"] = groups(of_each, naive, tuple(tested), lambda each, place: each[series == numbers[place]])
    return Findings(details, figures, predictions=predictions(run, data, answers))


def groups(
    of_each: dict[str, np.ndarray], naive: str, names: tuple[str, ...], part: Any
) -> dict[str, dict[str, float]]:
    """The mean loss of the model and of the naive forecast in each group."""
    return {
        group: {name: float(np.nanmean(part(of_each[name], place))) for name in ("model", naive)}
        for place, group in enumerate(names)
    }


def fans(run: Run[ForecastConfig, SeriesData], data: SeriesData, answers: np.ndarray) -> list[plots.Fan]:
    """The forecasts of the last window of each series and target, or of the last windows of a single one."""
    test, quantiles = data.test, run.config.model.quantiles
    shown = []
    for number in np.unique(test.windows.series)[:PANELS]:
        rows = np.flatnonzero(test.windows.series == number)
        shown += [(rows[-1], target) for target in range(len(data.names))]
    if len(shown) == 1:
        rows = np.flatnonzero(test.windows.series == test.windows.series[-1])[:: -max(1, test.windows.horizon)]
        shown = [(row, 0) for row in rows[:4]]
    panels = []
    for row, target in shown[:PANELS]:
        split = test[[row]]
        known = max(30, KNOWN * test.windows.horizon)
        values, dates = known_steps(data, split, target, known)
        future = data.scale.in_units(split.labels.astype(float), split.windows.series)[0, :, target]
        answer = answers[row, :, target]
        ends = intervals_of(quantiles) if answers.ndim == 4 else {}
        panels.append(
            plots.Fan(
                title(data, split, target),
                dates,
                values,
                split.future_dates(np.arange(test.windows.horizon))[0],
                future,
                center(answers[[row]], quantiles)[0, :, target],
                {nominal / 100: (answer[:, low], answer[:, high]) for nominal, (low, high) in ends.items()},
            )
        )
    return panels


def known_steps(data: SeriesData, split: WindowExamples, target: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The last known values of one window in units, and their dates; `count` may reach back beyond the window."""
    series = int(split.windows.series[0])
    end = int(split.windows.starts[0]) + split.windows.window
    first = max(int(data.stack.firsts[series]) + data.scale.before, end - count)
    z = split.windows.values[first:end, target].astype(float)
    of_all = np.repeat(z[None, :, None], len(data.names), axis=2)
    return data.scale.in_units(of_all, split.windows.series)[0, :, target], data.stack.dates[first:end]


def title(data: SeriesData, split: WindowExamples, target: int) -> str:
    """The title of a panel, with series and column."""
    name = data.stack.names[int(split.windows.series[0])]
    what = f"volatility of {data.names[target]}" if data.scale.target == "volatility" else data.names[target]
    return f"{name}: {what}" if len(data.stack.names) > 1 or len(data.names) == 1 else what


def calibration(run: Run[ForecastConfig, SeriesData], data: SeriesData, answers: np.ndarray) -> Any:
    """Plots the share of values below each quantile."""
    y, q = data.test.labels.astype(np.float64), standardized(data, data.test, answers)
    observed = (y[..., None] <= q).mean(axis=(0, 1, 2))
    return plots.interval_calibration(np.array(run.config.model.quantiles), observed, "calibration of the quantiles")


def predictions(run: Run[ForecastConfig, SeriesData], data: SeriesData, answers: np.ndarray) -> pd.DataFrame:
    """A row for each forecast step, from every h-th window of each series, so that each date occurs once.

    The columns are `series`, `made_on` (the last known date), `date`, `target`, `actual`, `forecast`, and the quantiles
    other than the median, which is the forecast. For a direction, `actual` is 1 if the value is above the value on
    `made_on`.
    """
    test = data.test
    horizon, quantiles = test.windows.horizon, run.config.model.quantiles
    order = [np.flatnonzero(test.windows.series == number)[::horizon] for number in np.unique(test.windows.series)]
    rows = np.concatenate(order)
    part = test[rows]
    if data.scale.target == "direction":
        actual = risen(part.windows).astype(float)
    else:
        actual = data.scale.in_units(part.labels.astype(float), part.windows.series)
    forecast = center(answers[rows], quantiles)
    n, h, t = actual.shape
    names = np.array(data.stack.names, dtype=object)[part.windows.series]
    dates = part.future_dates(np.arange(h))
    table = pd.DataFrame(
        {
            "series": np.repeat(names, h * t),
            "made_on": np.repeat(part.origins, h * t),
            "date": np.repeat(dates.reshape(-1), t),
            "target": np.tile(np.array(data.names, dtype=object), n * h),
            "actual": significant(actual.reshape(-1)),
            "forecast": significant(forecast.reshape(-1)),
        }
    )
    if answers.ndim == 4:
        for place, level in beside_median(quantiles):
            table[f"q{level:g}"] = significant(answers[rows][..., place].reshape(-1))
    return table


def significant(values: np.ndarray) -> np.ndarray:
    """The values rounded to seven significant digits, the precision of the model."""
    return np.array([float(f"{value:.7g}") for value in values])
