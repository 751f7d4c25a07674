"""Long short-term memory, and its variants with peepholes and layer normalization."""

import keras
from keras import ops

from .checks import positive_number
from .fused import FusedLayer, run_kernel
from .gated import Gated
from .keras_private import backend
from .normalization import layer_norm
from .recurrence import RecurrentCell, RecurrentLayer, affine, register


class LSTMFamily(Gated, RecurrentCell):
    """What the cells of this module share: the gates, two states, and the bias of the forget gate.

    Args:
        unit_forget_bias: Whether the bias of the forget gate begins at one; `chrono` overrides it.
    """

    gates = ("i", "f", "g", "o")
    memory_gates = {"i": -1, "f": 1}
    zoneout_states = 2

    def __init__(self, units, unit_forget_bias=True, **kwargs):
        super().__init__(units, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    @property
    def state_size(self):
        return [self.units, self.units]

    def add_bias(self, name, shape, initializer=None, **kwargs):
        """A bias for all gates, in which that of the forget gate begins at one."""
        if initializer is None and self.unit_forget_bias and self.chrono is None:
            initializer = self._one_for_f
        return super().add_bias(name, shape, initializer, **kwargs)

    def project(self, inputs):
        return affine(inputs, self.kernel)

    def preactivations(self, projected, h):
        """`W x + U h' + b` for all gates. Adding the bias first makes training in TensorFlow's loop a fifth slower."""
        mapped = projected + self.recur(h)
        return mapped + self.bias if self.use_bias else mapped

    def _one_for_f(self, shape, dtype=None):
        i, f, g, o = ops.split(self.bias_initializer(shape, dtype=dtype), 4)
        return ops.concatenate([i, ops.ones_like(f), g, o])


@register
class LSTMCell(LSTMFamily):
    """One time step of `LSTM`, which gives the equations and arguments."""

    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", **kwargs):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)

    def step(self, projected, h, c):
        i, f, g, o = ops.split(self.preactivations(projected, h), 4, axis=-1)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, (h, c)

    def fused(self, sequences, states, mask, return_sequences):
        """All time steps in a kernel of the backend: `(last_output, outputs, new_states)`."""
        return run_kernel(backend.lstm, self, sequences, states, mask, return_sequences, (4 * self.units,))


@register
class LSTM(FusedLayer):
    """Long short-term memory: a cell state that gates write, keep and read.

        i, f, o = s(W x + U h' + b)
        g = tanh(W x + U h' + b)
        c = f * c' + i * g
        h = o * tanh(c)

    Hochreiter & Schmidhuber 1997; the forget gate f: Gers, Schmidhuber & Cummins 2000, "Learning to forget".

    Parameters: `4 n (d + n + 1)` for d features and n units. States: `h` and `c`, `(batch, units)` each. Weights as in
    `keras.layers.LSTM`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time
    >= 64; on a GPU and without a mask, the kernel of the backend.

    Choose it where you know nothing about the task: it is seldom the best and never far from it.

    Args:
        units: Size of the output.
        activation: The function in the place of tanh; `None` for none.
        recurrent_activation: The function s of the gates; `None` for none.
        unit_forget_bias: Whether the bias of the forget gate begins at one.
        use_cudnn: Whether to run the kernel of the backend. "auto": where it has one (on a GPU, without masks,
            recurrent dropout and zoneout). True: raise an error where it has none. False: never.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import LSTM
    >>> LSTM(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = LSTMCell


@register
class PeepholeLSTMCell(LSTMFamily):
    """One time step of `PeepholeLSTM`, which gives the equations and arguments."""

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        super().build(input_shape)
        self.peephole_kernel = self.add_recurrent("peephole_kernel", (3, self.units))

    def step(self, projected, h, c):
        p_i, p_f, p_o = (self.peephole_kernel[row] for row in range(3))
        i, f, g, o = ops.split(self.preactivations(projected, h), 4, axis=-1)
        c = ops.sigmoid(f + p_f * c) * c + ops.sigmoid(i + p_i * c) * ops.tanh(g)
        h = ops.sigmoid(o + p_o * c) * ops.tanh(c)
        return h, (h, c)


@register
class PeepholeLSTM(RecurrentLayer):
    """LSTM with peepholes: the gates see the whole cell state, even what `o` hides from `h`.

        i, f = s(W x + U h' + p * c' + b)
        g = tanh(W x + U h' + b)
        c = f * c' + i * g
        o = s(W x + U h' + p * c + b),  with the new c
        h = o * tanh(c)

    Gers, Schraudolph & Schmidhuber 2002, "Learning precise timing with LSTM recurrent networks".

    Parameters: `4 n (d + n + 1) + 3 n` for d features and n units. States: `h` and `c`, `(batch, units)` each.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it where the network has to measure or produce the time between events exactly.

    Args:
        units: Size of the output.
        unit_forget_bias: Whether the bias of the forget gate begins at one.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...). The peepholes p take the initializer, regularizer
            and constraint of the recurrent kernel.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import PeepholeLSTM
    >>> PeepholeLSTM(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = PeepholeLSTMCell


@register
class LayerNormLSTMCell(LSTMFamily):
    """One time step of `LayerNormLSTM`, which gives the equations and arguments."""

    compiled_training = True

    def __init__(self, units, epsilon=1e-5, **kwargs):
        super().__init__(units, **kwargs)
        self.epsilon = positive_number(self, "epsilon", epsilon)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        super().build(input_shape)
        for name, width in (("kernel", 4 * self.units), ("recurrent", 4 * self.units), ("state", self.units)):
            setattr(self, f"{name}_gamma", self.add_weight((width,), "ones", name=f"{name}_gamma"))
            setattr(self, f"{name}_beta", self.add_weight((width,), "zeros", name=f"{name}_beta"))

    def project(self, inputs):
        normalized = layer_norm(affine(inputs, self.kernel), self.kernel_gamma, self.kernel_beta, self.epsilon)
        return normalized if self.bias is None else normalized + self.bias

    def step(self, projected, h, c):
        from_h = layer_norm(self.recur(h), self.recurrent_gamma, self.recurrent_beta, self.epsilon)
        i, f, g, o = ops.split(projected + from_h, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(layer_norm(c, self.state_gamma, self.state_beta, self.epsilon))
        return h, (h, c)


@register
class LayerNormLSTM(RecurrentLayer):
    """LSTM with layer normalization: the inputs of the gates keep their scale, however long the sequence.

        i, f, o, g = s, s, s, tanh of LN(W x) + LN(U h') + b
        c = f * c' + i * g
        h = o * tanh(LN(c))

    LN(W x) and LN(U h') each normalise the four gates together; c is carried on without normalization.
    Ba, Kiros & Hinton 2016, "Layer normalization", arXiv 1607.06450.

    Parameters: `4 n (d + n + 1) + 18 n` for d features and n units. States: `h` and `c`, `(batch, units)` each.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it where an LSTM learns slowly or unstably, as with long sequences and small batches.

    Args:
        units: Size of the output.
        epsilon: A positive number that is added to the variance.
        unit_forget_bias: Whether the bias of the forget gate begins at one.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import LayerNormLSTM
    >>> LayerNormLSTM(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = LayerNormLSTMCell
