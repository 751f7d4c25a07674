"""Masks, directions and states behave as those of the built-in layers of Keras."""

import keras
import numpy as np
import pytest
from cell_cases import assert_close, every_cell, to_numpy

MASKS = {
    "right": [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]],
    "left": [[0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]],
    "holes": [[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0], [1, 1, 0, 1, 1, 1]],
    "an empty row": [[0, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1]],
}


@pytest.mark.parametrize("kind", MASKS)
@every_cell
def test_a_mask_equals_leaving_the_steps_out(case, kind):
    layer = case.built(return_state=True)
    x, mask = case.inputs(time=6), np.array(MASKS[kind], bool)
    masked = to_numpy(layer(x, mask=mask))
    for row in range(len(x)):
        kept = x[row : row + 1, mask[row]]
        if kept.shape[1]:
            assert_close([part[row : row + 1] for part in masked], to_numpy(layer(kept)), what=f"row {row}, tensor")
        else:
            start = [np.zeros((1, size)) for size in layer.cell.state_size]
            assert_close([part[row : row + 1] for part in masked], [np.zeros((1, layer.units)), *start])


@pytest.mark.parametrize("zero_output", [False, True])
@every_cell
def test_masked_outputs_are_those_of_the_built_in_layers(case, zero_output):
    """Repeated, or zero on demand: where `keras.layers.SimpleRNN` changes its output, so does the cell."""
    mask = np.array(MASKS["holes"], bool)
    x = case.inputs(time=6)
    settings = {"return_sequences": True, "zero_output_for_mask": zero_output}
    ours = to_numpy(case.built(units=12, **settings)(x, mask=mask))
    theirs = to_numpy(keras.layers.SimpleRNN(4, **settings)(x, mask=mask))
    before = [np.concatenate([np.zeros_like(each[:, :1]), each[:, :-1]], axis=1) for each in (ours, theirs)]
    repeated = [np.all(each == previous, axis=-1) for each, previous in zip((ours, theirs), before, strict=True)]
    zero = [np.all(each == 0, axis=-1) for each in (ours, theirs)]
    np.testing.assert_array_equal(repeated[0], repeated[1])
    np.testing.assert_array_equal(zero[0], zero[1])


@every_cell
def test_masks_are_passed_on_as_the_built_in_layers_do(case):
    x = keras.KerasTensor((None, 6, 5))
    mask = keras.KerasTensor((None, 6), dtype="bool")
    for settings in ({}, {"return_sequences": True}, {"return_sequences": True, "return_state": True}):
        ours, theirs = case.layer(**settings), keras.layers.SimpleRNN(4, **settings)
        passed = [layer.compute_mask(x, mask) for layer in (ours, theirs)]
        passed = [each[:1] if isinstance(each, list) else [each] for each in passed]
        assert [each is mask for each in passed[0]] == [each is mask for each in passed[1]]


@every_cell
def test_bidirectional_equals_two_passes(case):
    x, mask = case.inputs(time=6), np.array(MASKS["holes"], bool)
    both = keras.layers.Bidirectional(case.layer(return_sequences=True))
    both.build((None, None, case.features))
    weights = both.get_weights()
    both.set_weights([np.random.default_rng(1).normal(size=weight.shape) * 0.3 for weight in weights])
    half = len(weights) // 2
    forward, backward = [case.built(return_sequences=True, zero_output_for_mask=True) for _ in range(2)]
    forward.set_weights(both.get_weights()[:half])
    backward.set_weights(both.get_weights()[half:])
    expected = [
        forward(x, mask=mask),
        np.flip(to_numpy(backward(x[:, ::-1].copy(), mask=mask[:, ::-1].copy())), axis=1),
    ]
    assert_close(both(x, mask=mask), np.concatenate(to_numpy(expected), axis=-1))


@every_cell
def test_go_backwards_walks_from_the_end(case):
    x = case.inputs(time=6)
    forward = case.built(return_sequences=True, return_state=True)
    backward = case.built(return_sequences=True, return_state=True, go_backwards=True)
    assert_close(backward(x), forward(x[:, ::-1].copy()))


@every_cell
def test_stateful_layers_go_on_where_they_stopped(case):
    x = case.inputs(time=8)
    stateful = keras.Sequential([keras.Input(batch_shape=(3, 4, case.features)), case.layer(stateful=True)])
    plain = case.built()
    stateful.layers[0].set_weights(plain.get_weights())
    stateful.predict(x[:, :4], batch_size=3, verbose=0)
    assert_close(stateful.predict(x[:, 4:], batch_size=3, verbose=0), plain(x))
    stateful.layers[0].reset_state()
    assert_close(stateful.predict(x[:, :4], batch_size=3, verbose=0), plain(x[:, :4]))


@every_cell
def test_unrolled_time_distributed_and_stacked(case):
    x = case.inputs(time=4)
    plain = case.built(return_sequences=True)
    assert_close(case.built(return_sequences=True, unroll=True)(x), plain(x), what="unrolled")

    inputs = keras.Input((2, 4, case.features))
    distributed = keras.Model(inputs, keras.layers.TimeDistributed(plain)(inputs))
    assert_close(distributed.predict(np.stack([x, x + 1], 1), verbose=0)[:, 1], plain(x + 1), what="distributed")

    cells = [type(plain.cell).from_config(plain.cell.get_config()) for _ in range(2)]
    stacked = keras.layers.RNN(keras.layers.StackedRNNCells(cells), return_sequences=True)
    stacked.build((None, 4, case.features))
    second = case.built(features=plain.units, weights_seed=9, return_sequences=True)
    stacked.set_weights([*plain.get_weights(), *second.get_weights()])
    assert_close(stacked(x), second(plain(x)), what="stacked")
