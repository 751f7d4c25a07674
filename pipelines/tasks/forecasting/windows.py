"""Windows of series: known steps, and the steps after them to forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Windows:
    """Windows of series, copied on demand: `values` holds all series one after the other.

    The window that begins at row s has `window` rows of inputs from s on, followed by `horizon` rows of future. The
    caller must choose `starts` so that no window reaches from one series into the next; `leaks.no_window_crosses`
    checks this.

    Attributes:
        values: float64 or float32 `[rows, columns]`, all series stacked, each in time order.
        starts: int64 `[windows]`, row of the first input step of each window.
        series: int32 `[windows]`, number of the series of each window.
        window: Number of input steps.
        horizon: Number of steps to forecast.
        targets: Columns to forecast.

    Raises:
        ValueError: If a window reaches beyond the rows, or the attributes do not fit together.

    Example:

    >>> values = np.arange(12.0).reshape(6, 2)
    >>> pieces = Windows(values, np.arange(3), np.zeros(3, np.int32), window=3, horizon=1, targets=(1,))
    >>> pieces[1:].inputs().shape, pieces[1:].futures().ravel().tolist()
    ((2, 3, 2), [9.0, 11.0])
    """

    values: np.ndarray
    starts: np.ndarray
    series: np.ndarray
    window: int
    horizon: int
    targets: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.window < 1 or self.horizon < 1:
            raise ValueError(f"A window has at least 1 step, and so has its horizon: {self.window}, {self.horizon}.")
        if self.starts.ndim != 1 or self.starts.shape != self.series.shape:
            raise ValueError(f"starts {self.starts.shape} and series {self.series.shape} must both be [windows].")
        rows, columns = self.values.shape
        if not self.targets or min(self.targets) < 0 or max(self.targets) >= columns:
            raise ValueError(f"The targets {self.targets} must be some of the columns 0 .. {columns - 1}.")
        last = rows - self.window - self.horizon
        if len(self) and (self.starts.min() < 0 or self.starts.max() > last):
            raise ValueError(f"Starts {self.starts.min()} .. {self.starts.max()} must lie in 0 .. {last}.")

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: np.ndarray | slice | list[int]) -> Windows:
        """A part of the windows, by a slice, indices or a mask; it shares the values."""
        return replace(self, starts=self.starts[rows], series=self.series[rows])

    def inputs(self) -> np.ndarray:
        """A copy of the known steps, `[windows, window, columns]`."""
        return self.values[self.starts[:, None] + np.arange(self.window)]

    def futures(self) -> np.ndarray:
        """A copy of the steps to forecast, `[windows, horizon, targets]`."""
        rows = self.starts[:, None] + self.window + np.arange(self.horizon)
        return self.values[rows[:, :, None], self.targets]

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The inputs and futures in batches of `size` windows, in order; the last batch may be smaller."""
        for first in range(0, len(self), size):
            part = self[first : first + size]
            yield part.inputs(), part.futures()
