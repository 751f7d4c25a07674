"""Guards against leaks: each checks one way in which a forecast may have seen what was unknown at its time.

Dates are arrays of `datetime64` without a time zone, in any order and of any shape. A missing date (NaT) fails every
check, and so do empty arrays.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...core.errors import DataError
from .windows import Windows


class LeakError(DataError):
    """A forecast or a fit used data that were unknown at its time."""


def scaler_saw_only(dates_fitted: np.ndarray, last_training_date: np.datetime64) -> None:
    """Checks that a scaler was fitted on rows no later than the last training date.

    >>> scaler_saw_only(np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), np.datetime64("2020-01-02"))
    """
    dates = _dates(dates_fitted, "the rows that the scaler was fitted on")
    beyond = dates[~(dates <= last_training_date)]
    if beyond.size:
        raise LeakError(
            f"The scaler was fitted on {beyond.size} of {dates.size} rows that are later than the last training date "
            f"{_text(last_training_date)}, the first of them {_text(beyond.min())}. Fit it on the training rows alone."
        )


def no_window_crosses(windows: Windows, boundaries: np.ndarray, what: str, dates: np.ndarray | None = None) -> None:
    """Checks that no window, from its first input step to its last future step, crosses a boundary.

    The inputs of a validation or test window may lie in the split before: check those splits only against the
    boundaries at their end.

    Args:
        windows: Windows to check.
        boundaries: First row of each part (series or split) in `windows.values`, integers in any order.
        what: Name of the boundary, such as "the end of the training split".
        dates: Date of each row of `windows.values` for the message; without dates it names rows.
    """
    boundaries, span = np.unique(boundaries), windows.window + windows.horizon
    if not len(windows):
        raise LeakError(f"There are no windows to check for {what}.")
    following = np.searchsorted(boundaries, windows.starts, side="right")  # the first boundary after the first row
    ends = np.append(boundaries, len(windows.values))[following]
    crossing = np.flatnonzero(windows.starts + span > ends)
    if crossing.size:
        start, end = windows.starts[crossing[0]], ends[crossing[0]]
        named = [f"row {row}" if dates is None else _text(dates[row]) for row in (start, start + span - 1, end)]
        raise LeakError(
            f"{crossing.size} of {len(windows)} windows cross {what}, the first of them from {named[0]} to {named[1]}: "
            f"the next part begins at {named[2]}. End each window before it."
        )


def no_feature_of_the_target_day(feature_dates: np.ndarray, target_dates: np.ndarray) -> None:
    """Checks that all features of a forecast are earlier than the first step that it forecasts.

    Args:
        feature_dates: Date when each input was known, `[windows]` or `[windows, steps]`.
        target_dates: Dates of the forecast steps, `[windows]` or `[windows, horizon]`.
    """
    features, targets = _dates(feature_dates, "the features"), _dates(target_dates, "the targets")
    if len(features) != len(targets):
        raise LeakError(f"There are {len(features)} windows of features for {len(targets)} of targets.")
    latest, first = features.reshape(len(features), -1).max(1), targets.reshape(len(targets), -1).min(1)
    wrong = np.flatnonzero(~(latest < first))
    if wrong.size:
        raise LeakError(
            f"{wrong.size} of {len(features)} windows have a feature of {_text(latest[wrong[0]])} for a target of "
            f"{_text(first[wrong[0]])}. A feature must be earlier than what it forecasts: shift it."
        )


def splits_are_in_order(train_dates: np.ndarray, validation_dates: np.ndarray, test_dates: np.ndarray) -> None:
    """Checks that all training target dates precede all validation dates, which precede all test dates."""
    splits = [("training", train_dates), ("validation", validation_dates), ("test", test_dates)]
    splits = [(name, _dates(dates, f"the {name} split")) for name, dates in splits]
    for (earlier, before), (later, after) in pairwise(splits):
        if not before.max() < after.min():
            raise LeakError(
                f"The {earlier} split has targets up to {_text(before.max())}, and the {later} split has them from "
                f"{_text(after.min())}. Split the targets by date."
            )


def _dates(dates: np.ndarray, what: str) -> np.ndarray:
    """The dates as an array, checked to be of type datetime64 and not empty."""
    dates = np.asarray(dates)
    if not np.issubdtype(dates.dtype, np.datetime64):
        raise TypeError(f"The dates of {what} must be datetime64, not {dates.dtype}.")
    if not dates.size:
        raise LeakError(f"There are no dates of {what} to check.")
    return dates


def _text(date: np.datetime64) -> str:
    """A date in ISO form, as short as possible."""
    return str(np.datetime_as_string(np.datetime64(date), unit="auto"))
