"""SRU: each gate sees its own unit's state, and a highway leads around the gates."""

import math

from keras import ops

from .checks import number
from .gated import Gated, chrono_initializer
from .recurrence import RecurrentCell, RecurrentLayer, affine, register


@register
class SRUCell(Gated, RecurrentCell):
    """One time step of `SRU`, which gives the equations and arguments."""

    gates = ("f", "r")
    memory_gates = {"f": 1}
    float32_states = True
    compiled_training = True

    def __init__(self, units, highway_bias=0.0, **kwargs):
        super().__init__(units, **kwargs)
        self.highway_bias = number(self, "highway_bias", highway_bias)
        self.alpha = math.sqrt(1 + 2 * math.exp(self.highway_bias))

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        d, n = input_shape[-1], self.units
        self.kernel = self.add_kernel("kernel", (d, 3 * n))
        self.highway_kernel = self.add_kernel("highway_kernel", (d, n)) if d != n else None
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (2, n))
        self.bias = self.add_bias("bias", (2 * n,), self.start_bias) if self.use_bias else None

    def start_bias(self, shape, dtype=None):
        """Initial values of the biases of both gates."""
        n = self.units
        of_f = (
            self.bias_initializer if self.chrono is None else chrono_initializer(("f",), self.memory_gates, self.chrono)
        )
        return ops.concatenate([of_f((n,), dtype=dtype), ops.full((n,), self.highway_bias, dtype)])

    def project(self, inputs):
        """The candidate, the inputs to the gates, and the highway."""
        candidate, f, r = ops.split(affine(inputs, self.kernel), 3, axis=-1)
        gates = ops.concatenate([f, r], axis=-1)
        gates = gates if self.bias is None else gates + self.bias
        highway = self.alpha * inputs if self.highway_kernel is None else affine(inputs, self.highway_kernel)
        return candidate, gates, highway

    def step(self, projected, c):
        candidate, gates, highway = projected
        seen = self.drop(c)
        seen = ops.concatenate([seen * self.recurrent_kernel[0], seen * self.recurrent_kernel[1]], axis=-1)
        f, r = ops.split(ops.sigmoid(gates + self.in_state_dtype(seen)), 2, axis=-1)
        c = f * c + (1 - f) * candidate
        return r * c + (1 - r) * highway, (c,)


@register
class SRU(RecurrentLayer):
    """Simple recurrent unit: each gate sees its own unit's state, and a highway leads the input past the gates.

        x~ = W x
        f = sigmoid(W_f x + v_f * c' + b_f)
        r = sigmoid(W_r x + v_r * c' + b_r)
        c = f * c' + (1 - f) * x~
        h = r * c + (1 - r) * x^,  x^ = alpha x if d = n, else W_h x

    Both gates see the old `c'`; `alpha = sqrt(1 + 2 exp(highway_bias))` keeps the scale from layer to layer. Lei et al.
    2018, "Simple Recurrent Units for Highly Parallelizable Recurrence", arXiv 1709.02755.

    Parameters: `3 n d + 4 n` for d features and n units if d = n, else `4 n d + 4 n`. State: `c`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it for stacks of many layers of the same width, above all on text.

    Args:
        units: Size of the output.
        highway_bias: Initial value of `b_r`. A negative value lets the input pass at first.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...), `Gated` (`chrono`) and
            `RecurrentLayer` (`return_sequences` ...). Zoneout keeps `c`.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import SRU
    >>> SRU(3, highway_bias=-2.0, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = SRUCell
