"""Chooses the loop that recurrent layers run while a model is traced; the only module that uses private Keras names."""

import contextlib
import inspect

import keras
import tensorflow as tf
from keras.src import backend

from .errors import ExportError

KERAS_VERSIONS = ((3, 15), (3, 16))  # the second version is excluded
RNN_ARGUMENTS = [
    "step_function",
    "inputs",
    "initial_states",
    "go_backwards",
    "mask",
    "constants",
    "unroll",
    "input_length",
    "time_major",
    "zero_output_for_mask",
    "return_all_outputs",
]


def check_keras():
    """Checks that this module knows the private names of the installed Keras.

    Raises:
        ExportError: If its version is outside `KERAS_VERSIONS`, its backend is not TensorFlow, or its `rnn` function
            takes other arguments.
    """
    first, end = KERAS_VERSIONS
    if not first <= tuple(int(part) for part in keras.__version__.split(".")[:2]) < end:
        raise ExportError(
            f"The export needs Keras from {first[0]}.{first[1]} up to, but without, {end[0]}.{end[1]}; "
            f"this is Keras {keras.__version__}."
        )
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"The export needs the TensorFlow backend of Keras; this one is {keras.backend.backend()!r}. "
            "Save the model, and load it for the export with KERAS_BACKEND=tensorflow."
        )
    if list(inspect.signature(backend.rnn).parameters) != RNN_ARGUMENTS:
        raise ExportError(f"The recurrent loop of Keras {keras.__version__} takes arguments that are not known here.")


def all_layers(model):
    """The model and every layer inside it, including wrapped layers, cells and nested models."""
    return list(model._flatten_layers())


def built_shape(model):
    """Shape of the single tensor for which a subclassed model was built, with an open batch; None if unknown."""
    shapes = model._build_shapes_dict or {}
    shape = next(iter(shapes.values())) if len(shapes) == 1 else None
    plain = isinstance(shape, tuple | list) and all(size is None or isinstance(size, int) for size in shape)
    return (None, *shape[1:]) if plain else None


@contextlib.contextmanager
def without_cudnn(model):
    """Within this context, the layers of the model never run cuDNN kernels, which exist on NVIDIA GPUs only."""
    layers = [layer for layer in all_layers(model) if hasattr(layer, "use_cudnn")]
    settings = [layer.use_cudnn for layer in layers]
    try:
        for layer in layers:
            layer.use_cudnn = False
        yield
    finally:
        for layer, setting in zip(layers, settings, strict=True):
            layer.use_cudnn = setting


@contextlib.contextmanager
def recurrent_loop(rnn, unrolled_too=False):
    """Within this context, recurrent layers run the given loop; unrolled ones only if `unrolled_too` is true."""
    original = backend.rnn

    def run(*args, unroll=False, **kwargs):
        as_it_is = unroll and not unrolled_too
        return original(*args, unroll=True, **kwargs) if as_it_is else rnn(*args, **kwargs)

    try:
        backend.rnn = run
        yield
    finally:
        backend.rnn = original


@contextlib.contextmanager
def unrolled_loop():
    """Within this context, Keras unrolls every recurrent layer."""
    original = backend.rnn
    try:
        backend.rnn = lambda *args, unroll=False, **kwargs: original(*args, unroll=True, **kwargs)
        yield
    finally:
        backend.rnn = original


@contextlib.contextmanager
def folded_time_distributed():
    """Within this context, `TimeDistributed` folds time into the batch instead of looping over time."""
    original = keras.layers.TimeDistributed.call
    try:
        keras.layers.TimeDistributed.call = _call_folded
        yield
    finally:
        keras.layers.TimeDistributed.call = original


def _call_folded(self, inputs, training=None, mask=None):
    arguments = {}
    if mask is not None and self.layer._call_has_mask_arg:
        arguments["mask"] = _fold(mask)
    if self.layer._call_has_training_arg:
        arguments["training"] = training
    outputs = self.layer.call(_fold(inputs), **arguments)
    unfolded = tf.reshape(outputs, tf.concat([tf.shape(inputs)[:2], tf.shape(outputs)[1:]], 0))
    unfolded.set_shape([*inputs.shape[:2], *outputs.shape[1:]])
    return unfolded


def _fold(tensor):
    folded = tf.reshape(tensor, tf.concat([[-1], tf.shape(tensor)[2:]], 0))
    folded.set_shape([None, *tensor.shape[2:]])
    return folded
