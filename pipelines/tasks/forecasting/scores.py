"""Scores of forecasts.

Arrays are converted to float64: `actual` and `forecast` `[windows, horizon, targets]`, `quantiles`
`[windows, horizon, targets, levels]` with ascending `levels` in (0, 1), `scale` `[windows, targets]` or `[targets]`.
Each score is a mean over all axes or over `axis`: `axis=1` gives one score for each window and target, `axis=()` one
for each value. A missing value (NaN) makes its mean NaN; scores of quantiles, which are a single mean, refuse it.
Shapes that do not fit raise ValueError.
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
    """The error of the seasonal naive forecast within the training part: the mean of |y_t - y_{t - season}|^power.

    Args:
        train: Training rows of one series, `[rows, targets]`.
        season: Steps of a season; 1 forecasts the last value.
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
    """The mean absolute scaled error: below 1, it beats the error of the one-step naive forecast within training.

    Source: Hyndman, Koehler, Another Look at Measures of Forecast Accuracy, International Journal of Forecasting 2006.

    Args:
        actual: Actual values.
        forecast: Forecast values.
        scale: `naive_scale(..., power=1)`.
        axis: Axes to average over; None for all.

    Raises:
        DataError: If a scale is not positive, which happens if a series never changes.
    """
    return (np.abs(_error(actual, forecast)) / _scale(scale)).mean(axis)


def rmsse(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The root of the mean squared scaled error, with the mean squared naive error as the scale.

    The M5 competition computes it for each series, `axis=1`, and then averages.

    Source: Hyndman, Koehler 2006, as in Makridakis, Spiliotis, Assimakopoulos, M5 Accuracy Competition: Results,
    Findings, and Conclusions, International Journal of Forecasting 2022.

    Args:
        actual: Actual values.
        forecast: Forecast values.
        scale: `naive_scale(..., power=2)`.
        axis: Axes to average over; None for all.

    Raises:
        DataError: If a scale is not positive.
    """
    return np.sqrt((np.square(_error(actual, forecast)) / _scale(scale)).mean(axis))


def smape(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The symmetric mean absolute percentage error of the M4 competition, from 0 to 2; M4 reports 100 times this.

    It is the mean of 2 |y - f| / (|y| + |f|); where both are 0 the forecast is right and counts as 0.

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
    """An approximation of the continuous ranked probability score: twice the mean pinball loss over the levels.

    The CRPS is twice the integral of the pinball loss over the levels from 0 to 1. The mean approximates the integral
    if the levels are spread evenly, as (i - 1/2) / n; few levels, or none in the tails, make it too small or too large.

    Source: Laio, Tamea, Verification Tools for Probabilistic Forecasts of Continuous Hydrological Variables,
    Hydrology and Earth System Sciences 2007.
    """
    return 2 * pinball(actual, quantiles, levels)


def crps_gaussian(actual: np.ndarray, mean: np.ndarray, sd: np.ndarray, axis: Axis = None) -> float | np.ndarray:
    """The continuous ranked probability score of normal distributions, in the unit of the values.

    With z = (y - mean) / sd it is sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)).

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

    With z = (y - location) / scale, and the distribution F and density f of Student's t with df = n it is
    scale (z (2 F(z) - 1) + 2 f(z) (n + z^2) / (n - 1) - 2 sqrt(n) / (n - 1) B(1/2, n - 1/2) / B(1/2, n/2)^2).

    Source: Jordan, Krüger, Lerch, Evaluating Probabilistic Forecasts with scoringRules, Journal of Statistical
    Software 2019, arXiv 1709.04743.

    Args:
        actual: Actual values.
        df: Degrees of freedom above 1 (the score is infinite up to 1), with the shape of `actual` or one number.
        location: Centre of the distribution, which is its mean.
        scale: Scale of the distribution; its standard deviation is scale sqrt(df / (df - 2)).
        axis: Axes to average over; None for all.
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
    """Scores of forecast directions.

    Attributes:
        accuracy: Share of right directions.
        matthews: Matthews' correlation, -1 to 1; 0 if all forecasts, or all values, go one way.
        count: Number of the changes that count.
        unchanged: Number of actual changes of exactly 0, which do not count.
    """

    accuracy: float
    matthews: float
    count: int
    unchanged: int


def directional(actual_change: np.ndarray, forecast_change: np.ndarray) -> Direction:
    """Scores whether forecast changes have the sign of the actual changes.

    An actual change of 0 has no direction: the scores leave it out, and `unchanged` counts it. A forecast change of 0
    is a third answer in addition to up and down, and always wrong; with three answers Matthews' correlation is
    Gorodkin's R_3.

    Source: Matthews, Comparison of the Predicted and Observed Secondary Structure of T4 Phage Lysozyme, Biochimica et
    Biophysica Acta 1975; Gorodkin, Comparing Two K-Category Assignments by a K-Category Correlation Coefficient,
    Computational Biology and Chemistry 2004.

    Args:
        actual_change: Actual value minus the last known value, of any shape.
        forecast_change: Forecast minus the last known value, of the same shape.

    Raises:
        DataError: If a change is missing, or every actual change is 0.

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
    several = len(np.unique([actual, forecast])) > 1  # scikit-learn warns about a single answer
    matthews = float(matthews_corrcoef(actual, forecast)) if several else 0.0
    return Direction(float((actual == forecast).mean()), matthews, len(actual), int((~moved).sum()))


def skill(loss: float | np.ndarray, loss_of_naive: float | np.ndarray) -> float | np.ndarray:
    """The share of the naive forecast's loss that is avoided, 1 - loss / loss_of_naive; 1 is perfect, below 0 worse.

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
    """The error of each value, float64."""
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
