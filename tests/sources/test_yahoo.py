"""Prices from Yahoo, with a stand-in for yfinance: no test here asks the network."""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keras_recurrent.pipelines.core.errors import DataError, UsageError
from keras_recurrent.pipelines.sources import yahoo

START, END = date(2020, 3, 2), date(2020, 3, 14)
COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]


class Yahoo:
    """Stands in for yfinance: it gives midnights of the exchange, with the end exclusive."""

    __version__ = "1.2.3"

    def __init__(self):
        self.asked = []
        self.change = lambda table: table

    def Ticker(self, ticker):  # noqa: N802
        return SimpleNamespace(history=lambda **options: self.history(ticker, **options))

    def history(self, ticker, start, end, interval, auto_adjust, actions):
        assert (interval, actions) == ("1d", False)
        self.asked.append((ticker, start, end, auto_adjust))
        days = pd.bdate_range(start, end, inclusive="left", tz="Asia/Taipei", name="Date")
        prices = 100 + len(ticker) + np.sin(np.arange(len(days)))[:, None] + np.array([[0, 2, -2, 1 / 3, 0.1]])
        table = pd.DataFrame(prices, days, COLUMNS[:-1]).assign(Volume=1000)
        return self.change(table.drop(columns="Adj Close") if auto_adjust else table)


@pytest.fixture
def source(monkeypatch):
    """Fixture: yfinance as a module that counts what it is asked."""
    module = Yahoo()
    monkeypatch.setitem(sys.modules, "yfinance", module)
    return module


@pytest.mark.parametrize("adjusted", [False, True])
def test_prices_are_downloaded_once_and_frozen(source, tmp_path, monkeypatch, adjusted):
    folder = tmp_path / "prices"
    found = yahoo.load(["^GSPC", "KO"], START, END, folder, adjusted)
    assert source.asked == [(ticker, "2020-03-02", "2020-03-14", adjusted) for ticker in ("^GSPC", "KO")]
    assert list(found.tables) == ["^GSPC", "KO"]
    table = found.tables["KO"]
    assert list(table) == [name for name in COLUMNS if not (adjusted and name == "Adj Close")]
    assert [str(day) for day in table.index] == [f"2020-03-{day:02d} 00:00:00" for day in (*range(2, 7), *range(9, 14))]
    given = source.history("KO", "2020-03-02", "2020-03-14", "1d", adjusted, False)
    np.testing.assert_array_equal(table.to_numpy(), given.to_numpy())

    assert (folder / "KO.csv").read_text().startswith(f"Date,{','.join(table)}\n2020-03-02,")
    about = json.loads((folder / "KO.json").read_text())
    fetched = datetime.fromisoformat(about.pop("fetched"))
    assert timedelta(0) <= datetime.now(UTC) - fetched < timedelta(minutes=5)
    assert about == {
        "adjusted": adjusted,
        "start": "2020-03-02",
        "end": "2020-03-14",
        "ticker": "KO",
        "yfinance": "1.2.3",
    }

    monkeypatch.setitem(sys.modules, "yfinance", None)  # as if it were not installed
    again = yahoo.load(["KO"], START, END, folder, adjusted)
    pd.testing.assert_frame_equal(again.tables["KO"], table)


def test_days_without_a_price_are_dropped_and_noted(source, tmp_path):
    source.change = lambda table: table.mul(np.where(table.index.day == 4, np.nan, 1), axis=0).assign(Volume=0)
    found = yahoo.load(["KO"], START, END, tmp_path, False)
    assert len(found.tables["KO"]) == 9
    assert found.notes == ("rows with a missing cell dropped: 1 (line 4 of KO.csv)",)


def test_without_yfinance(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(UsageError, match=r'pip install "keras-recurrent\[yahoo\]"'):
        yahoo.load(["KO"], START, END, tmp_path, False)


def refused(words, *arguments, error=DataError):
    with pytest.raises(error) as caught:
        yahoo.load(*arguments)
    said = str(caught.value)
    assert "\n" not in said
    assert not [word for word in words if word not in said], said


def test_what_was_frozen_otherwise_is_refused(source, tmp_path):
    yahoo.load(["KO"], START, END, tmp_path, False)
    refused(["KO.json", "adjusted False (asked for: True)"], ["KO"], START, END, tmp_path, True)
    later = START + timedelta(days=1)
    refused(["start 2020-03-02 (asked for: 2020-03-03)", "another folder"], ["KO"], later, END, tmp_path, False)
    (tmp_path / "KO.json").write_text("{}")
    refused(["KO.json", "remove both"], ["KO"], START, END, tmp_path, False)
    (tmp_path / "KO.json").unlink()
    refused(["KO.json", "remove both"], ["KO"], START, END, tmp_path, False)
    assert len(source.asked) == 1


def failing(table):
    raise ConnectionError("no route\nto host")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (failing, ["KO", "no route"]),
        (lambda table: table.iloc[:0], ["no prices of KO from 2020-03-02 to 2020-03-14"]),
        (
            lambda table: table.drop(columns="Adj Close"),
            ["yfinance 1.2.3", "expected Open, High, Low, Close, Adj Close"],
        ),
    ],
)
def test_a_download_that_fails_leaves_nothing(source, tmp_path, change, words):
    source.change = change
    refused(words, ["KO"], START, END, tmp_path, False)
    assert list(tmp_path.iterdir()) == []


def test_prices_that_were_not_adjusted_are_no_adjusted_ones(source, tmp_path):
    """yfinance logs a failure to adjust, and gives the prices as they are."""
    source.change = lambda table: table.assign(**{"Adj Close": table["Close"]})
    refused(["Adj Close", "expected Open, High, Low, Close, Volume"], ["KO"], START, END, tmp_path, True)


@pytest.mark.parametrize(
    ("tickers", "start", "end", "words"),
    [
        ([], START, END, ["ticker"]),
        (["../KO"], START, END, ["'../KO'"]),
        (["a/b"], START, END, ["'a/b'"]),
        ([""], START, END, ["''"]),
        (["KO"], END, START, ["start"]),
        (["KO"], START, datetime.now(UTC).date() + timedelta(days=1), ["at most"]),
    ],
)
def test_wrong_requests(source, tmp_path, tickers, start, end, words):
    refused(words, tickers, start, end, tmp_path, False, error=UsageError)
    assert not source.asked
