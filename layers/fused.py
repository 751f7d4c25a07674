"""Layers for which the backend has a kernel that runs all time steps."""

import contextlib
import inspect

import keras
from keras import ops

from . import paths
from .checks import invalid
from .keras_private import backend
from .recurrence import ClassSignature, RecurrentLayer


class FusedLayer(RecurrentLayer):
    """A layer whose cell has a method `fused`; the argument `use_cudnn` chooses it.

    Args:
        use_cudnn: Whether to run the kernel that the backend has for the whole layer, as in the layers of Keras.
            "auto": where the backend has one. True: raise an error where it has none. False: never, as XLA needs on
            TensorFlow.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        *parameters, keyword_arguments = cls.__signature__.parameters.values()
        own = inspect.Parameter("use_cudnn", inspect.Parameter.KEYWORD_ONLY, default="auto")
        cls.__signature__ = ClassSignature(inspect.Signature([*parameters, own, keyword_arguments]))

    def __init__(self, units, *, use_cudnn="auto", **kwargs):
        super().__init__(units, **kwargs)
        self.use_cudnn = use_cudnn

    @property
    def use_cudnn(self):
        """Whether to run the kernel of the backend: "auto", True or False."""
        return self._use_cudnn

    @use_cudnn.setter
    def use_cudnn(self, value):
        if value != "auto" and not isinstance(value, bool):
            raise invalid(self, "use_cudnn", "'auto', True or False", value)
        self._use_cudnn = value
        self.supports_jit = not self._may_run_cudnn()

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Runs the cell over time, on the path that `paths.py` chooses, or with `use_cudnn=True` on `fused`."""
        with paths.use("fused") if self.use_cudnn is True else contextlib.nullcontext():
            return super().inner_loop(sequences, initial_state, mask, training)

    def get_config(self):
        """All arguments of the cell and of the layer."""
        return {**super().get_config(), "use_cudnn": self.use_cudnn}

    def _may_run_cudnn(self):
        """Whether the TensorFlow graph may hold an operation of cuDNN, which XLA cannot compile."""
        cell = self.cell
        return (
            keras.backend.backend() == "tensorflow"
            and paths.possible(self, "fused", sequences=None, mask=None, training=False)
            and backend.cudnn_ok(
                cell.activation,
                cell.recurrent_activation,
                self.unroll,
                use_bias=True,
                reset_after=getattr(cell, "reset_after", None),
            )
        )


def run_kernel(kernel, cell, sequences, states, mask, return_sequences, bias_shape, **kwargs):
    """Runs a kernel of the backend with the weights of a cell.

    Args:
        kernel: `backend.lstm` or `backend.gru`.
        cell: The cell.
        sequences: Tensor of shape `(batch, time, features)`.
        states: List of tensors of shape `(batch, size)`.
        mask: Must be None. Keras' kernels for JAX and PyTorch take no mask. cuDNN only takes masks of sequences that
            are padded at their end and not empty, and a graph fails only when it runs.
        return_sequences: Whether to return the outputs of all time steps.
        bias_shape: Shape of the zeros that stand in for the bias, where the cell has none.
        **kwargs: Further arguments of the kernel.

    Returns:
        Tuple `(last_output, outputs, new_states)`.

    Raises:
        NotImplementedError: If the backend has no kernel for these arguments.
    """
    if mask is not None:
        raise NotImplementedError
    return kernel(
        sequences,
        *states,
        mask,
        kernel=cell.kernel,
        recurrent_kernel=cell.recurrent_kernel,
        bias=ops.zeros(bias_shape, cell.compute_dtype) if cell.bias is None else cell.bias,
        activation=cell.activation,
        recurrent_activation=cell.recurrent_activation,
        return_sequences=return_sequences,
        **kwargs,
    )
