"""Baselines for forecasts.

Each baseline is a function that takes training and test windows and returns forecasts for the test windows, float64
`[windows, horizon, targets]` in the units of `values`. Baselines that learn nothing ignore the training windows. They
read the test windows in batches. On logarithms of prices, `last_value` is the forecast of zero return, the random walk.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ...core.errors import DataError, UsageError
from .windows import Windows

BATCH = 256
STRENGTHS = 10.0 ** np.arange(-6, 5)


def last_value(train: Windows, test: Windows) -> np.ndarray:
    """The last known value, at every step."""
    return _forecast(test, lambda known: known[:, -1:])


def drift(train: Windows, test: Windows) -> np.ndarray:
    """The line through the first and the last value of the window, continued.

    Raises:
        UsageError: If the window has only one step.
    """
    _enough_steps(test, 2, "A line")
    ahead = np.arange(1, test.horizon + 1)[:, None]
    return _forecast(test, lambda known: known[:, -1:] + ahead * (known[:, -1:] - known[:, :1]) / (test.window - 1))


def seasonal_naive(train: Windows, test: Windows, season: int) -> np.ndarray:
    """The value of the same step of the last known season.

    Args:
        train: Not read.
        test: The windows to forecast.
        season: Steps of a season.

    Raises:
        UsageError: If the window is shorter than the season.
    """
    _enough_steps(test, season, "A season")
    steps = np.arange(test.horizon) % season - season
    return _forecast(test, lambda known: known[:, steps])


def moving_average(train: Windows, test: Windows, steps: int) -> np.ndarray:
    """The mean of the last values, at every step.

    Args:
        train: Not read.
        test: The windows to forecast.
        steps: Number of values to average.

    Raises:
        UsageError: If the window has fewer steps.
    """
    _enough_steps(test, steps, "An average")
    return _forecast(test, lambda known: known[:, -steps:].mean(1, keepdims=True))


def mean_of_training(train: Windows, test: Windows) -> np.ndarray:
    """The mean over the rows of each series that training windows cover as inputs or futures, each counted once.

    Raises:
        DataError: If a series of the test windows has no training window.
    """
    answers = np.empty((len(test), test.horizon, len(test.targets)))
    for series in np.unique(test.series):
        starts = train.starts[train.series == series]
        if not len(starts):
            raise DataError(f"Series {series} has test windows but no training window, so it has no mean of training.")
        seen = np.zeros(len(train.values), bool)
        for start in starts:
            seen[start : start + train.window + train.horizon] = True
        answers[test.series == series] = train.values[seen][:, train.targets].mean(0, dtype=np.float64)
    return answers


def linear(train: Windows, test: Windows) -> np.ndarray:
    """Ridge regression from the window of a target to its future, both minus the last known value.

    One regression with a constant serves all targets and series, so their variance weights them: scale the values
    first. It uses changes but no level: a constant added to a window is added to its forecast.

    The penalty is a multiple of the mean square of the inputs. The last fifth of each series' training windows chooses
    it, with a regression on the windows whose futures end before the futures of that fifth begin. Then the regression
    is fitted on all training windows.

    Source: NLinear of Zeng, Chen, Zhang, Xu, Are Transformers Effective for Time Series Forecasting?, AAAI 2023, arXiv
    2205.13504, where gradient descent fits it.

    Raises:
        DataError: If the training windows are too few to hold out a fifth.
    """
    parts = _parts(train)
    fitted, between, held = (_products(train[parts == part]) for part in range(3))
    errors = []
    for strength in STRENGTHS:
        W = _ridge(*fitted, strength)
        errors.append(np.sum(W * (held[0] @ W - 2 * held[1])))  # ||Y - X W||^2 - ||Y||^2; all share the latter
    XX, XY = (early + middle + late for early, middle, late in zip(fitted, between, held, strict=True))
    W = _ridge(XX, XY, STRENGTHS[np.argmin(errors)])
    return _forecast(test, lambda known: (_regressors(known) @ W).swapaxes(1, 2) + known[:, -1:])


def theta(train: Windows, test: Windows, season: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The Theta method on every k-th window, where k is the smallest power of 2 that the time allows.

    Each window and target is fitted separately: simple exponential smoothing plus half the slope of the trend line.
    Where a test finds a season, its additive effects are subtracted before and added again after. Widely spaced windows
    come first, then the windows halfway between, as long as the pace so far lets all of them finish in time; a round
    that runs out of time is discarded. So the machine determines which windows are forecast.

    This replaces the `ThetaModel` of statsmodels, which in 0.15 gives a slope to a window that is constant, with or
    without its season.

    Source: Assimakopoulos, Nikolopoulos, The Theta Model: a Decomposition Approach to Forecasting, International
    Journal of Forecasting 2000; in the form of Hyndman, Billah, Unmasking the Theta Method, same journal 2003.

    Args:
        train: Not read.
        test: The windows to forecast.
        season: Steps of a season; 1 for none.
        seconds: Time limit; the current window may exceed it, and the first window is always forecast.

    Returns:
        The forecasts `[rows, horizon, targets]`, and the rows of the windows that were forecast, ascending int64.

    Raises:
        UsageError: If the window is shorter than two seasons.
    """
    _enough_steps(test, 2 * season, "Two seasons")
    import statsmodels.tsa.holtwinters  # noqa: F401  before the timed part, because the import takes longer than many windows

    answers = np.empty((len(test), test.horizon, len(test.targets)))

    def forecast(row: int) -> None:
        answers[row] = np.stack([_theta(y, season, test.horizon) for y in _known(test[[row]])[0].T], axis=1)

    done, step, began = np.arange(min(len(test), 1)), 1 << len(test).bit_length(), time.monotonic()
    for row in done.tolist():
        forecast(row)
    while step > 1:
        further, pace = np.arange(step // 2, len(test), step), (time.monotonic() - began) / len(done)
        if pace * (len(done) + len(further)) > seconds:
            break
        for row in further.tolist():
            if time.monotonic() - began > seconds:
                return answers[done], done
            forecast(row)
        step //= 2
        done = np.arange(0, len(test), step)
    return answers[done], done


def _theta(y: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The Theta forecast of one series, `[horizon]`."""
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing
    from statsmodels.tsa.seasonal import seasonal_decompose

    n, seasonal = len(y), np.zeros(len(y))
    if season > 1 and _has_season(y, season):
        seasonal = seasonal_decompose(y, model="additive", period=season).seasonal
    adjusted = y - seasonal
    unit = adjusted.std() or 1.0  # small values stop the search for alpha too early
    with np.errstate(divide="ignore"):  # its AIC takes log(0) if the fit is exact
        smoothing = SimpleExpSmoothing(
            adjusted / unit, initialization_method="known", initial_level=adjusted[0] / unit
        ).fit()
    alpha, slope = smoothing.params["smoothing_level"], np.polyfit(np.arange(n), adjusted, 1)[0]
    ahead = np.arange(horizon) + np.sum((1 - alpha) ** np.arange(n))
    return unit * smoothing.level[-1] + slope / 2 * ahead + seasonal[(n + np.arange(horizon)) % season]


def _has_season(y: np.ndarray, season: int) -> bool:
    """Tests the autocorrelation at one season against chance at the 10% level (Assimakopoulos, Nikolopoulos 2000)."""
    centred = y - y.mean()
    r = np.array([centred[k:] @ centred[: len(y) - k] for k in range(season + 1)])
    return abs(r[season]) > 1.645 * np.sqrt((r[0] ** 2 + 2 * np.sum(r[1:season] ** 2)) / len(y))


def _enough_steps(windows: Windows, steps: int, what: str) -> None:
    """Refuses windows that are too short."""
    if windows.window < steps:
        raise UsageError(f"{what} needs {steps} steps, and the window has {windows.window}. Make the window longer.")


def _known(windows: Windows) -> np.ndarray:
    """The known steps of the targets, float64 `[windows, window, targets]`."""
    return windows.inputs()[:, :, list(windows.targets)].astype(np.float64)


def _forecast(test: Windows, forecast: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The forecasts that a function makes from the known steps of each batch, at every step of the horizon."""
    answers = np.empty((len(test), test.horizon, len(test.targets)))
    for first in range(0, len(test), BATCH):
        rows = slice(first, first + BATCH)
        answers[rows] = forecast(_known(test[rows]))
    return answers


def _parts(train: Windows) -> np.ndarray:
    """The part of each window: 2 in the last fifth of its series, 0 if its future ends before theirs begin, else 1."""
    parts = np.ones(len(train), np.int8)
    for series in np.unique(train.series):
        own = train.series == series
        cut = np.quantile(train.starts[own], 0.8, method="higher")
        parts[own & (train.starts >= cut)] = 2
        parts[own & (train.starts + train.horizon <= cut)] = 0
    if not (parts == 0).any():
        raise DataError(
            f"{len(train)} training windows are too few for a linear forecast of {train.horizon} steps: its penalty is "
            "chosen on the last fifth, and no window's future is over before. Take more rows or a shorter horizon."
        )
    return parts


def _regressors(known: np.ndarray) -> np.ndarray:
    """The window minus its last value, `[windows, targets, window]`; the constant 1 replaces the last difference, 0."""
    X = (known - known[:, -1:]).swapaxes(1, 2)
    X[:, :, -1] = 1
    return X


def _products(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """X'X `[window, window]` and X'Y `[window, horizon]` of all windows and targets."""
    XX, XY = np.zeros((windows.window, windows.window)), np.zeros((windows.window, windows.horizon))
    for inputs, futures in windows.batches(BATCH):
        known = inputs[:, :, list(windows.targets)].astype(np.float64)
        X = _regressors(known).reshape(-1, windows.window)
        XX += X.T @ X
        XY += X.T @ (futures - known[:, -1:]).swapaxes(1, 2).reshape(-1, windows.horizon)
    return XX, XY


def _ridge(XX: np.ndarray, XY: np.ndarray, strength: float) -> np.ndarray:
    """The weights `[window, horizon]`; the constant has no penalty."""
    penalty = np.full(len(XX), strength * (XX.diagonal()[:-1].sum() / len(XX) or 1.0))
    penalty[-1] = 0
    return np.linalg.solve(XX + np.diag(penalty), XY)
