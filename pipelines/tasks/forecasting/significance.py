"""Tests whether one forecast is better than another by more than chance, on losses in time order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core.errors import DataError
from ...stages.statistics import TAILS


@dataclass(frozen=True)
class Comparison:
    """The outcome of a test of equal accuracy.

    Attributes:
        mean_difference: Mean difference of the losses; negative if the first forecast is better.
        statistic: Test statistic; it follows Student's t with `count - 1` degrees of freedom if both are equally good.
        p_value: Two-sided p value.
        count: Number of differences.
        weights: Weights of the autocovariances, see `diebold_mariano`.
    """

    mean_difference: float
    statistic: float
    p_value: float
    count: int
    weights: Literal["equal", "bartlett"]


def diebold_mariano(differences: np.ndarray, horizon: int) -> Comparison:
    """The Diebold-Mariano test of equal accuracy, corrected for small samples.

    Forecasts h steps ahead have errors that overlap in h - 1 steps. So the variance of the mean of n differences is
    (g_0 + 2 (g_1 + ... + g_{h-1})) / n, with the autocovariances g_k. Only if that sum is zero or negative does g_k get
    the Bartlett weight 1 - k/h. The statistic, mean / sqrt(variance), is multiplied by
    sqrt((n + 1 - 2h + h(h - 1)/n) / n) and compared with Student's t with n - 1 degrees of freedom. If all differences
    are 0, the forecasts are equally good: statistic 0, p value 1.

    Source: Diebold, Mariano, Comparing Predictive Accuracy, Journal of Business & Economic Statistics 1995; Harvey,
    Leybourne, Newbold, Testing the Equality of Prediction Mean Squared Errors, International Journal of Forecasting
    1997; weights from Newey, West, Econometrica 1987.

    Args:
        differences: Loss of the first forecast minus loss of the second, `[windows]`, one for each time step, in order;
            for several series, the result of `by_date(...)`.
        horizon: h, the number of steps from the last known value to the (last) forecast step.

    Raises:
        DataError: If there are no more differences than steps of the horizon, one is missing, or all are the same
            number other than 0.

    Example:

    >>> result = diebold_mariano(np.array([1.0, -2.0, 3.0, 2.0, 1.0]), horizon=1)
    >>> round(result.statistic, 4), round(result.p_value, 4)
    (1.1952, 0.298)
    """
    from scipy.stats import t

    d, n, h = np.asarray(differences, np.float64), len(differences), horizon
    if d.ndim != 1 or h < 1:
        raise ValueError(f"Differences {d.shape} must be [windows], and the horizon {h} at least 1.")
    if n <= h:
        raise DataError(f"{n} loss differences are too few for forecasts of {h} steps. Take more windows than that.")
    if not np.isfinite(d).all():
        raise DataError("A loss difference is missing or infinite. Leave that window out of both forecasts.")
    if not d.any():
        return Comparison(0.0, 0.0, 1.0, n, "equal")
    if np.ptp(d) == 0:
        raise DataError(f"All {n} loss differences are {d[0]:g}, so their variance is 0 and no test is possible.")
    centred = d - d.mean()
    g = np.array([centred[k:] @ centred[: n - k] / n for k in range(h)])
    weights: Literal["equal", "bartlett"] = "equal"
    variance = (g[0] + 2 * g[1:].sum()) / n
    if not variance > 0:
        weights, variance = "bartlett", (g[0] + 2 * ((1 - np.arange(1, h) / h) * g[1:]).sum()) / n
    statistic = d.mean() / np.sqrt(variance) * np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    return Comparison(float(d.mean()), float(statistic), float(2 * t.sf(abs(statistic), n - 1)), n, weights)


def by_date(differences: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """Loss differences of several series, one number for each date, in time order.

    Series move together on one date, so they are one observation, not many. The number of its windows weights each
    date: the mean of the result is the mean over all windows.

    Args:
        differences: Loss differences of all series, `[windows]`.
        dates: Date of each window, `[windows]`.

    Returns:
        `[dates]`, one for each distinct date, ascending.

    Example:

    >>> dates = np.array(["2020-01-02", "2020-01-01", "2020-01-02"], "datetime64[D]")
    >>> by_date(np.array([1.0, 2.0, 5.0]), dates).tolist()
    [1.3333333333333333, 4.0]
    """
    if np.ndim(differences) != 1 or np.shape(differences) != np.shape(dates):
        raise ValueError(f"Differences {np.shape(differences)} and dates {np.shape(dates)} must both be [windows].")
    _, place, count = np.unique(dates, return_inverse=True, return_counts=True)
    return np.bincount(place, differences) * (len(count) / len(differences))


def block_bootstrap(values: np.ndarray, block: int, count: int, seed: int) -> tuple[float, float]:
    """The 95% interval of a mean of ordered values, by the moving-block bootstrap (percentiles).

    It draws blocks of neighbours with replacement until there are as many values as were given, so that values stay
    with the neighbours on which they depend; it cuts the last block. A block should be longer than that dependence, at
    least as long as the horizon of the forecasts.

    Source: Künsch, The Jackknife and the Bootstrap for General Stationary Observations, Annals of Statistics 1989.

    Args:
        values: Losses in time order, `[n]`.
        block: Number of values in a block, 1 to n.
        count: Number of resampled means.
        seed: Seed of the draws.

    Returns:
        The 2.5% and the 97.5% quantile of the means.

    Raises:
        DataError: If there are fewer values than in a block, or one is missing.
    """
    values, n = np.asarray(values, np.float64), len(values)
    if values.ndim != 1 or block < 1 or count < 1:
        raise ValueError(f"Values {values.shape} must be [n], the block {block} and the count {count} at least 1.")
    if n < block:
        raise DataError(f"{n} losses are fewer than one block of {block}. Take a shorter block or more windows.")
    if not np.isfinite(values).all():
        raise DataError("A loss is missing or infinite. Leave that window out.")
    whole, rest = divmod(n, block)
    starts = np.random.default_rng(seed).integers(0, n - block + 1, (count, whole + (rest > 0)))
    sums = np.convolve(values, np.ones(block), "valid")[starts[:, :whole]].sum(1)
    if rest:
        sums += np.convolve(values, np.ones(rest), "valid")[starts[:, -1]]
    low, high = np.quantile(sums / n, TAILS)
    return float(low), float(high)
