"""Exports a Keras model to a TensorFlow SavedModel."""

import contextlib
import re
import sys
import tempfile
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import Message
from tensorflow.core.protobuf import saved_model_pb2

from ..core.files import whole
from .errors import ExportError
from .keras_backend import check_keras
from .terminal import captured_output
from .tracing import as_functional, from_the_start, save, trace

SIGNATURE = "serving_default"


def export_saved_model(model, path, serve=None, inputs=None, signatures=None):
    """Writes a Keras model as a SavedModel that needs only TensorFlow.

    The SavedModel has the signature `serving_default`, which takes the inputs of the model under the same names, and
    further signatures on request; weights that their models share are stored once. It runs on any device: it holds no
    cuDNN kernel, wherever it was exported, and layers in mixed precision compute in float32. It replaces an older
    folder at `path` when it is complete.

    Args:
        model: A built Keras model: Functional, Sequential, or a subclass of `keras.Model`.
        path: The folder to write.
        serve: Optional function of TensorFlow operations from the output (or outputs) of the model to a dict of named
            tensors. By default, the outputs have the same names as in the model.
        inputs: Inputs of a subclass of `keras.Model`, as in `export_tflite`.
        signatures: Optional dict from the names of further signatures to built Keras models, which may share layers
            with the first one, or to pairs of such a model and its `serve`.

    Raises:
        ValueError: If a model is not built, a subclassed model has no known inputs, an input name cannot stand in a
            signature, or a further signature is called `serving_default`.
        ExportError: If the model cannot be saved, or the SavedModel holds a cuDNN kernel or a path of this machine.

    Example:

    ```python
    rows = keras.Input((None, 28), name="rows")
    scores = keras.layers.Dense(2, activation="softmax")(keras.layers.LSTM(64)(rows))
    names = tf.constant(["down", "up"])

    def serve(scores):
        return {"probabilities": scores, "labels": tf.gather(names, tf.argmax(scores, axis=-1))}

    export_saved_model(keras.Model(rows, scores), "saved_model/1", serve)

    model = tf.saved_model.load("saved_model/1")
    model.signatures["serving_default"](rows=x)["labels"]
    ```

    The output of an inner encoder, with a signature of its own:

    ```python
    hidden = keras.layers.LSTM(64, name="hidden")(rows)
    model = keras.Model(rows, keras.layers.Dense(2, name="scores")(hidden))
    export_saved_model(model, "saved_model/1", signatures={"encode": keras.Model(rows, hidden)})

    tf.saved_model.load("saved_model/1").signatures["encode"](rows=x)["hidden"]
    ```
    """
    check_keras()
    if SIGNATURE in (signatures or {}):
        raise ValueError(f"The signature {SIGNATURE!r} is that of the model itself; choose other names.")
    parts = {SIGNATURE: (as_functional(model, inputs), serve)}
    for name, part in (signatures or {}).items():
        further, serving = part if isinstance(part, tuple) else (part, None)
        parts[name] = (as_functional(further), serving)
    with whole(Path(path)) as folder:
        with captured_output():
            _write(parts, folder)
        _check_saved((folder / "saved_model.pb").read_bytes(), _machine_folders(path))


def _write(parts, folder):
    """Writes models with their `serve`, by signature, into one SavedModel."""
    module = tf.Module(name="served")
    module.parts, functions = [], {}
    with contextlib.ExitStack() as stack:
        for model, _ in parts.values():
            stack.enter_context(from_the_start(model))
        for name, (model, serve) in parts.items():
            part, functions[name] = trace(model, name, serve)
            module.parts.append(part)
        save(module, folder, functions, tf.saved_model.SaveOptions(experimental_debug_stripper=True))


def _machine_folders(path):
    """Folders of this machine that no exported file may name; a system folder such as `/usr` reveals nothing."""
    folders = [
        Path.cwd(),
        Path(path).absolute().parent,
        Path(tempfile.gettempdir()),
        Path(sys.prefix),
        Path(__file__).parent,
    ]
    telling = [folder for folder in folders if len(folder.parts) > 2]
    return sorted({str(folder) for folder in [Path.home(), *telling] if folder != Path(folder.anchor)})


def _check_saved(content, folders):
    saved = saved_model_pb2.SavedModel.FromString(content)
    for graph in (meta_graph.graph_def for meta_graph in saved.meta_graphs):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        kernels = sorted({node.op for node in nodes if "Cudnn" in node.op})
        if kernels:
            raise ExportError(f"The SavedModel holds {', '.join(kernels)}, which runs on NVIDIA GPUs only.")
    begins_a_path = re.compile(rb"(?<![\w/.-])(?:" + "|".join(map(re.escape, folders)).encode() + rb")(?![\w.-])")
    for text in _texts(saved):
        if found := begins_a_path.search(text):
            raise ExportError(f"The SavedModel holds a path of this machine: {text[found.start() :][:200].decode()!r}.")


def _texts(message):
    """All texts and byte strings in a protobuf message."""
    for field, value in message.ListFields():
        if field.message_type and field.message_type.GetOptions().map_entry:
            values = [*value.keys(), *value.values()]
        else:
            values = value if field.is_repeated else [value]
        for item in values:
            if isinstance(item, Message):
                yield from _texts(item)
            elif isinstance(item, (str, bytes)):
                yield item.encode() if isinstance(item, str) else item
