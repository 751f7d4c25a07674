"""Loads regular time series from CSV files, such as daily prices or hourly loads: checked, sorted and without zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError, did_you_mean
from .series_rows import HOLE, JUMP, SENTENCES, Form, Rows, read
from .treatments import Treatments

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
DAY = pd.Timedelta(days=1)
ALIKE = 1.2
"""Largest ratio between the steps of two series; above 1 because months have 28 to 31 days."""
SPARSE = 100
"""A series that spans more steps than this for each row is not regular."""


@dataclass(frozen=True)
class Series:
    """Time series by name, and notes on what was changed.

    Each table has float64 columns and an index `date` of strictly increasing dates without zone.
    """

    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...]


def load(
    path: Path | Sequence[Path],
    date_column: str,
    columns: tuple[str, ...] | None,
    *,
    series_column: str | None = None,
    date_format: str | None = None,
    timezone: str | None = None,
    decimal: Literal[".", ","] = ".",
    thousands: Literal[",", ".", " ", "'"] | None = None,
    encoding: str = "utf-8",
    missing: Literal["error", "drop", "ffill"] = "error",
    positive: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
) -> Series:
    """Loads time series from CSV files, gzipped or not, with a comma, semicolon or tab between columns.

    Rows are sorted by date. Of rows with the same date and the same values in the columns read, one is kept. In series
    with more than one row a day, a date that is missing between regular dates is a gap; times of the week that never
    have a row are closed hours (times of the day, in series shorter than two weeks). In other series, weekends and
    holidays do not count as gaps, but long holes are noted.

    Args:
        path: A file; a folder, whose CSV files are read in the order of their names; or several files.
        date_column: Column of the dates: `2016-12-31`, `12/31/2016` or `31.12.2016`, each also with a time; ISO dates
            with an offset; `20161231`; or Unix time in seconds or milliseconds.
        columns: Columns of numbers; None for all of them.
        series_column: Column with the name of each row's series; None if each file holds one series, named after the
            file.
        date_format: Format of `strptime` for other dates, and for dates that all fit both day-first and month-first.
        timezone: Time zone to which dates with offsets and Unix time are converted before the zone is dropped; None for
            UTC. The zone of the exchange suits trading hours best, because they stay the same in summer.
        decimal: Decimal separator.
        thousands: Thousands separator.
        encoding: Text encoding of the files.
        missing: Treatment of missing cells: `error` refuses them, `drop` drops their rows, `ffill` takes the last
            earlier value and drops rows that have none. Treatment of gaps: `error` refuses them, `drop` leaves them,
            `ffill` repeats the row before.
        positive: Columns without zeros and negative numbers, such as prices; jumps in them are noted.
        not_negative: Columns without negative numbers, such as volumes.

    Raises:
        DataError: If a file or a value can't be used; the message names the file, and the line and column where known.
        UsageError: If an option is wrong.
    """
    drop, zone = missing == "drop", timezone or "UTC"
    form = Form(date_column, columns, series_column, date_format, zone, decimal, thousands, encoding, drop)
    treatments = Treatments(SENTENCES)
    found: dict[str, Rows] = {}
    for file in _files(path, treatments):
        for name, rows in read(file, form, treatments).items():
            if name in found:
                raise DataError(f"the series {name!r} is both in {found[name].path} and in {file}; leave one out.")
            found[name] = rows
    order = _same_columns(found, (*positive, *not_negative))
    tables = {}
    for name, rows in found.items():
        rows = _in_order(name, _without_missing(rows, missing, treatments), treatments)
        if missing == "ffill":
            rows = _filled(rows, treatments)
        if len(rows.table) < 2:
            raise DataError(f"{rows.path}: {name!r} has {len(rows.table)} usable row(s); a series needs two or more.")
        _check_signs(rows, positive, not_negative)
        tables[name] = _without_gaps(name, rows, missing, treatments)[order]
        _note_jumps(name, tables[name], positive, treatments)
    _check_frequencies(tables)
    return Series(tables, treatments.notes())


def frequency(table: pd.DataFrame) -> pd.Timedelta:
    """The most common step between the dates of a table of two or more rows; the shortest one if several tie.

    >>> frequency(pd.DataFrame(index=pd.to_datetime(["2016-12-29", "2016-12-30", "2017-01-02", "2017-01-03"])))
    Timedelta('1 days 00:00:00')
    """
    return pd.Timedelta(_most_common(np.diff(table.index.to_numpy())))


def _most_common(values: np.ndarray) -> np.generic:
    found, counts = np.unique(values, return_counts=True)
    return found[np.argmax(counts)]


def _files(path: Path | Sequence[Path], treatments: Treatments) -> list[Path]:
    """The files to read; counts the other entries of a folder, except hidden ones."""
    if not isinstance(path, str | Path):
        return [file for single in path for file in _files(single, treatments)]
    path = Path(path)
    try:
        if path.is_dir():
            entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
            files = [entry for entry in entries if entry.name.lower().endswith(ENDINGS) and entry.is_file()]
            for entry in sorted(set(entries) - set(files)):
                treatments.add("other", entry.name)
            if not files:
                raise DataError(f"{path} holds no CSV file; expected one a series ({', '.join(ENDINGS)}).")
            return files
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder.")
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None
    if not path.name.lower().endswith(ENDINGS):
        raise DataError(f"{path} has an unknown ending; expected {', '.join(ENDINGS)}.")
    return [path]


def _same_columns(found: dict[str, Rows], named: tuple[str, ...]) -> list[str]:
    """The common columns of all series; they must include the columns that options name."""
    first = next(iter(found.values()))
    for rows in found.values():
        if set(rows.table) != set(first.table):
            raise DataError(
                f"{rows.path} has the columns {', '.join(rows.table)}, but {first.path} has {', '.join(first.table)}; "
                "name those that all files have in data.targets and data.features."
            )
    for column in named:
        if column not in first.table:
            raise UsageError(
                f"no column {column!r} (data.positive, data.not_negative). {did_you_mean(column, first.table)}"
            )
    return list(first.table)


def _without_missing(rows: Rows, missing: str, treatments: Treatments) -> Rows:
    """Refuses or drops rows with missing cells; keeps them if they are to be filled."""
    broken = rows.table.isna().to_numpy()
    if missing == "ffill" or not broken.any():
        return rows
    for row, column in zip(*np.nonzero(broken), strict=True):
        if missing == "error":
            raise DataError(
                f"{rows.place(row, rows.table.columns[column])}: the cell is empty; set data.missing=drop to leave "
                "such rows out, or data.missing=ffill to take the last earlier value."
            )
    for row in np.flatnonzero(broken.any(axis=1)).tolist():
        treatments.add("missing", rows.line(row))
    return rows.take(~broken.any(axis=1))


def _in_order(name: str, rows: Rows, treatments: Treatments) -> Rows:
    """Rows sorted by date, one for each date; refuses two different rows with the same date."""
    dates = rows.table.index
    if not dates.is_monotonic_increasing:
        treatments.add("order", f"{name}, newest first" if dates.is_monotonic_decreasing else name)
        rows = rows.take(np.argsort(dates.to_numpy(), kind="stable"))
    dates, values = rows.table.index, rows.table.to_numpy()
    repeated = dates.duplicated()
    for row in np.flatnonzero(repeated).tolist():
        differ = ~((values[row] == values[row - 1]) | (np.isnan(values[row]) & np.isnan(values[row - 1])))
        if differ.any():
            column = int(np.argmax(differ))
            raise DataError(
                f"{rows.path}, lines {rows.lines[row - 1]} and {rows.lines[row]}, column "
                f"{rows.table.columns[column]!r}: {_date(dates[row])} stands twice, with {values[row - 1, column]} and "
                f"{values[row, column]}; take one out, or set data.series_column if they are of two series."
            )
        treatments.add("repeated", rows.line(row))
    return rows.take(~repeated)


def _filled(rows: Rows, treatments: Treatments) -> Rows:
    """Fills missing cells with the last earlier value of their column; drops rows before the first values."""
    filled = rows.table.ffill()
    leading = filled.isna().any(axis=1).to_numpy()
    for row in np.flatnonzero(leading).tolist():
        treatments.add("leading", rows.line(row))
    for row in np.nonzero(rows.table.isna().to_numpy() & ~leading[:, None])[0].tolist():
        treatments.add("filled", rows.line(row))
    return Rows(rows.path, rows.lines, filled).take(~leading)


def _check_signs(rows: Rows, positive: tuple[str, ...], not_negative: tuple[str, ...]) -> None:
    for column in (*positive, *not_negative):
        values, wanted = rows.table[column].to_numpy(), "positive" if column in positive else "zero or positive"
        wrong = values <= 0 if column in positive else values < 0
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(f"{rows.place(row, column)}: {values[row]} is not {wanted}; correct it or take it out.")


def _without_gaps(name: str, rows: Rows, missing: str, treatments: Treatments) -> pd.DataFrame:
    """The table, with gaps treated if its step is less than a day; notes holes of many days."""
    table, step = rows.table, frequency(rows.table)
    dates = table.index
    steps = dates[1:] - dates[:-1]
    for row in np.flatnonzero(steps > max(HOLE, 1.5 * step)).tolist():
        treatments.add("hole", f"{name} from {_date(dates[row])} to {_date(dates[row + 1])}")
    if step >= DAY:
        return table
    phases = dates.to_numpy().astype("M8[us]").astype(int) % (step // pd.Timedelta(microseconds=1))
    apart = phases != _most_common(phases)
    if apart.any():
        row = int(np.argmax(apart))
        raise DataError(
            f"{rows.path}, line {rows.lines[row]}: {dates[row]} is out of step with the other rows, one every "
            f"{_duration(step)}; correct it, or make the series regular first."
        )
    gaps = _gaps(name, rows, step, treatments)
    for gap in gaps:
        if missing == "error":
            row = dates.searchsorted(gap) - 1
            raise DataError(
                f"{rows.path}, line {rows.lines[row]}: after {dates[row]}, {gap} is missing in {name!r}, one row every "
                f"{_duration(step)} ({len(gaps):,} missing in all); set data.missing=ffill to take the row before, or "
                "data.missing=drop to leave the gaps."
            )
        treatments.add("filled gap" if missing == "ffill" else "gap", f"{gap} in {name}")
    return table.reindex(dates.union(gaps), method="ffill").rename_axis("date") if missing == "ffill" else table


def _gaps(name: str, rows: Rows, step: pd.Timedelta, treatments: Treatments) -> pd.DatetimeIndex:
    """The missing dates whose time of the week (time of the day in short series) has a row elsewhere."""
    dates = rows.table.index
    span = dates[-1] - dates[0]
    if span / step > SPARSE * len(dates):
        raise DataError(
            f"{rows.path}: {name!r} has {len(dates):,} rows from {dates[0]} to {dates[-1]}, too few for one every "
            f"{_duration(step)}; correct the dates."
        )
    missing = pd.date_range(dates[0], dates[-1], freq=step, unit=dates.unit).difference(dates)
    period = next((period for period in (7 * DAY, DAY) if span >= 2 * period), step)
    gaps = missing[((missing - dates[0]) % period).isin((dates - dates[0]) % period)]
    if len(gaps) < len(missing):
        treatments.add("closed", name)
    return gaps


def _note_jumps(name: str, table: pd.DataFrame, positive: tuple[str, ...], treatments: Treatments) -> None:
    """Notes the largest factor of each row with a jump."""
    if not positive:
        return
    values = table[list(positive)].to_numpy()
    factors = values[1:] / values[:-1]
    for row in np.flatnonzero((np.abs(factors - 1) > JUMP).any(axis=1)):
        column = int(np.argmax(np.abs(np.log(factors[row]))))
        treatments.add(
            "jump", f"{name} on {_date(table.index[row + 1])}, {positive[column]} times {factors[row, column]:.3g}"
        )


def _check_frequencies(tables: dict[str, pd.DataFrame]) -> None:
    steps = {name: frequency(table) for name, table in tables.items()}
    shortest, longest = min(steps, key=steps.__getitem__), max(steps, key=steps.__getitem__)
    if steps[longest] > ALIKE * steps[shortest]:
        raise DataError(
            f"the series differ in frequency: {shortest!r} has a row every {_duration(steps[shortest])}, "
            f"{longest!r} every {_duration(steps[longest])}; load them apart."
        )


def _date(stamp: pd.Timestamp) -> str:
    return str(stamp).removesuffix(" 00:00:00")


def _duration(step: pd.Timedelta) -> str:
    return str(step.to_pytimedelta()).removesuffix(", 0:00:00")
