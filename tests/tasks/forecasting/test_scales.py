"""Standardised targets against their definitions in NumPy and pandas, and the way back."""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.forecasting import scales

TARGETS = ("level", "log_return", "direction", "volatility")
NAMES, COLUMNS = ("small", "large"), ("x", "y")


def prices(size, count=40, seed=0):
    """Positive random walks of two columns."""
    return size * np.exp(np.random.default_rng(seed).normal(0, 0.03, (count, 2)).cumsum(axis=0))


@pytest.fixture(params=TARGETS)
def scale(request):
    """Fixture: fitted on two series of unlike size and length, for each target."""
    return scales.fit([prices(0.01), prices(5000.0, 60, 1)], request.param, NAMES, COLUMNS)


def by_pandas(rows, target):
    """The standardised rows by definition, without the rows that have none."""
    x = pd.DataFrame(rows)
    returns = np.log(x).diff().dropna()
    match target:
        case "level":
            found = (x - x.mean()) / x.std(ddof=0)
        case "log_return" | "direction":
            found = (np.log(x) - np.log(x).mean()) / np.sqrt((returns**2).mean())
        case "volatility":
            found = returns**2 / (returns**2).mean()
    return found.to_numpy()


def test_each_series_is_standardised_by_its_own_training_rows(scale):
    for number, rows in enumerate((prices(0.01), prices(5000.0, 60, 1))):
        found = scale.standardized(rows[None], np.array([number]))[0]
        np.testing.assert_allclose(found, by_pandas(rows, scale.target), rtol=1e-9, atol=1e-9)
        assert len(found) == len(rows) - scale.before
    assert scale.means.shape == scale.deviations.shape == (2, 2)


def test_what_is_standardised_has_a_usual_size(scale):
    z = scale.standardized(prices(0.01)[None], np.array([0]))[0]
    sizes = {
        "level": lambda: [z.mean(0), z.std(0) - 1],
        "log_return": lambda: [z.mean(0), np.square(np.diff(z, axis=0)).mean(0) - 1],
        "volatility": lambda: [z.mean(0) - 1],
    }
    for zero in sizes[scale.target.replace("direction", "log_return")]():
        np.testing.assert_allclose(zero, 0, atol=1e-9)


def test_units_are_the_way_back(scale):
    rows, series = np.stack([prices(0.01, 9), prices(5000.0, 9, 1)]), np.array([0, 1])
    z = scale.standardized(rows, series)
    wanted = {"volatility": np.abs(np.diff(np.log(rows), axis=1)), "direction": z}.get(scale.target, rows)
    np.testing.assert_allclose(scale.in_units(z, series), wanted, rtol=1e-9)
    np.testing.assert_allclose(scale.from_units(wanted, series), z, rtol=1e-7, atol=1e-9)


@given(st.sampled_from(TARGETS), st.floats(1e-3, 1e6), st.integers(0, 9), st.lists(st.integers(0, 1), min_size=1))
def test_keras_computes_what_numpy_computes(target, size, seed, series):
    """In float32; for levels the error is that of the rounded values beside their deviation."""
    scale = scales.fit([prices(size), prices(3 * size, 60, 1)], target, NAMES, COLUMNS)
    rows, series = np.stack([prices(2 * size, 9, seed)] * len(series)), np.array(series, np.int32)
    for name in ("standardized", "in_units"):
        given_values = rows if name == "standardized" else scale.standardized(rows, series)
        expected = getattr(scale, name)(given_values, series)
        found = getattr(scale, name)(keras.ops.convert_to_tensor(np.float32(given_values)), series, keras.ops)
        assert keras.backend.standardize_dtype(found.dtype) == "float32"
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-3 * np.abs(expected).max())


def test_one_series_needs_no_number(scale):
    one = scales.Scale(scale.target, scale.means[:1], scale.deviations[:1])
    rows = prices(0.01, 9)[None]
    np.testing.assert_array_equal(one.standardized(rows, None), scale.standardized(rows, np.array([0])))
    rows = keras.ops.convert_to_tensor(np.float32(rows))
    expected = scale.standardized(rows, np.array([0]), keras.ops)
    np.testing.assert_array_equal(one.standardized(rows, None, keras.ops), expected)


@pytest.mark.parametrize("target", TARGETS)
def test_a_series_that_never_changes_or_is_too_short_is_refused(target):
    constant = prices(1.0)
    constant[:, 1] = 7
    with pytest.raises(DataError, match=r"'y' of the series 'large' never changes in its training rows"):
        scales.fit([prices(1.0), constant], target, NAMES, COLUMNS)
    for rows in (0, 1):
        with pytest.raises(DataError, match=f"'large' has {rows} training rows; it needs two or more"):
            scales.fit([prices(1.0), prices(1.0, rows)], target, NAMES, COLUMNS)


@pytest.mark.parametrize("value", [0.1, 1e-3, 100.1, 1e7 + 0.3])
def test_a_constant_that_is_no_binary_number_never_changes_either(value):
    """The mean of many equal numbers can differ from them by rounding."""
    rows = np.full((1000, 1), np.float32(value), np.float64)
    with pytest.raises(DataError, match="never changes"):
        scales.fit([rows], "level", ("a",), ("x",))
