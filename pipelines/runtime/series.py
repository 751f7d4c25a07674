"""Forecasts of time series from exported files."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np

from .dates import minutes
from .errors import ArtifactError
from .interpreter import interpreter


class Forecaster:
    """An exported forecaster: a TensorFlow Lite file with `forecast.json` beside it.

    Args:
        path: `model.tflite` (or a quantised file) in the folder `export/` of a run.
        num_threads: Number of threads that the interpreter may use.

    Attributes:
        columns: Names of the columns of a row, in their order.
        rows: Number of time steps that the model reads for a forecast.
        series: Names of the series that the model knows.
        targets: Names of the columns that the model forecasts.
        horizon: Number of time steps that the model forecasts.
        quantiles: Levels of the forecast quantiles; empty if a forecast is one number.

    Raises:
        ArtifactError: If the file is missing, or `forecast.json` is missing or damaged.

    Example:

    ```python
    model = Forecaster("export/model.tflite")
    model.forecast(values, dates)      # values [rows, columns] -> [horizon, targets], or [horizon, targets, quantiles]
    for day, row in live:              # row [columns]
        model.step(row, day)           # None until `rows` days are known, then the next forecast
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        path = Path(path)
        opened = interpreter(path, num_threads)
        about = path.with_name("forecast.json")
        try:
            known = json.loads(about.read_text(encoding="utf-8"))
            self.columns, self.rows, self.series = known["columns"], known["rows"], known["series"]
            self.targets, self.horizon, self.quantiles = known["targets"], known["horizon"], known["quantiles"]
            self._inputs = known["inputs"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ArtifactError(f"{about} is missing or damaged; it says what {path.name} takes: {error}.") from None
        self._run = opened.get_signature_runner("sequence")
        self._known: dict[str | None, deque] = {}

    def forecast(self, values: np.ndarray, dates: np.ndarray | None = None, series: str | None = None) -> np.ndarray:
        """Forecasts the time steps after the last row.

        Args:
            values: Rows in the order of time, `[rows or more, columns]`, in the units of the data.
            dates: Dates of the rows, datetime64, for a model that reads the calendar.
            series: Name of the series, if the model knows several.

        Returns:
            `[horizon, targets]` in the units of the data, or `[horizon, targets, quantiles]`.

        Raises:
            ValueError: If there are too few rows, the columns differ, dates are missing or no series has that name.
        """
        values = np.asarray(values, np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.columns) or len(values) < self.rows:
            wanted = f"{self.rows} or more rows of {', '.join(self.columns)}"
            raise ValueError(f"The values have shape {values.shape}, expected {wanted}.")
        inputs = {"values": values[-self.rows :][None]}
        if "minutes" in self._inputs:
            if dates is None or len(dates) != len(values):
                raise ValueError("The model reads the calendar: give the date of each row.")
            inputs["minutes"] = minutes(np.asarray(dates, "datetime64[s]"))[-self.rows :][None]
        self._check_series(series)
        if "series" in self._inputs:
            inputs["series"] = np.array([self.series.index(series)], np.int32)
        (answer,) = self._run(**inputs).values()
        return answer[0]

    def step(
        self, row: np.ndarray, date: np.datetime64 | str | None = None, series: str | None = None
    ) -> np.ndarray | None:
        """Reads one more row and gives the next forecast, or None until `rows` rows are known.

        Args:
            row: `[columns]`, the row after the last one.
            date: Date of the row, for a model that reads the calendar.
            series: Name of the series, if the model knows several; the rows of each are kept separately.

        Raises:
            ValueError: If the row has another shape, its date is missing, or no series has that name; such a row is
                dropped.
        """
        row = np.asarray(row, np.float32)
        if row.shape != (len(self.columns),):
            raise ValueError(f"A row has the columns {', '.join(self.columns)}, not the shape {row.shape}.")
        self._check_series(series)
        if "minutes" in self._inputs and date is None:
            raise ValueError("The model reads the calendar: give the date of each row.")
        known = self._known.setdefault(series, deque(maxlen=self.rows))
        stamp = np.datetime64(date or 0, "s")  # type: ignore[call-overload]  # NumPy's stubs lack the call with a date and a unit
        known.append((row, stamp))
        if len(known) < self.rows:
            return None
        rows, dates = zip(*known, strict=True)
        return self.forecast(np.stack(rows), np.array(dates) if date is not None else None, series)

    def _check_series(self, series: str | None) -> None:
        if "series" in self._inputs and series not in self.series:
            raise ValueError(f"The model knows no series {series!r}; it knows {', '.join(self.series)}.")

    def reset(self) -> None:
        """Forgets all rows that `step` has read."""
        self._known.clear()
