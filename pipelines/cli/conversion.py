"""Converts a `.keras` file of any origin to a SavedModel or a TensorFlow Lite file, and proves the result."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..core import catalogue
from ..core.errors import DataError, GateError, UsageError, first_line
from ..core.loading import load_model

TARGETS = ("tflite", "saved_model")
EXAMPLES, TIME = 16, 13
"""Number of random examples that prove a conversion, and their number of time steps where the model leaves it open."""
OF_A_RUN = "`keras-recurrent export RUN`"
QUANTIZATIONS = ("dynamic_range", "float16", "int8")


def convert(
    source: Path,
    to: str,
    quantization: str | None = None,
    output: Path | None = None,
    data: Path | None = None,
    unsafe: bool = False,
) -> dict[str, Any]:
    """Converts a `.keras` file, and compares the answers of the new file with the model's.

    Args:
        source: The `.keras` file. Register layers from outside this package before the call.
        to: `tflite` or `saved_model`.
        quantization: As in `export_tflite`; None for a SavedModel.
        output: The file or folder to write, which must not exist; by default it lies beside the source.
        data: `.npy` or `.npz` file with examples, which int8 needs; None compares random examples.
        unsafe: Whether the file may run its own code, as a Lambda layer does.

    Returns:
        The entry of `check_export` for the new file, with its `operations`.

    Raises:
        DataError: If a file is missing or damaged, or its content cannot be loaded.
        UsageError: If the options contradict each other, or the output exists.
        GateError: If the answers of the new file differ from the model's; the file is not kept.
    """
    if to not in TARGETS:
        raise UsageError(f"--to {to}: choose {' or '.join(TARGETS)}.")
    if quantization is not None and to != "tflite":
        raise UsageError("--quantization goes with --to tflite only.")
    if quantization not in (None, *QUANTIZATIONS):
        raise UsageError(f"--quantization {quantization}: choose {', '.join(QUANTIZATIONS)}.")
    if quantization == "int8" and data is None:
        raise UsageError("--quantization int8 needs --data FILE: some hundred real examples, for the ranges of values.")
    output = output or source.with_name(f"{source.stem}{'' if to == 'saved_model' else '.tflite'}")
    if output.exists():
        raise UsageError(f"{output} exists and is left as it is; choose another --output.")
    model = load(source, unsafe)
    return _write_and_prove(model, to, quantization, output, data)


def load(path: Path, unsafe: bool = False) -> Any:
    """Loads the model in a `.keras` file.

    Raises:
        DataError: If the file is missing or cannot be loaded; the message gives the reason.
    """
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{str(path)!r} is not a whole .keras file: it is not a zip archive, or its end is missing.")
    layers = catalogue.layers()
    try:
        return load_model(path, layers, safe_mode=not unsafe)
    except Exception as error:  # any kind: a file can be damaged in any way, and a layer can refuse
        if not unsafe and "safe_mode" in str(error):
            raise DataError(
                f"{str(path)!r} holds code of its own, such as a Lambda layer, which could do anything. If you trust "
                "where it comes from, give --unsafe."
            ) from error
        if unknown := _unknown_class(error):
            raise DataError(
                f"{str(path)!r} needs the class {unknown!r}, which is not known here. In Python, import it, load the "
                "model, and call `export_tflite` or `export_saved_model` of keras_recurrent.pipelines.export."
            ) from error
        raise DataError(f"{str(path)!r} cannot be loaded: {first_line(error)}") from error


def _unknown_class(error: BaseException | None) -> str | None:
    """The class that Keras did not find, according to an error and its causes."""
    while error is not None:
        if found := re.search(r"Could not locate class '(\w+)'", str(error)):
            return found[1]
        error = error.__cause__ or error.__context__
    return None


def random_examples(model: Any) -> dict[str, np.ndarray]:
    """Random inputs by name, for a model that takes numbers.

    Raises:
        DataError: If the model takes strings.
    """
    import tensorflow as tf

    from ..export.stepping import random_inputs

    if names := string_inputs(model):
        raise DataError(
            f"The input {', '.join(names)} takes strings (text, or encoded images): give some with --data FILE.npz."
        )
    specs = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs}
    drawn = random_inputs(model, specs, EXAMPLES, TIME, np.random.default_rng(0))
    return {name: value.numpy() for name, value in drawn.items()}


def string_inputs(model: Any) -> list[str]:
    """The names of the string inputs."""
    return [tensor.name for tensor in model.inputs if tensor.dtype == "string"]


def given_examples(model: Any, data: Path) -> dict[str, np.ndarray]:
    """Reads inputs by name from a file.

    Raises:
        DataError: If the file cannot be read, or does not contain the inputs that the model takes.
    """
    from ..export.int8 import check_data

    try:
        return check_data(model, _read(data, [tensor.name for tensor in model.inputs]))
    except ValueError as error:
        raise DataError(f"--data {data}: {error}") from error


def _read(path: Path, names: list[str]) -> np.ndarray | dict[str, np.ndarray]:
    try:
        loaded = np.load(path)
        loaded = loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"--data {path}: {first_line(error)}") from error
    if isinstance(loaded, np.ndarray):
        if len(names) > 1:
            raise DataError(
                f"--data {path} holds one array, and the model takes {', '.join(names)}: give an .npz file."
            )
        return {names[0]: loaded}
    if missing := sorted(set(names) - set(loaded)):
        raise DataError(f"--data {path} has the arrays {sorted(loaded)}, and lacks {', '.join(missing)}.")
    return {name: loaded[name] for name in names}


def _write_and_prove(model: Any, to: str, quantization: str | None, output: Path, data: Path | None) -> dict[str, Any]:
    from ..core import files
    from ..export import check_export, flatbuffer

    functional = _functional(model)
    given = given_examples(functional, data) if data else None
    kind = f"tflite_{quantization}" if quantization else to
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        path = made if to == "tflite" else made / "1"
        _write(functional, kind, path, given)
        inputs = given or random_examples(functional)
        entry = check_export({kind: path}, inputs, _answers(functional, inputs, data))["artifacts"][kind]
        if not entry["passed"]:
            raise GateError(f"{output} does not give what the model gives, and is not kept: {entry['reason']}")
        entry["operations"] = flatbuffer.operations(path.read_bytes())[0] if to == "tflite" else None
        with files.whole(output) as temporary:
            shutil.copy(made, temporary) if made.is_file() else shutil.copytree(made, temporary)
    entry["path"] = str(output if to == "tflite" else output / "1")
    return entry


def _functional(model: Any) -> Any:
    """Turns a model into a Functional model."""
    from ..export.tracing import as_functional, stateful_states

    try:
        functional = as_functional(model)
    except ValueError as error:
        raise DataError(str(error)) from error
    if stateful_states(functional):
        raise DataError(
            "The model is stateful, so that no answer can be compared without those before it. In Python, call "
            "`export_tflite` of keras_recurrent.pipelines.export."
        )
    return functional


def _write(model: Any, kind: str, path: Path, given: dict[str, np.ndarray] | None) -> None:
    from ..export import ExportError, export_saved_model, export_tflite

    try:
        if kind == "saved_model":
            export_saved_model(model, path)
        else:
            quantization = kind.removeprefix("tflite").removeprefix("_") or None
            data = given if quantization == "int8" else None
            export_tflite(model, path, quantization=quantization, representative_data=data)
    except ValueError as error:
        raise DataError(str(error)) from error
    except ExportError as error:
        if kind == "saved_model" or not (names := string_inputs(model)):
            raise
        raise DataError(
            f"{error} The input {', '.join(names)} takes strings (text, or encoded images): use --to saved_model "
            f"--data FILE.npz; or, if this is the model of a run, {OF_A_RUN}, whose TFLite files take numbers."
        ) from error


def _answers(model: Any, inputs: dict[str, np.ndarray], data: Path | None) -> dict[str, np.ndarray]:
    """The outputs of a model in full float32, by name.

    Raises:
        DataError: If the model cannot answer, or its answers are not finite and cannot be compared.
    """
    import keras
    import tensorflow as tf

    from ..export.tracing import inference, output_names

    examples = f"--data {data}" if data else "random examples"
    advice = "" if data else f" Give real ones with --data FILE.npz; or, if this is the model of a run, use {OF_A_RUN}."
    try:
        with inference(model):
            structure = keras.tree.pack_sequence_as(model.input, [inputs[tensor.name] for tensor in model.inputs])
            answers = [np.asarray(value) for value in keras.tree.flatten(model(structure, training=False))]
    except tf.errors.InvalidArgumentError as error:
        raise DataError(f"The model cannot answer {examples}: {first_line(error)}.{advice}") from error
    named = dict(zip(output_names(model), answers, strict=True))
    for name, values in named.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(f"To {examples} the model answers with {name} that are NaN or infinite.{advice}")
    return named
