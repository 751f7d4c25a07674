"""The loop over time on the TensorFlow backend, which XLA compiles as one piece, with its gradient.

The gradient is the reverse recurrence: the loop keeps the states and matrix products of all time steps, then computes
the rest of each step again and differentiates it. XLA runs a loop on one core, so every core gets its part of the
batch. XLA compiles anew for each shape, so the number of time steps must be static, or one of few.
"""

import contextlib
import os
import weakref

import tensorflow as tf
from keras import Layer, StatelessScope, ops

from .keras_private import backend
from .products import MATRIX_FEATURES, computed_by

PARTS = os.cpu_count() or 1
"""Number of parts into which a batch is divided."""

_loops: "weakref.WeakKeyDictionary[Layer, dict[tuple, _Loop]]" = weakref.WeakKeyDictionary()


def in_graph():
    """Whether a graph is being traced, which pays for a compilation once and uses it often."""
    return not tf.executing_eagerly()


def run(layer, sequences, states, mask, noise, training):
    """Runs the cell of a layer over time, with the arguments and results of `paths.run`."""
    cell = layer.cell
    dropped = [cell._dropout_mask, cell._recurrent_dropout_mask] if training else [None, None]
    optional = [None if mask is None else tf.cast(mask, tf.bool), noise, *dropped]
    loop = _loop_of(layer, training, optional)
    weights = [tf.convert_to_tensor(weight.value) for weight in cell.weights]
    given = [tensor for tensor in optional if tensor is not None]
    outputs, *states = _differentiable(loop, training, given)(tf.convert_to_tensor(sequences), *states, *weights)
    outputs.set_shape([sequences.shape[0], *sequences.shape[1 : 2 if layer.return_sequences else 1], cell.output_size])
    if layer.return_sequences:
        return outputs[:, -1], outputs, states
    return outputs, tf.expand_dims(outputs, 1), states


def _loop_of(layer, training, optional):
    """The compiled loop of a layer for such inputs; it is made once."""
    key = (training, layer.return_sequences, layer.zero_output_for_mask, layer.cell.compute_dtype)
    key += tuple(tensor is not None for tensor in optional)
    loops = _loops.setdefault(layer.cell, {})
    if key not in loops:
        loops[key] = _Loop(layer, training, [tensor is not None for tensor in optional])
    return loops[key]


def _differentiable(loop, training, optional):
    """`(sequences, *states, *weights) -> (outputs, *states)`, with the compiled reverse loop as its gradient."""

    @tf.custom_gradient
    def function(sequences, *tensors):
        states, weights = tensors[: loop.state_count], tensors[loop.state_count :]
        flow = (optional, sequences, states, weights)
        parts = [loop.forward(part, training, *flow) for part in range(PARTS)]
        histories = [part[1] for part in parts]

        def gradient(*upstream):
            kept = histories if training else [loop.forward(part, True, *flow)[1] for part in range(PARTS)]
            gradients = [loop.backward(part, *flow, history, upstream) for part, history in enumerate(kept)]
            batched = [tf.concat(each, 0) for each in zip(*[part[0] for part in gradients], strict=True)]
            return batched + [tf.add_n(each) for each in zip(*[part[1] for part in gradients], strict=True)]

        return [tf.concat(each, 0) for each in zip(*[part[0] for part in parts], strict=True)], gradient

    return function


class _Loop:
    """The loop of one layer over one part of a batch, forward and backward."""

    def __init__(self, layer, training, present):
        self.cell = weakref.ref(layer.cell)
        self.state_count = len(layer.cell.state_size)
        self.all_outputs = layer.return_sequences
        self.zero_output_for_mask = layer.zero_output_for_mask
        self.training = training
        self.present = present
        self.forward = tf.function(self._forward, jit_compile=True, autograph=False)
        self.backward = tf.function(self._backward, jit_compile=True, autograph=False)

    def _forward(self, part, keep, optional, sequences, states, weights):
        """Runs from the first time step to the last.

        Args:
            part: Number of the part of the batch.
            keep: Whether to keep what `backward` needs.
            optional: The mask, noise, dropout mask and recurrent dropout mask, those that are present.
            sequences: Tensor of shape `(batch, time, features)`.
            states: Tuple of tensors of shape `(batch, size)`.
            weights: Tuple of the cell's weights.

        Returns:
            Tuple `((outputs, *states), history)`; history is a tuple of tensors `(batch, time, size)`, one for each
            state and then one for each matrix product of a step.
        """
        rows = _Rows(sequences, part)
        states = [rows.of(state) for state in states]
        carried = [tf.zeros([rows.size, self.cell().output_size], self.cell().compute_dtype), *states]

        def step(time, carried):
            with _recorded_products() as products:
                new = self._step(rows, time, optional, sequences, weights, carried)
            wanted = (new[:1] if self.all_outputs else []) + ([*new[1:], *products] if keep else [])
            return new, wanted

        def body(time, carried, buffers):
            new, wanted = step(time, carried)
            return time + 1, new, [_write(*each, time) for each in zip(buffers, wanted, strict=True)]

        _, like = step(tf.constant(0), carried)
        buffers = [tf.zeros([rows.size, rows.steps, each.shape[1]], each.dtype) for each in like]

        start = (tf.constant(0), carried, buffers)
        _, carried, buffers = tf.while_loop(lambda time, *_: time < rows.steps, body, start)
        outputs = buffers.pop(0) if self.all_outputs else carried[0]
        return (outputs, *carried[1:]), tuple(buffers)

    def _backward(self, part, optional, sequences, states, weights, history, upstream):
        """Runs from the last time step to the first, and computes the gradients of all inputs of `_forward`.

        Returns:
            Tuple `((gradient of the sequences, *gradients of the states), gradients of the weights)`.
        """
        rows = _Rows(sequences, part)
        states = [rows.of(state) for state in states]
        d_outputs, *d_states = upstream
        last = tf.zeros([rows.size, d_outputs.shape[2]], d_outputs.dtype) if self.all_outputs else rows.of(d_outputs)
        d_carried = [last, *[rows.of(each) for each in d_states]]
        d_sequences = tf.zeros([rows.size, rows.steps, sequences.shape[2]], sequences.dtype)

        def body(time, d_carried, d_sequences, d_weights):
            before = [
                tf.where(time > 0, _read(kept, tf.maximum(time - 1, 0)), state)
                for kept, state in zip(history, states, strict=False)
            ]
            carried = [tf.zeros_like(d_carried[0]), *before]
            if self.all_outputs:
                d_carried = [d_carried[0] + rows.at(d_outputs, time), *d_carried[1:]]
            x = rows.at(sequences, time)
            with tf.GradientTape() as tape:
                tape.watch([x, carried, weights])
                with _replayed_products([_read(kept, time) for kept in history[len(states) :]]):
                    new = self._step(rows, time, optional, sequences, weights, carried, x)
            d_x, d_carried, d_step = tape.gradient(
                new, [x, carried, list(weights)], d_carried, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            d_weights = [total + each for total, each in zip(d_weights, d_step, strict=True)]
            return time - 1, d_carried, _write(d_sequences, d_x, time), d_weights

        start = (rows.steps - 1, d_carried, d_sequences, [tf.zeros_like(weight) for weight in weights])
        _, d_carried, d_sequences, d_weights = tf.while_loop(lambda time, *_: time >= 0, body, start)
        return (d_sequences, *d_carried[1:]), tuple(d_weights)

    def _step(self, rows, time, optional, sequences, weights, carried, x=None):
        """One time step: the new output and states, from the previous ones."""
        cell, given = self.cell(), iter(optional)
        mask, noise, dropout, recurrent_dropout = [next(given) if there else None for there in self.present]
        x = rows.at(sequences, time) if x is None else x
        noise = None if noise is None else rows.at(noise, time)
        dropped = [None if each is None else rows.of(each) for each in (dropout, recurrent_dropout)]
        values = StatelessScope(state_mapping=list(zip(cell.weights, weights, strict=True)))
        with values, backend.AutocastScope(cell.compute_dtype), _dropout_masks(cell, *dropped):
            output, states = cell.advance(x, carried[1:], noise, self.training)
        new = [output, *states]
        if mask is None:
            return new
        here = tf.expand_dims(rows.at(mask, time), -1)
        old = [tf.zeros_like(output) if self.zero_output_for_mask else carried[0], *carried[1:]]
        return [tf.where(here, after, before) for after, before in zip(new, old, strict=True)]


@contextlib.contextmanager
def _dropout_masks(cell, *masks):
    """Within this context the cell applies these dropout masks."""
    outside = cell._dropout_mask, cell._recurrent_dropout_mask
    try:
        cell._dropout_mask, cell._recurrent_dropout_mask = masks
        yield
    finally:
        cell._dropout_mask, cell._recurrent_dropout_mask = outside


@contextlib.contextmanager
def _recorded_products():
    """Within this context every matrix product is appended to the list that the context gives."""
    products = []

    def product(x, kernel):
        products.append(tf.matmul(x, kernel))
        return products[-1]

    with computed_by(product):
        yield products


@contextlib.contextmanager
def _replayed_products(products):
    """Within this context matrix products have these values, in this order, and their usual gradients."""
    remaining = iter(products)

    @tf.custom_gradient
    def product(x, kernel):
        def gradient(upstream):
            return tf.matmul(upstream, kernel, transpose_b=True), tf.matmul(x, upstream, transpose_a=True)

        return next(remaining), gradient

    with computed_by(product, _repeated):
        yield


def _repeated(weight, rows):
    """Repeats a weight in each row by a matrix product, whose gradient is also one; XLA is fast at these."""
    if len(rows.shape) != 2:
        return weight
    mean = tf.fill([tf.shape(rows)[0], MATRIX_FEATURES], tf.constant(1 / MATRIX_FEATURES, weight.dtype))
    return tf.matmul(mean, tf.tile(tf.expand_dims(weight, 0), [MATRIX_FEATURES, 1]))


class _Rows:
    """The rows of a batch that make up one part."""

    def __init__(self, sequences, part):
        batch = sequences.shape[0] if sequences.shape[0] is not None else tf.shape(sequences)[0]
        self.start = batch * part // PARTS
        self.size = batch * (part + 1) // PARTS - self.start
        self.steps = sequences.shape[1] if sequences.shape[1] is not None else tf.shape(sequences)[1]

    def of(self, tensor):
        """Selects these rows of a tensor of shape `(batch, ...)`."""
        rows = tf.slice(tensor, [self.start] + [0] * (len(tensor.shape) - 1), [self.size, *tensor.shape[1:]])
        return self._known(rows, tensor.shape[1:])

    def at(self, tensor, time):
        """Selects these rows at one time step of a tensor of shape `(batch, time, ...)`."""
        rest = list(tensor.shape[2:])
        rows = tf.slice(tensor, [self.start, time] + [0] * len(rest), [self.size, 1, *rest])
        return self._known(tf.reshape(rows, [self.size, *rest]), rest)

    def _known(self, rows, rest):
        """The same tensor with its static shape, which a loop needs."""
        rows.set_shape([self.size if isinstance(self.size, int) else None, *rest])
        return rows


def _read(buffer, time):
    shape = [tf.shape(buffer)[0], buffer.shape[2]]
    return tf.reshape(tf.slice(buffer, [0, time, 0], [shape[0], 1, shape[1]]), shape)


def _write(buffer, values, time):
    written = ops.slice_update(buffer, [0, time, 0], tf.expand_dims(values, 1))
    written.set_shape(buffer.shape)
    return written
