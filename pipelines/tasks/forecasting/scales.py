"""Scales between the units of the data and the standardised values that a network reads and forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from ...core.errors import DataError

Target = Literal["level", "log_return", "direction", "volatility"]

Normalization = Literal["training", "last", "walk", "mean", "seasonal", "revin"]
"""Level that is subtracted from a window: see `model.leveled`."""


@dataclass(frozen=True)
class Scale:
    """Standardises the targets of each series, fitted on its training rows.

    With the target `level`, a value x becomes `(x - mean) / deviation`. With `log_return`, it becomes `log x` minus its
    mean, divided by the root mean square of the log returns from row to row, so that a change of 1 is a usual move.
    `direction` does the same, but its forecasts are probabilities. With `volatility`, the value is the squared log
    return divided by its mean.

    The methods compute with NumPy, or with `keras.ops` inside the model.

    Attributes:
        target: Kind of target.
        means: float64 `[series, targets]`, 0 for volatility.
        deviations: float64 `[series, targets]`, all above 0; the mean square for volatility.
    """

    target: Target
    means: np.ndarray
    deviations: np.ndarray

    @property
    def before(self) -> int:
        """Number of earlier rows that the standardised value of a row needs."""
        return 1 if self.target == "volatility" else 0

    def standardized(self, x: Any, series: Any, xp: ModuleType = np) -> Any:
        """Standardised values of rows, `[n, rows - before, targets]`.

        Args:
            x: `[n, rows, targets]`, in the units of the data.
            series: Number of the series, `[n]`.
            xp: numpy or keras.ops.
        """
        mean, deviation = self._of(series, xp)
        match self.target:
            case "level":
                return (x - mean) / deviation
            case "log_return" | "direction":
                return (xp.log(x) - mean) / deviation
            case "volatility":
                return xp.square(xp.log(x[:, 1:] / x[:, :-1])) / deviation

    def in_units(self, z: Any, series: Any, xp: ModuleType = np) -> Any:
        """Forecasts in the units of the data: values, roots of squared returns, or unchanged probabilities.

        Args:
            z: Standardised forecasts `[n, horizon, targets]`.
            series: Number of the series, `[n]`.
            xp: numpy or keras.ops.
        """
        mean, deviation = self._of(series, xp)
        match self.target:
            case "level":
                return z * deviation + mean
            case "log_return":
                return xp.exp(z * deviation + mean)
            case "direction":
                return z
            case "volatility":
                return xp.sqrt(z * deviation)

    def from_units(self, forecasts: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Standardised forecasts `[n, horizon, targets]` from forecasts in the units of the data."""
        mean, deviation = self._of(series, np)
        match self.target:
            case "level":
                return (forecasts - mean) / deviation
            case "log_return":
                return (np.log(forecasts) - mean) / deviation
            case "direction":
                return forecasts
            case "volatility":
                return np.square(forecasts) / deviation

    def _of(self, series: Any, xp: ModuleType) -> tuple[Any, Any]:
        """Means and deviations, `[n, 1, targets]`."""
        parts = []
        for values in (self.means, self.deviations):
            values = values if xp is np else values.astype(np.float32)
            parts.append(xp.take(values, series, axis=0)[:, None] if len(values) > 1 else values[None])
        return parts[0], parts[1]


def fit(rows: list[np.ndarray], target: Target, names: tuple[str, ...], columns: tuple[str, ...]) -> Scale:
    """Fits the scale to the training rows of each series.

    Args:
        rows: Training rows of each series, `[rows, targets]`, in the units of the data.
        target: Kind of target.
        names: Names of the series.
        columns: Names of the columns of the targets.

    Raises:
        DataError: If a series has no training rows or does not change in them.
    """
    means, deviations = [], []
    for name, x in zip(names, rows, strict=True):
        if len(x) < 2:
            raise DataError(f"the series {name!r} has {len(x)} training rows; it needs two or more. Leave it out.")
        squares = x.var(0) if target == "level" else np.square(np.diff(np.log(x), axis=0)).mean(0)
        if not (squares > 0).all():
            column = columns[int(np.argmin(squares > 0))]
            raise DataError(f"{column!r} of the series {name!r} never changes in its training rows. Leave it out.")
        match target:
            case "level":
                means.append(x.mean(0))
            case "log_return" | "direction":
                means.append(np.log(x).mean(0))
            case "volatility":
                means.append(np.zeros(x.shape[1]))
        deviations.append(squares if target == "volatility" else np.sqrt(squares))
    return Scale(target, np.stack(means), np.stack(deviations))
