"""mLSTM of the xLSTM: its memory is a matrix, and it computes many time steps at once."""

import math

from keras import ops

from .checks import divisor, refuse_recurrent_dropout
from .gated import Gated
from .recurrence import RecurrentCell, RecurrentLayer, affine, register
from .slstm import log_sigmoid

CHUNK = 64
"""Time steps computed at once. More of them mean more work for each, and fewer matrices to keep."""
NEVER = -1e9
"""Stands for the logarithm of a zero weight."""


@register
class MLSTMCell(Gated, RecurrentCell):
    """One time step of `MLSTM`, which gives the equations and arguments."""

    gates = ("i", "f")
    memory_gates = {"f": 1, "i": -1}
    float32_states = True
    zoneout_states = 0
    parallel_everywhere = True

    def __init__(self, units, heads=1, **kwargs):
        super().__init__(units, **kwargs)
        self.heads = divisor(self, "heads", heads, self.units)
        self.width = self.units // self.heads
        refuse_recurrent_dropout(self)

    @property
    def state_size(self):
        """Sizes of the states `C` (ordered by head, entry of the value, entry of the key), `n` and `m`."""
        return [self.heads * self.width * self.width, self.units, self.heads]

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        self.kernel = self.add_kernel("kernel", (input_shape[-1], 4 * self.units))
        self.gate_kernel = self.add_kernel("gate_kernel", (input_shape[-1], 2 * self.heads))
        self.bias = self.gate_bias = None
        if self.use_bias:
            self.bias = self.add_bias("bias", (4 * self.units,), gates=("q", "k", "v", "o"))
            self.gate_bias = self.add_bias("gate_bias", (2 * self.heads,))

    def project(self, inputs):
        """Query, key, value and output gate with size `units`, then input and forget gate with size `heads`."""
        q, k, v, o = stacked_maps(inputs, self.kernel, self.bias, 4)
        i, f = stacked_maps(inputs, self.gate_kernel, self.gate_bias, 2)
        return q, k / math.sqrt(self.width), v, o, i, f

    def step(self, projected, C, n, m):
        q, k, v, o, i, f = projected
        C = ops.reshape(C, (-1, self.heads, self.width, self.width))
        q, k, v, n = (ops.reshape(column, (-1, self.heads, self.width, 1)) for column in (q, k, v, n))

        remembered = log_sigmoid(f) + m
        m = ops.maximum(remembered, i)
        i, f, smallest = (self.by_head(scalar) for scalar in (ops.exp(i - m), ops.exp(remembered - m), exp_minus(m)))
        C = f * C + (i * v) * transposed(k)
        n = f * n + i * k
        nq = ops.sum(n * q, axis=2, keepdims=True)
        h = ops.matmul(C, q) / ops.maximum(ops.abs(nq), smallest)

        h = ops.sigmoid(o) * ops.reshape(h, (-1, self.units))
        return h, (ops.reshape(C, (-1, self.state_size[0])), ops.reshape(n, (-1, self.units)), m)

    def by_head(self, scalar):
        """One number per head, shaped to multiply the head's matrix."""
        return ops.reshape(scalar, (-1, self.heads, 1, 1))

    def parallel(self, sequences, states):
        """All time steps, in chunks: `(outputs, new_states)`."""
        starts = range(CHUNK, sequences.shape[1], CHUNK)
        outputs = []
        for chunk in ops.split(sequences, list(starts), axis=1) if starts else [sequences]:
            h, states = self.steps(self.in_state_dtype(self.project(chunk)), *states)
            outputs.append(h)
        return ops.concatenate(outputs, axis=1), states

    def steps(self, projected, C, n, m):
        """Several time steps at once, as attention to earlier steps and to the memory; equals `step` one by one.

        With b_t the sum of log(sigmoid(f~)) up to step t, a_t = i~_t - b_t and g_t = max(m_0, a_1, ..., a_t), so that
        m_t = b_t + g_t, the memory after step t is

            C_t = exp(m_0 - g_t) C_0 + sum over s <= t of exp(a_s - g_t) v_s k_s^T

        and n_t is the same without v. The method computes only the last C_t; of the others, only what the queries see.
        """
        q, k, v, o, i, f = projected
        time = q.shape[1]
        C = ops.reshape(C, (-1, self.heads, self.width, self.width))
        n = ops.reshape(n, (-1, self.heads, 1, self.width))
        q, k, v = (swapped(ops.reshape(rows, (-1, time, self.heads, self.width))) for rows in (q, k, v))
        i, f, m = transposed(i), transposed(f), ops.expand_dims(m, -1)

        b = ops.cumsum(log_sigmoid(f), axis=2)
        a = i - b
        g = ops.maximum(m, running_max(a))
        kept = ops.expand_dims(ops.exp(m - g), 3)
        weights = ops.exp(ops.expand_dims(a, 2) - ops.expand_dims(g, 3) + unless_past(time, a.dtype))
        m = b + g

        attention = weights * ops.matmul(q, transposed(k))
        Cq = ops.matmul(attention, v) + kept * ops.matmul(q, transposed(C))
        nq = ops.sum(attention, axis=3, keepdims=True) + kept * ops.sum(q * n, axis=3, keepdims=True)
        h = Cq / ops.maximum(ops.abs(nq), ops.expand_dims(exp_minus(m), 3))

        kept, weights, m = kept[:, :, -1:], weights[:, :, -1:], m[:, :, -1]
        C = kept * C + ops.matmul(transposed(v) * weights, k)
        n = kept * n + ops.matmul(weights, k)
        h = ops.sigmoid(o) * ops.reshape(swapped(h), (-1, time, self.units))
        return h, (ops.reshape(C, (-1, self.state_size[0])), ops.reshape(n, (-1, self.units)), m)


def stacked_maps(inputs, kernel, bias, count):
    """Affine maps with stacked weights, each computed on its own, because splitting the result would copy it."""
    biases = [None] * count if bias is None else ops.split(bias, count)
    return [affine(inputs, *weights) for weights in zip(ops.split(kernel, count, axis=-1), biases, strict=True)]


def exp_minus(m):
    """`exp(-m)`, limited to the range of float32."""
    return ops.exp(ops.minimum(-m, 80.0))


def transposed(x):
    """Transposes the matrices in the last two axes."""
    return ops.swapaxes(x, -1, -2)


def swapped(x):
    """Swaps `(batch, time, heads, width)` and `(batch, heads, time, width)`."""
    return ops.swapaxes(x, 1, 2)


def running_max(x):
    """The largest entry so far along the last of three axes. After k rounds, each entry has seen the 2^k before it."""
    distance = 1
    while distance < x.shape[2]:
        seen = ops.maximum(x[:, :, distance:], x[:, :, :-distance])
        x = ops.concatenate([x[:, :, :distance], seen], axis=2)
        distance *= 2
    return x


def unless_past(steps, dtype):
    """A `(steps, steps)` matrix to add to the logarithm of weights, so that no step sees a later one."""
    step = ops.arange(steps)
    return ops.cast(step > ops.expand_dims(step, 1), dtype) * NEVER


@register
class MLSTM(RecurrentLayer):
    """mLSTM of the xLSTM: every head stores pairs of key and value in a matrix and reads them with a query.

        q, k, v, o~ = W x + b for every head of width D, k divided by sqrt(D)
        i~, f~ = W x + b, one number per head
        m = max(log(sigmoid(f~)) + m', i~)
        i = exp(i~ - m),  f = exp(log(sigmoid(f~)) + m' - m)
        C = f C' + i v k^T
        n = f n' + i k
        h = sigmoid(o~) * (C q) / max(|n . q|, exp(-m))

    `n` normalises. `m` is the logarithm of the scale of `C` and `n`, which keeps exponentials from overflowing. No gate
    sees the state. Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", arXiv 2405.04517.

    Parameters: `4 n (d + 1) + 2 heads (d + 1)` for d features and n units. States: `C`, `(batch, heads * D * D)`,
    ordered by head, entry of v, entry of k; `n`, `(batch, units)`; `m`, `(batch, heads)`.

    Fast path: everywhere, in a `tf.function` or not, chunks of time steps at once. With a mask, or an unknown number of
    time steps, the layer goes step by step and keeps a matrix for every time step for the gradient.

    Choose it where the network must store and look up many things, as in associative recall.

    Args:
        units: Size of the output.
        heads: Number of groups of units, a divisor of `units`. More heads mean smaller matrices.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, initializers ...), `Gated` (`chrono`) and `RecurrentLayer`
            (`return_sequences` ...). The cell has no recurrent kernel, so `recurrent_dropout` and `zoneout` must be 0.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import MLSTM
    >>> MLSTM(6, heads=2, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 6])
    """

    cell_class = MLSTMCell
