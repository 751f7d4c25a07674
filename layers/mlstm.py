"""mLSTM of the xLSTM: a matrix as memory, which runs over many time steps at once."""

import math

from keras import ops

from .checks import divisor
from .gated import Gated
from .recurrence import RecurrentCell, RecurrentLayer, affine, register
from .slstm import log_sigmoid

CHUNK = 64
"""How many time steps are computed at once: the work for a step grows with them, the memory shrinks."""
NEVER = -1e9
"""Logarithm of a weight that is zero."""


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
        if self.recurrent_dropout:
            raise ValueError(
                f"{self.__class__.__name__} {self.name!r} has no recurrent kernel, so that recurrent_dropout must be "
                f"0, got {self.recurrent_dropout!r}; use dropout."
            )

    @property
    def state_size(self):
        """Sizes of the states `C`, by head, then entry of the value, then entry of the key; of `n`; and of `m`."""
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
        """Query, key, value and output gate, each of size `units`; input and forget gate, each of size `heads`."""
        q, k, v, o = ops.split(affine(inputs, self.kernel, self.bias), 4, axis=-1)
        i, f = ops.split(affine(inputs, self.gate_kernel, self.gate_bias), 2, axis=-1)
        return q, k / math.sqrt(self.width), v, o, i, f

    def step(self, projected, C, n, m):
        q, k, v, o, i, f = projected
        C = ops.reshape(C, (-1, self.heads, self.width, self.width))
        q, k, v, n = (ops.reshape(column, (-1, self.heads, self.width, 1)) for column in (q, k, v, n))

        remembered = log_sigmoid(f) + m
        m = ops.maximum(remembered, i)
        i, f, smallest = self.scalar(ops.exp(i - m)), self.scalar(ops.exp(remembered - m)), self.scalar(exp_minus(m))
        C = f * C + (i * v) * ops.transpose(k, (0, 1, 3, 2))
        n = f * n + i * k
        nq = ops.sum(n * q, axis=2, keepdims=True)
        h = ops.matmul(C, q) / ops.maximum(ops.abs(nq), smallest)

        h = ops.sigmoid(o) * ops.reshape(h, (-1, self.units))
        return h, (ops.reshape(C, (-1, self.state_size[0])), ops.reshape(n, (-1, self.units)), m)

    def scalar(self, of_head):
        """A number for each head, to be multiplied with its matrix."""
        return ops.reshape(of_head, (-1, self.heads, 1, 1))

    def parallel(self, sequences, states):
        """All time steps at once: `(outputs, new_states)`."""
        q, k, v, o, i, f = self.in_state_dtype(self.project(sequences))
        time = sequences.shape[1]
        q, k, v = (ops.reshape(x, (-1, time, self.heads, self.width)) for x in (q, k, v))
        C, n, m = states
        C = ops.reshape(C, (-1, self.heads, self.width, self.width))
        n = ops.reshape(n, (-1, self.heads, self.width))
        h, C, n, m = chunkwise(q, k, v, i, log_sigmoid(f), C, n, m)
        h = ops.sigmoid(o) * ops.reshape(h, (-1, time, self.units))
        return h, (ops.reshape(C, (-1, self.state_size[0])), ops.reshape(n, (-1, self.units)), m)


def chunkwise(q, k, v, i, log_f, C, n, m):
    """The recurrence of the mLSTM over all time steps, in chunks: within one by attention, then from one to the next.

    With b_t the sum of log f since the start of the chunk, a_s = i~_s - b_s, and g_t = max(m_0, a_1, ..., a_t), so that
    m_t = b_t + g_t, step t of a chunk reads

        C_t q_t = exp(m_0 - g_t) C_0 q_t + sum over s <= t of exp(a_s - g_t) v_s (k_s . q_t)

    and the same for n, which is the row of C that a value of 1, put below each v, gives.

    Args:
        q: Tensor of shape `(batch, time, heads, width)`, with a static number of time steps.
        k: The same.
        v: The same.
        i: Logarithm of the input gate, `(batch, time, heads)`.
        log_f: Logarithm of the forget gate, the same.
        C: The memory before the first step, `(batch, heads, width of v, width of k)`.
        n: Its normaliser, `(batch, heads, width)`.
        m: Logarithm of the scale of both, `(batch, heads)`.

    Returns:
        `h` of shape `(batch, time, heads, width)`, and C, n, m after the last step.
    """
    time = q.shape[1]
    chunks = math.ceil(time / CHUNK)
    length = math.ceil(time / chunks)

    def chunked(x, filling=0.0):
        """`(batch, heads, chunks, length, size)`; steps that are added at the end change no state."""
        x = ops.pad(x, [(0, 0), (0, chunks * length - time), (0, 0), (0, 0)], constant_values=filling)
        return ops.transpose(ops.reshape(x, (-1, chunks, length, *x.shape[2:])), (0, 3, 1, 2, 4))

    q, k, v = chunked(q), transposed(chunked(k)), chunked(ops.concatenate([v, ops.ones_like(v[..., :1])], axis=-1))
    b = ops.cumsum(chunked(ops.expand_dims(log_f, -1)), axis=3)
    a = chunked(ops.expand_dims(i, -1), NEVER) - b
    largest = running_max(a)

    m = [ops.expand_dims(m, -1)]
    for decay, largest_in_chunk in pairs(b[:, :, :, -1], largest[:, :, :, -1]):
        m.append(decay + ops.maximum(m[-1], largest_in_chunk))
    m_0 = ops.expand_dims(ops.stack(m[:-1], axis=2), 3)
    g = ops.maximum(m_0, largest)
    kept = ops.exp(m_0 - g)
    weights = ops.exp(transposed(a) - g + future(length, a.dtype))

    added = ops.matmul(k * weights[..., -1:, :], v)
    C = [ops.concatenate([transposed(C), ops.expand_dims(n, -1)], axis=-1)]
    for kept_in_chunk, added_in_chunk in pairs(kept[:, :, :, -1:], added):
        C.append(kept_in_chunk * C[-1] + added_in_chunk)

    read = ops.matmul(ops.matmul(q, k) * weights, v) + kept * ops.matmul(q, ops.stack(C[:-1], axis=2))
    h = read[..., :-1] / ops.maximum(ops.abs(read[..., -1:]), exp_minus(b + g))
    h = ops.reshape(ops.transpose(h, (0, 2, 3, 1, 4)), (-1, chunks * length, h.shape[1], h.shape[-1]))
    return h[:, :time], transposed(C[-1][..., :-1]), C[-1][..., -1], m[-1][..., 0]


def exp_minus(m):
    """`exp(-m)`, within the range of float32."""
    return ops.exp(ops.minimum(-m, 80.0))


def transposed(x):
    """The matrices in the last two axes, transposed."""
    return ops.swapaxes(x, -1, -2)


def pairs(x, y):
    """The chunks of two tensors, side by side."""
    return zip(ops.unstack(x, axis=2), ops.unstack(y, axis=2), strict=True)


def running_max(x):
    """The largest entry so far, along axis 3: after k rounds each entry has seen the 2^k before it."""
    distance = 1
    while distance < x.shape[3]:
        later = ops.maximum(x[:, :, :, distance:], x[:, :, :, :-distance])
        x = ops.concatenate([x[:, :, :, :distance], later], axis=3)
        distance *= 2
    return x


def future(length, dtype):
    """What is added to logarithms of weights, so that no step sees a later one: `(length, length)`."""
    steps = ops.arange(length)
    return ops.cast(steps > ops.expand_dims(steps, 1), dtype) * NEVER


@register
class MLSTM(RecurrentLayer):
    """mLSTM of the xLSTM: every head stores pairs of key and value in a matrix and reads them with a query.

        q, k, v, o~ = W x + b, for every head of width D; k divided by sqrt(D)
        i~, f~ = W x + b, one number for every head
        m = max(log(sigmoid(f~)) + m', i~)
        i = exp(i~ - m),  f = exp(log(sigmoid(f~)) + m' - m)
        C = f C' + i v k^T
        n = f n' + i k
        h = sigmoid(o~) * (C q) / max(|n . q|, exp(-m))

    `n` normalises; `m` is the logarithm of the scale of `C` and `n`, so that no exponential overflows. No gate sees
    the state. Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", arXiv 2405.04517.

    Parameters: `4 n (d + 1) + 2 heads (d + 1)` for d features and n units. States: `C`, `(batch, heads * D * D)`, by
    head, then entry of v, then entry of k; `n`, `(batch, units)`; `m`, `(batch, heads)`.

    Fast path: everywhere, in a `tf.function` or not, chunks of time steps at once. With a mask, or where the number of
    time steps is not known, step by step, which keeps a matrix for every time step for the gradient.

    The right choice where many things must be stored and looked up, as in associative recall.

    Args:
        units: Size of the output.
        heads: Into how many groups the units are divided, a divisor of `units`; more heads have smaller matrices.
        **kwargs: As `RecurrentCell` (`dropout`, initializers ...), `Gated` (`chrono`) and `RecurrentLayer`
            (`return_sequences` ...). There is no recurrent kernel, hence no `recurrent_dropout`, and no zoneout.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import MLSTM
    >>> MLSTM(6, heads=2, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 6])
    """

    cell_class = MLSTMCell
