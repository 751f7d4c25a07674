"""The loop of the export against the loop of Keras, for arguments that no built-in layer passes."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_recurrent.pipelines.export import ExportError, loop

CHOICES = list(itertools.product([False, True], [None, "holes"], [False, True], [False, True]))


def step(inputs, states):
    """One step with two inputs, a nested state, and a constant."""
    left, right = inputs
    h, (c,), bias = states
    c = 0.5 * c + right
    h = tf.tanh(left + 0.3 * h + c + bias)
    return h * 2.0, [h, [c]]


@pytest.mark.parametrize(("time_major", "mask", "go_backwards", "zero_output_for_mask"), CHOICES)
@pytest.mark.parametrize("return_all_outputs", [False, True])
def test_equals_the_loop_of_keras(random, time_major, mask, go_backwards, zero_output_for_mask, return_all_outputs):
    shape = (70, 2, 3) if time_major else (2, 70, 3)
    sequences = [tf.constant(random.normal(size=shape).astype("float32")) for _ in range(2)]
    mask = None if mask is None else tf.constant(random.random(shape[:2]) > 0.3)
    states = [tf.ones((2, 3)), [tf.zeros((2, 3))]]
    options = {
        "constants": [tf.fill((2, 3), 0.2)],
        "time_major": time_major,
        "mask": mask,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        "return_all_outputs": return_all_outputs,
    }
    ours = loop.rnn(step, sequences, states, **options)
    expected = written_out(step, sequences, states, **options)
    for value, other in zip(keras.tree.flatten(ours), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)


def written_out(
    step, sequences, states, constants, time_major, mask, go_backwards, zero_output_for_mask, return_all_outputs
):
    """What the documentation of the `rnn` function says, one step after the other."""
    if not time_major:
        sequences = [np.swapaxes(sequence, 0, 1) for sequence in sequences]
        mask = None if mask is None else np.swapaxes(mask, 0, 1)
    keep = np.ones(sequences[0].shape[:2], bool) if mask is None else np.asarray(mask)
    times = range(len(keep))
    output, outputs = np.zeros((2, 3)), []
    for time in reversed(times) if go_backwards else times:
        new_output, new_states = step([sequence[time] for sequence in sequences], (*states, *constants))
        kept = keep[time][:, None]
        output = np.where(kept, new_output, 0 if zero_output_for_mask else output)
        (h, (c,)), (new_h, (new_c,)) = states, new_states
        states = [np.where(kept, new_h, h), [np.where(kept, new_c, c)]]
        outputs.append(output)
    outputs = np.stack(outputs if return_all_outputs else outputs[-1:])
    return output, outputs if time_major else np.swapaxes(outputs, 0, 1), states


def test_lengths_as_a_tensor_are_refused():
    with pytest.raises(ExportError, match="mask"):
        loop.rnn(step, [tf.zeros((1, 2, 3))] * 2, [tf.zeros((1, 3)), [tf.zeros((1, 3))]], input_length=tf.constant(2))
