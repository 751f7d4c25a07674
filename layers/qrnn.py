"""QRNN: a causal convolution over time, and a recurrence without weights."""

from keras import ops

from .checks import positive_integer
from .gated import Gated
from .linear import LinearRecurrentCell
from .recurrence import RecurrentLayer, affine, register
from .scan import linear_scan


@register
class QRNNCell(Gated, LinearRecurrentCell):
    """One time step of `QRNN`, which gives the equations and arguments.

    The state `pending` holds what the inputs so far will add to the maps of the next `kernel_size - 1` time steps, the
    next one first. Its size does not depend on the number of features, which a cell knows only once it is built.
    """

    parallel_of_open_time = False

    gates = ("z", "f", "o")
    memory_gates = {"f": 1}

    def __init__(self, units, kernel_size=2, **kwargs):
        super().__init__(units, **kwargs)
        self.kernel_size = positive_integer(self, "kernel_size", kernel_size)

    @property
    def state_size(self):
        """Sizes of the states `c` and, if the kernel sees more than one time step, `pending`."""
        return [self.units, (self.kernel_size - 1) * 3 * self.units][: self.kernel_size]

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        self.kernel = self.add_kernel("kernel", (self.kernel_size * input_shape[-1], 3 * self.units))
        self.bias = self.add_bias("bias", (3 * self.units,)) if self.use_bias else None

    def project(self, inputs):
        """What each input adds to the maps of its own time step, of the next one, and so on."""
        d = inputs.shape[-1]
        kernels = [self.kernel[start : start + d] for start in range((self.kernel_size - 1) * d, -1, -d)]
        return [affine(inputs, kernel, None if later else self.bias) for later, kernel in enumerate(kernels)]

    def coefficients(self, projected):
        z, f, _ = ops.split(projected, 3, axis=-1)
        f = ops.sigmoid(f)
        return f, (1 - f) * ops.tanh(z)

    def read(self, projected, c):
        return ops.sigmoid(projected[..., -self.units :]) * c

    def step(self, projected, c, *pending):
        now, *later = projected
        if later:
            (pending,) = pending
            now = now + pending[..., : 3 * self.units]
            pending = ops.pad(pending[..., 3 * self.units :], [(0, 0), (0, 3 * self.units)])
            pending = (pending + ops.concatenate(later, axis=-1),)
        a, b = self.coefficients(now)
        c = a * c + b
        return self.read(now, c), (c, *pending)

    def parallel(self, sequences, states):
        """All time steps at once: `(outputs, new_states)`."""
        c, *pending = states
        k, time = self.kernel_size, sequences.shape[1]
        projected = self.in_state_dtype(self.project(sequences))
        maps = sum(ops.pad(each, [(0, 0), (later, k - 1 - later), (0, 0)]) for later, each in enumerate(projected))
        if pending:
            before = ops.reshape(pending[0], (-1, k - 1, 3 * self.units))
            maps = maps + ops.pad(before, [(0, 0), (0, time), (0, 0)])
            pending = [ops.reshape(maps[:, time:], (-1, (k - 1) * 3 * self.units))]
        now = maps[:, :time]
        c = linear_scan(*self.coefficients(now), c)
        return self.read(now, c), (c[:, -1], *pending)


@register
class QRNN(RecurrentLayer):
    """Quasi-recurrent network: the gates are convolutions over the last inputs, and do not see the state.

        z = tanh(W_z [x_(t-k+1) ... x_t] + b_z)
        f = sigmoid(W_f [x_(t-k+1) ... x_t] + b_f)
        o = sigmoid(W_o [x_(t-k+1) ... x_t] + b_o)
        c = f * c' + (1 - f) * z
        h = o * c

    Bradbury et al. 2016, "Quasi-Recurrent Neural Networks", arXiv 1611.01576. The paper's zoneout is that of `c`.

    Parameters: `3 k n d + 3 n` for a kernel over k time steps, d features and n units. States: `c`, `(batch, units)`,
    and, for k > 1, `pending`, `(batch, (k - 1) * 3 * units)`: what the inputs so far add to the next k - 1 steps.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too; on a GPU and on PyTorch, all time steps
    at once.

    Choose it for text and other series with many features, in which neighbouring steps belong together.

    Args:
        units: Size of the output.
        kernel_size: Number k of time steps that the gates see.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...), `Gated` (`chrono`) and
            `RecurrentLayer` (`return_sequences` ...). The cell has no recurrent kernel, so `recurrent_dropout` must be
            0.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import QRNN
    >>> QRNN(3, kernel_size=2, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = QRNNCell
