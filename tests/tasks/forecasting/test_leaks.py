"""Each guard passes without a leak, and fails on one that is planted."""

import numpy as np
import pytest

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.forecasting import leaks
from keras_recurrent.pipelines.tasks.forecasting.leaks import LeakError
from keras_recurrent.pipelines.tasks.forecasting.windows import Windows

DAYS = np.arange("2020-01-01", "2020-04-10", dtype="datetime64[D]")  # 100 days
HOURS = np.arange("2020-01-01T00", "2020-01-05T04", dtype="datetime64[h]").astype("datetime64[ns]")  # 100 hours
NOTHING = np.array([], "datetime64[D]")
MISSING = np.array(["NaT"], "datetime64[D]")


def windows(*starts):
    """Of 4 and 2 steps on 100 rows."""
    return Windows(np.zeros((100, 1)), np.array(starts, np.int64), np.zeros(len(starts), np.int32), 4, 2, (0,))


def test_a_leak_is_unusable_data():
    assert issubclass(LeakError, DataError)


def test_scaler_that_saw_training_alone_passes():
    leaks.scaler_saw_only(DAYS[:60], DAYS[59])
    leaks.scaler_saw_only(HOURS[:60][::-1], HOURS[59])


def test_scaler_that_saw_one_day_more():
    with pytest.raises(LeakError, match=r"1 of 61 rows .* last training date 2020-02-29, the first of them 2020-03-01"):
        leaks.scaler_saw_only(DAYS[:61], DAYS[59])


def test_scaler_that_saw_an_hour_more():
    with pytest.raises(LeakError, match=r"40 of 100 rows .* 2020-01-03T11:00, the first of them 2020-01-03T12:00"):
        leaks.scaler_saw_only(HOURS, HOURS[59])


@pytest.mark.parametrize("dates", [NOTHING, np.concatenate([DAYS[:3], MISSING])])
def test_scaler_that_saw_nothing_or_a_missing_date(dates):
    with pytest.raises(LeakError):
        leaks.scaler_saw_only(dates, DAYS[59])


def test_scaler_without_a_last_training_date():
    with pytest.raises(LeakError):
        leaks.scaler_saw_only(DAYS[:3], MISSING[0])


@pytest.mark.parametrize("boundaries", [[], [0], [0, 50], [50, 0, 75], [50, 75], [100]])
def test_windows_up_to_the_boundary_and_from_it_on_pass(boundaries):
    leaks.no_window_crosses(windows(0, 44, 50, 69, 75, 94), np.array(boundaries, np.int64), "the end of a series")


@pytest.mark.parametrize("start", [45, 46, 49])
@pytest.mark.parametrize("boundaries", [[50], [75, 50], [0, 50, 75], [50, 52, 53]])
def test_a_window_that_crosses(start, boundaries):
    """Its first row before the boundary and its last one not."""
    pieces = windows(10, start, 80)
    expected = f"1 of 3 windows cross the end of training, .* row {start} to row {start + 5}: .* row 50\\."
    with pytest.raises(LeakError, match=expected):
        leaks.no_window_crosses(pieces, np.array(boundaries), "the end of training")


def test_a_window_that_crosses_is_named_by_its_dates():
    with pytest.raises(
        LeakError, match=r"2 of 2 .* from 2020-02-17 to 2020-02-22: the next part begins at 2020-02-20\."
    ):
        leaks.no_window_crosses(windows(47, 48), np.array([50]), "the end of training", DAYS)


def test_no_windows_are_no_proof():
    with pytest.raises(LeakError, match="no windows"):
        leaks.no_window_crosses(windows(), np.array([50]), "the end of training")


def test_features_of_the_days_before_pass():
    leaks.no_feature_of_the_target_day(DAYS[:9], DAYS[1:10])
    leaks.no_feature_of_the_target_day(DAYS[[[0, 1], [1, 2]]], DAYS[[[2, 3], [3, 4]]])


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_feature_of_the_target_day(shape):
    with pytest.raises(LeakError, match="1 of 2 windows have a feature of 2020-01-04 for a target of 2020-01-04"):
        leaks.no_feature_of_the_target_day(DAYS[[1, 3]].reshape(shape), DAYS[[2, 3]].reshape(shape))


def test_one_late_feature_among_many_against_the_first_target():
    with pytest.raises(LeakError, match="feature of 2020-01-06 for a target of 2020-01-05"):
        leaks.no_feature_of_the_target_day(DAYS[[[0, 5, 1], [1, 2, 3]]], DAYS[[[6, 4], [4, 5]]])


def test_a_feature_at_noon_of_the_target_day():
    with pytest.raises(LeakError, match="2020-01-03T12:00 for a target of 2020-01-03"):
        leaks.no_feature_of_the_target_day(HOURS[60:61], DAYS[2:3])


@pytest.mark.parametrize(
    ("features", "targets"), [(NOTHING, NOTHING), (MISSING, DAYS[:1]), (DAYS[:1], MISSING), (DAYS[:1], DAYS[1:3])]
)
def test_features_that_prove_nothing(features, targets):
    with pytest.raises(LeakError):
        leaks.no_feature_of_the_target_day(features, targets)


def test_splits_in_order_pass():
    leaks.splits_are_in_order(DAYS[:60][::-1], DAYS[60:80], DAYS[80:])


@pytest.mark.parametrize(
    ("train", "validation", "test", "words"),
    [
        (
            DAYS[:61],
            DAYS[60:80],
            DAYS[80:],
            "training split has targets up to 2020-03-01, .* validation .* from 2020-03-01",
        ),
        (
            DAYS[:60],
            DAYS[60:81],
            DAYS[80:],
            "validation split has targets up to 2020-03-21, .* test .* from 2020-03-21",
        ),
        (DAYS[80:], DAYS[60:80], DAYS[:60], "training split has targets up to 2020-04-09, .* from 2020-03-01"),
        (np.append(DAYS[:60], DAYS[90]), DAYS[60:80], DAYS[80:], "training split has targets up to 2020-03-31"),
        (NOTHING, DAYS[60:80], DAYS[80:], "no dates of the training split"),
        (DAYS[:60], DAYS[60:80], NOTHING, "no dates of the test split"),
        (DAYS[:60], np.append(DAYS[60:80], MISSING), DAYS[80:], "NaT"),
    ],
)
def test_splits_out_of_order(train, validation, test, words):
    with pytest.raises(LeakError, match=words):
        leaks.splits_are_in_order(train, validation, test)


def test_dates_that_are_text_are_refused():
    with pytest.raises(TypeError, match="the scaler was fitted on must be datetime64"):
        leaks.scaler_saw_only(np.array(["2020-01-01"]), DAYS[0])
