"""Traces a Keras model as one TensorFlow function with named inputs and named outputs."""

import collections
import contextlib
import errno
import itertools
import keyword
import re

import keras
import tensorflow as tf

from ...layers import paths
from .errors import ExportError
from .keras_backend import all_layers, built_shape, without_cudnn


def trace(model, name, serve=None, walk=None):
    """Traces the inference of a model in float32 and without cuDNN kernels.

    Args:
        model: A built Functional or Sequential model.
        name: Name of the function.
        serve: Optional function from the outputs of the model to a dict of named tensors.
        walk: Context that chooses how the layers of this package walk over time; the default is the plain loop.

    Returns:
        Tuple `(module, function)`: a `tf.Module` that holds the variables and lookup tables, and a concrete function
        whose inputs have the same names as the model's.

    Raises:
        ValueError: If the model is not built, neither Functional nor Sequential, or has an input name that cannot
            stand in a signature.
        ExportError: If a layer of the model is stateful and its batch is not fixed.
    """
    model = as_functional(model)
    states = stateful_states(model)
    names = input_names(model)

    def infer(**inputs):
        structure = keras.tree.pack_sequence_as(model.input, [inputs[name] for name in names])
        with keras.StatelessScope(state_mapping=values(model)) as scope:
            outputs = model(structure, training=False)
            after = [scope.get_current_value(state) for state in states]
        for state, value in zip(states, after, strict=True):
            state.value.assign(value)
        named = serve(outputs) if serve else dict(zip(output_names(model), keras.tree.flatten(outputs), strict=True))
        return {key: tf.identity(value, name=key) for key, value in named.items()}

    infer.__name__ = name
    module = tf.Module(name=name)
    module.held = [*(value for _, value in values(model)), *_lookup_tables(model)]
    module.serve = serve
    specs = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs}
    with inference(model, walk):
        return module, tf.function(infer, autograph=False).get_concrete_function(**specs)


@contextlib.contextmanager
def inference(model, walk=None):
    """Within this context, a model runs as it is exported: in float32, on the plain loop, without cuDNN kernels."""
    with without_cudnn(model), _in_float32(model), walk or paths.use("loop"):
        yield


def save(module, folder, signatures, options=None):
    """Writes a module as a SavedModel.

    Raises:
        OSError: If the file system refuses; replaces TensorFlow's own errors.
    """
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures, options=options)
    except (tf.errors.OutOfRangeError, tf.errors.ResourceExhaustedError, tf.errors.UnknownError) as error:
        raise OSError(errno.ENOSPC, str(error).partition("\n")[0]) from error


def as_functional(model, inputs=None):
    """The model as a Functional one, sharing its layers.

    Args:
        model: A built Keras model.
        inputs: Inputs of a subclassed model: a `keras.Input`, or a list or dict of them. `None` stands for one tensor
            of the shape for which it was built.

    Raises:
        ValueError: If the model is not built, or it is subclassed and its inputs are unknown.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"Only a Keras model can be exported, not {type(model).__name__!r}.")
    if inputs is not None:
        return _called_with(model, inputs)
    if not model.built:
        raise ValueError(f"Model {model.name!r} is not built. Call it on data once, or begin it with `keras.Input`.")
    if hasattr(model, "output_names"):
        return model
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name)
    shape = built_shape(model)
    if shape is None:
        raise ValueError(
            f"What model {model.name!r} takes is not known. Give `inputs`: a `keras.Input`, or a list or dict of them."
        )
    return _called_with(model, keras.Input(shape[1:], name="inputs"))


def _called_with(model, inputs):
    """A Functional model that calls a subclassed one."""
    return keras.Model(inputs, model(inputs), name=model.name)


def output_names(model):
    """The output names of a Functional model: the keys of its dict, or its layers' names, made unique.

    A layer that returns three tensors gives `x, x_1, x_2`.
    """
    if isinstance(model.output, dict) and not any(map(keras.tree.is_nested, model.output.values())):
        return [*model.output] if isinstance(model.output, collections.OrderedDict) else sorted(model.output)
    names = []
    for name in model.output_names:
        numbered = (f"{name}_{number}" for number in itertools.count(1) if f"{name}_{number}" not in model.output_names)
        names.append(next(free for free in itertools.chain([name], numbered) if free not in names))
    return names


def input_names(model):
    names = [tensor.name for tensor in model.inputs]
    for name in names:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
            raise ValueError(
                f"The input name {name!r} cannot stand in a signature. Take a letter, then letters, digits and `_`."
            )
    return names


@contextlib.contextmanager
def _in_float32(model):
    """Within this context, layers in mixed precision compute in float32, the type of their weights."""
    mixed = [layer for layer in all_layers(model) if layer.compute_dtype != layer.variable_dtype == "float32"]
    policies = [layer.dtype_policy for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy


def values(model):
    """Pairs `(variable, value)` for all variables of a model, including the states of its stateful layers."""
    return [(variable, variable.value) for variable in [*model.variables, *stateful_states(model)]]


def stateful_states(model):
    """The variables in which stateful layers keep their states between calls."""
    states = []
    for layer in all_layers(model):
        if getattr(layer, "stateful", False) and hasattr(layer, "states"):
            if layer.states is None:
                raise ExportError(f"Layer {layer.name!r} is stateful: fix the batch, `keras.Input(batch_shape=...)`.")
            states += keras.tree.flatten(layer.states)
    return states


@contextlib.contextmanager
def from_the_start(model):
    """Within this context, the states of stateful layers are zeros, the initial states of the exported model."""
    states = stateful_states(model)
    kept = [state.numpy() for state in states]
    try:
        for state, value in zip(states, kept, strict=True):
            state.assign(value * 0)
        yield
    finally:
        for state, value in zip(states, kept, strict=True):
            state.assign(value)


def _lookup_tables(model):
    resource = tf.saved_model.experimental.TrackableResource
    return [item for item in tf.train.TrackableView(model).descendants() if isinstance(item, resource)]
