"""Losses against SciPy, and scores of made forecasts against what NumPy makes of the same numbers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import matthews_corrcoef, mean_pinball_loss

from keras_recurrent.pipelines.stages.report import explained
from keras_recurrent.pipelines.tasks.forecasting import answers as of_answers
from keras_recurrent.pipelines.tasks.forecasting import baselines, splits
from keras_recurrent.pipelines.tasks.forecasting import task as forecasting
from keras_recurrent.pipelines.tasks.forecasting.significance import diebold_mariano

DAYS = pd.date_range("2020-01-01", periods=80)
QUANTILES = (0.1, 0.5, 0.9)
numbers = st.floats(-30, 30)
positive = st.floats(0.05, 20)


def config(target="level", output="point", season=1, horizon=3, bootstrap=0):
    """What the scores ask of a configuration."""
    return SimpleNamespace(
        data=SimpleNamespace(target=target, season=season, horizon=horizon),
        model=SimpleNamespace(output=output, quantiles=QUANTILES),
        training=SimpleNamespace(loss="huber"),
        evaluation=SimpleNamespace(bootstrap=bootstrap),
    )


def frames(count=2):
    """Positive random walks of two columns, the second series a hundred times the first."""
    random = np.random.default_rng(0)
    walks = np.exp(random.normal(0, 0.03, (count, len(DAYS), 2)).cumsum(axis=1))
    return [pd.DataFrame(50 * 100.0**n * walk, index=DAYS, columns=["x", "y"]) for n, walk in enumerate(walks)]


def made(target="level", count=2):
    tables = {f"s{number}": frame for number, frame in enumerate(frames(count))}
    dates = {"validation_from": DAYS[40].to_numpy(), "test_from": DAYS[55].to_numpy()}
    stack = splits.stacked(tables, ("x", "y"))
    return splits.make(stack, ("x", "y"), target, 6, 3, before=0, names=("values",), **dates)


@pytest.fixture
def data():
    """Fixture: splits of two series and two targets."""
    return made()


def by_hand(data):
    """Of each test window in units: what came, what was last known, and mean and deviation of its training rows."""
    parts, tables = [], frames(len(data.stack.names))
    for start, number in zip(data.test.windows.starts, data.test.windows.series, strict=True):
        frame, row = tables[number].astype(np.float32).astype(float), start - number * len(DAYS)
        parts.append((frame[row + 6 : row + 9], frame[row + 5 : row + 6], frame[:40].mean(), frame[:40].std(ddof=0)))
    return [np.stack([np.asarray(part[place]) for part in parts]) for place in range(4)]


def noisy(data, seed=1, size=1.0):
    """Forecasts that miss what came, in units; of each window by as much as a usual value."""
    came, _, _, deviation = by_hand(data)
    return came + size * deviation[:, None] * np.random.default_rng(seed).normal(size=came.shape)


# Losses


@given(numbers, numbers, positive)
def test_gaussian_loss(y, mean, deviation):
    loss = forecasting.gaussian(tf.constant([y], tf.float64), tf.constant([[mean, deviation]], tf.float64))
    np.testing.assert_allclose(loss, -stats.norm.logpdf([y], mean, deviation), rtol=1e-9, atol=1e-9)


@given(numbers, st.floats(2.01, 500), numbers, positive)
def test_student_t_loss(y, df, location, scale):
    loss = forecasting.student_t(tf.constant([y], tf.float64), tf.constant([[df, location, scale]], tf.float64))
    np.testing.assert_allclose(loss, -stats.t.logpdf([y], df, location, scale), rtol=1e-7, atol=1e-7)


def test_losses_in_float32():
    """As they are in training, near and far."""
    y, df = np.float32([0, 1, -8, 40]), np.float32([2.0001, 3, 30, 1e4])
    parameters = np.stack([df, np.full(4, 0.5), np.full(4, 0.3)], axis=-1).astype(np.float32)
    expected = -stats.t.logpdf(y, df, 0.5, 0.3)
    np.testing.assert_allclose(forecasting.student_t(y, parameters), expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(forecasting.gaussian(y, parameters[:, 1:]), -stats.norm.logpdf(y, 0.5, 0.3), rtol=1e-5)


@given(st.lists(numbers, min_size=2, max_size=6), st.lists(numbers, min_size=3, max_size=3))
def test_pinball_loss(values, q):
    q = np.sort(q)
    loss = forecasting.pinball(QUANTILES)(tf.constant(values), tf.constant([q] * len(values), tf.float32))
    of_levels = [
        mean_pinball_loss(np.float32(values), np.full(len(values), np.float32(each)), alpha=level)
        for each, level in zip(q, QUANTILES, strict=True)
    ]
    assert loss.shape == (len(values),)
    np.testing.assert_allclose(np.mean(loss), np.mean(of_levels), rtol=1e-4, atol=1e-5)


@given(st.floats(0, 30), positive)
def test_qlike(square, variance):
    """Twice the negative log-likelihood of a return of that size, but for a constant; least at the true variance."""
    loss = float(forecasting.qlike(tf.constant(square, tf.float64), tf.constant(variance, tf.float64)))
    likelihood = stats.norm.logpdf(np.sqrt(square), 0, np.sqrt(variance))
    assert loss == pytest.approx(-2 * likelihood - np.log(2 * np.pi), rel=1e-9, abs=1e-9)
    if square > 0.01:
        assert loss >= forecasting.qlike(np.float64(square), np.float64(square)) - 1e-9


@given(st.floats(0.001, 0.999), numbers, numbers.filter(lambda change: abs(change) > 0.01))
def test_direction_loss(p, last, change):
    y = last + change
    loss = forecasting.direction(tf.constant([y], tf.float64), tf.constant([[p, last]], tf.float64))
    np.testing.assert_allclose(loss, -stats.bernoulli.logpmf(int(y > last), p), rtol=1e-6)


def test_what_rounding_makes_of_no_change_is_no_rise():
    y, last = np.float64(np.log(25.01) / 0.015), np.float32(np.log(np.float32(25.01))) / np.float32(0.015)
    for known in (last, y - 2e-5, y + 2e-5):
        loss = forecasting.direction(tf.constant([y], tf.float64), tf.constant([[0.9, known]], tf.float64))
        np.testing.assert_allclose(loss, -np.log(0.1), rtol=1e-6)


def test_each_answer_has_its_loss():
    y, parameters = np.float32([[[0.3]]]), np.float32([[[[2.5, 0.1, 0.7]]]])
    for output, loss in (("gaussian", forecasting.gaussian), ("student_t", forecasting.student_t)):
        assert forecasting.compiled(config(output=output))["loss"] is loss
    for target, loss in (("volatility", forecasting.qlike), ("direction", forecasting.direction)):
        assert forecasting.compiled(config(target))["loss"] is loss
    quantiles = forecasting.compiled(config(output="quantiles"))["loss"]
    np.testing.assert_array_equal(quantiles(y, parameters), forecasting.pinball(QUANTILES)(y, parameters))
    assert forecasting.compiled(config())["loss"] == "huber"


# Scores


def test_scores_of_numbers(data):
    came, last, _, deviation = by_hand(data)
    forecast = noisy(data)
    found = forecasting.score(config(season=2), data, forecast)
    error = (forecast - came) / deviation[:, None]
    assert found["mse"] == pytest.approx(np.square(error).mean(), rel=1e-4)
    assert found["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert found["rmse"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-4)
    naive = np.square((came - last) / deviation[:, None]).mean()
    assert found["skill"] == pytest.approx(1 - np.square(error).mean() / naive, rel=1e-3)
    smape = 2 * np.abs(forecast - came) / (np.abs(forecast) + np.abs(came))
    assert found["smape"] == pytest.approx(smape.mean(), rel=1e-4)
    rose, said = came - last > 0, forecast - last > 0
    assert found["direction_accuracy"] == pytest.approx((rose == said).mean())
    assert found["direction_mcc"] == pytest.approx(matthews_corrcoef(rose.ravel(), said.ravel()))
    seasonal = np.stack([frame[:40].astype(np.float32).diff(2) for frame in frames()])[data.test.windows.series]
    units = (forecast - came) / np.nanmean(np.abs(seasonal), axis=1)[:, None]
    assert found["mase"] == pytest.approx(np.abs(units).mean(), rel=1e-4)
    squares = np.square(forecast - came) / np.nanmean(np.square(seasonal), axis=1)[:, None]
    assert found["rmsse"] == pytest.approx(np.sqrt(squares.mean()), rel=1e-4)


def test_scores_of_log_prices_are_of_their_logarithms():
    data = made("log_return")
    came, last, _, _ = by_hand(data)
    forecast = came * np.exp(np.random.default_rng(0).normal(0, 0.05, came.shape))
    root = np.stack([np.sqrt(np.square(np.log(frame[:40]).diff()).mean()) for frame in frames()])
    error = np.log(forecast / came) / root[data.test.windows.series][:, None]
    found = forecasting.score(config("log_return"), data, forecast)
    assert found["mse"] == pytest.approx(np.square(error).mean(), rel=1e-3)
    assert found["direction_accuracy"] == pytest.approx(((forecast > last) == (came > last)).mean())
    assert found["smape"] == pytest.approx((2 * np.abs(forecast - came) / (forecast + came)).mean(), rel=1e-3)


def test_scores_of_volatility():
    data = made("volatility")
    answers = np.full((len(data.test), 3, 2), 0.04)
    found = forecasting.score(config("volatility"), data, answers)
    losses = []
    for number, each in enumerate(frames()):
        returns = np.log(each.astype(np.float32).astype(float)).diff()
        usual = np.square(returns[:40]).mean().to_numpy()
        starts = data.test.windows.starts[data.test.windows.series == number] - number * len(DAYS)
        futures = np.stack([np.square(returns[start + 6 : start + 9]) / usual for start in starts])
        losses.append(np.log(0.04**2 / usual) + futures / (0.04**2 / usual))
    assert found["qlike"] == pytest.approx(np.concatenate(losses).mean(), rel=1e-3)
    assert set(found) == {"qlike", "mse", "mae"}
    assert of_answers.losses(config("volatility"), data, answers).mean() == pytest.approx(found["qlike"])


def test_windows_without_an_answer_are_left_out(data):
    forecast, whole = noisy(data), noisy(data)
    forecast[::3] = np.nan
    forecast[1, 2, 1] = np.nan  # a part is as good as none
    kept = np.isfinite(forecast).all(axis=(1, 2))
    assert kept.sum() == len(data.test) - len(whole[::3]) - 1
    found = forecasting.score(config(), data, forecast)
    came, _, _, deviation = by_hand(data)
    error = ((whole - came) / deviation[:, None])[kept]
    assert found["mse"] == pytest.approx(np.square(error).mean(), rel=1e-4)
    naive = of_answers.in_units(baselines.last_value, data)
    naive[~kept] = np.nan
    without = forecasting.score(config(), data, naive)
    assert found["skill"] == pytest.approx(1 - found["mse"] / without["mse"], rel=1e-6)
    assert without["skill"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("target", ["level", "log_return"])
def test_the_last_value_has_no_direction(target):
    """Not even by the rounding of units and back."""
    data = made(target)
    found = forecasting.score(config(target), data, of_answers.in_units(baselines.last_value, data))
    assert {"mse", "skill"} < set(found)
    assert not any(name.startswith("direction") for name in found)
    assert found["skill"] == pytest.approx(0, abs=1e-9)


def test_scores_of_quantiles(data):
    came, _, mean, deviation = by_hand(data)
    random = np.random.default_rng(2)
    middle = noisy(data, size=0.5)
    widths = random.uniform(0.1, 1.5, (2, *came.shape)) * deviation[:, None]
    forecast = np.stack([middle - widths[0], middle, middle + widths[1]], axis=-1)
    found = forecasting.score(config(output="quantiles"), data, forecast)
    inside = (came >= forecast[..., 0]) & (came <= forecast[..., 2])
    assert 0.05 < inside.mean() < 0.95
    assert found["coverage_80"] == pytest.approx(inside.mean())
    standard = [(values - mean[:, None]) / deviation[:, None] for values in (came, *np.moveaxis(forecast, -1, 0))]
    losses = [
        mean_pinball_loss(standard[0].ravel(), q.ravel(), alpha=level)
        for level, q in zip(QUANTILES, standard[1:], strict=True)
    ]
    assert found["pinball"] == pytest.approx(np.mean(losses), rel=1e-3)
    assert found["crps"] == pytest.approx(2 * np.mean(losses), rel=1e-3)
    assert found["mse"] == pytest.approx(np.square(standard[2] - standard[0]).mean(), rel=1e-3)


def test_every_score_is_told_what_it_is(data):
    found = [forecasting.score(config(), data, noisy(data))]
    found.append(forecasting.score(config("volatility"), made("volatility"), np.full((len(data.test), 3, 2), 0.1)))
    direction = made("direction")
    p = np.random.default_rng(0).uniform(size=direction.test.labels.shape)
    found.append(forecasting.score(config("direction"), direction, p))
    quantiles = np.stack([noisy(data)] * 3, axis=-1)
    found.append(forecasting.score(config(output="quantiles"), data, quantiles))
    assert all(explained(forecasting.ABOUT_METRICS, name) for each in found for name in each)


def test_any_central_interval_is_told_what_it_is(data):
    """Quantiles can be chosen at will."""
    levels = (0.001, 0.02, 0.16, 0.5, 0.84, 0.98, 0.999)
    settings = config(output="quantiles")
    settings.model.quantiles = levels
    forecast = np.stack([noisy(data)] * 7, axis=-1) + np.arange(-3, 4)
    found = forecasting.score(settings, data, forecast)
    assert {"coverage_99.8", "coverage_96", "coverage_68"} < set(found)
    assert all(explained(forecasting.ABOUT_METRICS, name) for name in found)


# Comparisons


def test_a_comparison_is_the_test_of_diebold_and_mariano(data):
    """On means over the series of each date, in the order of time, with the horizon of the windows."""
    random = np.random.default_rng(0)
    model, baseline = random.exponential(1, (2, len(data.test)))
    by_date = pd.Series(model - baseline, index=data.test.origins).groupby(level=0).mean()
    assert len(by_date) == len(data.test) / 2
    expected = diebold_mariano(by_date.to_numpy(), 3)
    found = forecasting.compared(data, model, baseline)
    assert found == {
        "windows": len(data.test),
        "difference": pytest.approx(by_date.mean()),
        "statistic": pytest.approx(expected.statistic),
        "p_value": pytest.approx(expected.p_value),
    }


@pytest.mark.parametrize(("every", "horizon"), [(2, 2), (4, 1)])
def test_a_baseline_of_every_other_window_is_compared_on_these(every, horizon):
    """Their horizon is as many times shorter."""
    data = made(count=1)
    random = np.random.default_rng(0)
    model, baseline = random.exponential(1, (2, len(data.test)))
    chosen = np.arange(len(data.test)) % every == 0
    found = forecasting.compared(data, model, np.where(chosen, baseline, np.nan))
    expected = diebold_mariano((model - baseline)[chosen], horizon)
    assert found["windows"] == chosen.sum()
    assert found["difference"] == pytest.approx((model - baseline)[chosen].mean())
    assert (found["statistic"], found["p_value"]) == pytest.approx((expected.statistic, expected.p_value))


def test_too_few_windows_for_a_test_are_told():
    data = made(count=1)
    baseline = np.full(len(data.test), np.nan)
    baseline[0] = 1
    found = forecasting.compared(data, np.zeros(len(data.test)), baseline)
    assert (found["windows"], found["difference"]) == (1, -1)
    assert "too few" in found["no_test"]
    assert "p_value" not in found


# What the card says


def about(better, comparison, naive="last_value"):
    scores = {"mse": 0.5 if better else 1.5}
    return {
        "primary": "mse",
        "naive": naive,
        "beats_naive": better,
        "test": scores,
        "baselines": {naive: {"mse": 1.0}, "drift": {"mse": 3.0}},
        "comparisons": {naive: {"windows": 40, "difference": scores["mse"] - 1, **comparison}},
        "backtest": [],
    }


def test_the_headline_says_not_when_the_model_is_worse():
    said = forecasting.headline(about(False, {"statistic": 2.0, "p_value": 0.001}))
    assert said.startswith("**The network does NOT beat the last value** (mse 1.5000, the last value 1.0000)")
    assert "beats" not in said


@pytest.mark.parametrize(
    ("comparison", "words", "chance"),
    [
        ({"statistic": -3.0, "p_value": 0.012}, "Diebold-Mariano p 0.012", False),
        ({"statistic": -1.0, "p_value": 0.05}, "Diebold-Mariano p 0.05", True),
        ({"statistic": -9.0, "p_value": 0.0}, "below 1e-6", False),
        ({"no_test": "few"}, "too few windows for a test", True),
    ],
)
def test_the_headline_says_whether_it_may_be_chance(comparison, words, chance):
    said = forecasting.headline(about(True, comparison, "moving_average"))
    assert said.startswith("**The network beats the moving average** (mse 0.5000, the moving average 1.0000)")
    assert words in said
    assert said.endswith("This may be chance.") == chance


def test_the_tables_of_the_card():
    scores = about(True, {"statistic": -3.0, "p_value": 0.0})
    scores["comparisons"]["theta"] = {"windows": 2, "difference": 0.25, "no_test": "few"}
    lines = forecasting.tables(scores).splitlines()
    assert lines[2:] == [
        "| last value | 40 | -0.5000 | -3.00 | below 1e-6 |",
        "| theta | 2 | +0.2500 | no test |  |",
    ]
    part = {"from": "2020-01-01", "to": "2020-02-01", "windows": 9, "model": 0.5, "last_value": 1.25}
    lines = forecasting.tables(scores | {"backtest": [part, part | {"model": None}]}).splitlines()
    assert lines[-4] == "| from | to | windows | model | last value |"
    assert lines[-2:] == [
        "| 2020-01-01 | 2020-02-01 | 9 | 0.5000 | 1.2500 |",
        "| 2020-01-01 | 2020-02-01 | 9 |  | 1.2500 |",
    ]


def test_the_interval_of_the_score_is_around_it(data):
    losses = np.random.default_rng(0).exponential(1, len(data.test))
    (low, high), mean = forecasting._interval(config(bootstrap=200), data, losses, "mse")["mse"], losses.mean()
    assert low < mean < high
    assert high - low < 8 / np.sqrt(len(losses))
    assert forecasting._interval(config(), data, losses, "mse") == {}
    assert forecasting._interval(config(bootstrap=200, horizon=60), data, losses, "mse") == {}
