"""coRNN: a network of coupled oscillators."""

from keras import ops

from .checks import at_least, positive_number
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class CoRNNCell(RecurrentCell):
    """One time step of `CoRNN`, which gives the equations and arguments."""

    float32_states = True
    zoneout_states = 2

    def __init__(self, units, step_size=0.5, gamma=1.0, epsilon=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.step_size = positive_number(self, "step_size", step_size)
        self.gamma = at_least(self, "gamma", gamma, 0)
        self.epsilon = at_least(self, "epsilon", epsilon, 0)

    @property
    def state_size(self):
        return [self.units, self.units]

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        super().build(input_shape)
        self.velocity_kernel = self.add_recurrent("velocity_kernel", (self.units, self.units))

    def step(self, projected, y, z):
        force = ops.tanh(projected + self.recur(y) + self.recur(z, self.velocity_kernel))
        z = z + self.step_size * (force - self.gamma * y - self.epsilon * z)
        y = y + self.step_size * z
        return y, (y, z)


@register
class CoRNN(RecurrentLayer):
    """Coupled oscillatory RNN: every unit is a damped oscillator, driven by the input and by all the others.

        z = z' + step_size * (tanh(W x + U y' + V z' + b) - gamma y' - epsilon z')
        y = y' + step_size * z

    `y` is the position and the output, `z` the velocity. Rusch & Mishra 2021, "Coupled Oscillatory Recurrent Neural
    Network (coRNN)", arXiv 2010.00951, in the form with explicit damping.

    Parameters: `n (d + 2 n + 1)` for d features and n units. States: `y`, `z`, each `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it for long series of slow signals whose gradients must not explode.

    Args:
        units: Size of the output.
        step_size: Length of a time step. The paper takes 0.034 (for 1,000 steps) to 0.1 (for 128 steps); with these, a
            few steps hardly move a unit. `step_size * epsilon` should stay below 1.
        gamma: Strength of the force that drives an oscillator back, the square of its frequency. The authors' code
            begins at 1; the paper takes 0.2 to 66.
        epsilon: Strength of the damping. The authors' code begins at 1; the paper takes 4.7 to 15. Where
            `epsilon^2 > 4 gamma`, a unit does not oscillate but fades slowly, at a rate of about
            `step_size * gamma / epsilon`.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...) and `RecurrentLayer`
            (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import CoRNN
    >>> CoRNN(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = CoRNNCell
