"""Models, and the TensorFlow Lite runner, that the tests of the export share."""

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

FEATURES = 6


def randomise(model, seed=0):
    """Gives every weight a random value, biases too: zeros and ones cannot see two gates swapped."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(random.normal(scale=0.4, size=variable.shape))
    return model


def softmax_rows(units=64, seed=0):
    """A small classifier of pixel rows, with raw bytes as its input."""
    rows = keras.Input((8, 8), dtype="uint8", name="rows")
    hidden = keras.layers.LSTM(units)(keras.layers.Rescaling(1 / 255)(rows))
    return randomise(keras.Model(rows, keras.layers.Dense(10, activation="softmax", name="scores")(hidden)), seed)


def runner(path):
    """The signature `sequence` of a TensorFlow Lite file, as a function from named arrays to named arrays."""
    return Interpreter(str(path), num_threads=1).get_signature_runner("sequence")


def assert_same(model, path, inputs):
    """Checks that a TensorFlow Lite file gives what a model gives, twice in a row."""
    run = runner(path)
    named = inputs if isinstance(inputs, dict) else {model.inputs[0].name: inputs}
    expected = [np.asarray(value) for value in keras.tree.flatten(model(inputs, training=False))]
    first, second = run(**named), run(**named)
    assert len(first) == len(expected)
    for name, value in zip(output_names(model), expected, strict=True):
        assert first[name].shape == value.shape
        np.testing.assert_allclose(first[name], value, atol=1e-5, rtol=0)
        np.testing.assert_array_equal(first[name], second[name])


def output_names(model):
    """The layers that give the outputs; of several outputs of one layer, the later ones are numbered."""
    names = getattr(model, "output_names", None) or [model.layers[-1].name]
    counts = [names[:index].count(name) for index, name in enumerate(names)]
    return [f"{name}_{count}" if count else name for name, count in zip(names, counts, strict=True)]
