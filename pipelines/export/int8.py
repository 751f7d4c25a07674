"""Quantises weights and activations to 8-bit integers from representative data."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from .errors import ExportError
from .isolation import by_signal, environment_without_gpu

SCRIPT = Path(__file__).with_name("convert_int8.py")
LONGEST = 80
"""Maximum number of time steps of a whole sequence: they are unrolled, because the converter crashes on a loop."""
SAMPLES = 200
"""Number of examples of a signature that determine the ranges of its activations."""


def can_unroll(model):
    """Whether all inputs of a model have a fixed length that is short enough to unroll."""
    lengths = [tensor.shape[1] for tensor in model.inputs if len(tensor.shape) > 1]
    return all(length is not None and length <= LONGEST for length in lengths)


def check_data(model, data):
    """The representative data as a dict of arrays by input name.

    Raises:
        ValueError: If there are no data, an input is missing, or an array does not have the shape that the model takes.
    """
    if data is None:
        raise ValueError(
            "quantization='int8' needs representative_data: some hundred examples of what the model takes."
        )
    names = [tensor.name for tensor in model.inputs]
    named = data if isinstance(data, dict) else dict.fromkeys(names[:1], data)
    if set(named) != set(names):
        raise ValueError(f"representative_data has {sorted(named)}, expected a dict with the inputs {sorted(names)}.")
    arrays = {name: np.asarray(named[name]) for name in names}
    for tensor in model.inputs:
        got, wanted = arrays[tensor.name].shape, tuple(tensor.shape)
        known = [want in (None, size) for size, want in zip(got[1:], wanted[1:], strict=False)]
        if len(got) != len(wanted) or not all(known) or got[0] < (wanted[0] or 1):
            raise ValueError(f"representative_data of input {tensor.name!r} has shape {got}, expected {wanted}.")
    types = {tensor.name: object if tensor.dtype == "string" else tensor.dtype for tensor in model.inputs}
    return {name: arrays[name].astype(dtype) for name, dtype in types.items()}


def convert(saved, functions, data):
    """Converts a SavedModel in a process of its own.

    Args:
        saved: Path of the SavedModel.
        functions: Concrete functions of the SavedModel by signature.
        data: Representative data by input name.

    Returns:
        Bytes of the TensorFlow Lite file.

    Raises:
        ExportError: If the conversion fails, or the converter ends its process.
    """
    folder = Path(saved).parent
    samples = {}
    if "sequence" in functions:
        samples |= {f"sequence/{name}": value for name, value in _examples(functions["sequence"], data).items()}
    if "step" in functions:
        samples |= {f"step/{name}": value for name, value in _steps(functions["step"], data).items()}
    np.savez(folder / "samples.npz", **samples)
    command = [sys.executable, "-P", SCRIPT, saved, folder / "samples.npz", folder / "model.tflite"]
    process = subprocess.run([*map(str, command)], capture_output=True, env=environment_without_gpu(), check=False)
    if process.returncode:
        lines = process.stderr.decode(errors="replace").strip().splitlines()
        raise ExportError(
            f"TensorFlow Lite cannot convert this model to int8{by_signal(process.returncode)}: "
            f"{lines[-1] if lines else 'no reason given'}"
        )
    return (folder / "model.tflite").read_bytes()


def _examples(function, data):
    """Splits the data into examples for a function, `(examples, batch, ...)`; the batch is 1 where it is open."""
    specs = function.structured_input_signature[1]
    batch = _fixed_batch(specs) or 1
    count = min([SAMPLES, *(len(value) // batch for value in data.values())])
    return {name: value[: count * batch].reshape(count, batch, *value.shape[1:]) for name, value in data.items()}


def _steps(step, data):
    """Walks over the data, and collects single time steps with their states in the form of `_examples`."""
    specs = step.structured_input_signature[1]
    in_time = [name for name, value in data.items() if value.ndim > len(specs[name].shape)]
    length = data[in_time[0]].shape[1]
    fixed = _fixed_batch(specs)
    rows = fixed or min([SAMPLES, *map(len, data.values())])
    random = np.random.default_rng(0)
    states = [name for name in specs if name not in data]
    carried = {name: tf.zeros([rows, *specs[name].shape[1:]], specs[name].dtype) for name in states}
    collected = {name: [] for name in specs}
    for time in range(length):
        inputs = {name: value[:rows, time] if name in in_time else value[:rows] for name, value in data.items()}
        given = {**{name: tf.constant(value) for name, value in inputs.items()}, **carried}
        chosen = random.permutation(rows)[: -(-SAMPLES // length)]
        for name, value in given.items():
            collected[name].append(value.numpy()[None] if fixed else value.numpy()[chosen, None])
        results = step(**given)
        carried = {name: results[name] for name in states}
    return {name: np.concatenate(values) for name, values in collected.items()}


def _fixed_batch(specs):
    return next((spec.shape[0] for spec in specs.values()), None)
