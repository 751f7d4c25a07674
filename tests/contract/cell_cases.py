"""Every cell that a configuration can name, in every form that has equations of its own, and how to make it for a test.

A new cell joins by its line in `pipelines/cells.py` and its equations in `reference/`.
"""

from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
from reference import PARAMETERS, REFERENCES

from keras_recurrent.pipelines.core.cells import CELLS, layer_class

FEATURES, UNITS = 5, 6
NAMES = [name for name in CELLS if not name.startswith("keras.")]
VARIANTS = {
    "elman": [{"activation": "relu", "use_bias": False}, {"irnn": True}],
    "jordan": [{"hidden_units": 4, "output_activation": "sigmoid"}],
    "lstm": [{"activation": "relu", "recurrent_activation": "hard_sigmoid"}],
    "gru": [{"reset_after": False}, {"use_bias": False}],
    "cfc": [{"time_column": True, "backbone_units": 7}],
    "ind_rnn": [{"activation": "tanh"}],
    "qrnn": [{"kernel_size": 3}, {"kernel_size": 1}],
    "lru": [{"state_units": 4}],
    "rg_lru": [{"blocks": 2}],
    "slstm": [{"heads": 3}],
    "mlstm": [{"heads": 3}],
    "echo_state": [{"leak": 0.3}],
}
DEFAULTS = {
    "antisymmetric_rnn": ["step_size", "gamma"],
    "co_rnn": ["step_size", "gamma", "epsilon"],
    "lem": ["step_size"],
    "echo_state": ["leak"],
}
"""Arguments with a default that the references leave open."""


@dataclass(frozen=True)
class Case:
    """A cell in one form."""

    name: str
    options: dict = field(default_factory=dict)
    features: int = FEATURES

    def layer(self, units=UNITS, **arguments):
        """The layer of this cell, with more arguments than its form has."""
        return layer_class(self.name)(units, **self.options, **arguments)

    def built(self, units=UNITS, features=None, weights_seed=7, **arguments):
        """The same, built, with random asymmetric weights."""
        layer = self.layer(units, **arguments)
        layer.build((None, 4 if layer.unroll else None, features or self.features))
        randomize(layer, weights_seed)
        return layer

    def reference(self, layer, x, states=None):
        """What the float64 loop gives for the weights of a layer: outputs and final states."""
        cell = layer.cell
        options = {name: getattr(cell, name) for name in DEFAULTS.get(self.name, [])} | self.options
        weights = {weight.name: keras.ops.convert_to_numpy(weight).astype(float) for weight in layer.weights}
        if states is None:
            states = [np.zeros((len(x), size)) for size in self.reference_state_sizes(layer)]
        return REFERENCES[self.name](weights, np.asarray(x, float), [np.asarray(s, float) for s in states], **options)

    def reference_state_sizes(self, layer):
        """The sizes of the reference's states: those of the cell, but for the window of inputs of the QRNN."""
        if self.name != "qrnn":
            return layer.cell.state_size
        size = layer.cell.kernel_size
        window = layer.cell.kernel.shape[0] // size * (size - 1)
        return [layer.cell.units, window]

    @property
    def same_states(self):
        """Whether cell and reference agree on what the states are."""
        return self.name != "qrnn"

    def parameters(self, features, units):
        """How many numbers are trained, by the formula of the paper."""
        return PARAMETERS[self.name](features, units, **self.options)

    def inputs(self, batch=3, time=7, features=None, seed=0, dtype="float32"):
        """Random inputs; positive where they hold times."""
        x = np.random.default_rng(seed).normal(size=(batch, time, features or self.features))
        if self.options.get("time_column"):
            x[..., -1] = np.abs(x[..., -1]) + 0.1
        return x.astype(dtype)


def randomize(layer, seed=7, scale=0.3):
    """Gives every weight random numbers, so that no two gates, biases or scales are alike."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape) * scale)


def ids(case):
    """How a test names a case."""
    return "-".join([case.name, *(f"{key}={value}" for key, value in case.options.items())])


CASES = [Case(name, options) for name in NAMES for options in [{}, *VARIANTS.get(name, [])]]
MAIN = [case for case in CASES if not case.options]
every_case = pytest.mark.parametrize("case", CASES, ids=ids)
every_cell = pytest.mark.parametrize("case", MAIN, ids=ids)


def to_numpy(structure):
    """Arrays for tensors, however they are nested."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, structure)


def assert_close(actual, expected, tolerance=1e-5, what="values"):
    """Compares flat structures of arrays, absolutely below 1 and relatively above."""
    actual, expected = keras.tree.flatten(to_numpy(actual)), keras.tree.flatten(to_numpy(expected))
    assert len(actual) == len(expected), f"{len(actual)} {what} for {len(expected)}"
    for number, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert a.shape == e.shape, f"{what} {number}: shape {a.shape} for {e.shape}"
        worst = float(np.max(np.abs(a - e) / np.maximum(1, np.abs(e)), initial=0))
        assert worst <= tolerance, f"{what} {number}: {worst:.2g} apart"
