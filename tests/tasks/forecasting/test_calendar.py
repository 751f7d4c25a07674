"""Dates that come next, against the calendars of pandas, and minutes since 1970."""

import numpy as np
import pandas as pd
import pytest

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import prices
from keras_recurrent.pipelines.tasks.forecasting.calendar import minutes, next_dates


def dates_of(*texts, unit="D"):
    return np.array(texts, f"datetime64[{unit}]")


def continues(dates, known):
    """Whether the first of the dates are followed by the others."""
    dates = np.asarray(dates)
    np.testing.assert_array_equal(next_dates(dates[:known], len(dates) - known), dates[known:])


@pytest.mark.parametrize(
    ("frequency", "known"),
    [
        ("s", 100),
        ("min", 3),
        ("5min", 5000),
        ("7min", 3000),
        ("h", 24 * 100),
        ("6h", 100),
        ("23h", 200),
        ("D", 2),
        ("D", 100),
        ("36h", 50),
        ("B", 100),
        ("C", 100),
        ("48h", 20),
        ("W-FRI", 5),
        ("14D", 5),
        ("28D", 5),
        ("MS", 2),
        ("MS", 30),
        ("ME", 2),
        ("ME", 3),
        ("ME", 30),
        ("2MS", 7),
        ("QS", 2),
        ("QS-FEB", 9),
        ("QE", 3),
        ("QE", 9),
        ("6ME", 4),
        ("YS", 2),
        ("YE", 5),
        ("YE-FEB", 3),
        ("2YS", 3),
    ],
)
@pytest.mark.parametrize("start", ["2022-12-31 16:30", "2024-01-30"])
def test_regular_dates_go_on(frequency, known, start):
    if frequency == "C":  # a week of trading days from Sunday to Thursday
        frequency = pd.offsets.CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu")
    continues(pd.date_range(start, periods=known + 40, freq=frequency), known)


def test_trading_hours_leave_out_nights_and_weekends():
    days = pd.bdate_range("2024-01-02", periods=80)
    opening = pd.timedelta_range("09:30:00", "15:30:00", freq="h")
    hours = np.add.outer(days.to_numpy(), opening.to_numpy()).ravel()
    for known in (100, 103, 500):
        continues(hours, known)


def test_minutes_of_an_exchange_go_on_next_morning_and_after_the_weekend():
    days = pd.bdate_range("2024-01-02", periods=16)
    opening = pd.timedelta_range("09:30:00", "15:59:00", freq="min")
    continues(np.add.outer(days.to_numpy(), opening.to_numpy()).ravel(), 390 * 14 + 200)


def test_below_two_weeks_times_of_the_day_count():
    """Of three days nobody knows that nothing is open on Saturday, but that nothing is at night."""
    hours = np.add.outer(pd.date_range("2024-01-03", periods=5).to_numpy(), np.arange(9, 17) * np.timedelta64(1, "h"))
    continues(hours.ravel(), 24)


def test_below_two_days_all_hours_count():
    hours = dates_of("2024-01-03T14", "2024-01-03T15", "2024-01-03T16", unit="h")
    assert next_dates(hours, 2).astype(str).tolist() == ["2024-01-03T17", "2024-01-03T18"]


def test_times_that_closed_long_ago_stay_closed():
    every_day = np.arange("2023-01-01", "2024-01-01", dtype="datetime64[D]")
    trading = np.arange("2024-01-01", "2024-04-01", dtype="datetime64[D]")
    trading = trading[np.is_busday(trading)]
    found = next_dates(np.concatenate([every_day, trading]), 20)
    assert np.is_busday(found).all()
    assert (np.diff(found) <= np.timedelta64(3, "D")).all()


def test_a_last_date_off_the_grid_is_followed_by_dates_on_it():
    hours = np.arange("2024-01-01T00:00", "2024-02-01T00:00", 60, dtype="datetime64[m]")
    hours[-1] += np.timedelta64(10, "m")
    assert next_dates(hours, 2).astype(str).tolist() == ["2024-02-01T00:00", "2024-02-01T01:00"]
    hours[-1] -= np.timedelta64(20, "m")
    assert next_dates(hours, 1).astype(str).tolist() == ["2024-01-31T23:00"]


def test_after_a_long_hole_the_step_alone_is_known():
    dates = np.append(np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]"), dates_of("2024-08-02"))
    assert next_dates(dates, 2).astype(str).tolist() == ["2024-08-03", "2024-08-04"]


def test_last_trading_days_of_months_are_followed_by_their_ends():
    dates = pd.date_range("2023-01-01", "2024-05-31", freq="BME").to_numpy()
    expected = ["2024-06-30", "2024-07-31", "2024-08-31"]
    assert next_dates(dates, 3).astype("datetime64[D]").astype(str).tolist() == expected
    assert next_dates(dates[:-2], 1).astype("datetime64[D]").item().isoformat() == "2024-04-30"


def test_first_trading_days_of_months_are_followed_by_their_starts():
    dates = pd.date_range("2023-01-01", "2024-06-05", freq="BMS").to_numpy()
    assert dates[-1] == np.datetime64("2024-06-03")
    assert next_dates(dates, 2).astype("datetime64[D]").astype(str).tolist() == ["2024-07-01", "2024-08-01"]


def test_a_day_that_a_month_lacks_is_its_last_one():
    dates = dates_of("2023-08-30", "2023-09-30", "2023-10-30", "2023-11-30", "2023-12-30")
    assert next_dates(dates, 3).astype(str).tolist() == ["2024-01-30", "2024-02-29", "2024-03-30"]


def test_a_day_in_the_middle_of_the_month_stays():
    dates = dates_of("2023-09-15", "2023-10-15", "2023-11-15")
    assert next_dates(dates, 3).astype(str).tolist() == ["2023-12-15", "2024-01-15", "2024-02-15"]


def test_prices_go_on_but_for_holidays():
    """Google's days from 2004 to 2008: what is forecast is open, but for the exchange's holidays."""
    (table,) = prices.load().tables.values()
    dates = table.index.to_numpy()
    for known in (40, 400, 700):
        found = next_dates(dates[:known], 40)
        came = dates[(dates > dates[known - 1]) & (dates <= found[-1])]
        assert np.isin(came, found).all()
        assert 0 <= len(found) - len(came) <= 3


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
def test_the_unit_stays(unit):
    days, months = dates_of("2024-01-01", "2024-01-02", unit=unit), dates_of("2024-01-31", "2024-02-29", unit=unit)
    assert next_dates(days, 1).dtype == days.dtype
    np.testing.assert_array_equal(next_dates(days, 2), dates_of("2024-01-03", "2024-01-04"))
    assert next_dates(months, 1).dtype == months.dtype
    np.testing.assert_array_equal(next_dates(months, 2), dates_of("2024-03-31", "2024-04-30"))


def test_dates_before_1970_go_on():
    assert next_dates(dates_of("1969-12-30", "1969-12-31"), 1).item().isoformat() == "1970-01-01"
    continues(pd.bdate_range("1960-01-01", periods=90), 50)


@pytest.mark.parametrize("count", [0, 1])
def test_one_date_has_no_step(count):
    with pytest.raises(DataError, match=f"A series of {count} dates has no step"):
        next_dates(dates_of("2024-01-01")[:count], 1)


def test_minutes_count_from_1970_and_are_rounded_down():
    dates = dates_of("1970-01-01T00:01:59", "1969-12-31T23:59:01", "2024-02-29T12:00:00", unit="ns")
    found = minutes(dates)
    assert found.dtype == np.int32
    assert found.tolist() == [1, -1, int(pd.Timestamp("2024-02-29 12:00").timestamp()) // 60]
    np.testing.assert_array_equal(found.astype("datetime64[m]"), dates.astype("datetime64[m]"))


def test_minutes_reach_to_the_ends_of_int32():
    ends = np.array([-(2**31), 2**31 - 1])
    np.testing.assert_array_equal(minutes(ends.astype("datetime64[m]").astype("datetime64[s]")), ends)
    for beyond in (-(2**31) - 1, 2**31):
        with pytest.raises(DataError, match="32 bits"):
            minutes(np.array([0, beyond]).astype("datetime64[m]"))


@pytest.mark.parametrize("text", ["9999-12-31", "NaT"])
def test_placeholders_are_refused_by_name(text):
    with pytest.raises(DataError, match=f"^{text}"):
        minutes(dates_of("2024-01-01", text))
