"""Features, scales and units inside a model, against pandas and SciPy; and the same after saving and loading."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.forecasting import inputs as forecast_inputs
from keras_recurrent.pipelines.tasks.forecasting import splits
from keras_recurrent.pipelines.tasks.forecasting.calendar import minutes
from keras_recurrent.pipelines.tasks.forecasting.features import CALENDAR, Feature
from keras_recurrent.pipelines.tasks.forecasting.inputs import Features, InUnits, Standardize
from keras_recurrent.pipelines.tasks.forecasting.scales import Scale

COLUMNS = ("close", "volume")
DATES = pd.date_range("2019-12-28 21:37", periods=90, freq="7h")
LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.995)
KINDS = ("value", "change", "moving_mean", "log_return", "absolute_return", "moving_deviation", "log_change")


def table(seed=0, size=100.0):
    random = np.random.default_rng(seed)
    close = size * np.exp(random.normal(0, 0.02, len(DATES)).cumsum())
    return pd.DataFrame({"close": close, "volume": random.integers(0, 500, len(DATES)).astype(float)}, index=DATES)


def by_pandas(x, kind, n):
    """A feature by its definition; rows that have none are NaN."""
    returns = np.log(x / x.shift(1))
    match kind:
        case "value":
            return x
        case "change":
            return x.diff(n)
        case "moving_mean":
            return x.rolling(n).mean() - x
        case "log_return":
            return np.log(x / x.shift(n))
        case "absolute_return":
            return np.log(x / x.shift(n)).abs()
        case "moving_deviation":
            return (returns**2).rolling(n).mean() ** 0.5
        case "log_change":
            return np.log((1 + x) / (1 + x.shift(n)))


def call(layer, frame, series=None):
    values = frame.to_numpy(np.float32)[None]
    return np.asarray(layer(values, minutes(frame.index.to_numpy())[None], series))[0]


def layer_of(*features, means=0.0, deviations=1.0):
    shape = (1, len(features))
    made = [Feature(**each).model_dump() for each in features]
    return Features(made, COLUMNS, np.full(shape, means).tolist(), np.full(shape, deviations).tolist())


@given(st.sampled_from(KINDS), st.integers(1, 30), st.sampled_from(COLUMNS), st.integers(0, 5))
def test_each_kind_of_feature_against_pandas(kind, steps, column, seed):
    if kind in ("log_return", "absolute_return", "moving_deviation"):
        column = "close"
    frame, feature = table(seed), {"kind": kind, "column": column, "steps": steps}
    found = call(layer_of(feature), frame)[:, 0]
    expected = by_pandas(frame[column], kind, steps)
    missing = int(expected.isna().sum())
    assert missing == Feature(**feature).before == len(frame) - len(found)
    atol = 2e-6 * (np.abs(expected).max() if kind in ("value", "change") else max(1, frame[column].max() / 50))
    np.testing.assert_allclose(found, expected.dropna(), rtol=1e-4, atol=atol)


def test_a_feature_of_the_past_knows_nothing_later():
    """Each row is the same if everything behind it changes."""
    features = [{"kind": kind, "column": "close", "steps": 4} for kind in KINDS]
    frame, layer = table(), layer_of(*features)
    changed = frame.copy()
    changed.iloc[50:] *= 3
    found, other = call(layer, frame), call(layer, changed)
    np.testing.assert_array_equal(found[: 50 - 4], other[: 50 - 4])
    assert (found[50 - 4] != other[50 - 4]).any()


def test_the_calendar_against_pandas():
    """Years are all 365.2425 days long, to the minute."""
    found = call(layer_of(*({"kind": kind} for kind in CALENDAR)), table())
    assert found.shape == (len(DATES), 6)
    hour = DATES.hour + DATES.minute / 60
    thursday = (DATES.day_of_week - 3) % 7  # 1970-01-01 was one
    since = (DATES - pd.Timestamp(0)) / pd.Timedelta(days=365.2425)
    for place, turns in enumerate((hour / 24, (thursday + hour / 24) / 7, since)):
        angle = 2 * np.pi * np.asarray(turns)
        np.testing.assert_allclose(found[:, 2 * place], np.sin(angle), atol=3e-4)
        np.testing.assert_allclose(found[:, 2 * place + 1], np.cos(angle), atol=3e-4)


def test_the_calendar_before_1970():
    days = pd.date_range("1965-03-01", periods=14)
    frame = pd.DataFrame({"close": 1.0, "volume": 1.0}, index=days)
    found = call(layer_of({"kind": "day_of_week"}), frame)
    np.testing.assert_allclose(found[:, 0], np.sin(2 * np.pi * ((days.day_of_week - 3) % 7) / 7), atol=1e-5)


def test_all_features_end_with_the_last_row():
    frame = table()
    layer = layer_of({"kind": "change", "column": "close", "steps": 9}, {"kind": "value", "column": "volume"})
    found = call(layer, frame)
    assert found.shape == (len(frame) - 9, 2)
    np.testing.assert_array_equal(found[:, 1], frame["volume"][9:].astype(np.float32))


def test_features_are_fitted_on_the_rows_given_alone():
    features = [Feature(kind="log_change", column="volume", steps=3), Feature(kind="hour")]
    features += [Feature(kind="moving_mean", column="close", steps=5)]
    frames = [table(0)[:40], table(1, 5.0)[:60]]
    means, deviations = forecast_inputs.fit_features(
        features, COLUMNS, [frame.to_numpy(np.float32) for frame in frames], ("a", "b")
    )
    assert means.shape == deviations.shape == (2, 3)
    assert (means[:, 1].tolist(), deviations[:, 1].tolist()) == ([0, 0], [1, 1])
    for number, frame in enumerate(frames):
        for place, column in ((0, "volume"), (2, "close")):
            expected = by_pandas(frame[column], features[place].kind, features[place].steps).dropna()
            np.testing.assert_allclose(means[number, place], expected.mean(), rtol=1e-3, atol=1e-5)
            np.testing.assert_allclose(deviations[number, place], expected.std(ddof=0), rtol=1e-4)
    layer = Features([each.model_dump() for each in features], COLUMNS, means.tolist(), deviations.tolist())
    for number, frame in enumerate(frames):
        found = call(layer, frame, np.array([number], np.int32))
        np.testing.assert_allclose(found[:, 0].std(), 1, rtol=0.1)
        expected = by_pandas(frame["close"], "moving_mean", 5).dropna()
        np.testing.assert_allclose(
            found[:, -1], (expected - expected.mean()) / expected.std(ddof=0), rtol=1e-3, atol=1e-3
        )


def test_a_feature_that_never_changes_is_zero_and_one_that_is_too_long_is_refused():
    rows = [table()[:20].assign(volume=7.0).to_numpy(np.float32)]
    value, change = Feature(kind="value", column="volume"), Feature(kind="change", column="close", steps=19)
    means, deviations = forecast_inputs.fit_features([value], COLUMNS, rows, ("a",))
    assert (means.tolist(), deviations.tolist()) == ([[7.0]], [[1.0]])
    with pytest.raises(DataError, match="'a' has 20 training rows, too few for the feature change of 19 steps"):
        forecast_inputs.fit_features([value, change], COLUMNS, rows, ("a",))


# Whole models


def data_of(target="level", features=(), before=0, names=("values",), count=2):
    """Splits of one or two series of two columns, the second of which is forecast first."""
    tables = {f"s{number}": table(number, 10.0 ** (2 * number)).add(1) for number in range(count)}
    stack = splits.stacked(tables, COLUMNS)
    options = {"validation_from": DATES[50].to_numpy(), "test_from": DATES[70].to_numpy()}

    def fit(rows):
        return forecast_inputs.fit_features(features, COLUMNS, [stack.values[part] for part in rows], stack.names)

    options |= {"before": before, "names": names, "fit_features": fit if features else None}
    return splits.make(stack, COLUMNS[::-1], target, 8, 3, **options)


FEATURES = (Feature(kind="moving_deviation", column="close", steps=4), Feature(kind="hour"))
ALL = ("values", "minutes", "series")


@pytest.mark.parametrize("target", ["level", "log_return", "volatility"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_model_reads_what_the_labels_are_made_of(target, count, tmp_path):
    """Its standardised window goes on with the label; it answers in the units of the data. So after saving."""
    data = data_of(target, FEATURES, before=4, names=ALL[: 1 + count], count=count)
    inputs, targets, (features,) = forecast_inputs.network_inputs(data, FEATURES)
    last = targets[:, -3:]
    inner = keras.Model(inputs, last)
    model = keras.Model(inputs, [targets, features, forecast_inputs.forecasts_in_units(inner, data.scale, "point", ())])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    split, windows = data.test, data.test.windows
    rows = windows.starts[:, None] + np.arange(8)
    for each in (model, loaded):
        z, made, units = each.predict(split.inputs, verbose=0)
        np.testing.assert_allclose(z, windows.values[rows], rtol=2e-3, atol=2e-3)
        assert made.shape == (len(split), 8, 3)
        raw = data.stack.values[rows[:, -3:]][..., ::-1]
        if target == "volatility":
            raw = np.abs(np.log(raw / data.stack.values[rows[:, -4:-1]][..., ::-1]))
        np.testing.assert_allclose(units, raw, rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(loaded.predict(split.inputs, verbose=0)[1], model.predict(split.inputs, verbose=0)[1])


def test_features_of_a_window_are_those_of_its_rows():
    data = data_of("level", FEATURES, before=4, names=ALL)
    inputs, _, (features,) = forecast_inputs.network_inputs(data, FEATURES)
    found = keras.Model(inputs, features).predict(data.test.inputs, verbose=0)
    close = table(1, 100.0).add(1)["close"]
    expected = by_pandas(close, "moving_deviation", 4)
    training = expected[:50].dropna()
    wanted = (expected[-11:-3] - training.mean()) / training.std(ddof=0)
    np.testing.assert_allclose(found[-1, :, 0], wanted, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[-1, :, 1], np.sin(2 * np.pi * (DATES.hour + 37 / 60) / 24)[-11:-3], atol=0.02)


def test_an_embedding_tells_series_apart():
    data = data_of(names=("values", "series"))
    inputs, _, (vector,) = forecast_inputs.network_inputs(data, (), embedding=3)
    found = keras.Model(inputs, vector).predict(data.test.inputs, verbose=0)
    assert found.shape == (len(data.test), 8, 3)
    assert len(np.unique(found.reshape(-1, 3), axis=0)) == 2


def test_layers_keep_their_settings():
    data = data_of("log_return", FEATURES, before=4, names=ALL)
    scale = forecast_inputs.of_scale(data.scale)
    for layer in (
        Standardize(COLUMNS, ("a", "b"), **scale),
        InUnits("student_t", LEVELS, **scale),
        Features([each.model_dump() for each in FEATURES], COLUMNS, *(part.tolist() for part in data.features)),
    ):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


# Quantiles of distributions


@given(st.floats(-50, 50), st.floats(1e-3, 1e3))
def test_quantiles_of_a_normal_distribution(mean, deviation):
    z = np.float32([[[[mean, deviation]]]])
    found = forecast_inputs.distribution_quantiles(keras.ops.convert_to_tensor(z), "gaussian", LEVELS)
    expected = stats.norm.ppf(LEVELS, mean, deviation)
    np.testing.assert_allclose(np.asarray(found)[0, 0, 0], expected, rtol=1e-5, atol=1e-5 * (abs(mean) + deviation))


@settings(max_examples=30)
@given(st.floats(2.01, 1e4), st.floats(-50, 50), st.floats(1e-3, 1e3))
def test_quantiles_of_a_t_distribution(df, location, scale):
    z = np.float32([[[[df, location, scale]]]])
    found = forecast_inputs.distribution_quantiles(keras.ops.convert_to_tensor(z), "student_t", LEVELS)
    standard = stats.t.ppf(LEVELS, df)
    atol = 1e-3 * np.abs(scale * standard) + 1e-6 * abs(location) + 1e-6
    assert (np.abs(np.asarray(found)[0, 0, 0] - (location + scale * standard)) <= atol).all()


@pytest.mark.parametrize("output", ["point", "quantiles"])
def test_other_answers_are_left_as_they_are(output):
    z = keras.ops.ones((2, 3, 1, 4))
    assert forecast_inputs.distribution_quantiles(z, output, LEVELS) is z


def test_quantiles_of_log_prices_are_those_of_prices():
    """Quantiles go with every rising function, other than means."""
    scale = Scale("log_return", np.array([[4.0]]), np.array([[0.02]]))
    layer = InUnits("gaussian", LEVELS, **forecast_inputs.of_scale(scale))
    found = np.asarray(layer(np.float32([[[[3.0, 1.5]]]])))[0, 0, 0]
    expected = stats.lognorm(s=0.02 * 1.5, scale=np.exp(4 + 0.02 * 3)).ppf(LEVELS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (np.diff(found) > 0).all()


def test_a_scale_of_another_series_gives_other_units():
    scale = Scale("level", np.array([[0.0], [100.0]]), np.array([[1.0], [10.0]]))
    layer = InUnits("point", (), **forecast_inputs.of_scale(scale))
    found = np.asarray(layer(np.ones((3, 2, 1), np.float32), np.array([1, 0, 1], np.int32)))
    assert found[:, :, 0].tolist() == [[110, 110], [1, 1], [110, 110]]
    assert replace(scale, target="log_return").in_units(np.zeros((1, 1, 1)), np.array([0])) == 1
