"""What differs between the backends of Keras, each in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest

from keras_recurrent.layers import EchoState

STATEFUL = """
import numpy as np, keras
from keras_recurrent.layers import GRU
layer = GRU(3, stateful=True)
model = keras.Sequential([keras.Input((5, 2), batch_size=4), layer, keras.layers.Dense(1)])
model.compile("sgd", "mse")
rng = np.random.default_rng(0)
before = [np.array(keras.ops.convert_to_numpy(weight)) for weight in layer.weights]
model.fit(rng.normal(size=(12, 5, 2)), rng.normal(size=(12, 1)), batch_size=4, epochs=2, verbose=0)
after = [keras.ops.convert_to_numpy(weight) for weight in layer.weights]
assert all(np.abs(a - b).max() > 0 for a, b in zip(after, before))
assert np.abs(keras.ops.convert_to_numpy(layer.states[0])).max() > 0
"""

ZONEOUT_IN_A_FOREIGN_LOOP = """
import numpy as np, keras
from keras_recurrent.layers import GRU, GRUCell
x = np.ones((2, 5, 3), "float32")
GRU(4, zoneout=0.5)(x, training=True)
try:
    keras.layers.RNN(GRUCell(4, zoneout=0.5))(x, training=True)
except ValueError as error:
    assert "GRUCell" in str(error) and "take the layer GRU" in str(error) and "zoneout=0" in str(error), error
else:
    raise AssertionError("it drew zoneout once for all time steps")
"""


def on(backend, code):
    """Runs Python in a process with this backend."""
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_a_stateful_layer_trains(backend):
    on(backend, STATEFUL)


@pytest.mark.slow
def test_zoneout_in_a_foreign_loop_is_refused_on_jax():
    on("jax", ZONEOUT_IN_A_FOREIGN_LOOP)


def test_the_same_seed_draws_the_same_reservoir():
    x = np.random.default_rng(0).normal(size=(2, 6, 3))
    first, again, other = (np.asarray(EchoState(9, seed=seed)(x)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
