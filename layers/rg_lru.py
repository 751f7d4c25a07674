"""RG-LRU of Griffin: a linear recurrence whose gates see the input."""

import keras
from keras import ops

from .checks import divisor
from .linear import LinearRecurrentCell
from .recurrence import RecurrentLayer, affine, clone, register
from .scan import linear_scan

SHARPNESS = 8
"""The constant c of the paper."""
RADII = (0.9, 0.999)
"""The range of `a` at the start, where its gate is open."""
STEEPEST = 1000
"""Bound on the gradient of the root, which is infinite where the cell forgets nothing."""


@register
class RGLRUCell(LinearRecurrentCell):
    """One time step of `RGLRU`, which gives the equations and arguments.

    The state `started` is 0 before the first time step and 1 after it.
    """

    gates = ("r", "i")

    def __init__(self, units, blocks=1, **kwargs):
        super().__init__(units, **kwargs)
        self.blocks = divisor(self, "blocks", blocks, self.units)

    @property
    def state_size(self):
        """Sizes of the states `h` and `started`."""
        return [self.units, 1]

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        d, n, width = input_shape[-1], self.units, self.units // self.blocks
        self.projection = self.add_kernel("projection", (d, n)) if d != n else None
        self.gate_kernel = self.add_kernel("gate_kernel", (self.blocks, width, 2 * width), self.start_blocks)
        self.gate_bias = self.add_bias("gate_bias", (2 * n,)) if self.use_bias else None
        self.recurrent_parameter = self.add_weight(
            shape=(n,), name="recurrent_parameter", initializer=start_parameter, autocast=False
        )

    def start_blocks(self, shape, dtype=None):
        """Draws each block by itself with the kernel initializer."""
        return ops.stack([clone(self.kernel_initializer)(shape[1:], dtype=dtype) for _ in range(shape[0])])

    def project(self, inputs):
        """The input to the state, and the inputs to the gates."""
        x = inputs if self.projection is None else affine(inputs, self.projection)
        blocks = ops.split(x, self.blocks, axis=-1)
        gates = [ops.split(affine(block, self.gate_kernel[k]), 2, axis=-1) for k, block in enumerate(blocks)]
        gates = ops.concatenate([gate for kind in zip(*gates, strict=True) for gate in kind], axis=-1)
        return x, gates if self.gate_bias is None else gates + self.gate_bias

    def coefficients(self, projected):
        """The tensors `(a, sqrt(1 - a^2), i * x)`, for one time step or for all."""
        x, gates = projected
        r, i = ops.split(ops.sigmoid(gates), 2, axis=-1)  # and 1 - a^2 so that TensorFlow Lite loses no digits of it
        log_a = -SHARPNESS * r * ops.softplus(self.in_state_dtype(self.recurrent_parameter))
        return ops.exp(log_a), root(-ops.tanh(log_a) * (1 + ops.exp(2 * log_a))), i * x

    def step(self, projected, h, started):
        a, scale, x = self.coefficients(projected)
        h = a * h + ops.where(started > 0, scale, 1.0) * x
        return h, (h, ops.ones_like(started))

    def parallel(self, sequences, states):
        """All time steps at once: `(outputs, new_states)`."""
        h, started = states
        a, scale, x = self.coefficients(self.in_state_dtype(self.project(sequences)))
        first = ops.where(ops.expand_dims(started, 1) > 0, scale[:, :1], 1.0)
        h = linear_scan(a, ops.concatenate([first, scale[:, 1:]], axis=1) * x, h)
        return h, (h[:, -1], ops.ones_like(started))


@register
class RGLRU(RecurrentLayer):
    """Real-gated linear recurrent unit of Griffin: how much it forgets depends on the input, not on the state.

        r = sigmoid(W_r x + b_r)
        i = sigmoid(W_i x + b_i)
        a = exp(-8 r * softplus(L))
        h = a * h' + sqrt(1 - a^2) * (i * x)

    Without an initial state, `h = i * x` at the first time step. W_r and W_i are block-diagonal. Where d is not n, x is
    the input after a linear map without bias. At the start, `a` lies in (0.9, 0.999) where r = 1. De et al. 2024,
    "Griffin: Mixing Gated Linear Recurrences with Local Attention for Efficient Language Models", arXiv 2402.19427.

    Parameters: `2 n^2 / blocks + 3 n` for n units, and `d n` more if the number of features d is not n.
    States: `h`, `(batch, units)`, and `started`, `(batch, 1)`: 0 before the first time step, 1 after it.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too; on a GPU and on PyTorch, all time steps
    at once.

    Choose it for deep stacks on long text or signals, between layers that mix the units.

    Args:
        units: Size of the output.
        blocks: Number of blocks in the gates' kernels, a divisor of `units`. More blocks mean fewer weights.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...) and `RecurrentLayer`
            (`return_sequences` ...). Zoneout keeps `h`. The cell has no recurrent kernel, so `recurrent_dropout` must
            be 0.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import RGLRU
    >>> RGLRU(6, blocks=2, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 6])
    """

    cell_class = RGLRUCell


@ops.custom_gradient
def root(x):
    """`sqrt(x)`, whose gradient is at most `STEEPEST`."""
    y = ops.sqrt(x)

    def gradient(*args, upstream=None):
        upstream = upstream if upstream is not None else args[0]
        return upstream * ops.minimum(0.5 / y, STEEPEST)

    return y, gradient


def start_parameter(shape, dtype=None):
    """Draws L so that `exp(-8 softplus(L))` is uniform between `RADII`."""
    log_a = ops.log(keras.random.uniform(shape, *RADII, dtype=dtype))
    return ops.log(ops.expm1(-log_a / SHARPNESS))
