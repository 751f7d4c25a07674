"""Runs exported artefacts in processes that see no GPU and cannot import this library."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from .errors import ExportError
from .outputs import as_objects

SCRIPT = Path(__file__).with_name("run_artifact.py")


def write_inputs(path, inputs):
    """Writes the raw inputs of all test rows for `run_artifact.py`; an unnamed array gets an empty name."""
    named = inputs if isinstance(inputs, dict) else {"": inputs}
    np.savez(path, *map(_array, named.values()), names=np.array(list(named)))


def _array(values):
    """An array of the values; texts, bytes and rows of unequal length become objects.

    NumPy's own arrays of bytes would lose zeros at the end.
    """
    if isinstance(values, (list, tuple)) and values and isinstance(values[0], (str, bytes)):
        return np.array(values, object)
    if isinstance(values, (list, tuple)) and len({np.shape(row)[:1] for row in values}) > 1:
        return as_objects(map(np.asarray, values))
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind in "US" else array


def run_alone(kind, path, inputs_path, rows, signatures=()):
    """Runs one artefact on the inputs.

    Args:
        kind: Kind of the artefact, as in `check_export`.
        path: Path of the file or folder.
        inputs_path: File that `write_inputs` has written.
        rows: Number of rows to run at several batch sizes.
        signatures: Names of the signatures to run; an empty sequence for the default of `run_artifact.py`.

    Returns:
        Tuple `(calls, milliseconds)`: the outputs by name of each call (`whole`, `by_1`, `by_7`, `first_call`,
        `second_call`, and `steps` for a file that can be stepped), and the median time of one example by signature. An
        output is an array; an array of arrays if batches were padded to unequal widths; or a list of arrays if it is
        ragged.

    Raises:
        ExportError: If the process fails; the message holds the last line it printed.
    """
    results_path = Path(inputs_path).with_name(f"{kind}.npz")
    arguments = [runtime(kind), path, inputs_path, results_path, rows, ",".join(signatures)]
    command = [sys.executable, "-P", str(SCRIPT), *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, env=environment_without_gpu(), check=False)
    if process.returncode:
        lines = process.stderr.decode(errors="replace").strip().splitlines()
        raise ExportError(f"The artefact does not run{by_signal(process.returncode)}: {lines[-1] if lines else ''}")
    with np.load(results_path, allow_pickle=True) as file:
        calls, ragged = {}, set(file["ragged"].tolist())
        for name in file.files:
            call, _, output = name.partition("/")
            if output:
                calls.setdefault(call, {})[output] = [*file[name]] if output in ragged else file[name]
        return calls, dict(zip(file["signatures"].tolist(), file["milliseconds"].tolist(), strict=True))


def runtime(kind):
    """The runtime of a kind of artefact: `saved_model` or `tflite`."""
    return "saved_model" if kind == "saved_model" else "tflite"


def environment_without_gpu():
    """Environment variables that hide all GPUs and silence most messages of TensorFlow."""
    return os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def by_signal(returncode):
    """Names the signal that ended a process, if any."""
    return f" (the process ended by {signal.Signals(-returncode).name})" if returncode < 0 else ""
