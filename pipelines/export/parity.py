"""Proves that exported files give the answers of the model they were made from."""

import tempfile
from pathlib import Path

import numpy as np

from .errors import ExportError
from .flatbuffer import require_builtin_only
from .isolation import run_alone, write_inputs

FLOAT_KINDS = ("saved_model", "tflite")
TOLERANCES = {
    "saved_model": 1e-4,
    "tflite": 1e-4,
    "tflite_dynamic_range": 0.01,
    "tflite_float16": 0.01,
    "tflite_int8": 0.01,
}
BATCH_TOLERANCE = 1e-4
DISTANCES = {"tflite_dynamic_range": 0.1, "tflite_float16": 0.01, "tflite_int8": 0.3}
"""How far quantised outputs may lie from those of the model, as a part of how far these spread, without a score."""
ROUNDING = 1e-5
SCORES = "scores"
"""What the outputs are called in messages where there is only one of them that matters."""


def check_export(
    artifacts,
    inputs,
    expected,
    score=None,
    primary=None,
    rows=64,
    tolerances=None,
    class_names=None,
    lower_is_better=False,
    classes=True,
    least_size=1.0,
):
    """Runs exported artefacts on the test set, and compares them with the scores of the Keras model.

    Each artefact runs in a fresh process that sees no GPU and cannot import the library that made it. All test rows are
    compared. The first `rows` of them also run one by one and in batches of seven, and twice in a row, and must give
    the same again; so must the signature `step`, on a few rows, where the file has it beside `sequence`. A float
    artefact passes if no score differs by more than its tolerance (times the largest score if that is above 1), and
    the label of every row is the same unless the two highest scores lie closer than that. A quantised one passes if
    the primary metric loses no more than its tolerance.

    Args:
        artifacts: Dict from kind (`saved_model`, `tflite`, `tflite_dynamic_range`, `tflite_float16`, `tflite_int8`) to
            path. A file with the signature `step` alone is run step by step.
        inputs: The raw test inputs: an array, or a dict of arrays by input name.
        expected: What the Keras model gives for these inputs: its scores, an array `(n, ..., classes)`; or a dict of
            arrays by output name.
        score: Optional function from the scores to a dict of metrics. Without it a quantised file passes if its outputs
            lie near those of the model, measured by how far these spread.
        primary: Name of the main metric.
        rows: How many rows are run at several batch sizes.
        tolerances: Optional dict from kind to another tolerance.
        class_names: Optional list of class names. If an artefact also returns `labels`, they must be the names (or the
            indices) of its highest scores.
        lower_is_better: Whether a lower primary metric is the better one.
        classes: Whether the last axis of the scores holds classes, of which the highest is the label.
        least_size: Tolerances are multiplied with the largest value of an output, or with this if it is larger.

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
    expected = expected if isinstance(expected, dict) else {SCORES: expected}
    expected = {name: np.asarray(value) for name, value in expected.items()}
    reference = score(expected[SCORES]) if score else {}
    if score and primary not in reference:
        raise ValueError(f"The metrics {sorted(reference)} do not hold the primary one, {primary!r}.")
    tolerances = {**TOLERANCES, **(tolerances or {})}
    rows = min([rows, *map(len, expected.values())])
    entries = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs_path = Path(folder) / "inputs.npz"
        write_inputs(inputs_path, inputs)
        for kind, path in artifacts.items():
            entry = entries[kind] = _new_entry(kind, path, tolerances[kind])
            try:
                _check_operations(entry, kind)
                calls, entry["milliseconds_per_example"] = run_alone(kind, path, inputs_path, rows)
                outputs = {call: _last_steps(_select(results, expected), expected) for call, results in calls.items()}
                worst_row = _measure(entry, outputs["whole"], expected, score)
                problems = _repetition_problems(outputs, least_size) + _step_problems(kind, outputs, least_size)
                if score and classes:
                    problems += _label_problems(calls["whole"].get("labels"), outputs["whole"][SCORES], class_names)
                if kind in FLOAT_KINDS:
                    problems += _score_problems(entry, outputs["whole"], expected, least_size)
                    problems += _class_problems(entry, outputs["whole"], expected, least_size) if classes else []
                elif score:
                    problems += _metric_problems(entry, float(reference[primary]), primary, lower_is_better)
                else:
                    problems += _distance_problems(DISTANCES[kind], outputs["whole"], expected)
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


def _select(results, expected):
    """The outputs that are to be compared: those that are expected; or the scores, `probabilities` or the only one."""
    if set(expected) != {SCORES}:
        if missing := sorted(set(expected) - set(results)):
            raise ExportError(f"The outputs {sorted(results)} lack {', '.join(missing)}.")
        return {name: results[name] for name in expected}
    if "probabilities" in results:
        return {SCORES: results["probabilities"]}
    if len(results) > 1:
        raise ExportError(f"None of the outputs {sorted(results)} is called 'probabilities'.")
    return {SCORES: next(iter(results.values()))}


def _last_steps(outputs, expected):
    """Of what was run step by step, the last answer, where the model has no axis of time."""
    stepped = {name for name, value in outputs.items() if value.ndim == expected[name].ndim + 1}
    return {name: value[:, -1] if name in stepped else value for name, value in outputs.items()}


def _measure(entry, outputs, expected, score):
    """Writes the numbers of one artefact into its entry, and returns the row that differs most."""
    worst = []
    for name, wanted in expected.items():
        if outputs[name].shape != wanted.shape:
            raise ExportError(f"The {name} have shape {outputs[name].shape}, and those of the model {wanted.shape}.")
        if not np.isfinite(outputs[name]).all():
            raise ExportError(f"Some {name} are NaN or infinite.")
        differences = _difference(outputs[name], wanted).reshape(len(wanted), -1).max(axis=1)
        worst.append((float(differences.max()), int(differences.argmax())))
    entry["max_abs_diff"], row = max(worst)
    entry["test"] = {name: float(value) for name, value in score(outputs[SCORES]).items()} if score else {}
    return row


def _repetition_problems(calls, least_size):
    """What must not change: a second call, and the batch size."""
    problems = []
    for name, whole in calls["whole"].items():
        if not np.array_equal(calls["first_call"][name], calls["second_call"][name]):
            problems.append(f"A second call with the same inputs gives other {name}.")
        for batch_size in (1, 7):
            other = calls[f"by_{batch_size}"][name]
            difference = _difference(other, whole[: len(other)]).max()
            if not difference <= BATCH_TOLERANCE * _size(whole, least_size):
                problems.append(f"In batches of {batch_size} the {name} differ by {difference:.2g}.")
    return problems


def _step_problems(kind, calls, least_size):
    """Where the signature `step` answers otherwise than `sequence`; quantised ones may round in other places."""
    problems = []
    for name, stepped in calls.get("steps", {}).items():
        whole = calls["whole"][name].astype("float64")
        differences = np.abs(stepped - whole[: len(stepped)])
        if kind in FLOAT_KINDS:
            differs = not differences.max() <= BATCH_TOLERANCE * _size(whole, least_size)
        else:
            differs = not np.sqrt(np.mean(differences**2)) <= DISTANCES[kind] * _spread(whole) + ROUNDING * _size(
                whole, least_size
            )
        if differs:
            problems.append(f"Step by step the {name} differ from those of the whole by {differences.max():.2g}.")
    return problems


def _score_problems(entry, outputs, expected, least_size):
    problems = []
    tolerance = entry["tolerance"]
    for name, wanted in expected.items():
        difference, allowed = _difference(outputs[name], wanted).max(), tolerance * _size(wanted, least_size)
        if difference > allowed:
            problems.append(f"The {name} differ by {difference:.2g}, more than {allowed:g}.")
    return problems


def _class_problems(entry, outputs, expected, least_size):
    """Rows whose highest score is another one, though it leads by more than the tolerance."""
    problems = []
    for name, wanted in expected.items():
        allowed = entry["tolerance"] * _size(wanted, least_size)
        if wanted.ndim > 1 and wanted.shape[-1] > 1:
            second, first = np.moveaxis(np.sort(wanted, axis=-1)[..., -2:], -1, 0)
            wrong = (outputs[name].argmax(-1) != wanted.argmax(-1)) & (first - second > allowed)
            if wrong.any():
                problems.append(f"{wrong.sum()} labels differ, row {np.argwhere(wrong)[0][0]} first.")
    return problems


def _distance_problems(limit, outputs, expected):
    """Outputs that are further from the expected ones than a part of how far these spread over the examples."""
    problems = []
    for name, wanted in expected.items():
        wanted = wanted.astype("float64")
        spread = _spread(wanted)
        distance = np.sqrt(np.mean((outputs[name] - wanted) ** 2))
        if not distance <= limit * spread + ROUNDING * np.abs(wanted).max():
            problems.append(
                f"The {name} lie {distance:.2g} from those of the model, which spread by {spread:.2g} only."
            )
    return problems


def _spread(values):
    """How far values differ from one example to the other, on average (root mean square)."""
    return np.sqrt(np.mean((values - values.mean(axis=0)) ** 2))


def _difference(values, others):
    """How far two arrays of numbers or truth values lie from each other, entry by entry."""
    return np.abs(values.astype("float64") - others.astype("float64"))


def _size(values, least):
    """What a tolerance is multiplied with: the largest value, as rounding grows with it, or `least` if that is more."""
    return max(least, float(np.abs(values.astype("float64")).max()))


def _metric_problems(entry, reference, primary, lower_is_better):
    change = entry["test"][primary] - reference
    if (change if lower_is_better else -change) <= entry["tolerance"]:
        return []
    way = "rises" if change > 0 else "falls"
    return [f"{primary} {way} from {reference:.4f} by {abs(change):.4f}, more than {entry['tolerance']:g}."]


def _label_problems(labels, scores, class_names):
    """Labels must be the names, or the indices, of the highest scores."""
    if labels is None or labels is scores or (labels.dtype.kind not in "iu" and class_names is None):
        return []
    best = scores.argmax(-1)
    if labels.dtype.kind not in "iu":
        best = np.array([str(name).encode() for name in class_names], dtype=object)[best]
    wrong = labels != best
    return [f"{wrong.sum()} labels are not those of the highest scores."] if wrong.any() else []
