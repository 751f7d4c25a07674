"""Gated recurrences whose gates do not see the state, so that they run in parallel over time."""

from keras import ops

from .gated import Gated
from .linear import LinearRecurrentCell
from .recurrence import RecurrentLayer, register


def g(x):
    """`x + 0.5` where x >= 0, else `sigmoid(x)`: positive and continuous."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


@register
class MinGRUCell(Gated, LinearRecurrentCell):
    """One time step of `MinGRU`, which gives the equations and arguments."""

    gates = ("z", "h")
    memory_gates = {"z": -1}

    def coefficients(self, projected):
        z, candidate = ops.split(projected, 2, axis=-1)
        z = ops.sigmoid(z)
        return 1 - z, z * g(candidate)


@register
class MinGRU(RecurrentLayer):
    """Minimal GRU: the gate does not see the state, so the recurrence is linear in it.

        z = sigmoid(W_z x + b_z)
        h~ = g(W x + b),  g(v) = v + 0.5 if v >= 0 else sigmoid(v)
        h = (1 - z) * h' + z * h~

    Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201.

    Parameters: `2 n (d + 1)` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too; on a GPU and on PyTorch, all time steps
    at once.

    Choose it where speed counts and the order of neighbouring steps matters little, in stacks of several layers.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...), `Gated` (`chrono`) and
            `RecurrentLayer` (`return_sequences` ...). The cell has no recurrent kernel, so `recurrent_dropout` must be
            0.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import MinGRU
    >>> MinGRU(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = MinGRUCell


@register
class MinLSTMCell(Gated, LinearRecurrentCell):
    """One time step of `MinLSTM`, which gives the equations and arguments."""

    gates = ("f", "i", "h")
    memory_gates = {"f": 1, "i": -1}

    def coefficients(self, projected):
        f, i, candidate = ops.split(projected, 3, axis=-1)
        f = ops.sigmoid(ops.softplus(-i) - ops.softplus(-f))  # the same as f / (f + i), which may be 0 / 0
        return f, (1 - f) * g(candidate)


@register
class MinLSTM(RecurrentLayer):
    """Minimal LSTM: the gates do not see the state, and are normalised to add up to 1.

        f = sigmoid(W_f x + b_f)
        i = sigmoid(W_i x + b_i)
        h~ = g(W x + b),  g(v) = v + 0.5 if v >= 0 else sigmoid(v)
        h = f / (f + i) * h' + i / (f + i) * h~

    Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201.

    Parameters: `3 n (d + 1)` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too; on a GPU and on PyTorch, all time steps
    at once.

    Choose it where `MinGRU` fits; the second gate sometimes steadies training.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...), `Gated` (`chrono`) and
            `RecurrentLayer` (`return_sequences` ...). The cell has no recurrent kernel, so `recurrent_dropout` must be
            0.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import MinLSTM
    >>> MinLSTM(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = MinLSTMCell
