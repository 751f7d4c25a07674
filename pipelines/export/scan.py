"""Runs linear recurrences in TensorFlow Lite with a few operations on blocks instead of one iteration per time step.

All blocks of `BLOCK` steps are walked in parallel, step by step. Then their final states are passed on from block to
block by doubling: after k rounds, each block has seen the 2^k blocks before it.
"""

import contextlib

import tensorflow as tf

from ...layers import paths
from ...layers.scan import scanned_by

BLOCK = 8


@contextlib.contextmanager
def all_at_once():
    """Within this context, the layers of this package run all time steps at once where they can."""
    with paths.use("parallel", otherwise="loop"), scanned_by(scan):
        yield


def scan(a, b, product):
    """`h_t = a_t * h_(t-1) + b_t` for all t, with h = 0 before the first, for any number of time steps.

    Args:
        a: Tensor of shape `(batch, time, size)`, or `(1, 1, size)` if it is constant.
        b: Tensor of shape `(batch, time, size)`.
        product: Function for `*`, associative and linear in each argument.

    Returns:
        Tensor of shape `(batch, time, size)`.
    """
    steps = tf.shape(b)[1]
    a_t, b_t = _each_step(a, steps), _each_step(b, steps)
    decays, states = [a_t[0]], [b_t[0]]
    for a_i, b_i in zip(a_t[1:], b_t[1:], strict=True):
        states.append(product(a_i, states[-1]) + b_i)
        decays.append(product(a_i, decays[-1]))
    before = _before_each_block(decays[-1], states[-1], product)
    within = tf.stack(states, 2) + product(tf.stack(decays, 2), tf.expand_dims(before, 2))
    whole = tf.reshape(within, [tf.shape(b)[0], -1, b.shape[2]])
    return _like(whole[:, :steps], b)


def _each_step(tensor, steps):
    """The first step of all blocks, the second step, and so on: `BLOCK` tensors of shape `(batch, blocks, size)`."""
    if tensor.shape[1] == 1:
        return [tensor] * BLOCK
    missing = -steps % BLOCK
    padded = tf.pad(tensor, tf.stack([[0, 0], tf.stack([0, missing]), [0, 0]]))
    blocks = tf.reshape(padded, [tf.shape(tensor)[0], -1, BLOCK, tensor.shape[2]])
    return tf.unstack(blocks, axis=2)


def _before_each_block(a, b, product):
    """The state before each block, from the decay and the final state of each, `(batch, blocks, size)`."""
    blocks = tf.shape(b)[1]
    numbers = tf.range(blocks)

    def earlier(tensor, distance):
        return tensor if tensor.shape[1] == 1 else tf.gather(tensor, tf.maximum(numbers - distance, 0), axis=1)

    def body(distance, a, b):
        seen = tf.reshape(numbers >= distance, [1, -1, 1])
        later_b = tf.where(seen, b + product(a, earlier(b, distance)), b)
        later_a = product(a, earlier(a, distance))
        later_a = later_a if a.shape[1] == 1 else tf.where(seen, later_a, a)
        return 2 * distance, _like(later_a, a), _like(later_b, b)

    _, _, ends = tf.while_loop(lambda distance, *_: distance < blocks, body, (tf.constant(1), a, b))
    return tf.concat([tf.zeros_like(ends[:, :1]), ends[:, :-1]], 1)


def _like(tensor, reference):
    tensor.set_shape(reference.shape)
    return tensor
