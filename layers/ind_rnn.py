"""IndRNN: each unit sees its own state alone."""

import keras
from keras import ops

from .checks import at_least, positive_integer
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class AbsoluteBound(keras.constraints.Constraint):
    """Keeps every weight between `-bound` and `bound`.

    Args:
        bound: Largest absolute value of a weight, at least 0.
    """

    def __init__(self, bound):
        self.bound = bound

    def __call__(self, w):
        return ops.clip(w, -self.bound, self.bound)

    def get_config(self):
        return {"bound": self.bound}


@register
class IndRNNCell(RecurrentCell):
    """One time step of `IndRNN`, which gives the equations and arguments."""

    float32_states = True
    compiled_training = True

    def __init__(
        self, units, activation="relu", steps=None, gamma=2.0, last_layer=False, recurrent_initializer=None, **kwargs
    ):
        super().__init__(units, recurrent_initializer=recurrent_initializer, **kwargs)
        self.activation = keras.activations.get(activation)
        self.steps = steps if steps is None else positive_integer(self, "steps", steps)
        self.gamma = at_least(self, "gamma", gamma, 1)
        self.last_layer = last_layer
        if last_layer and steps is None:
            raise ValueError(
                f"{self.__class__.__name__} {self.name!r} with last_layer=True draws weights that remember over all "
                f"time steps, expected their number as `steps`, got steps={steps!r}."
            )

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        bound = 1.0 if self.steps is None else self.gamma ** (1 / self.steps)
        least = 1 / bound if self.last_layer else 0.0
        self.kernel = self.add_kernel("kernel", (input_shape[-1], self.units))
        self.recurrent_kernel = self.add_weight(
            shape=(self.units,),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer or keras.initializers.RandomUniform(least, bound),
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint or (AbsoluteBound(bound) if self.steps else None),
            autocast=False,
        )
        self.bias = self.add_bias("bias", (self.units,)) if self.use_bias else None

    def step(self, projected, h):
        remembered = self.recurrent_kernel * h
        if self.recurrent_mask is not None:
            remembered = remembered * self.in_state_dtype(self.recurrent_mask)
        h = self.activation(projected + remembered)
        return h, (h,)


@register
class IndRNN(RecurrentLayer):
    """Independently recurrent network: each unit sees its own state alone, and the next layer mixes the units.

        h = relu(W x + u * h' + b)

    Li et al. 2018, "Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN",
    arXiv 1803.04831; the last layer's weights: arXiv 1910.06251.

    Parameters: `n (d + 2)` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it for stacks of several layers over hundreds of time steps: it is cheap and has no gates.

    Args:
        units: Size of the output.
        activation: The function in the place of relu.
        steps: Number of time steps T. It bounds every weight of `u` by `gamma^(1/T)` in size, so that the memory and
            its gradient grow at most `gamma` times over the series. None: no bound.
        gamma: The largest growth over `steps` time steps, at least 1; the paper takes 2 to 10.
        last_layer: Whether `u` begins in `(gamma^(-1/T), gamma^(1/T))`, so that the units remember all time steps, as
            the last of several layers should. False: uniform in (0, `gamma^(1/T)`), or in (0, 1) without `steps`.
        recurrent_initializer: Initializer for `u`, a vector; it replaces these defaults.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...) and `RecurrentLayer`
            (`return_sequences` ...). A `recurrent_constraint` replaces the bound.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import IndRNN
    >>> IndRNN(3, steps=5, last_layer=True, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = IndRNNCell
