"""Every cell computes what its paper says, on every path over time."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_cases import FEATURES, UNITS, assert_close, every_case, every_cell, to_numpy

from keras_recurrent.layers import paths
from keras_recurrent.pipelines.core.cells import layer_class


@pytest.mark.parametrize("time", [1, 7, 63])
@every_case
def test_equals_the_loop_written_from_the_paper(case, time):
    batch, features, units = {1: (1, 3, 6), 7: (3, 5, 12), 63: (5, 6, 6)}[time]
    layer = case.built(units, features, return_sequences=True, return_state=True)
    x = case.inputs(batch, time, features)
    outputs, *states = layer(x)
    expected, expected_states = case.reference(layer, x)
    assert_close(outputs, expected, what="outputs")
    if case.same_states:
        assert_close(states, expected_states, what="states")


@every_case
def test_goes_on_from_states_as_the_paper_does(case):
    if not case.same_states:
        pytest.skip("the reference keeps its state in another form")
    layer = case.built(return_sequences=True, return_state=True)
    before, x = case.inputs(time=4, seed=1), case.inputs(time=5, seed=2)
    _, states = case.reference(layer, before)
    outputs, *new_states = layer(x, initial_state=[keras.ops.cast(state, "float32") for state in states])
    expected, expected_states = case.reference(layer, x, states)
    assert_close(outputs, expected, what="outputs")
    assert_close(new_states, expected_states, what="states")


@every_case
def test_halves_and_single_steps_equal_the_whole(case):
    layer = case.built(return_sequences=True, return_state=True)
    x = case.inputs(time=9)
    whole = to_numpy(layer(x))

    first, *states = layer(x[:, :4])
    second, *states = layer(x[:, 4:], initial_state=states)
    assert_close([np.concatenate(to_numpy([first, second]), axis=1), *states], whole, what="halves")

    outputs, states = [], layer.cell.get_initial_state(batch_size=len(x))
    for time in range(x.shape[1]):
        output, states = layer.cell(x[:, time], states)
        outputs.append(keras.ops.convert_to_numpy(output))
    assert_close([np.stack(outputs, axis=1), *states], whole, what="single steps")


@every_case
def test_all_time_steps_at_once_equal_the_loop(case):
    if not hasattr(layer_class(case.name).cell_class, "parallel"):
        pytest.skip("this recurrence is not linear in its state")
    layer = case.built(return_sequences=True, return_state=True)
    for time in (1, 2, 7, 70):
        x = case.inputs(time=time)
        _, *states = layer(case.inputs(time=3, seed=5))
        values = {}
        for path in ("loop", "parallel"):
            with paths.use(path):
                values[path] = _values_and_gradients(layer, x, states)
        assert_close(values["parallel"][0], values["loop"][0], what=f"values at {time} time steps,")
        assert_close(values["parallel"][1], values["loop"][1], 2e-5, what=f"gradients at {time} time steps,")


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@every_case
def test_the_compiled_loop_equals_the_loop(case, masked):
    layer = case.built(return_sequences=masked, return_state=True)
    x = case.inputs(time=6)
    mask = np.random.default_rng(3).random((3, 6)) < 0.6 if masked else None
    _, *states = to_numpy(layer(case.inputs(time=3, seed=5)))
    values = {}
    for path in ("loop", "compiled"):
        with paths.use(path):
            values[path] = tf.function(_values_and_gradients, autograph=False)(layer, tf.constant(x), states, mask)
    assert_close(values["compiled"][0], values["loop"][0], what="values")
    assert_close(values["compiled"][1], values["loop"][1], 2e-5, what="gradients")


@every_case
def test_gradients_equal_finite_differences(case):
    layer = case.built(dtype="float64", return_sequences=True, return_state=True)
    x = case.inputs(time=4, dtype="float64")
    _, gradients = _values_and_gradients(layer, x, None)
    variables = [tf.Variable(x), *layer.trainable_weights]
    rng = np.random.default_rng(11)
    for variable, gradient in zip(variables, gradients, strict=True):
        direction = rng.normal(size=variable.shape)
        start = keras.ops.convert_to_numpy(variable).copy()
        losses = []
        for step in (1e-6, -1e-6):
            variable.assign(start + step * direction)
            losses.append(float(_loss(layer(tf.convert_to_tensor(variables[0])))))
        variable.assign(start)
        along = float(np.sum(np.asarray(gradient) * direction))
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(along, rel=1e-5, abs=1e-7), variable.name


@pytest.mark.parametrize(("features", "units"), [(FEATURES, UNITS), (UNITS, UNITS), (1, 12)])
@every_case
def test_has_as_many_parameters_as_the_paper_says(case, features, units):
    features = max(features, 2) if case.options.get("time_column") else features
    layer = case.layer(units)
    layer.build((None, None, features))
    assert sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights) == case.parameters(features, units)


@every_cell
def test_the_docstring_tells_equations_source_parameters_states_and_path(case):
    text = inspect.getdoc(type(case.layer()))
    for word in ("    ", "Parameters:", "State", "Fast path:", "Args:", "Example:", ">>>"):
        assert word in text, f"no {word!r}"
    assert any(str(year) in text for year in range(1986, 2026))


def _loss(results):
    """A sum in which every number of the outputs and states has a weight of its own."""
    total = 0.0
    for number, result in enumerate(keras.tree.flatten(results)):
        total = total + tf.reduce_sum(tf.sin(result * (1.0 + number)) * _weights_like(result))
    return total


def _weights_like(result):
    size = int(np.prod(result.shape[1:]))
    return tf.cast(tf.reshape(tf.linspace(0.5, 1.5, size), [1, *result.shape[1:]]), result.dtype)


def _values_and_gradients(layer, x, states, mask=None):
    """Outputs and states, and the gradients of all of them for the inputs, the initial states and the weights."""
    x = tf.convert_to_tensor(x)
    states = [tf.convert_to_tensor(state) for state in states] if states is not None else None
    weights = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch([x, *(states or [])])
        results = layer(x, initial_state=states, mask=mask)
        loss = _loss(results)
    sources = [x, *(states or []), *weights]
    return results, tape.gradient(loss, sources, unconnected_gradients="zero")
