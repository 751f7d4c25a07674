"""LEM: a memory with many time scales."""

from keras import ops

from .checks import positive_number
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class LEMCell(RecurrentCell):
    """One time step of `LEM`, which gives the equations and arguments."""

    gates = ("D1", "D2", "z", "y")
    float32_states = True
    compiled_training = True
    zoneout_states = 2

    def __init__(self, units, step_size=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.step_size = positive_number(self, "step_size", step_size)

    @property
    def state_size(self):
        return [self.units, self.units]

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        n = self.units
        self.kernel = self.add_kernel("kernel", (input_shape[-1], 4 * n))
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (n, 3 * n))
        self.memory_kernel = self.add_recurrent("memory_kernel", (n, n))
        self.bias = self.add_bias("bias", (4 * n,)) if self.use_bias else None

    def step(self, projected, y, z):
        seen_from_y, seen_from_z = projected[..., : 3 * self.units], projected[..., 3 * self.units :]
        D1, D2, candidate = ops.split(seen_from_y + self.recur(y), 3, axis=-1)
        D1, D2 = self.step_size * ops.sigmoid(D1), self.step_size * ops.sigmoid(D2)
        z = (1 - D1) * z + D1 * ops.tanh(candidate)
        y = (1 - D2) * y + D2 * ops.tanh(seen_from_z + self.recur(z, self.memory_kernel))
        return y, (y, z)


@register
class LEM(RecurrentLayer):
    """Long expressive memory: two coupled states, whose units each choose their own time step.

        D1 = step_size * sigmoid(W_1 x + U_1 y' + b_1)
        D2 = step_size * sigmoid(W_2 x + U_2 y' + b_2)
        z = (1 - D1) * z' + D1 * tanh(W_z x + U_z y' + b_z)
        y = (1 - D2) * y' + D2 * tanh(W_y x + U_y z + b_y)

    The output `y` sees the new `z`. Rusch et al. 2022, "Long Expressive Memory for Sequence Modeling",
    arXiv 2110.04744.

    Parameters: `4 n (d + n + 1)` for d features and n units. States: `y`, `z`, each `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it for long series in which fast and slow changes both count; it has as many weights as an LSTM.

    Args:
        units: Size of the output.
        step_size: The longest time step. Up to 1, the states stay in (-1, 1). The paper takes 1, except for series of
            1,000 and more steps.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...) and `RecurrentLayer`
            (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import LEM
    >>> LEM(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = LEMCell
