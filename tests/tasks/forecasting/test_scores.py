"""Scores, against scikit-learn, loops, integrals by SciPy, and published definitions worked by hand."""

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn import metrics as sklearn_metrics

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.forecasting import scores

SHAPE = (5, 4, 3)


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    return rng.normal(size=SHAPE), rng.normal(size=SHAPE)


def crps_by_integral(distribution, y):
    """The definition: the integral of (F(x) - 1{x >= y})^2."""
    below = integrate.quad(lambda x: distribution.cdf(x) ** 2, -np.inf, y, epsabs=1e-12, limit=200)[0]
    above = integrate.quad(lambda x: distribution.sf(x) ** 2, y, np.inf, epsabs=1e-12, limit=200)[0]
    return below + above


def test_errors_equal_scikit_learn(pair):
    flat = [array.reshape(-1) for array in pair]
    assert scores.mae(*pair) == pytest.approx(sklearn_metrics.mean_absolute_error(*flat))
    assert scores.mse(*pair) == pytest.approx(sklearn_metrics.mean_squared_error(*flat))
    assert scores.rmse(*pair) == pytest.approx(sklearn_metrics.root_mean_squared_error(*flat))
    by_target = [np.moveaxis(array, 2, 1).reshape(-1, 4) for array in pair]
    for ours, theirs in (
        (scores.mae, sklearn_metrics.mean_absolute_error),
        (scores.mse, sklearn_metrics.mean_squared_error),
        (scores.rmse, sklearn_metrics.root_mean_squared_error),
    ):
        expected = theirs(*by_target, multioutput="raw_values")
        np.testing.assert_allclose(ours(*pair, axis=(0, 2)), expected)


@pytest.mark.parametrize(
    ("score", "arguments"),
    [
        (scores.mae, 2),
        (scores.mse, 2),
        (scores.rmse, 2),
        (scores.smape, 2),
        (scores.crps_gaussian, 3),
        (scores.crps_student_t, 4),
        (scores.coverage, 3),
    ],
)
def test_without_a_mean_there_is_one_score_a_number_and_shapes_must_be_equal(score, arguments):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(2, 3, SHAPE).astype(np.float32) for _ in range(arguments)]
    each = score(*arrays, axis=())
    assert each.shape == SHAPE
    if score is not scores.rmse:  # a root of a mean is no mean
        assert score(*arrays) == pytest.approx(each.mean())
        np.testing.assert_allclose(score(*arrays, axis=1), each.mean(1))
    for place in range(1, arguments):
        wrong = [*arrays]
        wrong[place] = arrays[place][:, :, :1]
        with pytest.raises(ValueError, match="shape"):
            score(*wrong)


def test_float32_is_scored_in_float64():
    actual, forecast = np.full((3000, 20, 20), 0.1, np.float32), np.zeros((3000, 20, 20), np.float32)
    assert scores.mse(actual, forecast) == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-12)


def test_a_missing_forecast_shows(pair):
    pair[1][2, 1, 0] = np.nan
    assert np.isnan(scores.mae(*pair))
    assert np.isnan(scores.mae(*pair, axis=1)).sum() == 1


def test_scale_is_the_error_of_the_seasonal_naive_forecast():
    train = np.array([[1.0, 0.0], [4.0, 1.0], [2.0, 0.0], [8.0, 5.0]])
    np.testing.assert_allclose(scores.naive_scale(train), [(3 + 2 + 6) / 3, (1 + 1 + 5) / 3])
    np.testing.assert_allclose(scores.naive_scale(train, season=2), [(1 + 4) / 2, (0 + 4) / 2])
    np.testing.assert_allclose(scores.naive_scale(train, season=2, power=2), [(1 + 16) / 2, (0 + 16) / 2])
    with pytest.raises(DataError, match="4 training rows"):
        scores.naive_scale(train, season=4)


def test_scaled_errors_by_loops(pair):
    rng = np.random.default_rng(1)
    for scale in (rng.uniform(1, 2, 3), rng.uniform(1, 2, (5, 3))):
        absolute, squared = [], np.zeros((5, 3))
        for window, step, target in np.ndindex(SHAPE):
            q = scale[target] if scale.ndim == 1 else scale[window, target]
            error = pair[0][window, step, target] - pair[1][window, step, target]
            absolute.append(abs(error) / q)
            squared[window, target] += error**2 / q / 4
        assert scores.mase(*pair, scale) == pytest.approx(np.mean(absolute))
        np.testing.assert_allclose(scores.rmsse(*pair, scale, axis=1), np.sqrt(squared))
        assert scores.rmsse(*pair, scale) == pytest.approx(np.sqrt(squared.mean()))


def test_the_naive_forecast_of_the_training_part_has_a_scaled_error_of_one():
    series = np.random.default_rng(0).normal(size=(50, 2)).cumsum(0)
    actual, forecast = series[None, 3:], series[None, :-3]
    assert scores.mase(actual, forecast, scores.naive_scale(series, season=3)) == pytest.approx(1)
    assert scores.rmsse(actual, forecast, scores.naive_scale(series, season=3, power=2)) == pytest.approx(1)


@pytest.mark.parametrize("score", [scores.mase, scores.rmsse])
@pytest.mark.parametrize("scale", [[1.0, 0.0, 1.0], [1.0, np.nan, 1.0]])
def test_a_series_that_never_changes_has_no_scale(score, scale, pair):
    with pytest.raises(DataError, match="never changes"):
        score(*pair, np.array(scale))


def test_smape_of_m4_by_hand():
    actual, forecast = np.array([100.0, 0.0, 0.0, -1.0, 2.0]), np.array([110.0, 0.0, 3.0, 1.0, 2.0])
    expected = [2 * 10 / 210, 0, 2, 2, 0]
    np.testing.assert_allclose(scores.smape(actual, forecast, axis=()), expected)
    assert scores.smape(actual, forecast) == pytest.approx(np.mean(expected))


def test_pinball_by_loops(pair):
    levels = np.array([0.05, 0.5, 0.9])
    quantiles = np.sort(np.random.default_rng(0).normal(size=(*SHAPE, 3)), axis=-1)
    losses = []
    for place in np.ndindex(quantiles.shape):
        y, q, level = pair[0][place[:3]], quantiles[place], levels[place[3]]
        losses.append(level * (y - q) if y > q else (1 - level) * (q - y))
    assert scores.pinball(pair[0], quantiles, levels) == pytest.approx(np.mean(losses))
    assert scores.crps_from_quantiles(pair[0], quantiles, levels) == pytest.approx(2 * np.mean(losses))
    quantiles[1, 2, 0, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        scores.pinball(pair[0], quantiles, levels)


@pytest.mark.parametrize(
    ("shape", "levels"),
    [
        ((*SHAPE, 2), [0.9, 0.1]),
        ((*SHAPE, 2), [0.1, 0.1]),
        ((*SHAPE, 2), [0.0, 0.5]),
        ((*SHAPE, 2), [0.5, 1.0]),
        ((*SHAPE, 2), [0.1, 0.5, 0.9]),
        ((*SHAPE, 2), [0.5]),
        ((5, 4, 1, 2), [0.1, 0.9]),
        ((2, *SHAPE, 2), [0.1, 0.9]),
    ],
)
def test_quantiles_that_do_not_fit_are_refused(shape, levels, pair):
    with pytest.raises(ValueError, match=r"Levels must|must be of"):
        scores.pinball(pair[0], np.zeros(shape), np.array(levels))


def test_crps_of_sorted_samples_as_quantiles_is_that_of_the_samples():
    """At the levels (i - 1/2) / n it is exactly E|X - y| - E|X - X'| / 2 (Gneiting, Raftery 2007, equation 21)."""
    samples, y = np.sort(np.random.default_rng(0).normal(size=40)), 0.3
    expected = np.abs(samples - y).mean() - np.abs(samples[:, None] - samples).mean() / 2
    levels = (np.arange(40) + 0.5) / 40
    assert scores.crps_from_quantiles(np.array([y]), samples[None], levels) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y", "mean", "sd"), [(0.0, 0.0, 1.0), (1.3, -0.4, 2.5), (-7.0, 0.0, 1.0), (100.0, 101.0, 0.2)]
)
def test_crps_of_normal_distributions_is_its_integral(y, mean, sd):
    expected = crps_by_integral(stats.norm(mean, sd), y)
    assert scores.crps_gaussian(np.array([y]), np.array([mean]), np.array([sd])) == pytest.approx(expected, rel=1e-7)
    levels = (np.arange(2000) + 0.5) / 2000
    quantiles = stats.norm(mean, sd).ppf(levels)
    assert scores.crps_from_quantiles(np.array([y]), quantiles[None], levels) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("df", [1.2, 2.0, 3.5, 30.0])
@pytest.mark.parametrize(("y", "location", "scale"), [(0.0, 0.0, 1.0), (1.3, -0.4, 2.5), (-6.0, 1.0, 0.5)])
def test_crps_of_student_t_is_its_integral(df, y, location, scale):
    expected = crps_by_integral(stats.t(df, location, scale), y)
    ours = scores.crps_student_t(np.array([y]), df, np.array([location]), np.array([scale]))
    assert ours == pytest.approx(expected, rel=1e-5)


def test_student_t_of_many_degrees_of_freedom_is_normal(pair):
    sd = np.random.default_rng(0).uniform(1, 2, SHAPE)
    expected = scores.crps_gaussian(*pair, sd, axis=())
    np.testing.assert_allclose(scores.crps_student_t(pair[0], 1e8, pair[1], sd, axis=()), expected, rtol=1e-6)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan])
def test_a_spread_that_is_not_positive_is_refused(wrong, pair):
    spread = np.ones(SHAPE)
    spread[1, 2, 0] = wrong
    with pytest.raises(ValueError, match="sd must be positive"):
        scores.crps_gaussian(*pair, spread)
    with pytest.raises(ValueError, match="scale must be positive"):
        scores.crps_student_t(pair[0], 3.0, pair[1], spread)


def test_student_t_without_a_mean_is_refused(pair):
    with pytest.raises(ValueError, match="df must be above 1"):
        scores.crps_student_t(pair[0], 1.0, pair[1], np.ones(SHAPE))


def test_coverage_counts_the_ends():
    actual = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert scores.coverage(actual, np.full(5, 1.0), np.full(5, 3.0)) == 0.6


def correlation(signs):
    """Gorodkin's R_3 as its paper defines it: the covariance of both answers, summed over classes, over spreads."""
    x, y = (np.stack([sign == each for each in (-1, 0, 1)], 1).astype(float) for sign in signs)
    together, of_x, of_y = (
        sum(np.cov(a[:, k], b[:, k], bias=True)[0, 1] for k in range(3)) for a, b in ((x, y), (x, x), (y, y))
    )
    return together / np.sqrt(of_x * of_y)


def test_directions_of_two_kinds_are_correlated_as_phi():
    """Of 10 changes 3 rose and 2 fell as forecast; 4 rose and 1 fell against it."""
    actual = np.repeat([1.0, 1.0, -1.0, -1.0], [3, 4, 1, 2])
    forecast = np.repeat([2.0, -0.1, 0.3, -5.0], [3, 4, 1, 2])
    ours = scores.directional(actual.reshape(5, 2), forecast.reshape(5, 2))
    assert ours.accuracy == pytest.approx(0.5)
    assert ours.matthews == pytest.approx((3 * 2 - 1 * 4) / np.sqrt(4 * 6 * 7 * 3))
    assert (ours.count, ours.unchanged) == (10, 0)


def test_directions_with_zeros():
    rng = np.random.default_rng(1)
    actual, forecast = rng.integers(-2, 3, 200) / 2, rng.integers(-2, 3, 200) / 2
    ours = scores.directional(actual, forecast)
    moved = actual != 0
    signs = np.sign(actual[moved]), np.sign(forecast[moved])
    assert ours.accuracy == pytest.approx(sklearn_metrics.accuracy_score(*signs))
    assert ours.matthews == pytest.approx(correlation(signs))
    assert (ours.count, ours.unchanged) == (moved.sum(), 200 - moved.sum())
    assert 20 < ours.unchanged < 80


@pytest.mark.parametrize(
    ("actual", "forecast", "accuracy"),
    [([1.0, -1.0, 0.0], [0.0, 0.0, 0.0], 0.0), ([1.0, 2.0, 0.0], [3.0, 1.0, -1.0], 1.0)],
)
def test_directions_that_are_all_alike_have_no_correlation(actual, forecast, accuracy, recwarn):
    ours = scores.directional(np.array(actual), np.array(forecast))
    assert (ours.accuracy, ours.matthews, ours.count, ours.unchanged) == (accuracy, 0.0, 2, 1)
    assert not recwarn.list


@pytest.mark.parametrize("actual", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_directions_that_there_are_not(actual):
    with pytest.raises(DataError):
        scores.directional(np.array(actual), np.ones(2))


def test_skill_by_hand():
    assert scores.skill(2.0, 4.0) == 0.5
    np.testing.assert_allclose(scores.skill(np.array([0.0, 3.0]), np.array([1.0, 2.0])), [1, -0.5])
    for nothing in (0.0, np.nan, np.array([1.0, 0.0])):
        with pytest.raises(DataError, match="no loss"):
            scores.skill(1.0, nothing)
