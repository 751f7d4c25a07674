"""Google's prices that come with matplotlib: the file's own numbers, in the form that other series have."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import cbook

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import prices, series


def test_the_table_has_the_numbers_of_the_file():
    with np.load(cbook.get_sample_data("goog.npz", asfileobj=False)) as archive:
        rows = archive["price_data"]
    found = prices.load()
    (table,) = found.tables.values()
    assert list(table) == ["Open", "High", "Low", "Close", "Volume", "Adj Close"]
    assert found.notes == ()
    for row, (stamp, values) in zip(rows, table.iterrows(), strict=True):
        assert stamp == pd.Timestamp(row["date"].item())
        assert values.tolist() == [float(row[name.lower().replace(" ", "_")]) for name in table]


def test_it_is_what_a_file_of_the_same_rows_gives(tmp_path):
    found = prices.load()
    found.tables["GOOG"].to_csv(tmp_path / "GOOG.csv")
    names = ("Open", "High", "Low", "Close", "Adj Close")
    read = series.load(tmp_path / "GOOG.csv", "date", None, positive=names, not_negative=("Volume",))
    assert read.notes == ()
    pd.testing.assert_frame_equal(read.tables["GOOG"], found.tables["GOOG"])


def test_known_days():
    """The first day after the offering at 85 dollars, and the first and last day, a Thursday and a Tuesday."""
    table = prices.load().tables["GOOG"]
    assert table.loc["2004-08-19"].tolist() == [100.0, 104.06, 95.96, 100.34, 22351900.0, 100.34]
    assert [day.day_name() for day in table.index[[0, -1]]] == ["Thursday", "Tuesday"]
    assert (table["Low"] <= table[["Open", "Close"]].min(axis=1)).all()
    assert (table["High"] >= table[["Open", "Close"]].max(axis=1)).all()
    assert series.frequency(table) == pd.Timedelta(days=1)


def test_matplotlib_without_its_samples(monkeypatch):
    def missing(name):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(cbook, "get_sample_data", missing)
    with pytest.raises(DataError, match=r"goog.npz can't be read \(No such file or directory\); install matplotlib"):
        prices.load()
