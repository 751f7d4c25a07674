"""Answers of a model or a baseline as comparable values: standardised, their centre, and their losses.

Answers are in the units of the data, `[n, horizon, targets]` or `[n, horizon, targets, quantiles]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from . import direction
from .splits import SeriesData, WindowExamples
from .windows import Windows

if TYPE_CHECKING:
    from .config import ForecastConfig

LEAST_VARIANCE = 0.01
"""Least variance that a baseline forecasts, as a share of the usual one, because a variance of 0 has infinite loss."""


def standardized(data: SeriesData, test: WindowExamples, answers: np.ndarray) -> np.ndarray:
    """The answers standardised, of the same shape."""
    answers, series = np.asarray(answers, np.float64), test.windows.series
    if answers.ndim == 3:
        return data.scale.from_units(answers, series)
    places = range(answers.shape[-1])
    return np.stack([data.scale.from_units(answers[..., place], series) for place in places], axis=-1)


def center(answers: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    """The forecast itself, `[n, horizon, targets]`; the median if the answers are quantiles."""
    return answers[..., quantiles.index(0.5)] if answers.ndim == 4 else answers


def beside_median(levels: tuple[float, ...]) -> list[tuple[int, float]]:
    """The indices and levels of the quantiles other than the median."""
    return [(place, level) for place, level in enumerate(levels) if level != 0.5]


def intervals_of(levels: tuple[float, ...]) -> dict[float, tuple[int, int]]:
    """The central intervals among quantiles: coverage in per cent, and the indices of their ends.

    >>> intervals_of((0.05, 0.25, 0.5, 0.75, 0.95))
    {90.0: (0, 4), 50.0: (1, 3)}
    """
    places = {round(level, 6): place for place, level in enumerate(levels)}
    pairs = {level: round(1 - level, 6) for level in places if level < 0.5}
    return {round(100 * (high - low), 4): (places[low], places[high]) for low, high in pairs.items() if high in places}


def losses(config: ForecastConfig, data: SeriesData, answers: np.ndarray) -> np.ndarray:
    """The primary loss of each value, `[n, horizon, targets]`: squared error, QLIKE or log loss.

    It is NaN where there is no answer.
    """
    if config.data.target == "direction":
        return direction.log_loss(direction.risen(data.test.windows), answers)
    y = data.test.labels.astype(np.float64)
    point = center(standardized(data, data.test, answers), config.model.quantiles)
    return np.log(point) + y / point if config.data.target == "volatility" else np.square(point - y)


def naive_of(config: ForecastConfig) -> str:
    """The name of the baseline that a useful forecast must beat."""
    return {"direction": "most_frequent", "volatility": "moving_average"}.get(config.data.target, "last_value")


def in_units(baseline: Callable[[Windows, Windows], np.ndarray], data: SeriesData) -> np.ndarray:
    """The answers for the test split, in units, of a baseline that computes with standardised values."""
    z = baseline(data.train.windows, data.test.windows)
    if data.scale.target == "volatility":
        z = np.maximum(z, LEAST_VARIANCE)
    return data.scale.in_units(z, data.test.windows.series)


def every_kth(
    baseline: Callable[[Windows, Windows], tuple[np.ndarray, np.ndarray]], train: Windows, test: Windows
) -> np.ndarray:
    """The forecasts of a baseline that takes only some windows, with NaN for the others."""
    forecasts, rows = baseline(train, test)
    answers = np.full((len(test), *forecasts.shape[1:]), np.nan)
    answers[rows] = forecasts
    return answers
