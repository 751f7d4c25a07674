"""JANET: an LSTM that keeps only the forget gate."""

from keras import ops

from .checks import number
from .gated import Gated
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class JANETCell(Gated, RecurrentCell):
    """One time step of `JANET`, which gives the equations and arguments."""

    gates = ("f", "h")
    memory_gates = {"f": 1}

    def __init__(self, units, beta=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.beta = number(self, "beta", beta)

    def step(self, projected, h):
        a, candidate = ops.split(projected + self.recur(h), 2, axis=-1)
        h = ops.sigmoid(a) * h + (1 - ops.sigmoid(a - self.beta)) * ops.tanh(candidate)
        return h, (h,)


@register
class JANET(RecurrentLayer):
    """Just another network: an LSTM with nothing but a forget gate, which also decides what to write.

        a = W x + U h' + b
        h = s(a) * h' + (1 - s(a - beta)) * tanh(W x + U h' + b)

    Van der Westhuizen & Lasenby 2018, "The unreasonable effectiveness of the forget gate", arXiv 1804.04849.

    Parameters: `2 n (d + n + 1)` for d features and n units. State: `h`, which is also the cell state,
    `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it for long memory in few weights, with `chrono` set to the length of the sequences.

    Args:
        units: Size of the output.
        beta: A constant by which the gate writes less than it forgets; 0 makes it a UGRNN.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import JANET
    >>> JANET(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = JANETCell
