"""Time series from files: what was written comes back in order, treatments are counted, damage is told and where."""

import csv
import gzip
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.errors import DataError, UsageError
from keras_recurrent.pipelines.sources import series

DAILY = "date,close,volume\n2016-01-04,10.5,100\n2016-01-05,11,0\n2016-01-06,12,300\n"


@pytest.fixture
def refused():
    """Fixture: checks that a reading fails with one message that holds all of these words."""

    def check(path, *words, error=DataError, columns=None, **options):
        with pytest.raises(error) as caught:
            series.load(path, "date", columns, **options)
        said = str(caught.value)
        assert "\n" not in said
        missing = [word for word in words if word not in said]
        assert not missing, f"{missing} not in: {said}"

    return check


def load(path, columns=None, **options):
    return series.load(path, "date", columns, **options)


def rows(dates, values, header="date,close"):
    return "\n".join([header, *(f"{day},{value}" for day, value in zip(dates, values, strict=True))]) + "\n"


def hours(count, start="2016-01-04"):
    return [str(stamp) for stamp in pd.date_range(start, periods=count, freq="h")]


# What was written comes back

numbers = st.floats(allow_nan=False, allow_infinity=False)
days = st.dates(datetime(1700, 1, 1).date(), datetime(2020, 1, 1).date())


@given(
    st.dictionaries(days, st.tuples(numbers, numbers), min_size=2, max_size=12), st.booleans(), st.sampled_from(",;\t")
)
def test_what_was_written_comes_back_in_order(table, gz, delimiter):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.csv.gz" if gz else "a.csv")
        with (gzip.open if gz else open)(path, "wt", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter=delimiter).writerows(
                [("x", "date", "an y"), *((repr(x), day.isoformat(), repr(y)) for day, (x, y) in table.items())]
            )
        found = load(path)
    assert list(found.tables) == ["a"]
    frame = found.tables["a"]
    assert [stamp.date() for stamp in frame.index] == sorted(table)
    assert frame.index.is_monotonic_increasing
    assert frame.index.is_unique
    assert (frame.index.name, frame.index.tz, list(frame)) == ("date", None, ["x", "an y"])
    assert (frame.dtypes == np.float64).all()
    assert frame.to_numpy().tolist() == [list(table[day]) for day in sorted(table)]
    assert any("series sorted by date: 1 (a" in note for note in found.notes) == (list(table) != sorted(table))


SPELLINGS = {
    "%Y-%m-%d": {},
    "%Y/%m/%d": {},
    "%Y%m%d": {},
    "%m/%d/%Y": {},
    "%d/%m/%Y": {},
    "%d.%m.%Y": {},
    "%d-%m-%Y": {},
    "%d-%b-%y": {"date_format": "%d-%b-%y"},
    "%Y-%m-%dT%H:%M:%S": {},
    "%Y-%m-%d %H:%M": {},
    "%m/%d/%Y %H:%M": {},
    "%d.%m.%Y %H:%M:%S": {},
    "%Y-%m-%d %H:%M:%S.%f": {},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_dates_of_any_common_form(file, spelling):
    daily = [datetime(1999, 12, 1) + timedelta(days=n) for n in range(40)]
    path = file("a.csv", rows([day.strftime(spelling) for day in daily], range(40)))
    frame = load(path, **SPELLINGS[spelling]).tables["a"]
    assert frame.index.tolist() == daily
    assert frame["close"].tolist() == list(range(40))


@pytest.mark.parametrize("unit", [1, 1000])
def test_unix_time(file, unit):
    seconds = [1483142400 + 60 * n for n in range(5)]
    found = load(file("a.csv", rows([unit * second for second in seconds], range(5))))
    assert found.tables["a"].index.tolist() == [
        datetime.fromtimestamp(second, UTC).replace(tzinfo=None) for second in seconds
    ]
    assert found.notes == (
        "files with dates that have offsets or are unix time, converted to one zone and kept without it: "
        "1 (a.csv to UTC)",
    )


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "Asia/Taipei"])
def test_offsets_over_a_change_to_summer_time(file, zone):
    """The standard library's own zones are the oracle."""
    berlin = ZoneInfo("Europe/Berlin")
    stamps = [datetime(2016, 3, 26, 12, tzinfo=UTC) + timedelta(hours=n) for n in range(24)]
    written = [stamp.astimezone(berlin).isoformat(" " if n % 2 else "T") for n, stamp in enumerate(stamps)]
    assert {text[-6:] for text in written} == {"+01:00", "+02:00"}
    found = load(file("a.csv", rows(written, range(24))), timezone=zone)
    wanted = [stamp.astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=None) for stamp in stamps]
    assert found.tables["a"].index.tolist() == wanted
    assert f"(a.csv to {zone or 'UTC'})" in found.notes[0]


def test_z_and_utc_are_offsets(file):
    found = load(
        file("a.csv", rows(["2016-01-01T00:00Z", "2016-01-01 01:00:00 UTC", "2016-01-01 03:00+0100"], [1, 2, 3]))
    )
    assert [stamp.hour for stamp in found.tables["a"].index] == [0, 1, 2]


def test_an_hour_that_comes_twice_when_clocks_go_back(file, refused):
    stamps = [datetime(2016, 10, 29, 22, tzinfo=UTC) + timedelta(hours=n) for n in range(8)]
    path = file("a.csv", rows([stamp.isoformat() for stamp in stamps], range(8)))
    refused(path, "line 5", "2016-10-30 02:00:00 in Europe/Berlin", "data.timezone=UTC", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["1234.5", "-.5", "1e3"], {}),
        (["1.234,5", "-0,5", "1000"], {"decimal": ",", "thousands": "."}),
        (["1234,5", "-,5", "1,0e3"], {"decimal": ","}),
        (["1,234.5", "-0.5", "1,000"], {"thousands": ","}),
        (["1 234,5", "-0,5", "1\u00a0000"], {"decimal": ",", "thousands": " "}),
        (["1'234.5", "-0.5", "1’000.00"], {"thousands": "'"}),
    ],
)
def test_numbers_as_they_are_written(file, texts, options):
    quoted = [f'"{text}"' for text in texts]
    path = file("a.csv", rows(["2016-01-04", "2016-01-05", "2016-01-06"], quoted))
    assert load(path, **options).tables["a"]["close"].tolist() == [1234.5, -0.5, 1000.0]


def test_a_folder_has_one_series_a_file(file, tmp_path):
    for name in ("b.csv", "a.csv"):
        file(name, DAILY)
    (tmp_path / "C.X.csv.gz").write_bytes(gzip.compress(DAILY.encode()))
    file("README.md", "text")
    file(".hidden.csv", "broken")
    found = load(tmp_path, ("volume",))
    assert list(found.tables) == ["C.X", "a", "b"]
    assert found.tables["b"]["volume"].tolist() == [100, 0, 300]
    assert found.notes == ("files and folders left out that are no CSV files: 1 (README.md)",)


def test_a_long_file_holds_several_series(file):
    lines = ["ticker,date,close", "B,2016-01-05,4", " A ,2016-01-04,1", "B,2016-01-04,3", "A,2016-01-05,2"]
    found = load(file("a.csv", "\n".join(lines)), series_column="ticker")
    assert {name: table["close"].tolist() for name, table in found.tables.items()} == {"A": [1, 2], "B": [3, 4]}
    assert found.notes == ("series sorted by date: 1 (B, newest first)",)


def test_columns_without_numbers_are_left_out(file):
    text = "date,close,name,,none\n2016-01-04,1,x,1,\n2016-01-05,2,y,2,NaN\n"
    found = load(file("a.csv", text))
    assert list(found.tables["a"]) == ["close"]
    assert found.notes == (
        "columns left out that have no name or no number: 3 ('name' of a.csv; '' of a.csv; 'none' of a.csv)",
    )


def test_what_pandas_wrote_comes_back(file):
    rng = np.random.default_rng(0)
    written = pd.DataFrame(rng.lognormal(0, 5, (300, 6)), columns=list("abcdef"))
    written.insert(0, "date", pd.date_range("2000-01-01", periods=300, freq="D"))
    path = file("a.csv", written.to_csv(index=False))
    found = load(path).tables["a"]
    np.testing.assert_array_equal(found.to_numpy(), written[list("abcdef")].to_numpy())
    assert (found.index == written["date"]).all()


# Treatments

cells = st.lists(st.tuples(*2 * [st.one_of(st.none(), st.integers(1, 9))]), min_size=3, max_size=15)


@given(cells, st.sampled_from(["", "NaN", "null", "N/A"]), st.randoms())
def test_missing_cells(table, empty, random):
    """Against loops over the rows in the order of their dates; the file has them in any order."""
    dated = [(f"2016-01-{day + 1:02d}", row) for day, row in enumerate(table)]
    kept = [list(row) for _, row in dated if None not in row]
    filled, last = [], [None, None]
    for _, row in dated:
        last = [new if new is not None else old for new, old in zip(row, last, strict=True)]
        if None not in last:
            filled.append(last)
    fills = sum(row.count(None) for _, row in dated[len(table) - len(filled) :])
    random.shuffle(dated)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(
            rows(
                [day for day, _ in dated],
                [f"{empty if x is None else x},{empty if y is None else y}" for _, (x, y) in dated],
                "date,x,y",
            )
        )
        for treatment, wanted in (("drop", kept), ("ffill", filled)):
            if len(wanted) < 2:
                with pytest.raises(DataError):
                    load(path, ("x", "y"), missing=treatment)
                continue
            found = load(path, ("x", "y"), missing=treatment)
            assert found.tables["a"].to_numpy().tolist() == wanted
            counts = {
                "rows with a missing cell dropped": len(table) - len(kept) if treatment == "drop" else 0,
                "rows dropped whose missing cell": len(table) - len(filled) if treatment == "ffill" else 0,
                "missing cells filled": fills if treatment == "ffill" else 0,
            }
            for start, count in counts.items():
                (note,) = [note for note in found.notes if note.startswith(start)] or [": 0 "]
                assert f": {count} " in note
        if len(kept) == len(table):
            assert load(path).tables["a"].to_numpy().tolist() == kept
        else:
            line, (x, _) = next((n, row) for n, (_, row) in enumerate(dated, 2) if None in row)
            with pytest.raises(
                DataError, match=f"a.csv, line {line}, column '{'x' if x is None else 'y'}'.*data.missing"
            ):
                load(path, ("x", "y"))


def test_a_missing_date_is_dropped_or_refused(file, refused):
    path = file("a.csv", DAILY + ",13,1\n")
    refused(path, "a.csv, line 5, column 'date'", "data.missing=drop")
    refused(path, "a.csv, line 5, column 'date'", missing="ffill")
    found = load(path, missing="drop")
    assert len(found.tables["a"]) == 3
    assert found.notes == ("rows with a missing cell dropped: 1 (line 5 of a.csv)",)


def test_newest_first(file):
    found = load(file("a.csv", rows(["2016-01-06", "2016-01-05", "2016-01-04"], [3, 2, 1])))
    assert found.tables["a"]["close"].tolist() == [1, 2, 3]
    assert found.notes == ("series sorted by date: 1 (a, newest first)",)


def test_repeated_rows(file, refused):
    found = load(file("a.csv", DAILY + "2016-01-05,11.0,0\n\n2016-01-05,11,0\n"))
    assert found.tables["a"]["close"].tolist() == [10.5, 11, 12]
    assert "blank lines left out: 1 (line 6 of a.csv)" in found.notes
    assert "rows dropped that repeat another one: 2 (line 5 of a.csv; line 7 of a.csv)" in found.notes
    empty = "2016-01-07,,4\n"
    found = load(file("a.csv", DAILY + empty + empty), missing="ffill")
    assert found.tables["a"].iloc[3].tolist() == [12, 4]
    assert "rows dropped that repeat another one: 1 (line 6 of a.csv)" in found.notes
    path = file("b.csv", DAILY + "2016-01-05,11,1\n")
    refused(path, "lines 3 and 5, column 'volume'", "2016-01-05", "0.0 and 1.0", "data.series_column")


def test_a_missing_hour(file, refused):
    kept = [n for n in range(100) if n not in (40, 41, 77)]
    path = file("a.csv", rows([hours(100)[n] for n in kept], kept))
    refused(path, "line 41", "2016-01-05 16:00:00 is missing", "3 missing", "data.missing=ffill")
    found = load(path, missing="ffill")
    assert found.tables["a"]["close"].tolist() == [39 if n in (40, 41) else 76 if n == 77 else n for n in range(100)]
    assert found.tables["a"].index.name == "date"
    assert found.notes[0].startswith("missing dates filled with the row before: 3 (2016-01-05 16:00:00 in a; ")
    found = load(path, missing="drop")
    assert found.tables["a"]["close"].tolist() == kept
    assert found.notes[0].startswith("missing dates left as gaps: 3 (")


def test_trading_hours_are_no_gaps(file, refused):
    stamps = [stamp for stamp in pd.date_range("2016-01-04 09:30", periods=24 * 28, freq="h") if stamp.day_of_week < 5]
    stamps = [stamp for stamp in stamps if 9 <= stamp.hour < 16]
    found = load(file("a.csv", rows(stamps, range(len(stamps)))))
    assert len(found.tables["a"]) == len(stamps) == 7 * 20
    assert found.notes == ("series with times of the day or week that never have a row; these are no gaps: 1 (a)",)
    del stamps[30]
    refused(file("a.csv", rows(stamps, range(len(stamps)))), "line 31", "2016-01-08 11:30:00 is missing")


def test_a_row_out_of_step(file, refused):
    refused(file("a.csv", rows([*hours(20), "2016-01-04 20:10:00"], range(21))), "line 22", "out of step", "1:00:00")


def test_a_date_of_long_ago_among_seconds(file, refused):
    stamps = ["1970-01-01 00:00:00", *pd.date_range("2016-01-04", periods=20, freq="s")]
    refused(file("a.csv", rows(stamps, range(21))), "21 rows from 1970-01-01 00:00:00", "too few")


def test_long_holes_between_days_are_noted(file):
    weekdays = pd.bdate_range("2016-01-04", "2016-03-31")
    kept = [day for day in weekdays if not "2016-02-01" <= str(day.date()) <= "2016-02-11"]
    assert load(file("a.csv", rows(weekdays, range(len(weekdays))))).notes == ()
    assert load(file("a.csv", rows(kept, range(len(kept))))).notes == (
        "holes of more than 10 days: 1 (a from 2016-01-29 to 2016-02-12)",
    )
    weeks = pd.date_range("2016-01-04", periods=10, freq="7D").delete(4)
    assert "a from 2016-01-25 to 2016-02-08" in load(file("a.csv", rows(weeks, range(9)))).notes[0]
    months = pd.date_range("2015-01-31", periods=24, freq="ME")
    assert load(file("a.csv", rows(months, range(24)))).notes == ()


def test_jumps_are_noted(file):
    prices = [100, 139, 100, 61, 30, 60, 60, 20, 50, 90]
    found = load(file("a.csv", rows(pd.bdate_range("2016-01-04", periods=10), prices)), positive=("close",))
    (note,) = found.notes
    assert note.startswith("jumps of more than 40% from one row to the next, possibly splits without adjustment: 5 (")
    assert note.endswith(
        "(a on 2016-01-08, close times 0.492; a on 2016-01-11, close times 2; a on 2016-01-13, close times 0.333; "
        "and 2 more)"
    )


def test_of_a_row_that_jumps_in_several_columns_the_largest_jump_is_named(file):
    path = file("a.csv", "date,low,high\n2016-01-04,10,20\n2016-01-05,5,5\n2016-01-06,5,5\n")
    (note,) = load(path, positive=("low", "high")).notes
    assert note.endswith(": 1 (a on 2016-01-05, high times 0.25)")


def test_the_most_common_step():
    table = pd.DataFrame(index=pd.to_datetime(["2016-01-01", "2016-01-03", "2016-01-05", "2016-01-06", "2016-01-07"]))
    assert series.frequency(table) == pd.Timedelta(days=1)
    assert series.frequency(table[:4]) == pd.Timedelta(days=2)
    assert series.frequency(table[1:4]) == pd.Timedelta(days=1)


# What is refused

GOOD = "date,close\n2016-01-04,1\n2016-01-05,2\n"
BROKEN = {
    "empty": ("", {}, ["a.csv is empty"]),
    "header only": ("date,close\n", {}, ["a.csv", "no rows"]),
    "one row": ("date,close\n2016-01-04,1\n", {}, ["1 usable row"]),
    "no date column": ("day,close\n2016-01-04,1\n", {}, ["line 1", "'date'", "Known: close, day"]),
    "no such column": (GOOD, {"columns": ("closs",)}, ["line 1", "'closs'", "Did you mean 'close'"]),
    "no numbers": ("date,name\n2016-01-04,x\n", {}, ["no column of numbers ('name' begins with 'x')"]),
    "too many cells": (GOOD + "2016-01-06,1,2\n", {}, ["line 4", "3 fields, expected 2"]),
    "too few cells": (GOOD + "2016-01-06\n", {}, ["line 4", "1 fields, expected 2"]),
    "broken quote": (GOOD + '2016-01-06,"1\n', {}, ["line 4", "quotes"]),
    "bytes": (GOOD.encode() + b"2016-01-06,1\xe9\n", {}, ["line 4", "e9", "not utf-8"]),
    "gzip": (gzip.compress(GOOD.encode())[:-9], {}, ["a.csv", "truncated"]),
    "encoding": (GOOD, {"encoding": "utf8000"}, ["utf8000"]),
    "text": (GOOD + "2016-01-06,abc\n", {}, ["a.csv, line 4, column 'close': 'abc' is no number"]),
    "underscore": (GOOD + "2016-01-06,1_000\n", {}, ["line 4, column 'close'", "no number"]),
    "wide digits": (GOOD + "2016-01-06,１２\n", {}, ["line 4, column 'close'", "no number"]),
    "decimal comma": (GOOD + '2016-01-06,"1,5"\n', {}, ["line 4", "'1,5'", "set data.decimal=','."]),
    "thousands": (GOOD + '2016-01-06,"1,234.5"\n', {}, ["set data.decimal='.' with data.thousands=','."]),
    "either": (GOOD + '2016-01-06,"1,234"\n', {}, ["data.decimal='.' with data.thousands=',' or data.decimal=','."]),
    "German": (GOOD + '2016-01-06,"1.234,5"\n', {}, ["set data.decimal=',' with data.thousands='.'."]),
    "point": (GOOD + "2016-01-06,1.25\n", {"decimal": ","}, ["'1.25'", "data.decimal='.'"]),
    "wrong groups": (GOOD + '2016-01-06,"1,5"\n', {"thousands": ","}, ["line 4", "data.decimal=','"]),
    "infinite": (GOOD + "2016-01-06,-inf\n", {}, ["line 4, column 'close'", "infinite"]),
    "too large": (GOOD + "2016-01-06,1e999\n", {}, ["line 4, column 'close'", "infinite"]),
    "zero": (GOOD + "2016-01-06,0\n", {"positive": ("close",)}, ["line 4, column 'close': 0.0 is not positive"]),
    "negative": (GOOD + "2016-01-06,-1\n", {"not_negative": ("close",)}, ["line 4, column 'close': -1.0"]),
    "no date": (GOOD + "soon,1\n", {}, ["line 4, column 'date'", "'soon'", "same form"]),
    "no date at all": ("date,close\nsoon,1\n", {}, ["line 2, column 'date'", "data.date_format"]),
    "30 February": (GOOD + "2016-02-30,1\n", {}, ["line 4, column 'date'", "is no date"]),
    "another form": (GOOD + "06/01/2016,1\n", {}, ["line 4", "'06/01/2016'", "'2016-01-04'"]),
    "format": (GOOD, {"date_format": "%d.%m.%Y"}, ["line 2", "'%d.%m.%Y'"]),
    "offsets mixed": (rows(["2016-01-04T00:00Z", "2016-01-05T00:00"], [1, 2]), {}, ["line 3", "has no offset"]),
    "ambiguous": (rows(["01/02/2016", "02/02/2016"], [1, 2]), {}, ["'01/02/2016'", "=%d/%m/%Y or %m/%d/%Y"]),
    "both ways": (rows(["13/01/2016", "01/14/2016"], [1, 2]), {}, ["line 3", "'01/14/2016' and '13/01/2016'"]),
    "year": (rows([2015, 2016], [1, 2]), {}, ["line 2", "%Y"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(file, refused, name):
    content, options, words = BROKEN[name]
    refused(file("a.csv", content), *words, **options)


def test_ambiguous_dates_with_a_format(file):
    found = load(file("a.csv", rows(["02/01/2016", "03/01/2016"], [1, 2])), date_format="%d/%m/%Y")
    assert [str(day.date()) for day in found.tables["a"].index] == ["2016-01-02", "2016-01-03"]


def test_dates_to_come(file, refused):
    now = datetime.now(UTC)
    refused(file("a.csv", GOOD + f"{now.date() + timedelta(days=2)},1\n"), "line 4, column 'date'", "future")
    later = (now + timedelta(minutes=10)).isoformat()
    refused(file("a.csv", rows(["2016-01-04T00:00Z", later], [1, 2])), "line 3", "future")
    load(file("a.csv", rows([now.date() - timedelta(days=1), now.date()], [1, 2])))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"decimal": ",", "thousands": ","}, ["data.thousands", "differ"]),
        ({"timezone": "Mars/Olympus"}, ["Mars/Olympus"]),
        ({"date_format": "mixed"}, ["mixed", "strptime"]),
        ({"date_format": "%Q"}, ["%Q", "strptime"]),
        ({"positive": ("open",)}, ["'open'", "Known: close"]),
    ],
)
def test_wrong_options(file, refused, options, words):
    refused(file("a.csv", GOOD), *words, error=UsageError, **options)


def test_places_without_series(file, tmp_path, refused):
    refused(tmp_path, "no CSV file")
    refused(tmp_path / "a.csv", "no such file")
    refused(file("a.jsonl", "{}"), "unknown ending")
    refused(file("a.csv.gz", GOOD), "no gzip file")


def test_series_that_do_not_fit_together(file, tmp_path, refused):
    file("x/a.csv", GOOD)
    file("x/b.csv", rows(hours(30), range(30)))
    refused(tmp_path / "x", "'b' has a row every 1:00:00", "'a' every 1 day")
    file("y/a.csv", GOOD)
    file("y/b.csv", DAILY)
    refused(tmp_path / "y", "b.csv has the columns close, volume", "a.csv has close", "data.targets")
    assert list(load(tmp_path / "y", ("close",)).tables) == ["a", "b"]
    file("y/a.csv", "date,volume,close\n2016-01-04,1,10\n2016-01-05,2,11\n")
    assert {tuple(table) for table in load(tmp_path / "y").tables.values()} == {("volume", "close")}
    file("z/a.csv", GOOD)
    file("z/a.tsv", GOOD)
    refused(tmp_path / "z", "'a' is both in", "a.tsv")


def test_many_files_are_read_soon(tmp_path):
    """500 files of 1,250 rows are to take 15 seconds; a tenth of them, by the processor's time."""
    days = pd.bdate_range("2012-01-02", periods=1250)
    walk = np.exp(np.random.default_rng(0).normal(0, 0.01, (1250, 5)).cumsum(axis=0))
    table = pd.DataFrame(walk, index=days, columns=["Open", "High", "Low", "Close", "Adj Close"])
    text = table.assign(Volume=100).to_csv(index_label="date", float_format="%.6f")
    for number in range(50):
        (tmp_path / f"T{number:02d}.csv").write_text(text)
    began = time.process_time()
    found = load(tmp_path, positive=tuple(table), not_negative=("Volume",))
    assert time.process_time() - began < 1.5
    assert len(found.tables) == 50
