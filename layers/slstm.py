"""sLSTM of the xLSTM: exponential gates, and memory mixed within heads."""

from keras import ops

from .checks import divisor
from .gated import Gated
from .products import matmul
from .recurrence import RecurrentCell, RecurrentLayer, register

SMALLEST = 1e-30
"""Lower bound of the normaliser, which is 0 where all input gates so far were below the range of float32."""


def log_sigmoid(x):
    """`log(sigmoid(x))`, finite even for numbers so low that TensorFlow Lite's own gives minus infinity."""
    return (x - ops.abs(x)) / 2 - ops.log1p(ops.exp(-ops.abs(x)))


@register
class SLSTMCell(Gated, RecurrentCell):
    """One time step of `SLSTM`, which gives the equations and arguments."""

    gates = ("i", "f", "z", "o")
    memory_gates = {"f": 1, "i": -1}
    float32_states = True

    def __init__(self, units, heads=1, **kwargs):
        super().__init__(units, **kwargs)
        self.heads = divisor(self, "heads", heads, self.units)

    @property
    def state_size(self):
        return [self.units] * 4

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        width = self.units // self.heads
        self.kernel = self.add_kernel("kernel", (input_shape[-1], 4 * self.units))
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (self.heads, width, 4 * width))
        self.bias = self.add_bias("bias", (4 * self.units,)) if self.use_bias else None

    def recur(self, h):
        """`R h` for all gates; each head sees its own units."""
        heads = ops.split(self.drop(h), self.heads, axis=-1)
        gates = [matmul(head, self.recurrent_kernel[k]) for k, head in enumerate(heads)]
        stacked = ops.concatenate([ops.reshape(of_head, (-1, 4, of_head.shape[-1] // 4)) for of_head in gates], axis=-1)
        return self.in_state_dtype(ops.reshape(stacked, (-1, 4 * self.units)))

    def step(self, projected, h, c, n, m):
        i, f, z, o = ops.split(projected + self.recur(h), 4, axis=-1)
        remembered = log_sigmoid(f) + m
        m = ops.maximum(remembered, i)
        i, f = ops.exp(i - m), ops.exp(remembered - m)
        c = f * c + i * ops.tanh(z)
        n = f * n + i
        h = ops.sigmoid(o) * c / ops.maximum(n, SMALLEST)
        return h, (h, c, n, m)


@register
class SLSTM(RecurrentLayer):
    """sLSTM of the xLSTM: an LSTM with an exponential input gate, which can revise what it stored long ago.

        i~, f~, z~, o~ = W x + R h' + b,  R block-diagonal: a head sees its own units only
        m = max(log(sigmoid(f~)) + m', i~)
        i = exp(i~ - m),  f = exp(log(sigmoid(f~)) + m' - m)
        c = f * c' + i * tanh(z~)
        n = f * n' + i
        h = sigmoid(o~) * c / n

    `n` normalises. `m` is the logarithm of the scale of `c` and `n`, which keeps exponentials from overflowing.
    Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", arXiv 2405.04517.

    Parameters: `4 n d + 4 n^2 / heads + 4 n` for d features and n units. States: `h`, `c`, `n`, `m`, each
    `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it where an LSTM fits, if important inputs come late and must displace what was stored before.

    Args:
        units: Size of the output.
        heads: Number of groups of units, a divisor of `units`. More heads mean fewer weights.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...), `Gated` (`chrono`) and
            `RecurrentLayer` (`return_sequences` ...). Zoneout keeps `h` alone.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import SLSTM
    >>> SLSTM(6, heads=2, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 6])
    """

    cell_class = SLSTMCell
