"""CfC: a liquid network in closed form, for samples at irregular times."""

from keras import ops

from .checks import positive_integer
from .products import matmul
from .recurrence import RecurrentCell, RecurrentLayer, affine, register


@register
class CfCCell(RecurrentCell):
    """One time step of `CfC`, which gives the equations and arguments."""

    compiled_training = True

    def __init__(self, units, backbone_units=None, time_column=False, **kwargs):
        super().__init__(units, **kwargs)
        self.backbone_units = (
            backbone_units if backbone_units is None else positive_integer(self, "backbone_units", backbone_units)
        )
        self.time_column = time_column

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        features = input_shape[-1] - bool(self.time_column)
        if features < 1:
            raise ValueError(
                f"{self.__class__.__name__} {self.name!r} with time_column=True expects at least one feature before "
                f"the time step, got inputs of shape {tuple(input_shape)}."
            )
        width = self.backbone_units or self.units
        self.backbone_kernel = self.add_kernel("backbone_kernel", (features, width))
        self.backbone_recurrent_kernel = self.add_recurrent("backbone_recurrent_kernel", (self.units, width))
        self.head_kernel = self.add_kernel("head_kernel", (width, 4 * self.units))
        self.backbone_bias = self.add_bias("backbone_bias", (width,)) if self.use_bias else None
        self.head_bias = self.add_bias("head_bias", (4 * self.units,)) if self.use_bias else None

    def project(self, inputs):
        """The input to the backbone, and the time since the previous step."""
        x, dt = inputs, ops.ones_like(inputs[..., :1])
        if self.time_column:
            x, dt = inputs[..., :-1], inputs[..., -1:]
        return affine(x, self.backbone_kernel, self.backbone_bias), dt

    def step(self, projected, h):
        x, dt = projected
        k = 1.7159 * ops.tanh(0.666 * (x + self.recur(h, self.backbone_recurrent_kernel)))
        f1, f2, ta, tb = ops.split(matmul(k, self.head_kernel) + (self.head_bias if self.use_bias else 0), 4, axis=-1)
        t = ops.sigmoid(ta * dt + tb)
        h = ops.tanh(f1) * (1 - t) + t * ops.tanh(f2)
        return h, (h,)

    def get_dropout_mask(self, step_input):
        """The dropout mask, shaped like the input; it never drops the time column."""
        if not self.time_column or not self.dropout:
            return super().get_dropout_mask(step_input)
        features = super().get_dropout_mask(step_input[..., :-1])
        return ops.concatenate([features, ops.ones_like(step_input[..., -1:])], axis=-1)


@register
class CfC(RecurrentLayer):
    """Closed-form continuous-time network: its gate depends on the time since the last sample.

        k = 1.7159 tanh(0.666 (W x + U h' + b))
        f1, f2, ta, tb = affine maps of k
        t = sigmoid(ta * dt + tb)
        h = tanh(f1) * (1 - t) + t * tanh(f2)

    Hasani et al. 2022, "Closed-form continuous-time neural networks", arXiv 2106.13898, with the bounded heads of the
    authors' PyTorch code and one layer as the backbone.

    Parameters: `(d + n + 1) B + 4 n (B + 1)` for d features, n units and B backbone units; with `time_column`, d
    leaves out the time. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it for samples at irregular times.

    Args:
        units: Size of the output.
        backbone_units: Size of `k`. None: `units`.
        time_column: Whether the last feature of the input is `dt`, the time since the previous sample. Scale it to
            values near 1 (divide by the mean). It enters `t` alone, and `dropout` does not touch it. Otherwise `dt` is
            1.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `zoneout`, initializers ...) and `RecurrentLayer`
            (`return_sequences` ...).

    Example: two sensors, read at irregular times.

    >>> import numpy as np
    >>> from keras_recurrent.layers import CfC
    >>> times = np.array([[0.0, 0.4, 2.0, 2.1]])
    >>> sensors = np.random.default_rng(0).normal(size=(1, 4, 2))
    >>> dt = np.diff(times, axis=1, prepend=times[:, :1])
    >>> x = np.concatenate([sensors, dt[..., np.newaxis]], axis=-1)
    >>> CfC(3, time_column=True, return_sequences=True)(x).shape
    TensorShape([1, 4, 3])
    """

    cell_class = CfCCell
