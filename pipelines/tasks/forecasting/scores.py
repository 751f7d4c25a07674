"""Scores of forecasts.

Arrays are float64, or are made so: `actual` and `forecast` `[windows, horizon, targets]`, `quantiles`
`[windows, horizon, targets, levels]` with ascending `levels` in (0, 1), `scale` `[windows, targets]` or `[targets]`.
Each score is a mean over all axes, or over `axis`: `axis=1` gives one a window and target, `axis=()` one a number. A
missing value (NaN) makes the mean it belongs to NaN; scores of quantiles, each one mean, refuse it. Shapes that do not
fit raise ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import DataError

Axis = int | tuple[int, ...] | None


def mae(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The mean absolute error, in the unit of the values."""
    return np.abs(_error(actual, forecast)).mean(axis)


def mse(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The mean squared error."""
    return np.square(_error(actual, forecast)).mean(axis)


def rmse(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The root of the mean squared error, in the unit of the values."""
    return np.sqrt(mse(actual, forecast, axis))


def naive_scale(train: np.ndarray, season: int = 1, power: int = 1) -> np.ndarray:
    """How wrong the seasonal naive forecast is within the training part: the mean of |y_t - y_{t - season}|^power.

    Args:
        train: One series, `[rows, targets]`.
        season: Steps of a season; 1 for the last value.
        power: 1 for `mase`, 2 for `rmsse`.

    Returns:
        `[targets]`.

    Raises:
        DataError: If the series is not longer than the season.

    Example:

    >>> naive_scale(np.array([[1.0], [3.0], [2.0]])).tolist()
    [1.5]
    """
    if len(train) <= season:
        raise DataError(f"A series of {len(train)} training rows has no row a season of {season} before another.")
    train = np.asarray(train, np.float64)
    return (np.abs(train[season:] - train[:-season]) ** power).mean(0)


def mase(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The mean absolute scaled error: below 1 it beats the one-step naive forecast's error within training.

    Source: Hyndman, Koehler, Another Look at Measures of Forecast Accuracy, International Journal of Forecasting 2006.

    Args:
        actual: What came.
        forecast: What was forecast.
        scale: `naive_scale(..., power=1)`.
        axis: What to take the mean over.

    Raises:
        DataError: If a scale is not positive, as that of a series that never changes.
    """
    return (np.abs(_error(actual, forecast)) / _scale(scale)).mean(axis)


def rmsse(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The root of the mean squared scaled error, with the mean squared naive error as the scale.

    The M5 competition takes it for each series, `axis=1`, and then means.

    Source: Hyndman, Koehler 2006, as in Makridakis, Spiliotis, Assimakopoulos, M5 Accuracy Competition: Results,
    Findings, and Conclusions, International Journal of Forecasting 2022.

    Args:
        actual: What came.
        forecast: What was forecast.
        scale: `naive_scale(..., power=2)`.
        axis: What to take the mean over.

    Raises:
        DataError: If a scale is not positive.
    """
    return np.sqrt((np.square(_error(actual, forecast)) / _scale(scale)).mean(axis))


def smape(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The symmetric mean absolute percentage error of the M4 competition, from 0 to 2; M4 prints 100 times this.

    The mean of 2 |y - f| / (|y| + |f|); where both are 0 the forecast is right and counts as 0.

    Source: Makridakis, Spiliotis, Assimakopoulos, The M4 Competition: 100,000 Time Series and 61 Forecasting Methods,
    International Journal of Forecasting 2020.
    """
    error, size = np.abs(_error(actual, forecast)), np.abs(actual) + np.abs(forecast)
    return (2 * error / np.where(size == 0, 1, size)).mean(axis)


def pinball(actual: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> float:
    """The mean pinball loss of quantiles: level (y - q) above a quantile, (1 - level) (q - y) below it.

    Source: Koenker, Bassett, Regression Quantiles, Econometrica 1978.

    Raises:
        ValueError: If levels or shapes do not fit, or a value is missing.

    Example:

    >>> round(pinball(np.array([3.0]), np.array([[1.0, 4.0]]), np.array([0.1, 0.9])), 4)
    0.15
    """
    from sklearn.metrics import mean_pinball_loss

    levels = np.asarray(levels, np.float64)
    if levels.ndim != 1 or not ((levels > 0) & (levels < 1)).all() or not (np.diff(levels) > 0).all():
        raise ValueError(f"Levels must ascend within 0 and 1: {levels}.")
    if np.shape(quantiles) != (*np.shape(actual), len(levels)):
        raise ValueError(f"Quantiles {np.shape(quantiles)} must be of {np.shape(actual)} and {len(levels)} levels.")
    flat = np.asarray(actual, np.float64).reshape(-1)
    of_levels = np.asarray(quantiles, np.float64).reshape(-1, len(levels)).T
    return float(np.mean([mean_pinball_loss(flat, q, alpha=level) for q, level in zip(of_levels, levels, strict=True)]))


def crps_from_quantiles(actual: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> float:
    """The continuous ranked probability score, approximately: twice the mean pinball loss over the levels.

    The CRPS is twice the integral of the pinball loss over the levels from 0 to 1. The mean stands for the integral if
    the levels are spread evenly, as (i - 1/2) / n; few levels, or none in the tails, make it too small or too large.

    Source: Laio, Tamea, Verification Tools for Probabilistic Forecasts of Continuous Hydrological Variables,
    Hydrology and Earth System Sciences 2007.
    """
    return 2 * pinball(actual, quantiles, levels)


def crps_gaussian(actual: np.ndarray, mean: np.ndarray, sd: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The continuous ranked probability score of normal distributions, in the unit of the values.

    With z = (y - mean) / sd: sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)).

    Source: Gneiting, Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, Journal of the American
    Statistical Association 2007.

    >>> round(float(crps_gaussian(np.array([0.0]), np.array([0.0]), np.array([1.0]))), 4)
    0.2337
    """
    from scipy.special import ndtr

    z = _error(actual, mean) / _positive(sd, actual, "sd")
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return (sd * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))).mean(axis)


def crps_student_t(
    actual: np.ndarray, df: np.ndarray, location: np.ndarray, scale: np.ndarray, axis: Axis = None
) -> float | np.ndarray:
    """The continuous ranked probability score of Student's t distributions, in the unit of the values.

    With z = (y - location) / scale, and F, f of Student's t with df = n degrees of freedom:
    scale (z (2 F(z) - 1) + 2 f(z) (n + z^2) / (n - 1) - 2 sqrt(n) / (n - 1) B(1/2, n - 1/2) / B(1/2, n/2)^2).

    Source: Jordan, Krüger, Lerch, Evaluating Probabilistic Forecasts with scoringRules, Journal of Statistical
    Software 2019, arXiv 1709.04743.

    Args:
        actual: What came.
        df: Degrees of freedom above 1 (the score of others is infinite), of the shape of `actual` or one number.
        location: The centre, which is the mean.
        scale: Not the standard deviation, which is scale sqrt(df / (df - 2)).
        axis: What to take the mean over.
    """
    from scipy.special import betaln
    from scipy.stats import t

    z, n = _error(actual, location) / _positive(scale, actual, "scale"), np.asarray(df, np.float64)
    if not (n > 1).all() or n.shape not in ((), z.shape):
        raise ValueError(f"df must be above 1, of the shape {z.shape} or one number.")
    spread = 2 * np.sqrt(n) / (n - 1) * np.exp(betaln(0.5, n - 0.5) - 2 * betaln(0.5, n / 2))
    return (scale * (z * (2 * t.cdf(z, n) - 1) + 2 * t.pdf(z, n) * (n + z**2) / (n - 1) - spread)).mean(axis)


def coverage(actual: np.ndarray, low: np.ndarray, high: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The share of values within their intervals, ends included."""
    return ((_error(actual, low) >= 0) & (_error(actual, high) <= 0)).mean(axis)


@dataclass(frozen=True)
class Direction:
    """How well forecasts tell up from down.

    Attributes:
        accuracy: The share of right directions.
        matthews: Matthews' correlation, -1 to 1; 0 if all forecasts, or all values, go one way.
        count: The changes that were counted.
        unchanged: Actual changes of exactly 0, which were left out.
    """

    accuracy: float
    matthews: float
    count: int
    unchanged: int


def directional(actual_change: np.ndarray, forecast_change: np.ndarray) -> Direction:
    """Whether forecasts have the sign of what came.

    Where the actual change is 0 there is no direction: it is left out, and counted. A forecast change of 0 is a third
    answer beside up and down, and always wrong; with three answers Matthews' correlation is Gorodkin's R_3.

    Source: Matthews, Comparison of the Predicted and Observed Secondary Structure of T4 Phage Lysozyme, Biochimica et
    Biophysica Acta 1975; Gorodkin, Comparing Two K-Category Assignments by a K-Category Correlation Coefficient,
    Computational Biology and Chemistry 2004.

    Args:
        actual_change: What came less the last known value, of any shape.
        forecast_change: The same of the forecast.

    Raises:
        DataError: If a change is missing, or every actual one is 0.

    Example:

    >>> directional(np.array([1.0, -2.0, 0.0, 3.0]), np.array([0.5, -0.1, 1.0, -1.0])).accuracy
    0.6666666666666666
    """
    from sklearn.metrics import matthews_corrcoef

    if not np.isfinite(_error(actual_change, forecast_change)).all():
        raise DataError("A change to compare directions by is missing or infinite. Leave those windows out.")
    moved = np.asarray(actual_change) != 0
    if not moved.any():
        raise DataError(f"None of {moved.size} actual changes differs from 0, so there are no directions to compare.")
    actual, forecast = (np.sign(change)[moved] for change in (actual_change, forecast_change))
    several = len(np.unique([actual, forecast])) > 1  # scikit-learn warns of a single answer
    matthews = float(matthews_corrcoef(actual, forecast)) if several else 0.0
    return Direction(float((actual == forecast).mean()), matthews, len(actual), int((~moved).sum()))


def skill(loss: float | np.ndarray, loss_of_naive: float | np.ndarray) -> float | np.ndarray:
    """How much of the naive forecast's loss is gone: 1 - loss / loss_of_naive; 1 is perfect, below 0 is worse.

    Raises:
        DataError: If the naive loss is not positive.

    Example:

    >>> skill(0.75, 1.0)
    0.25
    """
    if not np.all(np.asarray(loss_of_naive) > 0):
        raise DataError("The naive forecast has no loss, so no forecast can have skill against it.")
    return 1 - loss / loss_of_naive


def _error(actual: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """The error of each number, in float64."""
    if np.shape(actual) != np.shape(forecast):
        raise ValueError(f"Values {np.shape(actual)} and forecasts {np.shape(forecast)} must have one shape.")
    return np.asarray(actual, np.float64) - forecast


def _scale(scale: np.ndarray) -> np.ndarray:
    """A scale that divides errors, with an axis for the horizon."""
    if not (np.asarray(scale) > 0).all():
        raise DataError("A scale of the errors is not positive: that series never changes in training. Leave it out.")
    return np.expand_dims(scale, -2)


def _positive(scale: np.ndarray, actual: np.ndarray, name: str) -> np.ndarray:
    """The spread of each distribution."""
    if not np.all(np.asarray(scale) > 0) or np.shape(scale) not in ((), np.shape(actual)):
        raise ValueError(f"{name} must be positive, of the shape {np.shape(actual)} or one number.")
    return np.asarray(scale, np.float64)
