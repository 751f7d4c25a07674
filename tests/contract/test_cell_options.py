"""Every argument of every cell can be configured: the names that a configuration knows are those of the layers."""

import inspect

import keras
import numpy as np
import pytest

from keras_recurrent.pipelines.core import settings
from keras_recurrent.pipelines.core.cell_options import SET_BY_PIPELINES, SWITCHES, layer_options
from keras_recurrent.pipelines.core.cells import CELLS, layer_class
from keras_recurrent.pipelines.core.config import RecurrentModel
from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.mnist_rows import RowsConfig
from keras_recurrent.pipelines.stages.model import recurrent_stack

UNITS = 4
OPTIONS = {
    "keras.simple_rnn": {"activation": "relu"},
    "keras.lstm": {"unit_forget_bias": False},
    "keras.gru": {"reset_after": False},
    "elman": {"irnn": True},
    "jordan": {"hidden_units": 3},
    "lstm": {"zoneout": [0.1, 0.2]},
    "gru": {"recurrent_activation": "hard_sigmoid"},
    "ugrnn": {"zoneout": 0.1},
    "peephole_lstm": {"unit_forget_bias": False},
    "layer_norm_lstm": {"epsilon": 1e-3},
    "layer_norm_gru": {"epsilon": 1e-3},
    "mgu": {"use_bias": False},
    "janet": {"beta": 0.5},
    "fast_rnn": {"kernel_regularizer": "l2"},
    "fast_grnn": {"recurrent_constraint": "max_norm"},
    "antisymmetric_rnn": {"step_size": 0.1, "gamma": 0.01},
    "ind_rnn": {"steps": 3, "last_layer": True},
    "co_rnn": {"gamma": 2.0, "epsilon": 3.0},
    "lem": {"step_size": 0.5},
    "cfc": {"backbone_units": 5},
    "min_gru": {"kernel_initializer": "he_normal"},
    "min_lstm": {"dropout": 0.5, "seed": 3},
    "sru": {"highway_bias": -1.0},
    "qrnn": {"kernel_size": 3},
    "lru": {"min_radius": 0.9, "max_radius": 0.99, "state_units": 6},
    "rg_lru": {"blocks": 2},
    "slstm": {"heads": 2},
    "mlstm": {"heads": 2, "unroll": True},
    "nas_rnn": {"activity_regularizer": "l2"},
    "echo_state": {"leak": 0.5, "spectral_radius": 0.8, "density": 0.5},
}
"""Values that are not the defaults."""


def signature(cell):
    """The arguments of a layer with their defaults, those among them that it hands on to Keras."""
    found = {}
    for function in (keras.layers.Layer.__init__, keras.layers.RNN.__init__, layer_class(cell)):
        found |= inspect.signature(function).parameters
    return {name: each.default for name, each in found.items() if name not in ("self", "cell", "kwargs")}


@pytest.mark.parametrize("cell", CELLS)
def test_the_names_are_those_of_the_signature(cell):
    defaults = signature(cell)
    assert {*layer_options(cell), "units", *SET_BY_PIPELINES} == set(defaults)
    switches = {name for name, default in defaults.items() if isinstance(default, bool)}
    assert switches - set(SET_BY_PIPELINES) == layer_options(cell) & set(SWITCHES)


@pytest.mark.parametrize("cell", CELLS)
def test_options_reach_the_layers_of_a_stack(cell):
    """Those of each level and each direction are the layer that the class makes of the same arguments; it learns."""
    config = RecurrentModel(cell=cell, units=UNITS, depth=2, bidirectional=True, options=OPTIONS[cell])
    sequences = keras.Input((3, 5))
    y = keras.layers.Dense(1)(recurrent_stack(sequences, config))
    model = keras.Model(sequences, y)
    alone, usual = (layer_class(cell)(UNITS, **options).get_config() for options in (OPTIONS[cell], {}))
    for level in (1, 2):
        both_ways = model.get_layer(f"both_ways_{level}")
        for layer in (both_ways.forward_layer, both_ways.backward_layer):
            made = layer.get_config()
            assert {name: made[name] for name in OPTIONS[cell]} == {name: alone[name] for name in OPTIONS[cell]}
    assert all(alone[name] != usual.get(name) for name in OPTIONS[cell])
    before = [weight.numpy() for weight in model.trainable_weights]
    model.compile("sgd", "mse", run_eagerly=True)
    loss = model.train_on_batch(np.random.default_rng(0).normal(size=(2, 3, 5)), np.ones((2, 1)))
    assert np.isfinite(loss)
    assert any((weight.numpy() != old).any() for weight, old in zip(model.trainable_weights, before, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_a_misspelt_option_is_refused_with_a_hint(cell):
    right = max(OPTIONS[cell], key=len)
    wrong = right.replace("_", "") + "s"
    with pytest.raises(UsageError) as caught:
        settings.resolve(RowsConfig, "mnist_rows", assignments=[f"model.cell={cell}", f"model.options.{wrong}=1"])
    said = str(caught.value)
    assert f"model.options.{wrong} (--set model.options.{wrong}=1): the cell {cell} takes no such option" in said
    assert f"Did you mean '{right}'?" in said


@pytest.mark.parametrize("cell", ["keras.lstm", "lstm"])
@pytest.mark.parametrize(
    ("allowed", "given", "found"), [(True, "auto", "auto"), (True, False, False), (False, "auto", False)]
)
def test_cudnn_is_off_where_it_is_refused(cell, allowed, given, found):
    config = RecurrentModel(cell=cell, units=UNITS, bidirectional=True, options={"use_cudnn": given})
    sequences = keras.Input((3, 5))
    both_ways = keras.Model(sequences, recurrent_stack(sequences, config, use_cudnn=allowed)).layers[-1]
    assert [way.use_cudnn for way in (both_ways.forward_layer, both_ways.backward_layer)] == [found, found]
