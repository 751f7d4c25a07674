"""Gated recurrences with a single gate."""

from keras import ops

from .gated import Gated
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class UGRNNCell(Gated, RecurrentCell):
    """One time step of `UGRNN`, which gives the equations and arguments."""

    gates = ("g", "h")
    memory_gates = {"g": 1}

    def step(self, projected, h):
        g, candidate = ops.split(projected + self.recur(h), 2, axis=-1)
        g = ops.sigmoid(g)
        h = g * h + (1 - g) * ops.tanh(candidate)
        return h, (h,)


@register
class UGRNN(RecurrentLayer):
    """Update gate RNN, or simplified GRU: a simple RNN with one gate between memory and candidate.

        g = s(W x + U h' + b)
        h = g * h' + (1 - g) * tanh(W x + U h' + b)

    Collins, Sohl-Dickstein & Sussillo 2016, arXiv 1611.09913.

    Parameters: `2 n (d + n + 1)` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it where a simple RNN forgets too soon and a GRU is too large; deep stacks of it train well.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import UGRNN
    >>> UGRNN(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = UGRNNCell


@register
class MGUCell(Gated, RecurrentCell):
    """One time step of `MGU`, which gives the equations and arguments."""

    gates = ("f", "h")
    memory_gates = {"f": -1}

    def step(self, projected, h):
        U_f, U_h = ops.split(self.recurrent_kernel, 2, axis=-1)
        x_f, x_h = ops.split(projected, 2, axis=-1)
        f = ops.sigmoid(x_f + self.recur(h, U_f))
        h = (1 - f) * h + f * ops.tanh(x_h + self.recur(f * h, U_h))
        return h, (h,)


@register
class MGU(RecurrentLayer):
    """Minimal gated unit: a GRU whose single gate both overwrites the memory and resets it for the candidate.

        f = s(W x + U h' + b)
        h = (1 - f) * h' + f * tanh(W x + U (f * h') + b)

    Zhou et al. 2016, arXiv 1603.09420.

    Parameters: `2 n (d + n + 1)` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it where a GRU would do and has to be smaller by a third.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import MGU
    >>> MGU(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = MGUCell
