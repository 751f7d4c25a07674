"""Naive forecasts, on series whose future is known, against scikit-learn and statsmodels."""

import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from statsmodels.tsa.forecasting.theta import ThetaModel

from keras_recurrent.pipelines.core.errors import DataError, UsageError
from keras_recurrent.pipelines.tasks.forecasting import baselines
from keras_recurrent.pipelines.tasks.forecasting.windows import Windows


def sliding(values, window, horizon, targets=(0,), first=0, last=None, series=0):
    """All windows that lie in the rows from first to before last."""
    starts = np.arange(first, (last or len(values)) - window - horizon + 1)
    return Windows(values, starts, np.full(len(starts), series, np.int32), window, horizon, targets)


@pytest.fixture
def noise():
    """Random windows of the columns 2 and 0 of 3; more than one batch."""
    values = np.random.default_rng(0).normal(size=(400, 3)).cumsum(0)
    return sliding(values, 12, 5, targets=(2, 0))


def by_window(windows, forecast):
    """What a function makes of each target's window, one by one."""
    known = windows.inputs()[:, :, list(windows.targets)]
    return np.stack([np.stack([forecast(y) for y in window.T], axis=1) for window in known])


def test_last_value_and_averages_by_loops(noise):
    expected = by_window(noise, lambda y: [y[-1]] * 5)
    np.testing.assert_array_equal(baselines.last_value(noise, noise), expected)
    expected = by_window(noise, lambda y: [sum(y[-7:]) / 7] * 5)
    np.testing.assert_allclose(baselines.moving_average(noise, noise, 7), expected)
    expected = by_window(noise, lambda y: [y[-1] + h * (y[-1] - y[0]) / 11 for h in range(1, 6)])
    np.testing.assert_allclose(baselines.drift(noise, noise), expected)
    for season in (1, 3, 12):
        expected = by_window(noise, lambda y, m=season: [y[12 + h - m * (h // m + 1)] for h in range(5)])
        np.testing.assert_array_equal(baselines.seasonal_naive(noise, noise, season), expected)


def test_drift_is_right_on_lines():
    windows = sliding(np.arange(40.0)[:, None] * [2.0, -0.5] + 3, 6, 9, targets=(0, 1))
    np.testing.assert_allclose(baselines.drift(windows, windows), windows.futures())


def test_seasonal_naive_is_right_on_a_pure_season():
    windows = sliding(np.tile([[1.0], [5.0], [2.0], [-4.0]], (20, 1)), 6, 11)
    np.testing.assert_array_equal(baselines.seasonal_naive(windows, windows, 4), windows.futures())


def test_the_mean_of_training_counts_each_row_once_and_knows_its_series():
    values = np.random.default_rng(0).normal(size=(40, 2)) + np.repeat([0.0, 100.0], 20)[:, None]
    starts, series = np.array([0, 1, 2, 10, 25, 20]), np.array([0, 0, 0, 0, 7, 7], np.int32)
    train = Windows(values, starts, series, 3, 2, (1,))
    test = Windows(values, np.array([35, 15, 34]), np.array([7, 0, 7], np.int32), 3, 2, (1,))
    first, second = values[[0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14], 1].mean(), values[20:30, 1].mean()
    expected = np.array([second, first, second])[:, None, None].repeat(2, axis=1)
    np.testing.assert_allclose(baselines.mean_of_training(train, test), expected)
    with pytest.raises(DataError, match="Series 7 has test windows but no training window"):
        baselines.mean_of_training(train[:4], test)


@pytest.mark.parametrize(
    ("baseline", "least"),
    [
        (baselines.drift, 2),
        (lambda train, test: baselines.seasonal_naive(train, test, 4), 4),
        (lambda train, test: baselines.moving_average(train, test, 5), 5),
        (lambda train, test: baselines.theta(train, test, 3, 1.0)[0], 6),
    ],
)
def test_a_window_that_is_too_short_is_refused(baseline, least):
    values = np.arange(30.0)[:, None]
    enough, short = sliding(values, least, 2), sliding(values, least - 1, 2)
    assert np.isfinite(baseline(enough, enough)).all()
    with pytest.raises(UsageError, match=f"needs {least} steps, and the window has {least - 1}"):
        baseline(short, short)


def autoregressive(size, seed):
    """y_t = 1.5 y_{t-1} - .8 y_{t-2} + .3 y_{t-3} + e_t with a unit root, `[size, 1]`: its changes have .5 and -.3."""
    noise = np.random.default_rng(seed).normal(size=size)
    y = np.zeros(size)
    for t in range(3, size):
        y[t] = 1.5 * y[t - 1] - 0.8 * y[t - 2] + 0.3 * y[t - 3] + noise[t]
    return y[:, None]


def test_linear_learns_an_autoregressive_process():
    """Its best forecasts are sums of coefficients and values; the weights are read off as answers to unit windows."""
    pieces = np.zeros((9, 10))
    pieces[1:, :8] = np.eye(8)
    test = Windows(pieces.reshape(-1, 1), 10 * np.arange(9), np.zeros(9, np.int32), 8, 2, (0,))
    ours = baselines.linear(sliding(autoregressive(60_000, seed=0), 8, 2), test)[:, :, 0]
    phi = np.array([0, 0, 0, 0, 0, 0.3, -0.8, 1.5])
    second = 1.5 * phi + [0, 0, 0, 0, 0, 0, 0.3, -0.8]  # y_{t+1} in its place
    np.testing.assert_allclose(ours[1:] - ours[0], np.stack([phi, second], axis=1), atol=0.05)
    assert np.abs(ours[0]).max() < 0.03


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_equals_ridge_regression_of_scikit_learn(noise, dtype):
    """With one strength to choose from; the penalty is on the mean square of the inputs of all training windows."""
    values = noise.values.astype(dtype)
    train, test = sliding(values, 12, 5, (2, 0), last=300), sliding(values, 12, 5, (2, 0), first=288)

    def less_last(windows):
        known, future = windows.inputs()[:, :, [2, 0]].astype(float), windows.futures().astype(float)
        flat = [(part - known[:, -1:]).transpose(0, 2, 1).reshape(-1, part.shape[1]) for part in (known, future)]
        return *flat, known[:, -1:]

    X, Y, _ = less_last(train)
    tested, _, last = less_last(test)
    for strength in baselines.STRENGTHS[[0, -1]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(baselines, "STRENGTHS", np.array([strength]))
            ours = baselines.linear(train, test)
        model = Ridge(strength * np.square(X).sum() / 12).fit(X, Y)
        expected = model.predict(tested).reshape(len(test), 2, 5).transpose(0, 2, 1) + last
        np.testing.assert_allclose(ours, expected, rtol=1e-4 if dtype == np.float32 else 1e-8, atol=1e-6)


def test_linear_chooses_its_strength_on_the_last_fifth():
    """What scikit-learn finds to be best there, fitted on windows whose futures end before those of the last fifth."""
    train = sliding(autoregressive(150, seed=1), 20, 5)
    known, future = train.inputs()[:, :, 0], train.futures()[:, :, 0]
    X, Y = known - known[:, -1:], future - known[:, -1:]
    cut = int(np.ceil(0.8 * (len(train) - 1)))
    fitted, held = slice(0, cut - 4), slice(cut, None)
    errors = []
    for strength in baselines.STRENGTHS:
        model = Ridge(strength * np.square(X[fitted]).sum() / 20).fit(X[fitted], Y[fitted])
        errors.append(np.square(model.predict(X[held]) - Y[held]).sum())
    best = np.argmin(errors)
    assert 0 < best < len(errors) - 1
    ours = baselines.linear(train, train)
    expected = Ridge(baselines.STRENGTHS[best] * np.square(X).sum() / 20).fit(X, Y).predict(X) + known[:, -1:]
    np.testing.assert_allclose(ours[:, :, 0], expected)


def test_linear_holds_out_the_end_of_every_series():
    values = np.random.default_rng(0).normal(size=(200, 1)).cumsum(0)
    halves = [sliding(values, 6, 3, first=first, last=first + 100, series=first) for first in (0, 100)]
    starts, series = (np.concatenate([getattr(half, name) for half in halves]) for name in ("starts", "series"))
    both = Windows(values, starts, series, 6, 3, (0,))
    parts = baselines._parts(both)
    np.testing.assert_array_equal(parts[:92], parts[92:])
    assert np.bincount(parts).tolist() == [142, 4, 38]
    order = np.random.default_rng(1).permutation(len(both))
    np.testing.assert_array_equal(baselines._parts(both[order]), parts[order])


def test_linear_follows_the_units():
    values = np.random.default_rng(0).normal(size=(300, 1)).cumsum(0)
    windows, changed = (sliding(array, 10, 4) for array in (values, 1000 * values + 5e4))
    expected = 1000 * baselines.linear(windows, windows) + 5e4
    np.testing.assert_allclose(baselines.linear(changed, changed), expected, rtol=1e-6)


def test_linear_on_a_series_that_never_changes():
    windows = sliding(np.full((60, 1), 7.0), 8, 3)
    np.testing.assert_allclose(baselines.linear(windows, windows), 7.0)


def test_linear_with_too_few_windows_is_refused():
    windows = sliding(np.arange(20.0)[:, None], 8, 8)
    with pytest.raises(DataError, match="5 training windows are too few for a linear forecast of 8 steps"):
        baselines.linear(windows, windows)


@pytest.mark.parametrize("baseline", [baselines.last_value, baselines.drift, baselines.linear])
def test_windows_are_read_in_batches(baseline):
    """4,000 windows of 400 steps are 26 MB a column; their forecasts are 0.3 MB."""
    values = np.random.default_rng(0).normal(size=(4410, 2)).cumsum(0)
    windows = sliding(values, 400, 10)
    tracemalloc.start()
    try:
        baseline(windows, windows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6


def made(kind, rng):
    """A series of 80 steps with a season of 8, or without."""
    season = 3 * np.sin(2 * np.pi * np.arange(80) / 8) if "season" in kind else 0
    walk = rng.normal(size=80).cumsum() if "walk" in kind else 0.1 * np.arange(80)
    return walk + season + rng.normal(size=80)


@pytest.mark.parametrize("kind", ["walk", "line", "walk with a season", "line with a season"])
def test_theta_equals_statsmodels(kind):
    rng = np.random.default_rng(5)
    windows = sliding(np.stack([made(kind, rng) for _ in range(3)], axis=1), 70, 9, targets=(2, 0))
    season = 8 if "season" in kind else 1
    ours, rows = baselines.theta(windows, windows, season, seconds=60)
    np.testing.assert_array_equal(rows, [0, 1])

    def theirs(y):
        model = ThetaModel(y, period=season, deseasonalize=season > 1, use_test=False, method="additive")
        return model.fit().forecast(9).to_numpy()

    np.testing.assert_allclose(ours, by_window(windows, theirs), atol=2e-3)


def test_theta_follows_the_units():
    """Daily changes of log prices are about .01."""
    values = np.random.default_rng(0).normal(size=(80, 2)).cumsum(0) + np.random.default_rng(1).normal(size=(80, 2))
    windows, small = (sliding(array, 70, 9, targets=(0, 1)) for array in (values, values / 1000))
    expected = baselines.theta(windows, windows, 8, seconds=60)[0] / 1000
    np.testing.assert_allclose(baselines.theta(small, small, 8, seconds=60)[0], expected, atol=1e-9)


def test_theta_takes_off_a_season_only_where_there_is_one():
    values = np.random.default_rng(0).normal(size=(80, 1))
    windows = sliding(values, 70, 9)
    with_season, without = (baselines.theta(windows, windows, season, seconds=60)[0] for season in (8, 1))
    np.testing.assert_array_equal(with_season, without)


@pytest.mark.parametrize("values", [np.full(60, 3.0), np.tile([1.0, 2.0, 3.0, 6.0], 15)])
def test_theta_finds_no_slope_where_there_is_none(values):
    windows = sliding(values[:, None], 40, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours, rows = baselines.theta(windows, windows, season=4, seconds=60)
    np.testing.assert_allclose(ours, windows[rows].futures(), atol=1e-9)


def test_theta_does_as_many_windows_as_there_is_time_for(monkeypatch):
    """A clock that a window moves by one second, and later ones by ten."""
    windows = sliding(np.random.default_rng(0).normal(size=(40, 1)), 10, 2, last=40)[:21]
    now, slow_from = [0.0], [np.inf]
    calls = []

    def one(y, season, horizon):
        calls.append(y[0])
        now[0] += 10 if len(calls) > slow_from[0] else 1
        return np.full(horizon, y[0])

    monkeypatch.setattr(baselines, "_theta", one)
    monkeypatch.setattr(baselines.time, "monotonic", lambda: now[0])
    for step, seconds in ((1, 21), (1, 500), (2, 20), (2, 11), (4, 10), (8, 3), (16, 2), (21, 0)):
        now[0], calls[:] = 0.0, []
        forecasts, rows = baselines.theta(windows, windows, 1, seconds)
        np.testing.assert_array_equal(rows, np.arange(0, 21, step))
        np.testing.assert_array_equal(forecasts[:, 0, 0], windows[rows].inputs()[:, 0, 0])
        assert now[0] <= max(seconds, 1)
    now[0], calls[:], slow_from[0] = 0.0, [], 7
    forecasts, rows = baselines.theta(windows, windows, 1, 21)
    np.testing.assert_array_equal(rows, np.arange(0, 21, 4))  # the pass that became slow is thrown away
    assert now[0] < 21 + 11


def test_no_windows_have_no_forecasts(noise):
    for baseline in (baselines.last_value, baselines.drift, baselines.mean_of_training, baselines.linear):
        assert baseline(noise, noise[:0]).shape == (0, 5, 2)
    forecasts, rows = baselines.theta(noise, noise[:0], 1, 1.0)
    assert forecasts.shape == (0, 5, 2)
    assert rows.shape == (0,)
