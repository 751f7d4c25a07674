"""Export of a Keras model to TensorFlow Lite."""

import re
import tempfile
from pathlib import Path

import tensorflow as tf

from ..files import whole
from . import loop
from .errors import ExportError
from .flatbuffer import require_builtin_only
from .keras_backend import check_keras, folded_time_distributed, recurrent_loop
from .terminal import captured_output
from .tracing import save, trace

SIGNATURE = "sequence"
QUANTIZATIONS = (None, "dynamic_range", "float16")


def export_tflite(model, path, quantization=None):
    """Writes a Keras model as a TensorFlow Lite file that needs builtin operations only.

    The file has one signature, `sequence`. Its inputs and outputs carry the names that they have in the model; a layer
    that gives several outputs gives `name, name_1, ...`. Batch and time are dynamic where the model leaves them
    `None`. Any recurrent layer that runs on the loop of Keras is exported, custom cells and masks included. Layers in
    mixed precision compute in float32, and `TimeDistributed` folds time into the batch.

    Args:
        model: A built Functional or Sequential Keras model.
        path: Where to write the file. Its folder is created, and the file is written whole or not at all.
        quantization: `None`, `"dynamic_range"` (weights in 8 bits, a third of the size or less) or `"float16"`
            (weights in 16 bits, half of the size). Small tensors stay as they are.

    Raises:
        ValueError: If the model is not built, is neither Functional nor Sequential, has an input name that cannot
            stand in a signature, or if the quantization is unknown.
        ExportError: If the model needs an operation that is not builtin (the message names it), or cannot be
            converted for another reason.

    Example:

    ```python
    rows = keras.Input((None, 28), name="rows")
    scores = keras.layers.Dense(10, name="scores")(keras.layers.LSTM(64)(rows))
    export_tflite(keras.Model(rows, scores), "model.tflite")

    interpreter = ai_edge_litert.interpreter.Interpreter("model.tflite")
    interpreter.get_signature_runner("sequence")(rows=x)["scores"]
    ```
    """
    if quantization not in QUANTIZATIONS:
        choices = ", ".join(repr(choice) for choice in QUANTIZATIONS)
        raise ValueError(f"Unknown quantization {quantization!r}; choose from {choices}.")
    check_keras()
    with captured_output() as output, recurrent_loop(loop.rnn), folded_time_distributed():
        module, function = trace(model, SIGNATURE)
        content = _convert(module, function, quantization, output)
    require_builtin_only(content)
    with whole(Path(path)) as temporary:
        temporary.write_bytes(content)


def _convert(module, function, quantization, output):
    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder) / "traced")
        save(module, saved, {SIGNATURE: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=[SIGNATURE])
        converter._experimental_unfold_large_splat_constant = True
        if quantization:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except Exception as error:
            raise ExportError(_reason(f"{error}\n{output()}")) from error


def _reason(text):
    """Says in one sentence why a conversion failed, and names the operations that are at fault."""
    names = sorted(set(re.findall(r"'tf\.(\w+)' op", text)) | set(re.findall(r"^\s*tf\.(\w+)\(", text, re.M)))
    if names:
        return f"TensorFlow Lite has no builtin operation for {', '.join(names)}; the model cannot be exported."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"TensorFlow Lite cannot convert this model: {lines[0] if lines else 'no reason given'}"
