"""Windows lie where a naive loop finds them, and a leak that is planted into the splits is found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.errors import DataError, UsageError
from keras_recurrent.pipelines.tasks.forecasting import splits
from keras_recurrent.pipelines.tasks.forecasting.leaks import LeakError

FIRST = np.datetime64("2020-01-01")
CUTS = {"validation_from": FIRST + 60, "test_from": FIRST + 80}
SPLITS = ("train", "validation", "test")


def series(start, steps, seed=0, columns=("x",)):
    """Random walks on dates that are so many days apart, from so many days after the first one on."""
    values = np.random.default_rng(seed).normal(size=(len(steps), len(columns))).cumsum(axis=0)
    dates = (FIRST + start + np.cumsum(steps)).astype("datetime64[ns]")
    return pd.DataFrame(values, index=pd.DatetimeIndex(dates, name="date"), columns=list(columns))


def made(tables, window=6, horizon=3, before=0, names=("values",), columns=("x",), **options):
    stack = splits.stacked(tables, tuple(next(iter(tables.values()))))
    options = CUTS | {"target": "level"} | options
    return splits.make(stack, columns, options.pop("target"), window, horizon, before=before, names=names, **options)


@pytest.fixture
def two():
    """Fixture: the splits of a series of 100 days and one of 85, with 2 rows before each window."""
    return made({"a": series(0, [1] * 100), "b": series(15, [1] * 85, 1)}, before=2)


# Where windows lie


def by_loops(tables, window, horizon, before, validation_from, test_from, stride):
    """Starts of the windows of each split, found by looking at the dates of every piece of every series."""
    found, first = {name: [] for name in SPLITS}, 0
    for name in sorted(tables):
        dates = tables[name].index.to_numpy()
        for start in range(before, len(dates) - window - horizon + 1):
            whole, future = dates[start - before : start + window + horizon], dates[start + window :][:horizon]
            if all(whole < validation_from):
                found["train"].append(first + start)
            elif all(validation_from <= future) and all(future < test_from):
                found["validation"].append(first + start)
            elif all(test_from <= future):
                found["test"].append(first + start)
        first += len(dates)
    return found | {"train": found["train"][::stride]}


several = st.lists(
    st.tuples(st.integers(0, 20), st.lists(st.integers(1, 3), min_size=3, max_size=40)), min_size=1, max_size=4
)


@given(
    several,
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(0, 4),
    st.integers(8, 40),
    st.integers(1, 25),
    st.integers(1, 3),
)
def test_windows_lie_where_a_loop_finds_them(given_series, window, horizon, before, validation, length, stride):
    tables = {f"s{9 - n}": series(start, steps, n) for n, (start, steps) in enumerate(given_series)}
    cuts = {"validation_from": FIRST + validation, "test_from": FIRST + validation + length}
    expected = by_loops(tables, window, horizon, before, *cuts.values(), stride)
    enough = all((table.index < cuts["validation_from"]).sum() > 1 for table in tables.values())
    if not enough or not all(expected.values()):
        with pytest.raises(DataError) as caught:
            made(tables, window, horizon, before, stride=stride, **cuts)
        assert not isinstance(caught.value, LeakError)
        return
    data = made(tables, window, horizon, before, stride=stride, **cuts)
    lengths = [len(tables[name]) for name in sorted(tables)]
    of_row = np.repeat(np.arange(len(tables)), lengths)
    for name in SPLITS:
        split = getattr(data, name)
        assert split.windows.starts.tolist() == expected[name]
        np.testing.assert_array_equal(split.windows.series, of_row[expected[name]])
        assert split.inputs["values"].shape == (len(split), before + window, 1)
        assert split.labels.shape == (len(split), horizon, 1)
    values = np.concatenate([tables[name].to_numpy() for name in sorted(tables)])
    start = expected["test"][-1]
    np.testing.assert_allclose(data.test.inputs["values"][-1], values[start - before : start + window], rtol=1e-6)


@given(st.integers(20, 60), st.sampled_from([0.1, 700.0]), st.sampled_from(["level", "log_return", "volatility"]))
def test_no_number_after_the_training_changes_what_is_fitted(validation, change, target):
    tables = {"a": series(0, [1] * 90).abs() + 1, "b": series(9, [1, 2] * 45, 1).abs() + 1}
    cuts = {"validation_from": FIRST + validation, "test_from": FIRST + validation + 10}
    before = made(tables, 2, 1, target=target, **cuts)
    for table in tables.values():
        table.loc[table.index >= cuts["validation_from"]] *= change
    after = made(tables, 2, 1, target=target, **cuts)
    np.testing.assert_array_equal(before.scale.means, after.scale.means)
    np.testing.assert_array_equal(before.scale.deviations, after.scale.deviations)
    np.testing.assert_array_equal(before.train.labels, after.train.labels)
    np.testing.assert_array_equal(before.train.inputs["values"], after.train.inputs["values"])
    assert (before.test.labels != after.test.labels).any()


def test_the_protocol_of_hourly_transformers():
    """ETTh1: 12, 4 and 4 months of 30 days; windows of validation and test begin in the split before them."""
    hours = pd.date_range("2016-07-01", periods=17420, freq="h", name="date")
    table = pd.DataFrame({"OT": np.random.default_rng(0).normal(size=17420)}, index=hours)
    stack = splits.before_date(splits.stacked({"ETTh1": table}, ("OT",)), hours.to_numpy()[14400])
    cuts = {"validation_from": hours.to_numpy()[8640], "test_from": hours.to_numpy()[11520]}
    for window, horizon in ((336, 96), (96, 720)):
        data = splits.make(stack, ("OT",), "level", window, horizon, before=0, names=("values",), **cuts)
        assert data.sizes() == {
            "train": 8640 - window - horizon + 1,
            "validation": 2880 - horizon + 1,
            "test": 2880 - horizon + 1,
        }
        assert data.test.origins[0] == hours[11519]
        assert data.test.ends_of_futures[-1, 1] == hours[14399]
        training = table["OT"][:8640].astype(np.float32)
        np.testing.assert_allclose(data.scale.means, training.mean(), rtol=1e-4)
        expected = (table["OT"][11520 : 11520 + horizon] - training.mean()) / training.std(ddof=0)
        np.testing.assert_allclose(data.test.labels[0, :, 0], expected, rtol=1e-3, atol=1e-4)


def test_labels_are_the_standardised_steps_that_follow(two):
    table = series(15, [1] * 85, 1)["x"].astype(np.float32)
    mean, deviation = table[:44].mean(), table[:44].std(ddof=0)
    rows = two.test.windows.series == 1
    np.testing.assert_allclose(two.test.labels[rows][-1, :, 0], (table[-3:] - mean) / deviation, rtol=1e-4)
    assert two.test.origins[rows][-1] == table.index[-4]
    np.testing.assert_array_equal(two.test.ends_of_futures[rows][-1], table.index[[-3, -1]])


def test_features_are_fitted_on_training_rows_alone():
    seen = []

    def fit(rows):
        seen.extend(rows)
        return np.zeros((2, 1)), np.ones((2, 1))

    data = made({"a": series(0, [1] * 100), "b": series(15, [1] * 85, 1)}, fit_features=fit)
    assert [(rows.start, rows.stop) for rows in seen] == [(0, 59), (100, 144)]
    assert data.stack.dates[58] < CUTS["validation_from"] <= data.stack.dates[59]
    assert data.features[1].shape == (2, 1)


def test_a_volatility_needs_a_row_more():
    data = made({"a": series(0, [1] * 100).abs() + 1}, target="volatility")
    assert data.train.before == 1
    assert data.train.windows.starts[0] == 1
    returns = np.log(series(0, [1] * 100)["x"].abs() + 1).diff()[1:59]
    assert data.train.inputs["values"].shape[1:] == (7, 1)
    np.testing.assert_allclose(data.train.labels[0, 0, 0], returns.iloc[6] ** 2 / (returns**2).mean(), rtol=1e-3)


# The reader


@settings(max_examples=20)
@given(st.integers(0, 4), st.sampled_from([("values",), ("series", "values"), ("values", "minutes", "series")]))
def test_the_reader_gives_what_inputs_and_labels_give(before, names):
    tables = {"a": series(0, [1] * 60, 0, ("x", "y")), "b": series(20, [1] * 70, 1, ("x", "y"))}
    data = made(tables, before=before, names=names, columns=("y", "x"), test_from=FIRST + 75)
    for split in (data.train, data.test):
        order = np.random.default_rng(before).permutation(len(split))
        order = np.append(order, order[:2])  # a row may be asked for twice
        inputs, labels = split.reader()(order)
        assert tuple(inputs) == names == tuple(split.inputs)
        for name in names:
            expected = split.inputs[name][order]
            assert inputs[name].dtype == expected.dtype
            np.testing.assert_array_equal(inputs[name], expected)
        np.testing.assert_array_equal(labels, split.labels[order])
        part = split[order]
        np.testing.assert_array_equal(part.labels, split.labels[order])
        np.testing.assert_array_equal(part.reader()(np.arange(3))[1], split.labels[order[:3]])


def test_minutes_and_series_stand_beside_the_values():
    data = made({"a": series(0, [1] * 100), "b": series(15, [1] * 85, 1)}, names=("values", "minutes", "series"))
    inputs, split = data.test.inputs, data.test
    assert inputs["minutes"].dtype == inputs["series"].dtype == np.int32
    assert set(inputs["series"]) == {0, 1}
    assert inputs["minutes"][0, -1] == (split.origins[0] - np.datetime64("1970-01-01")) / np.timedelta64(1, "m")


# Dates that divide


def test_rows_from_a_date_on_are_left_out_and_series_without_any():
    stack = splits.stacked({"late": series(50, [1] * 9), "a": series(0, [1] * 40), "b": series(20, [1] * 40)}, ("x",))
    assert stack.names == ("a", "b", "late")
    cut = splits.before_date(stack, FIRST + 41)
    assert (cut.names, cut.firsts.tolist(), len(cut.values)) == (("a", "b"), [0, 40], 60)
    np.testing.assert_array_equal(cut.values, np.concatenate([stack.values[:40], stack.values[40:60]]))
    assert cut.dates.max() == FIRST + 40
    with pytest.raises(UsageError, match=r"data\.until: no row is before 2020-01-02; the first one is of 2020-01-02"):
        splits.before_date(stack, FIRST + 1)


@given(st.integers(10, 400), st.floats(0.05, 0.45), st.floats(0.05, 0.45))
def test_shares_of_the_dates(count, validation, test):
    """Each date counts once, however many series have it."""
    days = FIRST + np.arange(count)
    first, second = splits.boundaries(np.concatenate([days, days[::2]]), validation, test)
    assert abs((days >= second).mean() - test) <= 0.5 / count + 1e-9 or second == days[-1]
    assert abs(((days >= first) & (days < second)).mean() - validation) <= 1 / count + 1e-9


@pytest.mark.parametrize(
    ("validation", "test"), [(20, 10), (10, 10), (0, 10), (-5, 10), (10, 31), (40, 50)], ids=lambda days: f"day {days}"
)
def test_dates_that_do_not_divide_are_refused(validation, test):
    """Of 31 days, from day 0 to day 30."""
    with pytest.raises(UsageError, match="must rise within the dates of the data, 2020-01-01 to 2020-01-31; they are"):
        splits.check_order(FIRST + np.arange(31), FIRST + validation, FIRST + test)


@pytest.mark.parametrize(("validation", "test"), [(1, 2), (1, 30), (29, 30)])
def test_dates_that_divide(validation, test):
    splits.check_order(FIRST + np.arange(31), FIRST + validation, FIRST + test)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 57}, ["the training split", "57 known steps and 3 to forecast", "100 rows", "2020-03-01"]),
        ({"horizon": 21}, ["the validation split", "21 to forecast", "2020-03-01 and 2020-03-21"]),
        ({"test_from": FIRST + 99}, ["the test split", "2020-04-09"]),
        ({"before": 52}, ["the training split", "behind 52 rows that features are made of"]),
    ],
)
def test_a_split_without_windows_is_told_with_its_numbers(options, words):
    with pytest.raises(DataError) as caught:
        made({"a": series(0, [1] * 100)}, **options)
    assert [word for word in [*words, "data.window", "data.validation_from"] if word not in str(caught.value)] == []


def test_a_series_without_a_test_is_noted():
    data = made({"a": series(0, [1] * 100), "b": series(0, [1] * 70), "c": series(0, [1] * 81)})
    assert data.notes == ("2 series have no test window, since they are too short or end before: b, c",)


def test_a_series_that_begins_after_the_training_is_refused():
    with pytest.raises(DataError, match="'b' has 0 training rows"):
        made({"a": series(0, [1] * 100), "b": series(65, [1] * 35)})


# Planted leaks


def with_windows(data, split, *starts):
    """The splits with more windows, by their first rows."""
    own = getattr(data, split)
    of = np.searchsorted(data.stack.firsts, starts, side="right") - 1
    windows = replace(
        own.windows,
        starts=np.append(own.windows.starts, starts),
        series=np.append(own.windows.series, of.astype(np.int32)),
    )
    return replace(data, **{split: replace(own, windows=windows)})


def fitted(data):
    return splits.training_rows(data.stack, data.validation_from)


def test_splits_without_a_leak_pass(two):
    splits.check_leaks(two, fitted(two))


@pytest.mark.parametrize("number", [0, 1])
def test_a_scale_that_was_fitted_on_one_row_more(two, number):
    rows = fitted(two)
    rows[number] = slice(rows[number].start, rows[number].stop + 1)
    with pytest.raises(LeakError, match=r"The scaler was fitted on 1 of 104 rows .* 2020-02-29, .* 2020-03-01"):
        splits.check_leaks(two, rows)


@pytest.mark.parametrize("start", [51, 144 - 8, 57])
def test_a_training_window_that_reaches_over_the_end_of_training(two, start):
    """Training ends before row 59 of the first series, and before row 144 = 100 + 44 of the second."""
    words = r"1 of \d+ windows cross the end of the train split or of a series, .* the next part begins at 2020-03-01"
    with pytest.raises(LeakError, match=words):
        splits.check_leaks(with_windows(two, "train", start), fitted(two))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("start", [92, 99])
def test_a_window_from_one_series_into_the_next(two, split, start):
    with pytest.raises(LeakError, match=r"1 of \d+ windows cross the end of the \w+ split or of a series"):
        splits.check_leaks(with_windows(two, split, start), fitted(two))


@pytest.mark.parametrize("start", [100, 101])
def test_a_window_whose_features_are_made_of_the_series_before(two, start):
    with pytest.raises(LeakError, match="or of a series"):
        splits.check_leaks(with_windows(two, "train", start), fitted(two))
    splits.check_leaks(with_windows(two, "train", 102), fitted(two))


@pytest.mark.parametrize("start", [71, 100 + 56])
def test_a_validation_window_whose_future_reaches_into_the_test(two, start):
    """The test begins with row 79 of the first series, and 164 = 100 + 64 of the second."""
    with pytest.raises(LeakError, match=r"1 of .* cross the end of the validation split .* 2020-03-21"):
        splits.check_leaks(with_windows(two, "validation", start), fitted(two))


def test_a_validation_window_whose_future_lies_in_the_test(two):
    with pytest.raises(LeakError, match=r"The validation split has targets .* the test split has them from 2020-03-21"):
        splits.check_leaks(replace(two, validation=two.test[[10]]), fitted(two))


@pytest.mark.parametrize(("split", "words"), [("validation", "The training split"), ("test", "The validation split")])
def test_a_window_of_the_split_before(two, split, words):
    earlier = {"validation": 50, "test": 70}[split]
    with pytest.raises(LeakError, match=f"{words} has targets up to .* Split the targets by date"):
        splits.check_leaks(with_windows(two, split, earlier), fitted(two))


def test_dates_out_of_order(two):
    """The last known step of a window is dated after what is to be forecast."""
    dates = two.stack.dates.copy()
    dates[[30, 31]] = dates[[31, 30]]
    stack = replace(two.stack, dates=dates)
    data = replace(two, **{name: replace(getattr(two, name), stack=stack) for name in SPLITS})
    with pytest.raises(LeakError, match=r"1 of .* have a feature of 2020-02-02 for a target of 2020-02-01"):
        splits.check_leaks(data, fitted(two))


def test_each_making_is_checked(monkeypatch):
    """With the windows of training not ended, or the scale fitted on everything."""
    tables, real = {"a": series(0, [1] * 100)}, splits.windows_between
    with monkeypatch.context() as patch:
        patch.setattr(
            splits,
            "windows_between",
            lambda windows, stack, before, start, end, whole: real(
                windows, stack, before, start, end + 1 if whole else end, whole
            ),
        )
        with pytest.raises(LeakError, match="cross the end of the train split"):
            made(tables)
    monkeypatch.setattr(splits, "training_rows", lambda stack, date: [slice(0, 60)])
    with pytest.raises(LeakError, match="The scaler was fitted on 1 of 60 rows"):
        made(tables)


def test_a_series_without_a_training_window_is_left_out_and_said_to_be():
    late = series(55, [1] * 45, 1)  # five training rows, and windows of the validation and the test
    data = made({"a": series(0, [1] * 100), "late": late})
    for name in SPLITS:
        assert set(getattr(data, name).windows.series) == {0}
    assert "1 series have no training window and are left out: late" in data.notes


def test_what_has_no_logarithm_is_told_with_its_date():
    table = series(0, [1] * 30).abs() + 1
    table.iloc[7] = 0.0
    stack = splits.stacked({"a": series(0, [1] * 20).abs() + 1, "b": table}, ("x",))
    splits.check_positive(splits.before_date(stack, FIRST + 7), ["x"])
    with pytest.raises(DataError, match="'x' of the series 'b' is 0 on 2020-01-09"):
        splits.check_positive(stack, ["x"])
