"""Proves that exported files give the answers of the model they were made from."""

import tempfile
from pathlib import Path

import numpy as np

from .errors import ExportError
from .flatbuffer import require_builtin_only
from .isolation import run_alone, write_inputs

FLOAT_KINDS = ("saved_model", "tflite")
TOLERANCES = {"saved_model": 1e-4, "tflite": 1e-4, "tflite_dynamic_range": 0.01, "tflite_float16": 0.01}
BATCH_TOLERANCE = 1e-4


def check_export(artifacts, inputs, expected, score, primary, rows=64, tolerances=None, class_names=None):
    """Runs exported artefacts on the test set, and compares them with the scores of the Keras model.

    Each artefact runs in a fresh process that sees no GPU and cannot import the library that made it. All test rows are
    compared. The first `rows` of them also run one by one and in batches of seven, and twice in a row, and must give
    the same again. A float artefact passes if no score differs by more than its tolerance, and the label of every row
    is the same unless the two highest scores lie closer than that. A quantised one passes if the primary metric loses
    no more than its tolerance.

    Args:
        artifacts: Dict from kind (`saved_model`, `tflite`, `tflite_dynamic_range`, `tflite_float16`) to path.
        inputs: The raw test inputs: an array, or a dict of arrays by input name.
        expected: Array `(n, ..., classes)`, the scores of the Keras model for these inputs.
        score: Function from such an array to a dict of metrics.
        primary: Name of the main metric; higher is better.
        rows: How many rows are run at several batch sizes.
        tolerances: Optional dict from kind to another tolerance.
        class_names: Optional list of class names. If an artefact also returns `labels`, they must be the names (or the
            indices) of its highest scores.

    Returns:
        Dict `{"rows": rows, "artifacts": {kind: {...}}}` that JSON can hold. Each artefact has `path`, `bytes`,
        `max_abs_diff`, `tolerance`, `test` (its metrics), `milliseconds_per_example`, `builtin_only` (`None` for a
        SavedModel) and `passed`; if it did not pass, also `worst_row` and `reason`.

    Raises:
        ValueError: If a kind is unknown, or `score` does not give the primary metric.

    Example:

    ```python
    def score(probabilities):
        return {"accuracy": (probabilities.argmax(axis=-1) == y_test).mean()}

    report = check_export({"tflite": "model.tflite"}, x_test, model.predict(x_test), score, "accuracy")
    report["artifacts"]["tflite"]["passed"]
    ```
    """
    unknown = sorted(set(artifacts) - set(TOLERANCES))
    if unknown:
        raise ValueError(f"Unknown kinds of artefact {unknown}; choose from {list(TOLERANCES)}.")
    expected = np.asarray(expected)
    reference = score(expected)
    if primary not in reference:
        raise ValueError(f"The metrics {sorted(reference)} do not hold the primary one, {primary!r}.")
    tolerances = {**TOLERANCES, **(tolerances or {})}
    rows = min(rows, len(expected))
    entries = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs_path = Path(folder) / "inputs.npz"
        write_inputs(inputs_path, inputs)
        for kind, path in artifacts.items():
            entry = entries[kind] = _new_entry(kind, path, tolerances[kind])
            try:
                _check_operations(entry, kind)
                results = run_alone(kind, path, inputs_path, rows)
                worst_row = _measure(entry, results, expected, score)
                problems = _repetition_problems(results) + _label_problems(results, class_names)
                if kind in FLOAT_KINDS:
                    problems += _score_problems(entry, results["scores"], expected)
                else:
                    problems += _metric_problems(entry, float(reference[primary]), primary)
            except ExportError as error:
                problems, worst_row = [str(error)], None
            entry["passed"] = not problems
            if problems:
                entry.update(worst_row=worst_row, reason=" ".join(problems))
    return {"rows": rows, "artifacts": entries}


def _new_entry(kind, path, tolerance):
    path = Path(path)
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return {
        "path": str(path),
        "bytes": sum(file.stat().st_size for file in files if file.exists()),
        "max_abs_diff": None,
        "tolerance": tolerance,
        "test": {},
        "milliseconds_per_example": None,
        "builtin_only": None if kind == "saved_model" else False,
        "passed": False,
    }


def _check_operations(entry, kind):
    path = Path(entry["path"])
    if not path.exists():
        raise ExportError("There is no such file or folder.")
    if kind != "saved_model":
        require_builtin_only(path.read_bytes())
        entry["builtin_only"] = True


def _measure(entry, results, expected, score):
    """Writes the numbers of one artefact into its entry, and returns the row that differs most."""
    scores = results["scores"]
    if scores.shape != expected.shape:
        raise ExportError(f"The scores have shape {scores.shape}, and those of the model {expected.shape}.")
    if not np.isfinite(scores).all():
        raise ExportError("Some scores are NaN or infinite.")
    differences = np.abs(scores - expected).reshape(len(expected), -1).max(axis=1)
    entry["max_abs_diff"] = float(differences.max())
    entry["test"] = {name: float(value) for name, value in score(scores).items()}
    entry["milliseconds_per_example"] = float(results["milliseconds"])
    return int(differences.argmax())


def _repetition_problems(results):
    """What must not change: a second call, and the batch size."""
    problems = []
    if not np.array_equal(results["first_call"], results["second_call"]):
        problems.append("A second call with the same inputs gives other scores.")
    for batch_size in (1, 7):
        other = results[f"by_{batch_size}"]
        difference = np.abs(other - results["scores"][: len(other)]).max()
        if not difference <= BATCH_TOLERANCE:
            problems.append(f"In batches of {batch_size} the scores differ by {difference:.2g}.")
    return problems


def _score_problems(entry, scores, expected):
    problems = []
    tolerance = entry["tolerance"]
    if entry["max_abs_diff"] > tolerance:
        problems.append(f"The scores differ by {entry['max_abs_diff']:.2g}, more than {tolerance:g}.")
    if expected.shape[-1] > 1:
        second, first = np.moveaxis(np.sort(expected, axis=-1)[..., -2:], -1, 0)
        wrong = (scores.argmax(-1) != expected.argmax(-1)) & (first - second > tolerance)
        if wrong.any():
            problems.append(f"{wrong.sum()} labels differ, row {np.argwhere(wrong)[0][0]} first.")
    return problems


def _metric_problems(entry, reference, primary):
    loss = reference - entry["test"][primary]
    if loss <= entry["tolerance"]:
        return []
    return [f"{primary} falls from {reference:.4f} by {loss:.4f}, more than {entry['tolerance']:g}."]


def _label_problems(results, class_names):
    """Labels must be the names, or the indices, of the highest scores."""
    labels = results.get("labels")
    if labels is None or (labels.dtype.kind not in "iu" and class_names is None):
        return []
    best = results["scores"].argmax(-1)
    if labels.dtype.kind not in "iu":
        best = np.array([str(name).encode() for name in class_names], dtype=object)[best]
    wrong = labels != best
    return [f"{wrong.sum()} labels are not those of the highest scores."] if wrong.any() else []
