"""LRU: a linear recurrence of complex numbers."""

import math

import keras
from keras import ops

from .checks import at_least, fraction, invalid, positive_integer, positive_number
from .linear import LinearRecurrentCell
from .products import matmul
from .recurrence import RecurrentLayer, affine, register
from .scan import linear_scan

EDGE = 1e-4
"""How close the draws of the initializer come to 0 and 1, where logarithms diverge."""


@register
class LRUCell(LinearRecurrentCell):
    """One time step of `LRU`, which gives the equations and arguments.

    The last axis holds complex numbers as their real parts, followed by their imaginary parts.
    """

    def __init__(
        self,
        units,
        state_units=None,
        min_radius=0.0,
        max_radius=1.0,
        max_phase=2 * math.pi,
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(units, kernel_initializer=kernel_initializer, **kwargs)
        self.state_units = state_units if state_units is None else positive_integer(self, "state_units", state_units)
        self.min_radius = at_least(self, "min_radius", min_radius, 0)
        self.max_radius = fraction(self, "max_radius", max_radius)
        self.max_phase = positive_number(self, "max_phase", max_phase)
        if self.min_radius > self.max_radius:
            raise invalid(self, "min_radius", f"at most max_radius={max_radius!r}", min_radius)

    @property
    def state_size(self):
        """Size of the state: the real and the imaginary parts."""
        return [2 * (self.state_units or self.units)]

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        d, n, N = input_shape[-1], self.units, self.state_units or self.units
        nu, theta, gamma_log = ring(self.min_radius, self.max_radius, self.max_phase)
        self.nu = self.add_weight(shape=(N,), name="nu", initializer=nu, autocast=False)
        self.theta = self.add_weight(shape=(N,), name="theta", initializer=theta, autocast=False)
        self.gamma_log = self.add_weight(shape=(N,), name="gamma_log", initializer=gamma_log, autocast=False)
        self.input_kernel_real = self.add_kernel("input_kernel_real", (d, N), self.start_kernel(0.5))
        self.input_kernel_imag = self.add_kernel("input_kernel_imag", (d, N), self.start_kernel(0.5))
        self.output_kernel_real = self.add_kernel("output_kernel_real", (N, n), self.start_kernel(1.0))
        self.output_kernel_imag = self.add_kernel("output_kernel_imag", (N, n), self.start_kernel(1.0))
        if d == n:
            self.skip = self.add_weight(shape=(d,), name="skip", initializer=keras.initializers.RandomNormal(stddev=1))
        else:
            self.skip = self.add_kernel("skip", (d, n), self.start_kernel(1.0))

    def start_kernel(self, variance):
        """The given initializer, or the paper's normal one with this variance divided by the number of inputs."""
        normal = keras.initializers.VarianceScaling(variance, "fan_in", "untruncated_normal")
        return None if self.kernel_initializer else normal

    def project(self, inputs):
        """The complex input to the state, and the input to the output."""
        kernel = ops.concatenate([self.input_kernel_real, self.input_kernel_imag], axis=-1)
        skipped = inputs * self.skip if len(self.skip.shape) == 1 else affine(inputs, self.skip)
        return affine(inputs, kernel), skipped

    def coefficients(self, projected):
        x, _ = projected
        nu, theta, gamma_log = self.in_state_dtype([self.nu, self.theta, self.gamma_log])
        radius, gamma = ops.exp(-ops.exp(nu)), ops.exp(gamma_log)
        phase = ops.exp(theta)
        eigenvalues = ops.concatenate([radius * ops.cos(phase), radius * ops.sin(phase)])
        return eigenvalues, ops.concatenate([gamma, gamma]) * x

    def read(self, projected, h):
        _, skipped = projected
        kernel = ops.concatenate([self.output_kernel_real, -self.output_kernel_imag], axis=0)
        return self.in_state_dtype(matmul(ops.cast(h, self.compute_dtype), kernel)) + skipped

    def step(self, projected, h):
        a, b = self.coefficients(projected)
        h = product(a, h) + b
        return self.read(projected, h), (h,)

    def parallel(self, sequences, states):
        """All time steps at once: `(outputs, new_states)`."""
        projected = self.in_state_dtype(self.project(sequences))
        a, b = self.coefficients(projected)
        h = linear_scan(a[None, None], b, states[0], product, conjugate)
        return self.read(projected, h), (h[:, -1],)


@register
class LRU(RecurrentLayer):
    """Linear recurrent unit: a diagonal matrix of complex numbers turns the state and lets it fade.

        h = lambda * h' + gamma * (B x),  lambda = exp(-exp(nu) + i exp(theta)),  gamma = exp(gamma_log)
        y = Re(C h) + D x

    D is a matrix, or a vector where d = n. At the start, lambda is spread evenly over a ring in the complex plane, and
    `gamma = sqrt(1 - |lambda|^2)` gives every unit the same scale. Orvieto et al. 2023, "Resurrecting Recurrent Neural
    Networks for Long Sequences", arXiv 2303.06349.

    Parameters: `3 N + 2 N d + 2 N n + d n` for d features, n units and N complex state units; `d` in place of `d n`
    if d = n. State: `h`, `(batch, 2 N)`, the real parts and then the imaginary ones. It has no bias.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too; on a GPU and on PyTorch, all time steps
    at once.

    Choose it for long series of numbers, in stacks with nonlinear layers in between: the layer itself is linear.

    Args:
        units: Size of the output.
        state_units: Number N of complex numbers in the state. None: `units`.
        min_radius: Inner radius of the ring, in [0, max_radius].
        max_radius: Outer radius of the ring, in (0, 1]. For 1,000 and more steps, the paper takes a ring from 0.9 to
            0.999.
        max_phase: Angle at which the sector of the ring ends; it begins at 0. Small angles suit slow signals.
        kernel_initializer: Initializer for B, C and D. None: normal as in the paper, with variances `1 / (2 d)`,
            `1 / N` and 1 (`1 / d` for a matrix).
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout` ...) and `RecurrentLayer` (`return_sequences` ...).
            The cell has no recurrent kernel, so `recurrent_dropout` must be 0.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import LRU
    >>> LRU(3, state_units=8, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = LRUCell


def product(a, b):
    """The product of complex numbers."""
    a_real, a_imag = ops.split(a, 2, axis=-1)
    b_real, b_imag = ops.split(b, 2, axis=-1)
    return ops.concatenate([a_real * b_real - a_imag * b_imag, a_real * b_imag + a_imag * b_real], axis=-1)


def conjugate(a):
    """The conjugate of complex numbers."""
    real, imag = ops.split(a, 2, axis=-1)
    return ops.concatenate([real, -imag], axis=-1)


def ring(min_radius, max_radius, max_phase):
    """Initializers for nu, theta and gamma_log: they spread lambda over a ring; `gamma = sqrt(1 - |lambda|^2)`."""
    areas = keras.initializers.RandomUniform(EDGE, 1 - EDGE)
    angles = keras.initializers.RandomUniform(EDGE, 1)

    def squared_radius(shape, dtype):
        return min_radius**2 + (max_radius**2 - min_radius**2) * areas(shape, dtype=dtype)

    def nu(shape, dtype=None):
        return ops.log(-0.5 * ops.log(squared_radius(shape, dtype)))

    def theta(shape, dtype=None):
        return ops.log(max_phase * angles(shape, dtype=dtype))

    def gamma_log(shape, dtype=None):
        return 0.5 * ops.log(1 - squared_radius(shape, dtype))

    return nu, theta, gamma_log
