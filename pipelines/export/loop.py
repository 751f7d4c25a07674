"""Runs recurrent layers in a loop that converts to TensorFlow Lite with builtin operations and dynamic batch and time.

Keras collects the outputs of a recurrent layer in a `TensorArray`, which the converter turns into list operations that
need a static shape. This loop writes them into a plain tensor with a dynamic update slice. TensorFlow Lite copies all
loop variables at every iteration, so the loop walks a long sequence in blocks of `BLOCK` steps: the inner loop sees
one block only, and whole sequences are copied once for each block instead of once for each step.
"""

import tensorflow as tf
from keras import ops, tree

from .errors import ExportError

BLOCK = 32


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    """Iterates over the time dimension, with the arguments and results of `rnn` in the Keras backends.

    Args:
        step_function: Function `(inputs, states) -> (output, new_states)` for one time step. `states` ends with the
            constants.
        inputs: Tensor of shape `(batch, time, ...)`, or a structure of such tensors.
        initial_states: Structure of tensors of shape `(batch, ...)`.
        go_backwards: Whether to walk from the last time step to the first.
        mask: Tensor of shape `(batch, time)` or `(batch, time, 1)`. Where it is false, the states do not change.
        constants: List of tensors that every step receives.
        input_length: Number of time steps, `None` or an integer; ignored, because the shape of `inputs` decides.
        time_major: Whether inputs and outputs have shape `(time, batch, ...)`.
        zero_output_for_mask: Whether a masked step outputs zeros instead of the output of the step before.
        return_all_outputs: Whether to collect the outputs of all steps or to keep only the last one.

    Returns:
        Tuple `(last_output, outputs, new_states)`. `outputs` has one time step if `return_all_outputs` is false.

    Raises:
        ExportError: If `input_length` is a tensor.
    """
    if tf.is_tensor(input_length):
        raise ExportError("A recurrent layer with lengths given as a tensor cannot be exported; give it a mask.")
    constants = tuple(constants or ())
    initial_states = tree.map_structure(tf.convert_to_tensor, tuple(initial_states))
    sequences = [tf.convert_to_tensor(sequence) for sequence in tree.flatten(inputs)]
    if not time_major:
        sequences = [_swap_batch_and_time(sequence) for sequence in sequences]
    if mask is not None:
        sequences.append(_time_major_mask(mask, time_major))
    if go_backwards:
        sequences = [tf.reverse(sequence, [0]) for sequence in sequences]

    def call(flat_inputs, flat_states):
        states = tree.pack_sequence_as(initial_states, flat_states)
        return step_function(tree.pack_sequence_as(inputs, flat_inputs), (*states, *constants))

    flat_states = tree.flatten(initial_states)
    structure, _ = call([sequence[0] for sequence in sequences[: len(tree.flatten(inputs))]], flat_states)
    batch = tf.shape(sequences[0])[1]
    zeros = [zeros_like_output(output, batch) for output in tree.flatten(structure)]

    step = make_step(call, len(zeros), mask is not None, zero_output_for_mask)
    carried, collected = _walk_in_blocks(step, sequences, zeros + flat_states, zeros if return_all_outputs else [])
    last_outputs, states = carried[: len(zeros)], carried[len(zeros) :]
    outputs = collected if return_all_outputs else [tf.expand_dims(output, 0) for output in last_outputs]
    if not time_major:
        outputs = [_swap_batch_and_time(output) for output in outputs]
    return (
        tree.pack_sequence_as(structure, last_outputs),
        tree.pack_sequence_as(structure, outputs),
        list(tree.pack_sequence_as(initial_states, states)),
    )


def make_step(call, output_count, masked, zero_output_for_mask):
    """A function `(slices of one time step, carried) -> carried`; `carried` is the flat list of outputs and states."""

    def step(slices, carried):
        states = carried[output_count:]
        if not masked:
            output, new_states = call(slices, states)
            return tree.flatten(output) + tree.flatten(new_states)
        *slices, mask = slices
        output, new_states = call(slices, states)
        unmasked = tree.flatten(output) + tree.flatten(new_states)
        outputs = carried[:output_count]
        if zero_output_for_mask:
            outputs = [tf.zeros_like(output) for output in outputs]
        return [_where(mask, new, old) for new, old in zip(unmasked, outputs + states, strict=True)]

    return step


def _walk_in_blocks(step, sequences, carried, collect):
    """Walks block by block; returns the final `carried` and one tensor `(time, ...)` for each entry of `collect`."""
    static_steps, time_steps = sequences[0].shape[0], tf.shape(sequences[0])[0]
    if not collect or (static_steps is not None and static_steps <= BLOCK):
        return _walk(step, sequences, carried, _buffers(time_steps, collect))

    def body(start, carried, buffers):
        size = tf.minimum(BLOCK, time_steps - start)
        block = [sequence[start : start + size] for sequence in sequences]
        new, written = _walk(step, block, carried, _buffers(size, collect))
        return (
            start + size,
            _like(new, carried),
            [_write(buffer, start, part) for buffer, part in zip(buffers, written, strict=True)],
        )

    loop_variables = (tf.constant(0), carried, _buffers(time_steps, collect))
    _, carried, buffers = tf.while_loop(lambda start, *_: start < time_steps, body, loop_variables)
    return carried, buffers


def _walk(step, sequences, carried, buffers):
    """Walks step by step; `carried` begins with the outputs, and each is written into its buffer, if it has one."""
    time_steps = tf.shape(sequences[0])[0]

    def body(time, carried, buffers):
        new = _like(step([tf.gather(sequence, time) for sequence in sequences], carried), carried)
        written = [_write(buffer, time, tf.expand_dims(value, 0)) for buffer, value in zip(buffers, new, strict=False)]
        return time + 1, new, written

    _, carried, buffers = tf.while_loop(lambda time, *_: time < time_steps, body, (tf.constant(0), carried, buffers))
    return carried, buffers


def _buffers(time_steps, collect):
    """Zeros of shape `(time, ...)`, created at run time so that the file stores none."""
    buffers = []
    for value in collect:
        buffer = tf.zeros(tf.concat([[time_steps], tf.shape(value)], 0), value.dtype)
        buffer.set_shape([None, *value.shape])
        buffers.append(buffer)
    return buffers


def _write(buffer, time, values):
    written = ops.slice_update(buffer, [time] + [0] * (len(buffer.shape) - 1), values)
    written.set_shape(buffer.shape)
    return written


def _like(new, old):
    """Gives the new tensors the static shapes of the old ones, which a loop requires."""
    for value, reference in zip(new, old, strict=True):
        value.set_shape(reference.shape)
    return new


def zeros_like_output(output, batch):
    """Zeros with the shape of an output, without computing the output where its static shape suffices."""
    static = output.shape.as_list()
    dynamic = tf.shape(output)
    sizes = [dynamic[axis] if size is None else size for axis, size in enumerate(static)]
    zeros = tf.zeros([batch, *sizes[1:]], output.dtype)
    zeros.set_shape(output.shape)
    return zeros


def _where(mask, new, old):
    for _ in range(len(new.shape) - len(mask.shape)):
        mask = tf.expand_dims(mask, -1)
    return tf.where(mask, new, old)


def _time_major_mask(mask, time_major):
    mask = tf.cast(mask, tf.bool)
    if len(mask.shape) == 2:
        mask = tf.expand_dims(mask, -1)
    return mask if time_major else _swap_batch_and_time(mask)


def _swap_batch_and_time(tensor):
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])
