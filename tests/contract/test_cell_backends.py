"""Cells compute the same on every backend of Keras."""

import functools

import numpy as np
import pytest
from cell_cases import assert_close, every_case, ids
from own_process import below, need, once

from keras_recurrent.pipelines.core.cells import layer_class

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What `backend_run.py` writes on a backend, `results("jax")`; all take the weights and states of TensorFlow."""

    @functools.cache
    def file(backend):
        need(backend)
        given = [] if backend == "tensorflow" else [file("tensorflow")]
        return once(tmp_path_factory, backend, "backend_run.py", *given, KERAS_BACKEND=backend)

    return functools.cache(lambda backend: dict(np.load(file(backend))))


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("way", ["plain", "masked", "parallel"])
@every_case
def test_values_and_gradients_equal_those_on_tensorflow(case, way, backend, results):
    if way == "parallel" and not hasattr(layer_class(case.name).cell_class, "parallel"):
        pytest.skip("this recurrence is not linear in its state")
    actual, expected = (_arrays(results(name), case, way) for name in (backend, "tensorflow"))
    assert_close(actual, expected, what="outputs, states and gradients")


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
@every_case
def test_trains_with_dropout_and_zoneout(case, backend, results):
    """Every backend draws other numbers."""
    assert all(np.isfinite(array).all() for array in _arrays(results(backend), case, "training"))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_tensorflow_is_not_imported_on_another_backend(backend, results):
    assert not results(backend)["tensorflow"]


def _arrays(found, case, way):
    error = found.get(f"{ids(case)}|{way}|error")
    assert error is None, str(error)
    arrays = list(below(found, f"{ids(case)}|{way}|").values())
    assert arrays, f"{ids(case)} was not run: {way}"
    return arrays
