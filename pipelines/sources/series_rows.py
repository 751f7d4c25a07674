"""Reads time series from CSV files: the rows with their line numbers, dates and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError
from .text_rows import csv_rows, lines
from .treatments import Treatments

MISSING = {"", "nan", "null", "none", "na", "n/a", "#n/a", "-", "."}  # in lower case
PLAIN = frozenset("0123456789.+-eE")  # the characters of numbers that `float` reads directly
MARKS = {None: "", ",": ",", ".": r"\.", " ": "[ \u00a0\u202f]", "'": "['’]"}  # thousands separators, as patterns
TIME = r"(?:[T ](?P<hour>\d{1,2})(?P<rest>:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?: ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d))?)?"
YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<a>\d\d?)(?P=mark)(?P<b>\d\d?){TIME}", re.ASCII)
YEAR_LAST = re.compile(rf"(?P<a>\d\d?)(?P<mark>[-/.])(?P<b>\d\d?)(?P=mark)(?P<year>\d{{4}}){TIME}", re.ASCII)
COMPACT = re.compile(rf"(?P<year>(?:19|20)\d\d)(?P<a>\d\d)(?P<b>\d\d){TIME}", re.ASCII)
UNIX = re.compile(r"-?\d+(?:\.\d*)?", re.ASCII)
UNITS = {9: "s", 10: "s", 12: "ms", 13: "ms"}  # of Unix time, by its largest number of digits
HOLE = pd.Timedelta(days=10)
JUMP = 0.4
AHEAD = pd.Timedelta(hours=14)  # of UTC, in the earliest time zone: a date without a zone may come from there


SEEN = {
    "other": "files and folders left out that are no CSV files",
    "column": "columns left out that have no name or no number",
    "blank": "blank lines left out",
    "zone": "files with dates that have offsets or are unix time, converted to one zone and kept without it",
    "missing": "rows with a missing cell dropped",
    "order": "series sorted by date",
    "repeated": "rows dropped that repeat another one",
    "leading": "rows dropped whose missing cell no earlier value can fill",
    "filled": "missing cells filled with the last earlier value",
    "gap": "missing dates left as gaps",
    "filled gap": "missing dates filled with the row before",
    "closed": "series with times of the day or week that never have a row; these are no gaps",
    "hole": f"holes of more than {HOLE.days} days",
    "jump": f"jumps of more than {JUMP:.0%} from one row to the next, possibly splits without adjustment",
}
SENTENCES = {kind: (f"{what}: {{n}} ({{places}})",) * 2 for kind, what in SEEN.items()}


@dataclass(frozen=True)
class Form:
    """Format of the files: arguments of `series.load`, and whether rows without a date or a series name are dropped."""

    date_column: str
    columns: tuple[str, ...] | None
    series_column: str | None
    date_format: str | None
    timezone: str
    decimal: str
    thousands: str | None
    encoding: str
    drop: bool

    def __post_init__(self) -> None:
        if self.decimal == self.thousands:
            raise UsageError(f"data.decimal and data.thousands are both {self.decimal!r}; they must differ.")
        if self.date_format is not None and "%" not in self.date_format:
            raise UsageError(f"data.date_format={self.date_format!r} is no format of strptime, such as %d/%m/%Y.")
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise UsageError(
                f"data.timezone={self.timezone!r} is no known time zone; such are UTC, Europe/Berlin, America/New_York."
            ) from None

    @property
    def keys(self) -> list[str]:
        """The columns that hold no numbers."""
        return [self.date_column] + ([self.series_column] if self.series_column else [])


@dataclass(frozen=True)
class Rows:
    """Rows of one series: numbers by date, and the number of each row's first line in the file."""

    path: Path
    lines: np.ndarray
    table: pd.DataFrame

    def take(self, which: np.ndarray) -> Rows:
        """The rows at these positions or in this mask."""
        return Rows(self.path, self.lines[which], self.table.iloc[which])

    def line(self, row: int) -> str:
        """Position of a row, for a note."""
        return f"line {self.lines[row]} of {self.path.name}"

    def place(self, row: int, column: str) -> str:
        """Position of a cell, for an error message."""
        return _place(self.path, self.lines[row], column)


def read(path: Path, form: Form, treatments: Treatments) -> dict[str, Rows]:
    """The series of a file by name, with rows in the order of the file; a missing cell becomes NaN.

    Raises:
        DataError: If the file, a date or a number can't be read, or a number is infinite.
    """
    numbers, columns = _cells(path, form, treatments)
    missing = {key: np.array([is_missing(cell) for cell in columns[key]]) for key in form.keys}
    for key in form.keys:
        for row in np.flatnonzero(missing[key]).tolist():
            if not form.drop:
                raise DataError(
                    f"{_place(path, numbers[row], key)}: the cell is empty ({columns[key][row]!r}); fill it, or set "
                    "data.missing=drop to leave such rows out."
                )
    there = np.flatnonzero(~np.any(list(missing.values()), axis=0))
    for row in sorted(set(range(len(numbers))) - set(there)):
        treatments.add("missing", f"line {numbers[row]} of {path.name}")
    if not len(there):
        raise DataError(f"{path}: no row has a date (column {form.date_column!r}).")
    columns, numbers = {name: [cells[row] for row in there.tolist()] for name, cells in columns.items()}, numbers[there]

    index = _dates(columns[form.date_column], numbers, path, form, treatments)
    rows = Rows(path, numbers, pd.DataFrame(_values(columns, numbers, path, form, treatments), index=index))
    if form.series_column is None:
        return {Path(path.name.removesuffix(".gz")).stem: rows}
    names = pd.Series(columns[form.series_column]).str.strip()
    return {name: rows.take(found) for name, found in names.groupby(names).indices.items()}


def _cells(path: Path, form: Form, treatments: Treatments) -> tuple[np.ndarray, dict[str, Sequence[str]]]:
    """First line of each row, and cells by column; the delimiter is the most frequent candidate in the first line."""
    wanted = {"data.date_column": form.date_column}
    if form.series_column:
        wanted["data.series_column"] = form.series_column
    wanted |= {f"data.targets, data.features: {name}": name for name in form.columns or ()}
    delimiter = max(",;\t", key=next(lines(path, form.encoding), "").count)
    numbers, rows = [], []

    def blank(line: int) -> None:
        treatments.add("blank", f"line {line} of {path.name}")

    for line, row in csv_rows(path, wanted, form.encoding, blank, delimiter):
        numbers.append(line)
        rows.append(tuple(row.values()))
    return np.array(numbers), dict(zip(row, zip(*rows, strict=True), strict=True))


def _place(path: Path, line: int, column: str) -> str:
    return f"{path}, line {line}, column {column!r}"


# Numbers


def _values(
    columns: dict[str, Sequence[str]], numbers: np.ndarray, path: Path, form: Form, treatments: Treatments
) -> dict[str, np.ndarray]:
    """The requested columns of numbers, or all of them, as float64."""
    values = {}
    for name in form.columns or [name for name in columns if name not in form.keys]:
        cells = columns[name]
        if not form.columns and (not name or not any(map(_spellings, cells))):
            treatments.add("column", f"{name!r} of {path.name}")
            continue
        values[name] = _floats(cells, form.decimal, form.thousands)
        for row in np.flatnonzero(~np.isfinite(values[name])).tolist():
            found = number(cells[row], form.decimal, form.thousands)
            place = _place(path, numbers[row], name)
            if found is None:
                options = " or ".join(_spellings(cells[row]))
                advice = (
                    f"if numbers are written so, set {options}"
                    if options
                    else "correct it, or leave the column out of data.targets and data.features"
                )
                raise DataError(f"{place}: {cells[row]!r} is no number; {advice}.")
            if np.isinf(found):
                raise DataError(f"{place}: {cells[row]!r} is infinite; correct it, or leave the cell empty.")
    if not values:
        others = "; ".join(f"{name!r} begins with {columns[name][0]!r}" for name in columns if name not in form.keys)
        raise DataError(
            f"{path}: there is no column of numbers{f' ({others})' if others else ''}; write them as 1234.5."
        )
    return values


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or holds a word for a missing value."""
    return cell.strip().lower() in MISSING


def _floats(cells: Sequence[str], decimal: str, thousands: str | None) -> np.ndarray:
    """All cells as floats; NaN for a missing cell and for a cell that is not a number."""
    if decimal == "." and set("".join(cells)) <= PLAIN:
        try:
            return np.array(list(map(float, cells)))
        except ValueError:
            pass  # an empty cell, or a cell such as 1-2: the line below reads cell by cell
    return np.array([number(cell, decimal, thousands) for cell in cells], float)


def number(cell: str, decimal: str = ".", thousands: str | None = None) -> float | None:
    """A cell as a float: NaN if it is missing, None if it is not a number in this spelling.

    >>> number("1.234,5", ",", "."), number("1.234,5"), number("null")
    (1234.5, None, nan)
    """
    if is_missing(cell):
        return np.nan
    if not _pattern(decimal, thousands).fullmatch(cell.strip()):
        return None
    return float(re.sub(MARKS[thousands], "", cell.strip()).replace(decimal, "."))


@cache
def _pattern(decimal: str, thousands: str | None) -> re.Pattern[str]:
    whole = rf"\d{{1,3}}(?:{MARKS[thousands]}\d{{3}})+|\d+" if thousands else r"\d+"
    point = re.escape(decimal)
    size = rf"(?:(?:{whole})(?:{point}\d*)?|{point}\d+)(?:e[+-]?\d+)?|inf(?:inity)?"
    return re.compile(f"[+-]?(?:{size})", re.IGNORECASE | re.ASCII)


def _spellings(cell: str) -> list[str]:
    """The options that make a cell a number; an empty list if the cell is missing."""
    return [
        f"data.decimal={decimal!r}" + (f" with data.thousands={thousands!r}" if thousands else "")
        for decimal in ".,"
        for thousands in MARKS
        if thousands != decimal
        and (thousands is None or re.search(MARKS[thousands], cell.strip()))
        and not is_missing(cell)
        and number(cell, decimal, thousands) is not None
    ]


# Dates


def _dates(
    cells: Sequence[str], numbers: np.ndarray, path: Path, form: Form, treatments: Treatments
) -> pd.DatetimeIndex:
    """Dates without zone, in microseconds; dates with offsets and Unix time are first converted to `form.timezone`."""
    cells = [cell.strip() for cell in cells]

    def refuse(row: int, problem: str) -> NoReturn:
        raise DataError(f"{_place(path, numbers[row], form.date_column)}: {cells[row]!r} {problem}.")

    index = _parsed(cells, form.date_format, refuse)
    if index.hasnans:
        wanted = f" of the form {form.date_format!r} (data.date_format)" if form.date_format else ""
        refuse(int(np.argmax(index.isna())), f"is no date{wanted}; correct it")
    index = index.as_unit("us").rename("date")
    now = pd.Timestamp.now("UTC")
    late = index > (now if index.tz else now.tz_localize(None) + AHEAD)
    if late.any():
        refuse(int(np.argmax(late)), "lies in the future; correct it, or take the row out")
    if index.tz is None:
        return index
    treatments.add("zone", f"{path.name} to {form.timezone}")
    local = index.tz_convert(form.timezone).tz_localize(None)
    again = local.duplicated() & ~index.duplicated()
    if again.any():
        row = int(np.argmax(again))
        refuse(row, f"is the second {local[row]} in {form.timezone}, where clocks go back; set data.timezone=UTC")
    return local


def _parsed(cells: list[str], date_format: str | None, refuse: Callable[[int, str], NoReturn]) -> pd.DatetimeIndex:
    """Dates in UTC if they have offsets, else without zone; NaT for an invalid date, such as 30 February."""
    if date_format:
        try:
            return pd.to_datetime(cells, format=date_format, errors="coerce", utc="%z" in date_format)
        except ValueError as error:
            raise UsageError(f"data.date_format={date_format!r} is no format of strptime ({error}).") from None
    patterns = (COMPACT, YEAR_FIRST, YEAR_LAST, UNIX)
    pattern = next((pattern for pattern in patterns if pattern.fullmatch(cells[0])), None)
    if pattern is COMPACT and not all(map(COMPACT.fullmatch, cells)) and all(map(UNIX.fullmatch, cells)):
        pattern = UNIX
    if pattern is None:
        refuse(0, "is no date of a common form; set data.date_format, such as %d-%b-%y for 31-Dec-16")
    found = [match for cell in cells if (match := pattern.fullmatch(cell)) is not None]
    if len(found) < len(cells):
        other = next(row for row, cell in enumerate(cells) if pattern.fullmatch(cell) is None)
        refuse(other, f"is no date of the same form as the first one, {cells[0]!r}; write all alike")
    if pattern is UNIX:
        digits = max(len(cell.lstrip("-").partition(".")[0]) for cell in cells)
        if digits not in UNITS:
            refuse(0, "is neither a date nor unix time in seconds or milliseconds; set data.date_format, such as %Y")
        return pd.to_datetime(np.array(list(map(float, cells))), unit=UNITS[digits], errors="coerce", utc=True)

    zoned = found[0]["zone"] is not None
    for row, match in enumerate(found):
        if (match["zone"] is not None) != zoned:
            refuse(row, f"has {'no' if zoned else 'an'} offset, unlike the first one, {cells[0]!r}; write all alike")
    day_first = pattern is YEAR_LAST and _day_first(found, cells, refuse)
    month, day = ("b", "a") if day_first else ("a", "b")
    iso = [
        f"{match['year']}-{match[month]:0>2}-{match[day]:0>2}"
        + (f"T{match['hour']:0>2}{match['rest']}{(match['zone'] or '').replace('UTC', 'Z')}" if match["hour"] else "")
        for match in found
    ]
    return pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=zoned)


def _day_first(found: list[re.Match[str]], cells: list[str], refuse: Callable[[int, str], NoReturn]) -> bool:
    """Whether the day comes before the month; a day after the 12th decides."""
    day_first = next((row for row, match in enumerate(found) if int(match["a"]) > 12), None)
    month_first = next((row for row, match in enumerate(found) if int(match["b"]) > 12), None)
    if day_first is None and month_first is None:
        mark = found[0]["mark"]
        refuse(
            0,
            f"fits both day-first and month-first, as all dates do; set data.date_format=%d{mark}%m{mark}%Y or "
            f"%m{mark}%d{mark}%Y" + (", with the time such as %H:%M:%S" if found[0]["hour"] else ""),
        )
    if day_first is not None and month_first is not None:
        later, earlier = max(day_first, month_first), min(day_first, month_first)
        refuse(later, f"and {cells[earlier]!r} before it can't both be read: is the day first, or the month?")
    return day_first is not None
