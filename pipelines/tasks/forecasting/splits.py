"""Splits tables of series by date into training, validation and test windows, and checks them for leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from ...core.data import Data, Order
from ...core.errors import DataError, UsageError
from . import leaks
from .calendar import minutes
from .scales import Scale, Target, fit
from .windows import Windows

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@dataclass(frozen=True)
class Stack:
    """All series one after the other: row r belongs to the last series that begins at or before it.

    Attributes:
        names: Names of the series.
        columns: Names of the columns of the values.
        values: float32 `[rows, columns]`, in the units of the data.
        dates: datetime64 `[rows]`, date of each row.
        firsts: int64 `[series]`, first row of each series.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    dates: np.ndarray
    firsts: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """The row after the last one of each series."""
        return np.append(self.firsts[1:], len(self.values))

    def parts(self) -> list[slice]:
        """The rows of each series."""
        return [slice(first, end) for first, end in zip(self.firsts, self.ends, strict=True)]


@dataclass(frozen=True)
class WindowExamples:
    """A split: its inputs are raw windows, its labels the standardised steps after them, both gathered on demand.

    Attributes:
        windows: Windows over the standardised targets of all rows.
        stack: Raw rows.
        before: Number of raw rows before each window, which its first features need.
        minutes: int32 `[rows]`, minutes since 1970 of each raw row.
        names: Names of the inputs that the model takes: `values`, and perhaps `minutes` and `series`.
    """

    order: ClassVar[Order] = "shuffled"
    windows: Windows
    stack: Stack
    before: int
    minutes: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, rows: np.ndarray | slice | list[int]) -> WindowExamples:
        return replace(self, windows=self.windows[rows])

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """`values [n, before + window, columns]`, `minutes [n, before + window]`, `series [n]`, as the model takes."""
        rows = (self.windows.starts - self.before)[:, None] + np.arange(self.before + self.windows.window)
        of = {
            "values": lambda: self.stack.values[rows],
            "minutes": lambda: self.minutes[rows],
            "series": lambda: self.windows.series,
        }
        return {name: of[name]() for name in self.names}

    @property
    def labels(self) -> np.ndarray:
        """The standardised steps to forecast, `[n, horizon, targets]`."""
        return self.windows.futures()

    @property
    def origins(self) -> np.ndarray:
        """The date of the last known step of each window."""
        return self.stack.dates[self.windows.starts + self.windows.window - 1]

    def future_dates(self, steps: np.ndarray) -> np.ndarray:
        """The dates `[n, steps]` of some of the steps to forecast, which count from 0."""
        return self.stack.dates[self.windows.starts[:, None] + self.windows.window + steps]

    @property
    def ends_of_futures(self) -> np.ndarray:
        """The dates of the first and the last step to forecast, `[n, 2]`."""
        return self.future_dates(np.array([0, self.windows.horizon - 1]))

    def reader(self) -> Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]]:
        """A function that gathers windows by their indices; it holds the raw rows once for all windows."""
        import tensorflow as tf

        windows = self.windows
        starts, series = tf.constant(windows.starts), tf.constant(windows.series)
        standard = tf.constant(windows.values[:, list(windows.targets)])
        values = tf.constant(self.stack.values) if "values" in self.names else None
        dates = tf.constant(self.minutes) if "minutes" in self.names else None

        def read(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            first = tf.gather(starts, rows)[:, None]
            known = first + tf.range(-self.before, windows.window, dtype=tf.int64)
            future = first + tf.range(windows.window, windows.window + windows.horizon, dtype=tf.int64)
            of = {
                "values": lambda: tf.gather(values, known),
                "minutes": lambda: tf.gather(dates, known),
                "series": lambda: tf.gather(series, rows),
            }
            return {name: of[name]() for name in self.names}, tf.gather(standard, future)

        return read

    def lengths(self) -> None:
        """None: all windows have the same length."""

    def preprocessed(self, preprocessor: keras.Model) -> WindowExamples:
        """The windows unchanged: the trained part takes them as they are."""
        return self


@dataclass(frozen=True)
class SeriesData(Data):
    """Splits of windows, and what was fitted on the training rows; `names` holds the names of the targets.

    Attributes:
        scale: Scale of the targets.
        targets: Columns of the stack to forecast.
        features: Means and deviations of the declared features, `[series][features]`; None without features.
        validation_from: Date of the first validation step.
        test_from: Date of the first test step.
    """

    train: WindowExamples
    validation: WindowExamples
    test: WindowExamples
    _: KW_ONLY
    scale: Scale
    targets: tuple[int, ...]
    features: tuple[np.ndarray, np.ndarray] | None
    validation_from: np.datetime64
    test_from: np.datetime64

    @property
    def stack(self) -> Stack:
        """The raw rows of all splits."""
        return self.train.stack


def stacked(tables: dict[str, pd.DataFrame], columns: tuple[str, ...]) -> Stack:
    """Stacks series in the order of their names."""
    names = tuple(sorted(tables))
    lengths = [len(tables[name]) for name in names]
    return Stack(
        names,
        columns,
        np.concatenate([tables[name][list(columns)].to_numpy(np.float32) for name in names]),
        np.concatenate([tables[name].index.to_numpy() for name in names]),
        np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
    )


def before_date(stack: Stack, date: np.datetime64) -> Stack:
    """The rows before a date, without the series that have none."""
    kept = stack.dates < date
    lengths = np.array([int(kept[part].sum()) for part in stack.parts()])
    if not lengths.any():
        raise UsageError(f"data.until: no row is before {text(date)}; the first one is of {text(stack.dates.min())}.")
    names = tuple(name for name, length in zip(stack.names, lengths, strict=True) if length)
    firsts = np.concatenate([[0], np.cumsum(lengths[lengths > 0])[:-1]]).astype(np.int64)
    return replace(stack, names=names, values=stack.values[kept], dates=stack.dates[kept], firsts=firsts)


def check_positive(stack: Stack, columns: list[str]) -> None:
    """Raises a DataError unless all values of the columns, whose logarithm is taken, are above 0."""
    for column in columns:
        wrong = np.flatnonzero(stack.values[:, stack.columns.index(column)] <= 0)
        if wrong.size:
            name = stack.names[np.searchsorted(stack.firsts, wrong[0], side="right") - 1]
            raise DataError(
                f"{column!r} of the series {name!r} is {stack.values[wrong[0], stack.columns.index(column)]:g} on "
                f"{text(stack.dates[wrong[0]])}, and its logarithm is taken; take another target or feature."
            )


def boundaries(dates: np.ndarray, validation: float, test: float) -> tuple[np.datetime64, np.datetime64]:
    """The dates at which validation and test begin, from their shares of all dates.

    >>> days = np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]")
    >>> [str(date) for date in boundaries(days, validation=0.2, test=0.3)]
    ['2020-01-06', '2020-01-08']
    """
    different = np.unique(dates)
    rows = (round(len(different) * share) for share in (1 - validation - test, 1 - test))
    return tuple(different[min(row, len(different) - 1)] for row in rows)


def training_rows(stack: Stack, validation_from: np.datetime64) -> list[slice]:
    """The rows of each series before the validation split."""
    return [
        slice(part.start, part.start + int(np.searchsorted(stack.dates[part], validation_from)))
        for part in stack.parts()
    ]


def windows_between(
    windows: Windows, stack: Stack, before: int, start: np.datetime64 | None, end: np.datetime64 | None, whole: bool
) -> Windows:
    """All windows of every series whose futures lie between two dates.

    Args:
        windows: Windows with values, lengths and targets, but no starts yet.
        stack: Raw rows.
        before: Number of raw rows that a window needs before it.
        start: First date of the futures; None for no limit.
        end: Date after the last one of the futures; None for no limit.
        whole: Whether the known steps and the rows before them must lie between the dates too.
    """
    starts, series = [], []
    for number, part in enumerate(stack.parts()):
        dates = stack.dates[part]
        low = 0 if start is None else int(np.searchsorted(dates, start))
        high = len(dates) if end is None else int(np.searchsorted(dates, end))
        first = before + (low if whole else max(0, low - windows.window - before))
        own = part.start + np.arange(first, high - windows.window - windows.horizon + 1)
        starts.append(own)
        series.append(np.full(len(own), number, np.int32))
    return replace(windows, starts=np.concatenate(starts).astype(np.int64), series=np.concatenate(series))


def check_leaks(data: SeriesData, fitted: list[slice]) -> None:
    """Raises a LeakError if any forecast may have seen what was unknown at its time.

    Args:
        data: Splits to check.
        fitted: Rows of each series on which scales were fitted.
    """
    stack = data.stack
    last_training = stack.dates[stack.dates < data.validation_from].max()
    leaks.scaler_saw_only(np.concatenate([stack.dates[rows] for rows in fitted]), last_training)
    ends = {
        "train": [rows.stop for rows in training_rows(stack, data.validation_from)],
        "validation": [rows.stop for rows in training_rows(stack, data.test_from)],
        "test": [],
    }
    for name, limits in ends.items():
        split: WindowExamples = getattr(data, name)
        inside = [limit for limit, end in zip(limits, stack.ends, strict=False) if limit < end]
        with_rows_before = replace(
            split.windows, starts=split.windows.starts - split.before, window=split.windows.window + split.before
        )
        between = np.array([*stack.firsts, *inside], np.int64)
        leaks.no_window_crosses(with_rows_before, between, f"the end of the {name} split or of a series", stack.dates)
        leaks.no_feature_of_the_target_day(split.origins, split.ends_of_futures)
    leaks.splits_are_in_order(*(getattr(data, name).ends_of_futures for name in ends))


def make(
    stack: Stack,
    columns: tuple[str, ...],
    target: Target,
    window: int,
    horizon: int,
    *,
    before: int,
    names: tuple[str, ...],
    validation_from: np.datetime64,
    test_from: np.datetime64,
    stride: int = 1,
    fit_features: Callable[[list[slice]], tuple[np.ndarray, np.ndarray]] | None = None,
    notes: tuple[str, ...] = (),
) -> SeriesData:
    """The splits of windows, scaled by the training rows alone and checked for leaks.

    Args:
        stack: All rows.
        columns: Columns to forecast.
        target: As in `Scale`.
        window: Number of known steps.
        horizon: Number of steps to forecast.
        before: Number of raw rows that features need before a window.
        names: Names of the model's inputs.
        validation_from: First date of the validation split.
        test_from: First date of the test split.
        stride: Distance between training windows in windows: 1 takes all, k every k-th.
        fit_features: Function from the training rows of each series to the means and deviations of the features.
        notes: Notes on the data.

    Raises:
        DataError: If a split has no window, or a series never changes in training.
        LeakError: If a forecast may have seen what was unknown at its time.
    """
    targets = tuple(stack.columns.index(column) for column in columns)
    fitted = training_rows(stack, validation_from)
    scale = fit([stack.values[rows][:, list(targets)].astype(float) for rows in fitted], target, stack.names, columns)
    before = max(before, scale.before)
    standard = np.full((len(stack.values), len(targets)), np.nan, np.float32)
    for number, part in enumerate(stack.parts()):
        x = stack.values[part][:, list(targets)].astype(float)
        standard[part.start + scale.before : part.stop] = scale.standardized(x[None], np.array([number]))[0]
    none = np.zeros(0, np.int64), np.zeros(0, np.int32)
    empty = Windows(standard, *none, window, horizon, tuple(range(len(targets))))
    found = {
        "training": windows_between(empty, stack, before, None, validation_from, whole=True)[::stride],
        "validation": windows_between(empty, stack, before, validation_from, test_from, whole=False),
        "test": windows_between(empty, stack, before, test_from, None, whole=False),
    }
    trained = np.isin(np.arange(len(stack.names)), found["training"].series)
    found = {name: windows[trained[windows.series]] for name, windows in found.items()}
    for name, windows in found.items():
        if not len(windows):
            raise DataError(_no_windows(name, stack, window, horizon, before, (validation_from, test_from)))
    stamps = minutes(stack.dates)
    train, validation, test = (WindowExamples(windows, stack, before, stamps, names) for windows in found.values())
    if not trained.all():
        said = ", ".join(np.array(stack.names)[~trained][:3])
        notes = (*notes, f"{(~trained).sum()} series have no training window and are left out: {said}")
    without = sorted(set(np.flatnonzero(trained)) - set(found["test"].series.tolist()))
    if without:
        said = ", ".join(stack.names[number] for number in without[:3])
        notes = (*notes, f"{len(without)} series have no test window, since they are too short or end before: {said}")
    data = SeriesData(
        train,
        validation,
        test,
        columns,
        notes,
        scale=scale,
        targets=targets,
        features=fit_features(fitted) if fit_features else None,
        validation_from=validation_from,
        test_from=test_from,
    )
    check_leaks(data, fitted)
    return data


def _no_windows(
    split: str, stack: Stack, window: int, horizon: int, before: int, dates: tuple[np.datetime64, np.datetime64]
) -> str:
    longest = int((stack.ends - stack.firsts).max())
    needed = f"{window} known steps and {horizon} to forecast"
    if before:
        needed += f", behind {before} rows that features are made of"
    cuts = " and ".join(map(text, dates))
    return (
        f"the {split} split has no window: it needs {needed}, and the longest series has {longest:,} rows, divided at "
        f"{cuts}. Make data.window or data.horizon smaller, or divide elsewhere (data.validation_from, data.test_from)."
    )


def check_order(dates: np.ndarray, validation_from: np.datetime64, test_from: np.datetime64) -> None:
    """Raises a UsageError unless the dates that divide the splits rise within the dates of the data."""
    if not dates.min() < validation_from < test_from <= dates.max():
        raise UsageError(
            f"data.validation_from and data.test_from must rise within the dates of the data, {text(dates.min())} to "
            f"{text(dates.max())}; they are {text(validation_from)} and {text(test_from)}."
        )


def text(date: np.datetime64) -> str:
    """A date in ISO form, without the time if it is midnight."""
    return str(date.astype("datetime64[m]")).replace("T", " ").removesuffix(" 00:00")
