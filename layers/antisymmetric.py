"""Antisymmetric RNN: Euler's method on a differential equation that neither explodes nor forgets."""

import keras
import numpy as np
from keras import ops

from .checks import at_least, positive_number
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class AntisymmetricRNNCell(RecurrentCell):
    """One time step of `AntisymmetricRNN`, which gives the equations and arguments."""

    float32_states = True

    def __init__(self, units, step_size=0.5, gamma=0.2, recurrent_initializer=None, **kwargs):
        super().__init__(units, recurrent_initializer=recurrent_initializer, **kwargs)
        self.step_size = positive_number(self, "step_size", step_size)
        self.gamma = at_least(self, "gamma", gamma, 0)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        n = self.units
        start = None if self.recurrent_initializer else keras.initializers.RandomNormal(stddev=0.5 / n**0.5)
        self.kernel = self.add_kernel("kernel", (input_shape[-1], n))
        self.recurrent_triangle = self.add_recurrent("recurrent_triangle", (n * (n - 1) // 2,), start)
        self.bias = self.add_bias("bias", (n,)) if self.use_bias else None

    def step(self, projected, h):
        triangle = ops.cast(self.recurrent_triangle, self.compute_dtype)
        kernel = antisymmetric(triangle, self.units, self.gamma)
        h = h + self.step_size * ops.tanh(projected + self.recur(h, kernel))
        return h, (h,)


@register
class AntisymmetricRNN(RecurrentLayer):
    """Antisymmetric RNN: Euler's method on a differential equation that neither explodes nor forgets.

        h = h' + step_size * tanh((W - W^T - gamma I) h' + V x + b),  W upper triangular

    The eigenvalues of `W - W^T` are imaginary: the matrix turns the state and keeps its length. `gamma` damps it by as
    much as the finite step needs. Chang et al. 2019, "AntisymmetricRNN: A Dynamical System View on Recurrent Neural
    Networks", arXiv 1902.09689.

    Parameters: `n (n - 1) / 2 + n (d + 1)` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it for long series where few weights must do.

    Args:
        units: Size of the output.
        step_size: Step of Euler's method; the state moves by at most this much in a time step. The paper chooses among
            0.01, 0.1 and 1. Small steps suit series of hundreds of steps.
        gamma: Strength of the damping; a larger step needs more of it.
        recurrent_initializer: Initializer for the triangle, a vector that holds it row by row. None: normal, with a
            standard deviation of `0.5 / sqrt(units)`, so that over 400 steps the default step neither explodes nor
            forgets.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...) and `RecurrentLayer`
            (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import AntisymmetricRNN
    >>> AntisymmetricRNN(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = AntisymmetricRNNCell


def antisymmetric(triangle, n, gamma):
    """`(W - W^T - gamma I)^T`, for states that are rows, from the `n (n - 1) / 2` entries of W row by row."""
    rows, columns = np.triu_indices(n, 1)
    upper, lower = rows * n + columns, columns * n + rows
    order = np.full(n * n, 2 * len(rows))
    order[lower], order[upper] = np.arange(len(rows)), np.arange(len(rows)) + len(rows)

    @ops.custom_gradient
    def fill(entries):
        def gradient(*args, upstream=None):  # reads as well, because scattering is slow
            upstream = ops.reshape(upstream if upstream is not None else args[0], (-1,))
            return ops.concatenate([ops.take(upstream, lower), ops.take(upstream, upper), upstream[:1] * 0])

        return ops.reshape(ops.take(entries, order), (n, n)), gradient

    return fill(ops.concatenate([triangle, -triangle, ops.full((1,), -gamma, triangle.dtype)]))
