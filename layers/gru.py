"""Gated recurrent units, with and without layer normalization."""

import keras
from keras import ops

from .checks import positive_number
from .fused import FusedLayer, run_kernel
from .gated import Gated
from .keras_private import backend
from .normalization import layer_norm
from .recurrence import RecurrentCell, RecurrentLayer, affine, register


@register
class GRUCell(Gated, RecurrentCell):
    """One time step of `GRU`, which gives the equations and arguments."""

    gates = ("z", "r", "h")
    memory_gates = {"z": 1}

    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", reset_after=True, **kwargs):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.reset_after = reset_after

    @property
    def bias_shape(self):
        """Two biases in one weight if the reset gate acts after the recurrent kernel, as Keras keeps them."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        self.kernel = self.add_kernel("kernel", (input_shape[-1], 3 * self.units))
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (self.units, 3 * self.units))
        self.bias = self.add_bias("bias", self.bias_shape) if self.use_bias else None

    def project(self, inputs):
        bias = self.bias[0] if self.use_bias and self.reset_after else self.bias
        return affine(inputs, self.kernel, bias)

    def step(self, projected, h):
        return (self._reset_after if self.reset_after else self._reset_before)(projected, h)

    def _reset_after(self, projected, h):
        from_h = self.recur(h) + self.bias[1] if self.use_bias else self.recur(h)
        x_z, x_r, x_h = ops.split(projected, 3, axis=-1)
        h_z, h_r, h_h = ops.split(from_h, 3, axis=-1)
        z = self.recurrent_activation(x_z + h_z)
        r = self.recurrent_activation(x_r + h_r)
        h = z * h + (1 - z) * self.activation(x_h + r * h_h)
        return h, (h,)

    def _reset_before(self, projected, h):
        U_zr, U_h = ops.split(self.recurrent_kernel, [2 * self.units], axis=-1)
        x_zr, x_h = ops.split(projected, [2 * self.units], axis=-1)
        z, r = ops.split(self.recurrent_activation(x_zr + self.recur(h, U_zr)), 2, axis=-1)
        h = z * h + (1 - z) * self.activation(x_h + self.recur(r * h, U_h))
        return h, (h,)

    def fused(self, sequences, states, mask, return_sequences):
        """All time steps in a kernel of the backend: `(last_output, outputs, new_states)`."""
        return run_kernel(
            backend.gru,
            self,
            sequences,
            states,
            mask,
            return_sequences,
            self.bias_shape,
            reset_after=self.reset_after,
        )


@register
class GRU(FusedLayer):
    """Gated recurrent unit: one gate weighs memory against candidate, one limits how much memory the candidate sees.

        z, r = s(W x + U h' + b),  with reset_after: s(W x + b + U h' + b2)
        h~ = tanh(W x + b + r * (U h' + b2)) with reset_after,  without: tanh(W x + U (r * h') + b)
        h = z * h' + (1 - z) * h~

    Cho et al. 2014, arXiv 1406.1078.

    Parameters: `3 n (d + n + 2)` for d features and n units, `3 n (d + n + 1)` with `reset_after=False`. State: `h`,
    `(batch, units)`. Weights as in `keras.layers.GRU`.

    Fast path: in a `tf.function` on a CPU, one compiled loop; in training if `units >= 4 * features` and time
    >= 64; on a GPU and without a mask, the kernel of the backend.

    Choose it where an LSTM would do and has to be smaller by a quarter.

    Args:
        units: Size of the output.
        activation: The function in the place of tanh; `None` for none.
        recurrent_activation: The function s of the gates; `None` for none.
        reset_after: Whether the reset gate acts after the recurrent kernel, with a bias of its own. False: before it.
        use_cudnn: Whether to run the kernel of the backend. "auto": where it has one (on a GPU, without masks,
            recurrent dropout and zoneout). True: raise an error where it has none. False: never.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import GRU
    >>> GRU(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = GRUCell


@register
class LayerNormGRUCell(Gated, RecurrentCell):
    """One time step of `LayerNormGRU`, which gives the equations and arguments."""

    gates = ("z", "r", "h")
    memory_gates = {"z": 1}
    compiled_training = True

    def __init__(self, units, epsilon=1e-5, **kwargs):
        super().__init__(units, **kwargs)
        self.epsilon = positive_number(self, "epsilon", epsilon)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        super().build(input_shape)
        for name in ("gate_kernel", "gate_recurrent", "candidate_kernel", "candidate_recurrent"):
            width = 2 * self.units if name.startswith("gate") else self.units
            setattr(self, f"{name}_gamma", self.add_weight((width,), "ones", name=f"{name}_gamma"))
            setattr(self, f"{name}_beta", self.add_weight((width,), "zeros", name=f"{name}_beta"))

    def project(self, inputs):
        """What the gates and the candidate take from the inputs, as a tuple."""
        gates, candidate = ops.split(affine(inputs, self.kernel), [2 * self.units], axis=-1)
        b_gates, b_candidate = ops.split(self.bias, [2 * self.units]) if self.use_bias else (0.0, 0.0)
        gates = self.normalize(gates, "gate_kernel") + b_gates
        return gates, self.normalize(candidate + b_candidate, "candidate_kernel")

    def step(self, projected, h):
        x_gates, x_candidate = projected
        h_gates, h_candidate = ops.split(self.recur(h), [2 * self.units], axis=-1)
        z, r = ops.split(ops.sigmoid(x_gates + self.normalize(h_gates, "gate_recurrent")), 2, axis=-1)
        candidate = ops.tanh(x_candidate + r * self.normalize(h_candidate, "candidate_recurrent"))
        h = z * h + (1 - z) * candidate
        return h, (h,)

    def normalize(self, v, name):
        """`LN(v)`, with the scale and shift called `name`."""
        return layer_norm(v, getattr(self, f"{name}_gamma"), getattr(self, f"{name}_beta"), self.epsilon)


@register
class LayerNormGRU(RecurrentLayer):
    """GRU with layer normalization: the inputs of the gates keep their scale, however long the sequence.

        z, r = s(LN(W x) + LN(U h') + b)
        h~ = tanh(LN(W x + b) + r * LN(U h'))
        h = z * h' + (1 - z) * h~

    LN normalises z and r together, and the candidate alone.
    Ba, Kiros & Hinton 2016, "Layer normalization", arXiv 1607.06450.

    Parameters: `3 n (d + n + 1) + 12 n` for d features and n units. State: `h`, `(batch, units)`.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it where a GRU learns slowly or unstably, as with long sequences and small batches.

    Args:
        units: Size of the output.
        epsilon: A positive number that is added to the variance.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...), `Gated`
            (`chrono`) and `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import LayerNormGRU
    >>> LayerNormGRU(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = LayerNormGRUCell
