"""Echo state network: a fixed random reservoir; only the layer that reads it is trained."""

import random

import keras
import numpy as np
from keras import ops

from .checks import fraction, positive_number
from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class SpectralRadius(keras.initializers.Initializer):
    """Random square matrices whose largest eigenvalue has a given absolute value.

    Args:
        radius: Absolute value of the largest eigenvalue.
        density: Share of the entries that are not 0, in (0, 1]; every column keeps at least one.
        seed: An integer. The same seed gives the same matrix on every backend.
    """

    def __init__(self, radius=0.9, density=1.0, seed=None):
        self.radius = radius
        self.density = density
        self.seed = random.randrange(10**9) if seed is None else seed

    def __call__(self, shape, dtype=None):
        rng = np.random.default_rng(self.seed)
        ranks = rng.random(shape).argsort(axis=0)
        matrix = rng.uniform(-1, 1, shape) * (ranks < max(1, round(self.density * shape[0])))
        matrix *= self.radius / np.abs(np.linalg.eigvals(matrix)).max()
        return ops.convert_to_tensor(matrix, dtype=dtype or keras.config.floatx())

    def get_config(self):
        return {"radius": self.radius, "density": self.density, "seed": self.seed}


@register
class EchoStateCell(RecurrentCell):
    """One time step of `EchoState`, which gives the equations and arguments."""

    def __init__(
        self,
        units,
        leak=1.0,
        spectral_radius=0.9,
        density=1.0,
        kernel_initializer=None,
        recurrent_initializer=None,
        bias_initializer=None,
        **kwargs,
    ):
        super().__init__(
            units,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )
        self.leak = fraction(self, "leak", leak)
        self.spectral_radius = positive_number(self, "spectral_radius", spectral_radius)
        self.density = fraction(self, "density", density)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        n, seed = self.units, random.randrange(10**9) if self.seed is None else self.seed
        kernel = self.kernel_initializer or keras.initializers.LecunUniform(seed)
        reservoir = self.recurrent_initializer or SpectralRadius(self.spectral_radius, self.density, seed + 1)
        bias = self.bias_initializer or keras.initializers.RandomUniform(-0.1, 0.1, seed + 2)
        self.kernel = self.add_kernel("kernel", (input_shape[-1], n), kernel, trainable=False)
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (n, n), reservoir, trainable=False)
        self.bias = self.add_bias("bias", (n,), bias, trainable=False) if self.use_bias else None

    def step(self, projected, h):
        h = (1 - self.leak) * h + self.leak * ops.tanh(projected + self.recur(h))
        return h, (h,)


@register
class EchoState(RecurrentLayer):
    """Echo state network: a fixed random reservoir; only the layer that reads it is trained.

        h = (1 - leak) h' + leak * tanh(W x + U h' + b),  U of the given spectral radius

    Jaeger 2001, "The 'echo state' approach to analysing and training recurrent neural networks".

    Parameters: 0 trained, `n (d + n + 1)` stored, for d features and n units. State: `h`, `(batch, units)`. Gradients
    flow through the layer to its input.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time >= 64.

    Choose it as a baseline, and where training must take seconds: many units, and a linear layer that reads them.

    Args:
        units: Size of the output.
        leak: How fast a unit moves, in (0, 1]. Small values suit slow signals.
        spectral_radius: Largest absolute eigenvalue of U. The nearer to 1, the longer the memory; above 1 the reservoir
            may never forget its initial state.
        density: Share of the entries of U that are not 0, in (0, 1].
        kernel_initializer: Initializer for W. None: uniform, with variance `1 / d`.
        recurrent_initializer: Initializer for U, which replaces `spectral_radius` and `density`.
        bias_initializer: Initializer for b. None: uniform in (-0.1, 0.1), so that the reservoir does not become an odd
            function of its input.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout` ...; `seed` also determines the reservoir) and
            `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import EchoState
    >>> layer = EchoState(200, density=0.1, seed=1)
    >>> layer(np.ones((2, 5, 4))).shape, len(layer.trainable_weights)
    (TensorShape([2, 200]), 0)
    """

    cell_class = EchoStateCell
