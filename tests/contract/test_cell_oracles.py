"""Cells compute what the cells of other packages compute, in values and in gradients."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_cases import CASES, DEFAULTS, Case, assert_close, ids
from own_process import need, once

pytestmark = pytest.mark.slow

WITHOUT = ["layer_norm_lstm", "layer_norm_gru", "min_gru", "min_lstm", "sru", "lru", "rg_lru", "slstm", "mlstm"]
"""Cells that none of the packages has; the loops in `reference/` are all there is."""
BUILT_IN = {"elman": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
ONLY_BUILT_IN = {"reset_after", "recurrent_activation"}
"""Options that the built-in layers of Keras have, and the cells of PyTorch do not."""
OTHER_CONSTANTS = [
    Case("janet", {"beta": 0.3}),
    Case("antisymmetric_rnn", {"step_size": 0.3, "gamma": 0.2}),
    Case("co_rnn", {"step_size": 0.2, "gamma": 1.3, "epsilon": 0.7}),
    Case("lem", {"step_size": 0.8}),
]
IN_PACKAGES = [case for case in CASES if case.name not in WITHOUT and not ONLY_BUILT_IN & case.options.keys()]
IN_PACKAGES += OTHER_CONSTANTS
IN_KERAS = [case for case in CASES if case.name in BUILT_IN and "irnn" not in case.options]


@pytest.fixture(scope="module")
def oracles(tmp_path_factory):
    """What the other packages compute, by `case|result`."""
    need("torch", "torchrecurrent", "ncps")
    arrays = {}
    for case in IN_PACKAGES:
        layer, x, states, upstream = _problem(case)
        options = {name: getattr(layer.cell, name) for name in DEFAULTS.get(case.name, [])} | case.options
        given = {"cell": case.name, "options": json.dumps(options), "x": x}
        given |= {f"weight|{weight.name}": keras.ops.convert_to_numpy(weight) for weight in layer.weights}
        given |= {f"state|{k}": state for k, state in enumerate(states)}
        given |= {f"upstream|{k}": each for k, each in enumerate(upstream)}
        arrays |= {f"{ids(case)}|{key}": array for key, array in given.items()}
    file = tmp_path_factory.mktemp("oracles") / "in.npz"
    np.savez(file, **arrays)
    return dict(np.load(once(tmp_path_factory, "oracles", "oracles.py", file)))


@pytest.mark.parametrize("case", IN_PACKAGES, ids=ids)
def test_equals_the_cells_of_other_packages(case, oracles):
    layer, x, states, upstream = _problem(case)
    results, gradient = _results_and_gradient(layer, x, states, upstream)
    assert_close(results, [oracles[f"{ids(case)}|{k}"] for k in range(len(upstream))], 1e-9, "outputs and states")
    assert_close(gradient, oracles[f"{ids(case)}|gradient"], 1e-9, "gradients")


@pytest.mark.parametrize("case", IN_KERAS, ids=ids)
def test_equals_the_built_in_layers(case):
    layer, x, states, upstream = _problem(case)
    built_in = BUILT_IN[case.name](
        layer.units, return_sequences=True, return_state=True, dtype="float64", **case.options
    )
    built_in.build(x.shape)
    built_in.set_weights(layer.get_weights())
    ours, theirs = (_results_and_gradient(each, x, states, upstream) for each in (layer, built_in))
    assert_close(ours, theirs, 1e-9, "outputs, states and gradients")


def _problem(case):
    """Layer, inputs, initial states, and a weight for every number of the outputs and final states.

    Where our state has another form, it begins at zero but for its first part, which alone is compared.
    """
    layer = case.built(dtype="float64", return_sequences=True, return_state=True)
    x = case.inputs(dtype="float64")
    rng = np.random.default_rng(13)
    sizes = layer.cell.state_size
    compared = sizes if case.same_states else sizes[:1]
    states = [rng.normal(size=(len(x), size)) for size in compared]
    states += [np.zeros((len(x), size)) for size in sizes[len(compared) :]]
    shapes = [(*x.shape[:2], layer.units), *((len(x), size) for size in compared)]
    return layer, x, states, [rng.normal(size=shape) for shape in shapes]


def _results_and_gradient(layer, x, states, upstream):
    x, states, upstream = tf.nest.map_structure(tf.constant, (x, states, upstream))
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = layer(x, initial_state=states)[: len(upstream)]
    return results, tape.gradient(results, x, upstream)
