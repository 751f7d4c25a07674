"""The tests of significance, against SciPy, statsmodels, pandas, and loops written from the papers."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.forecasting.significance import block_bootstrap, by_date, diebold_mariano


def by_the_paper(d, h):
    """Harvey, Leybourne, Newbold 1997, equations 3 to 5 and 9, term by term."""
    n, mean = len(d), sum(d) / len(d)
    variance = 0.0
    for k in range(h):
        gamma = sum((d[t] - mean) * (d[t - k] - mean) for t in range(k, n)) / n
        variance += gamma if k == 0 else 2 * gamma
    s1 = mean / math.sqrt(variance / n)
    return s1 * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)


def moving_average(rng, n, h, count=1):
    """Sums of h neighbours of white noise: what forecasts of h steps have in common."""
    return np.lib.stride_tricks.sliding_window_view(rng.normal(size=(count, n + h - 1)), h, axis=1).sum(-1)


@pytest.mark.parametrize("h", [1, 2, 5])
@pytest.mark.parametrize("n", [12, 80])
def test_statistic_and_p_value_equal_those_of_the_paper(n, h):
    d = moving_average(np.random.default_rng(n + h), n, h)[0] + 0.7
    ours = diebold_mariano(d, h)
    expected = by_the_paper(d.tolist(), h)
    assert ours.statistic == pytest.approx(expected)
    assert ours.p_value == pytest.approx(2 * (1 - stats.t.cdf(abs(expected), n - 1)))
    assert ours.mean_difference == pytest.approx(d.mean())
    assert (ours.count, ours.weights) == (n, "equal")


def test_one_step_ahead_it_is_student_s_test():
    d = np.random.default_rng(0).normal(0.2, 1, 30)
    ours, theirs = diebold_mariano(d, 1), stats.ttest_1samp(d, 0)
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))


@pytest.mark.parametrize(("kernel", "weights"), [("uniform", "equal"), ("bartlett", "bartlett")])
def test_the_variance_equals_that_of_statsmodels(kernel, weights):
    """The second series swings to and fro, so that g_0 + 2 g_1 is negative."""
    from statsmodels.api import OLS

    n, h = 40, 2
    d = np.random.default_rng(2).normal(0.3, 1, n) + (weights == "bartlett") * 4 * (-1.0) ** np.arange(n)
    kinds = {"maxlags": h - 1, "kernel": kernel, "use_correction": False}
    theirs = OLS(d, np.ones(n)).fit(cov_type="HAC", cov_kwds=kinds)
    ours = diebold_mariano(d, h)
    assert ours.weights == weights
    assert ours.statistic == pytest.approx(theirs.tvalues[0] * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n))


@pytest.mark.parametrize(("h", "low", "high"), [(1, 0.04, 0.06), (3, 0.045, 0.075)])
def test_equal_forecasts_are_told_apart_in_about_five_of_a_hundred(h, low, high):
    draws = moving_average(np.random.default_rng(11), 100, h, count=3000)
    share = np.mean([diebold_mariano(d, h).p_value < 0.05 for d in draws])
    assert low < share < high


def test_a_better_forecast_is_told_and_swapping_turns_the_sign():
    d = np.random.default_rng(0).normal(-1, 1, 60)
    better, worse = diebold_mariano(d, 3), diebold_mariano(-d, 3)
    assert better.mean_difference < 0
    assert better.statistic < -3
    assert better.p_value < 0.01
    assert worse.statistic == -better.statistic
    assert worse.p_value == better.p_value


def test_equal_losses_are_equal():
    result = diebold_mariano(np.zeros(10), 2)
    assert (result.statistic, result.p_value, result.mean_difference) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("differences", "horizon", "words"),
    [
        (np.ones(3), 3, "3 loss differences are too few"),
        (np.ones(1), 1, "1 loss differences are too few"),
        (np.full(9, 0.1), 1, "All 9 loss differences are 0.1"),
        (np.array([1.0, np.nan, 2.0]), 1, "missing"),
        (np.array([1.0, np.inf, 2.0]), 1, "missing or infinite"),
    ],
)
def test_differences_that_cannot_be_tested(differences, horizon, words):
    with pytest.raises(DataError, match=words):
        diebold_mariano(differences, horizon)


@pytest.mark.parametrize(("shape", "horizon"), [((4, 2), 1), ((4,), 0)])
def test_differences_of_a_wrong_shape(shape, horizon):
    with pytest.raises(ValueError, match="must be"):
        diebold_mariano(np.ones(shape), horizon)


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(-1e6, 1e6)), min_size=1))
def test_sums_by_date_equal_those_of_pandas_and_have_the_mean_of_all(rows):
    days, differences = zip(*rows, strict=True)
    dates = np.datetime64("2020-02-27") + np.array(days)
    found = by_date(np.array(differences), dates)
    expected = pd.Series(differences).groupby(dates).sum() * len(found) / len(rows)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.mean(), np.mean(differences), rtol=1e-9, atol=1e-6)


def test_dates_must_be_those_of_the_differences():
    with pytest.raises(ValueError, match="must both"):
        by_date(np.ones(3), np.zeros(2, "datetime64[D]"))


@pytest.mark.parametrize("block", [1, 4, 5, 23])
def test_the_bootstrap_equals_a_loop_over_blocks(block):
    values, count = np.random.default_rng(0).normal(size=23).cumsum(), 200
    starts = np.random.default_rng(5).integers(0, 23 - block + 1, (count, -(-23 // block)))
    means = [np.concatenate([values[start : start + block] for start in row])[:23].mean() for row in starts]
    assert block_bootstrap(values, block, count, seed=5) == pytest.approx(
        (np.quantile(means, 0.025), np.quantile(means, 0.975))
    )


def test_blocks_of_one_are_the_ordinary_bootstrap():
    values = np.random.default_rng(0).exponential(size=60)
    ours = block_bootstrap(values, 1, 20_000, seed=1)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2))
    assert ours == pytest.approx(theirs.confidence_interval, rel=0.01)


def test_blocks_know_that_neighbours_go_together():
    """An interval of the mean of sums of 10 neighbours must be about as wide as the sum's long-run deviation says."""
    values = moving_average(np.random.default_rng(3), 3000, 10)[0]
    expected = 2 * 1.96 * 10 / math.sqrt(3000)  # the long-run variance is 10^2
    low, high = block_bootstrap(values, 60, 4000, seed=0)
    assert high - low == pytest.approx(expected, rel=0.2)
    low, high = block_bootstrap(values, 1, 4000, seed=0)
    assert high - low < 0.5 * expected


@pytest.mark.parametrize(
    ("values", "block", "words"), [(np.ones(3), 4, "3 losses are fewer"), (np.array([1.0, np.nan]), 1, "missing")]
)
def test_losses_that_cannot_be_drawn_from(values, block, words):
    with pytest.raises(DataError, match=words):
        block_bootstrap(values, block, 10, seed=0)


@pytest.mark.parametrize(("block", "count"), [(0, 10), (1, 0)])
def test_a_bootstrap_of_nothing(block, count):
    with pytest.raises(ValueError, match="at least 1"):
        block_bootstrap(np.ones(3), block, count, seed=0)
