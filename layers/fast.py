"""FastRNN and FastGRNN: stable training of small models, by a residual connection and shared matrices."""

from keras import ops
from keras.initializers import Constant

from .gated import Gated
from .recurrence import RecurrentCell, RecurrentLayer, affine, register


@register
class FastRNNCell(RecurrentCell):
    """One time step of `FastRNN`, which gives the equations and arguments."""

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        super().build(input_shape)
        self.alpha = self.add_weight((1,), Constant(-3.0), name="alpha")
        self.beta = self.add_weight((1,), Constant(3.0), name="beta")

    def step(self, projected, h):
        candidate = ops.tanh(projected + self.recur(h))
        h = ops.sigmoid(self.alpha) * candidate + ops.sigmoid(self.beta) * h
        return h, (h,)


@register
class FastRNN(RecurrentLayer):
    """Simple RNN with a residual connection that two trained numbers weight.

        h~ = tanh(W x + U h' + b)
        h = s(alpha) * h~ + s(beta) * h',  alpha and beta begin at -3 and 3

    Kusupati et al. 2018, "FastGRNN", arXiv 1901.02358.

    Parameters: `n (d + n + 1) + 2` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it where a simple RNN must stay as small as it is and train on longer sequences.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...) and
            `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import FastRNN
    >>> FastRNN(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = FastRNNCell


@register
class FastGRNNCell(Gated, RecurrentCell):
    """One time step of `FastGRNN`, which gives the equations and arguments."""

    memory_gates = {"z": 1}

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        self.kernel = self.add_kernel("kernel", (input_shape[-1], self.units))
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (self.units, self.units))
        self.gate_bias = self.add_bias("gate_bias", (self.units,), gates=("z",)) if self.use_bias else 0.0
        self.candidate_bias = self.add_bias("candidate_bias", (self.units,), gates=("h",)) if self.use_bias else 0.0
        self.zeta = self.add_weight((1,), Constant(1.0), name="zeta")
        self.nu = self.add_weight((1,), Constant(-4.0), name="nu")

    def project(self, inputs):
        return affine(inputs, self.kernel)

    def step(self, projected, h):
        a = projected + self.recur(h)
        z = ops.sigmoid(a + self.gate_bias)
        candidate = ops.tanh(a + self.candidate_bias)
        h = (ops.sigmoid(self.zeta) * (1 - z) + ops.sigmoid(self.nu)) * candidate + z * h
        return h, (h,)


@register
class FastGRNN(RecurrentLayer):
    """Gated RNN whose gate and candidate share their matrices, which keeps it as small as a simple RNN.

        a = W x + U h'
        z = s(a + b_z)
        h~ = tanh(a + b_h)
        h = (s(zeta) * (1 - z) + s(nu)) * h~ + z * h',  zeta and nu begin at 1 and -4

    Kusupati et al. 2018, "FastGRNN", arXiv 1901.02358.

    Parameters: `n (d + n) + 2 n + 2` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it for microcontrollers: it has a gate at the price of one more bias.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import FastGRNN
    >>> FastGRNN(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = FastGRNNCell
