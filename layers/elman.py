"""Simple recurrent networks: no gates, one nonlinear map of the input and the memory."""

import keras

from .checks import positive_integer
from .recurrence import RecurrentCell, RecurrentLayer, affine, register


@register
class ElmanCell(RecurrentCell):
    """One time step of `Elman`, which gives the equations and arguments."""

    def __init__(self, units, activation="auto", irnn=False, **kwargs):
        if irnn:
            kwargs.setdefault("recurrent_initializer", "identity")
        super().__init__(units, **kwargs)
        if activation == "auto":
            activation = "relu" if irnn else "tanh"
        self.activation = keras.activations.get(activation)
        self.irnn = irnn

    def step(self, projected, h):
        h = self.activation(projected + self.recur(h))
        return h, (h,)


@register
class Elman(RecurrentLayer):
    """Elman network, or simple RNN: the hidden state is one nonlinear map of the input and of itself.

        h = f(W x + U h' + b)

    Elman 1990, "Finding structure in time". With `irnn`: Le, Jaitly & Hinton 2015, arXiv 1504.00941.

    Parameters: `n (d + n + 1)` for d features and n units. State: `h`, `(batch, units)`. Weights as in
    `keras.layers.SimpleRNN`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it for short sequences and small models, and to see what gates are good for; `irnn` remembers for longer.

    Args:
        units: Size of the output.
        activation: The function f; `None` for none. "auto" is tanh, and relu with `irnn`.
        irnn: Whether to begin by remembering everything: f is relu, U begins as the identity and b at zero, so that
            the state is the sum of what came in. An `activation`, `recurrent_initializer` or `bias_initializer` that
            you give takes precedence.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...) and
            `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import Elman
    >>> Elman(3, irnn=True, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = ElmanCell


@register
class JordanCell(RecurrentCell):
    """One time step of `Jordan`, which gives the equations and arguments."""

    def __init__(self, units, hidden_units=None, activation="tanh", output_activation="tanh", **kwargs):
        super().__init__(units, **kwargs)
        self.hidden_units = self.units if hidden_units is None else positive_integer(self, "hidden_units", hidden_units)
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        self.kernel = self.add_kernel("kernel", (input_shape[-1], self.hidden_units))
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (self.units, self.hidden_units))
        self.bias = self.add_bias("bias", (self.hidden_units,)) if self.use_bias else None
        self.output_kernel = self.add_kernel("output_kernel", (self.hidden_units, self.units))
        self.output_bias = self.add_bias("output_bias", (self.units,)) if self.use_bias else None

    def step(self, projected, y):
        h = self.activation(projected + self.recur(y))
        y = self.output_activation(affine(h, self.output_kernel, self.output_bias))
        return y, (y,)


@register
class Jordan(RecurrentLayer):
    """Jordan network: it remembers the output, not the hidden units.

        h = f(W x + U y' + b)
        y = g(V h + c)

    Jordan 1986, "Serial order: a parallel distributed processing approach".

    Parameters: `m (d + n + 1) + n (m + 1)` for d features, n units and m hidden units. State: `y`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it where the next step has to know the output itself, such as an action or a position.

    Args:
        units: Size of the output, and therefore of the memory.
        hidden_units: Size of h. None: `units`.
        activation: The function f; `None` for none.
        output_activation: The function g; `None` for none.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...) and
            `RecurrentLayer` (`return_sequences` ...). V takes the initializer, regularizer and constraint of the input
            kernel, c those of the bias.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import Jordan
    >>> Jordan(3, hidden_units=8, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = JordanCell
