"""Dates of regular series: the dates that follow, and dates as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import DataError
from ...runtime import dates as of_runtime

DAY = np.timedelta64(1, "D")
MONTH_DAYS = 30.44
RECENT = 60 * DAY
"""Span before the last date in which the times of the day and week are collected."""


def next_dates(dates: np.ndarray, count: int) -> np.ndarray:
    """The dates that follow a regular series, with steps from minutes to trading days, weeks, months and years.

    The step is the most common difference, the shortest among equally common ones. Steps below two days continue at the
    times of the week that occur in the last 60 days (times of the day if those span less than two weeks): trading days
    leave out weekends, and trading hours leave out nights. Steps of one or several months keep the most common day of
    the month, or the number of days to its end if that is more regular, so that month ends stay month ends. The
    function knows no holidays: it gives a coming holiday of an exchange as a trading day.

    Args:
        dates: datetime64 `[rows]` without a time zone, strictly increasing.
        count: Number of dates.

    Returns:
        `[count]`, in the same unit.

    Raises:
        DataError: If there are fewer than two dates.

    Example:

    >>> next_dates(np.array(["2024-01-31", "2024-02-29"], "datetime64[D]"), 2).astype(str).tolist()
    ['2024-03-31', '2024-04-30']
    """
    if len(dates) < 2:
        raise DataError(f"A series of {len(dates)} dates has no step, so no date follows; it takes two or more.")
    known = dates.astype("datetime64[us]")
    differences = np.diff(known)
    step = _most_common(differences)
    four_weeks = step == 28 * DAY and (differences == step).sum() > 1  # a single one is a month that won a tie
    if step < 2 * DAY:
        following = _at_open_times(known, step, count)
    elif step < 28 * DAY or four_weeks:
        following = known[-1] + step * np.arange(1, count + 1)
    else:
        following = _months_on(known, round(step / DAY / MONTH_DAYS), count)
    return following.astype(dates.dtype)


def minutes(dates: np.ndarray) -> np.ndarray:
    """Whole minutes since 1970-01-01 00:00, rounded down: int32, with the shape of `dates`.

    Raises:
        DataError: If a date cannot be given as such a number.
    """
    try:
        return of_runtime.minutes(dates)
    except ValueError as error:
        raise DataError(str(error)) from None


def _most_common(values: np.ndarray) -> Any:
    """The most common value, the smallest among equally common ones."""
    found, counts = np.unique(values, return_counts=True)
    return found[np.argmax(counts)]


def _at_open_times(known: np.ndarray, step: np.timedelta64, count: int) -> np.ndarray:
    """The grid of most of the recent dates, without times of the week or day at which no recent date lies."""
    recent = known[known >= known[-1] - RECENT]
    span = recent[-1] - recent[0]
    period = next((period for period in (7 * DAY, DAY) if span >= 2 * period and DAY % step == 0 * DAY), step)
    start = np.datetime64("1970-01-01", "us")
    shift = _most_common((recent - start) % step) - (known[-1] - start) % step
    first = known[-1] + shift + (step if shift <= 0 * DAY else 0 * DAY)
    grid = first + step * np.arange(period // step)
    pattern = grid[np.isin((grid - start) % period, (recent - start) % period)]
    rounds, places = np.divmod(np.arange(count), len(pattern))
    return pattern[places] + period * rounds


def _months_on(known: np.ndarray, months: int, count: int) -> np.ndarray:
    """Dates `months` calendar months apart, at the time of day of the last date."""
    day, length = _days_of_month(known)
    usual, usual_left = _most_common(day), _most_common(length - 1 - day)
    by_end, by_start = (length - 1 - day == usual_left).sum(), (day == usual).sum()
    first = known[-1].astype("datetime64[M]") + months * np.arange(1, count + 1)
    _, lengths = _days_of_month(first)
    from_end = by_end > by_start or (by_end == by_start and usual_left == 0)
    days = lengths - 1 - usual_left if from_end else np.minimum(usual, lengths - 1)
    return first.astype("datetime64[us]") + days * DAY + (known[-1] - known[-1].astype("datetime64[D]"))


def _days_of_month(dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The day of the month, counted from 0, and the number of days of that month."""
    month = dates.astype("datetime64[M]")
    first = month.astype("datetime64[D]")
    return (dates.astype("datetime64[D]") - first) // DAY, ((month + 1).astype("datetime64[D]") - first) // DAY
