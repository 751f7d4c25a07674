"""Runs the TensorFlow Lite converter and explains its errors."""

import re
import tempfile
from pathlib import Path

import tensorflow as tf

from . import int8
from .errors import ExportError
from .keras_backend import all_layers
from .tracing import save

QUANTIZATIONS = (None, "dynamic_range", "float16", "int8")


def check_quantization(quantization, choices=QUANTIZATIONS):
    """Checks the name of a quantisation.

    Raises:
        ValueError: If the name is unknown.
    """
    if quantization not in choices:
        raise ValueError(f"Unknown quantization {quantization!r}; choose from {', '.join(map(repr, choices))}.")


def convert(module, functions, models, quantization, output, data=None):
    """Converts functions to the bytes of a TensorFlow Lite file.

    Args:
        module: Module that holds the weights.
        functions: Concrete functions by signature.
        models: The Keras models in the functions; errors name their layers.
        quantization: One of `QUANTIZATIONS`.
        output: Function that returns what the converter has printed so far.
        data: Representative data by input name, for int8.

    Raises:
        ExportError: If the conversion fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder) / "traced")
        save(module, saved, functions, tf.saved_model.SaveOptions(experimental_custom_gradients=False))
        if quantization == "int8":
            return int8.convert(saved, functions, data)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=[*functions])
        converter._experimental_unfold_large_splat_constant = True
        if quantization:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except Exception as error:
            layers = [layer for model in models for layer in all_layers(model)]
            raise ExportError(_reason(f"{error}\n{output()}", layers)) from error


def _reason(text, layers):
    """Explains in one sentence why a conversion failed, and names the operations at fault and their layers."""
    names = sorted(set(re.findall(r"'tf\.(\w+)' op", text)) | set(re.findall(r"^\s*tf\.(\w+)\(", text, re.M)))
    if names:
        faults = [f"{name}{_in_layers(name, text, layers)}" for name in names]
        return f"TensorFlow Lite has no builtin operation for {', '.join(faults)}; the model cannot be exported."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"TensorFlow Lite cannot convert this model: {lines[0] if lines else 'no reason given'}"


def _in_layers(operation, text, layers):
    """The layers that contain an operation, according to the scopes in the converter's output."""
    known = {layer.name for layer in layers}
    found = set()
    for scope in re.findall(rf'"{operation}:", "([^"@]+)@', text):
        parts = [name for part in scope.split("/") for name in (part, re.sub(r"_\d+$", "", part)) if name in known]
        found |= set(parts[-1:])
    return f" (in layer {', '.join(map(repr, sorted(found)))})" if found else ""
