"""Quantiles of Student's t distribution, against SciPy, and in a TFLite file."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from scipy import stats

from keras_recurrent.pipelines.export import export_tflite
from keras_recurrent.pipelines.tasks.forecasting.student import student_quantile

DF = np.float32([2.0001, 2.1, 2.5, 3, 4, 5, 8, 30, 300, 1e4])
LEVELS = (0.005, 0.01, 0.025, 0.1, 0.25, 0.3, 0.38, 0.45, 0.49, 0.51, 0.6, 0.615, 0.7, 0.75, 0.9, 0.95, 0.99, 0.995)


def expected(df, level):
    return stats.t.ppf(level, df.astype(np.float64))


@pytest.mark.parametrize("level", LEVELS)
def test_quantiles_are_those_of_scipy(level):
    found = keras.ops.convert_to_numpy(student_quantile(DF, level))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(DF, level), rtol=8.5e-4)
    np.testing.assert_allclose(found[DF >= 2.5], expected(DF[DF >= 2.5], level), rtol=5e-5)
    np.testing.assert_allclose(found[DF >= 3], expected(DF[DF >= 3], level), rtol=6e-6)


def test_errors_are_as_small_between():
    """Just above 2 and around the place where the branches meet."""
    df = np.geomspace(2.0001, 40, 300).astype(np.float32)
    for level in np.linspace(0.005, 0.495, 50):
        error = np.abs(keras.ops.convert_to_numpy(student_quantile(df, float(level))) / expected(df, level) - 1)
        assert error.max() < 8.5e-4
        assert error[df >= 2.5].max() < 5e-5
        assert error[df >= 3].max() < 6e-6


def test_many_degrees_of_freedom_are_normal():
    found = keras.ops.convert_to_numpy(student_quantile(np.float32([1e6, 1e9]), 0.9))
    np.testing.assert_allclose(found, stats.norm.ppf(0.9), rtol=2e-6)


def test_the_median_is_zero_and_levels_are_symmetric():
    df = DF.reshape(2, 5)
    np.testing.assert_array_equal(student_quantile(df, 0.5), np.zeros((2, 5)))
    for level in (0.125, 0.25, 0.375):
        low, high = (keras.ops.convert_to_numpy(student_quantile(df, value)) for value in (level, 1 - level))
        assert low.shape == (2, 5)
        np.testing.assert_array_equal(low, -high)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.1])
def test_levels_outside_are_refused(level):
    with pytest.raises(ValueError, match=r"0.0 < p < 1.0"):
        student_quantile(DF, level)


def test_a_tflite_file_gives_the_same(tmp_path):
    df = keras.Input((len(DF),), name="df")
    columns = [student_quantile(df, level) for level in (0.05, 0.4, 0.5, 0.975)]
    model = keras.Model(df, keras.layers.Identity(name="quantiles")(keras.ops.stack(columns, axis=-1)))
    assert model.output_shape == (None, len(DF), 4)
    export_tflite(model, tmp_path / "model.tflite", signatures="sequence")
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("sequence")
    rows = np.stack([DF, DF[::-1], np.full_like(DF, 2.7)])
    for batch in (rows, rows[:1]):
        found = run(df=batch)["quantiles"]
        exact = np.stack([expected(batch, level) for level in (0.05, 0.4, 0.5, 0.975)], axis=-1)
        np.testing.assert_allclose(found, exact, rtol=8.5e-4)
        np.testing.assert_allclose(found, model(batch), rtol=1e-5)
