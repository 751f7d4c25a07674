"""Proves that exported files give the answers of the model they were made from."""

import tempfile
from pathlib import Path

import numpy as np

from .errors import ExportError
from .flatbuffer import require_builtin_only
from .isolation import run_alone, runtime, write_inputs
from .judging import (
    DISTANCES,
    FLOAT_KINDS,
    class_problems,
    difference_of,
    distance_problems,
    integer_problems,
    label_problems,
    metric_problems,
    other_integers,
    repetition_problems,
    score_problems,
    split,
    step_problems,
)

TOLERANCES = {
    "saved_model": 1e-4,
    "tflite": 1e-4,
    "tflite_dynamic_range": 0.01,
    "tflite_float16": 0.01,
    "tflite_int8": 0.01,
}
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
    relative=False,
    signatures=None,
):
    """Runs exported artefacts on the test set, and compares them with the scores of the Keras model.

    Each artefact runs in a fresh process that sees no GPU and cannot import the library that made it. All test rows are
    compared. The first `rows` of them also run one by one and in batches of seven, and twice in a row, and must give
    the same again; so must the signature `step`, on a few rows, where the file has it beside `sequence`. A float
    artefact passes if no score differs by more than its tolerance (times the largest score if that is above 1), and
    the label of every row is the same unless the two highest scores lie closer than that. Outputs that are integers,
    such as tokens, must be the same, except in ties: rows in which all other outputs agree within the tolerance, so
    that the answer is another one that is as good; no more than a twentieth of the rows (or one row) may be ties. A
    quantised artefact passes if the primary metric loses no more than its tolerance.

    Args:
        artifacts: Dict from kind (`saved_model`, `tflite`, `tflite_dynamic_range`, `tflite_float16`, `tflite_int8`) to
            path. A file with the signature `step` alone is run step by step.
        inputs: The raw test inputs: an array, or a dict of arrays by input name.
        expected: What the Keras model gives for these inputs: its scores, an array `(n, ..., classes)`; or a dict of
            arrays by output name, which are the outputs that are compared.
        score: Optional function from the scores, or from the dict of arrays if `expected` is one, to a dict of metrics.
            Without it a quantised file passes if its outputs lie near those of the model, measured by how far these
            spread.
        primary: Name of the main metric.
        rows: How many rows are run at several batch sizes.
        tolerances: Optional dict from kind to another tolerance.
        class_names: Optional list of class names. If an artefact also returns `labels`, they must be the names (or the
            indices) of its highest scores, where `expected` is an array.
        lower_is_better: Whether a lower primary metric is the better one.
        classes: Whether the last axis of the scores holds classes, of which the highest is the label.
        least_size: Tolerances are multiplied with the largest value of an output, or with this if it is larger.
        relative: Whether the tolerance of a quantised artefact is a part of the primary metric of the model.
        signatures: Optional dict from `saved_model` and `tflite` to the names of the signatures that are run, all with
            the same inputs. The outputs of the first keep their names, those of the others are `<signature>_<output>`.
            By default `serving_default`, and of `sequence`, `decode` and `step` the first that the file has.

    Returns:
        Dict `{"rows": rows, "artifacts": {kind: {...}}}` that JSON can hold. Each artefact has `path`, `bytes`,
        `max_abs_diff`, `tolerance`, `test` (its metrics), `milliseconds_per_example`, `builtin_only` (`None` for a
        SavedModel) and `passed`; if it did not pass, also `worst_row` and `reason`. `max_abs_diff` is that of the
        outputs that are not integers (`None` if all are); where a float artefact has some, `ties` is the number of
        rows that are ties. `milliseconds_per_example` is that of the first signature; where several are run,
        `milliseconds` holds them by signature.

    Raises:
        ValueError: If a kind is unknown, `score` does not give the primary metric, an expected output is neither a
            number nor a truth value, or `signatures` names neither of the two, or none to run.

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
    _check_signatures(signatures)
    rules = _Rules(expected, score, primary, class_names, lower_is_better, classes, least_size, relative)
    tolerances = {**TOLERANCES, **(tolerances or {})}
    rows = min([rows, *map(len, rules.expected.values())])
    entries = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs_path = Path(folder) / "inputs.npz"
        write_inputs(inputs_path, inputs)
        for kind, path in artifacts.items():
            entry = entries[kind] = _new_entry(kind, path, tolerances[kind])
            try:
                _check_operations(entry, kind)
                names = (signatures or {}).get(runtime(kind), ())
                calls, milliseconds = run_alone(kind, path, inputs_path, rows, names)
                entry["milliseconds_per_example"] = next(iter(milliseconds.values()))
                if len(milliseconds) > 1:
                    entry["milliseconds"] = milliseconds
                problems, worst_row = _judge(entry, kind, calls, rules)
            except ExportError as error:
                problems, worst_row = [str(error)], None
            entry["passed"] = not problems
            if problems:
                entry.update(worst_row=worst_row, reason=" ".join(problems))
    return {"rows": rows, "artifacts": entries}


class _Rules:
    """What an artefact is compared with, and how: the arguments of `check_export`, checked.

    `expected` is a dict of arrays, and `measure` takes such a dict, whatever was given; `by_name` says whether it was a
    dict. `reference` is the primary metric of the model.
    """

    def __init__(self, expected, score, primary, class_names, lower_is_better, classes, least_size, relative):
        self.by_name = isinstance(expected, dict)
        named = expected if self.by_name else {SCORES: expected}
        self.expected = {name: np.asarray(value) for name, value in named.items()}
        if texts := sorted(name for name, value in self.expected.items() if value.dtype.kind in "OSU"):
            raise ValueError(f"Expected numbers, not {', '.join(texts)}: leave texts out of what is expected.")
        self.score, self.primary, self.class_names = score, primary, class_names
        self.lower_is_better, self.relative = lower_is_better, relative
        self.classes, self.least_size = classes, least_size
        metrics = self.measure(self.expected)
        if score and primary not in metrics:
            raise ValueError(f"The metrics {sorted(metrics)} do not hold the primary one, {primary!r}.")
        self.reference = float(metrics[primary]) if score else None

    def measure(self, outputs):
        """The metrics of outputs by name; none without a score."""
        if not self.score:
            return {}
        return self.score(outputs if self.by_name else outputs[SCORES])


def _check_signatures(signatures):
    unknown = sorted(set(signatures or {}) - {"saved_model", "tflite"})
    if unknown:
        raise ValueError(f"Signatures are given for 'saved_model' and 'tflite', not for {unknown}.")
    for kind, names in (signatures or {}).items():
        if not names or isinstance(names, str):
            raise ValueError(f"Expected a sequence of names as the signatures of {kind!r}, got {names!r}.")


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


def _judge(entry, kind, calls, rules):
    """Measures what an artefact gave in each call; returns sentences on what is wrong, and the worst row."""
    selected = {call: _select(results, rules) for call, results in calls.items()}
    outputs = {call: _last_steps(results, rules.expected) for call, results in selected.items()}
    whole, expected, least_size = outputs["whole"], rules.expected, rules.least_size
    worst_row = _measure(entry, whole, expected)
    entry["test"] = {name: float(value) for name, value in rules.measure(whole).items()}
    problems = repetition_problems(outputs, least_size) + step_problems(kind, outputs, least_size)
    if rules.score and rules.classes and not rules.by_name:
        problems += label_problems(calls["whole"].get("labels"), whole[SCORES], rules.class_names)
    if kind in FLOAT_KINDS:
        wrong, ties = other_integers(whole, expected, entry["tolerance"], least_size)
        if wrong:
            entry["ties"] = ties
        problems += integer_problems(wrong) + score_problems(entry, whole, expected, least_size)
        problems += class_problems(entry, whole, expected, least_size) if rules.classes else []
        others = np.flatnonzero(np.any([*wrong.values()], axis=0)) if wrong else []
        if len(others) and worst_row not in others:
            worst_row = int(others[0])
    elif rules.score:
        problems += metric_problems(entry, rules.reference, rules.primary, rules.lower_is_better, rules.relative)
    else:
        problems += distance_problems(DISTANCES[kind], whole, expected)
    return problems, worst_row


def _select(results, rules):
    """The outputs that are to be compared: those that are expected; or the scores, `probabilities` or the only one."""
    if rules.by_name:
        if missing := sorted(set(rules.expected) - set(results)):
            raise ExportError(f"The outputs {sorted(results)} lack {', '.join(missing)}.")
        return {name: results[name] for name in rules.expected}
    if "probabilities" in results:
        return {SCORES: results["probabilities"]}
    if len(results) > 1:
        raise ExportError(f"None of the outputs {sorted(results)} is called 'probabilities'.")
    return {SCORES: next(iter(results.values()))}


def _last_steps(outputs, expected):
    """Of what was run step by step, the last answer, where the model has no axis of time."""
    stepped = {name for name, value in outputs.items() if value.ndim == expected[name].ndim + 1}
    return {name: value[:, -1] if name in stepped else value for name, value in outputs.items()}


def _measure(entry, outputs, expected):
    """Writes the largest difference into the entry, and returns its row; integers are compared elsewhere."""
    worst = []
    for name, wanted in expected.items():
        if outputs[name].shape != wanted.shape:
            raise ExportError(f"The {name} have shape {outputs[name].shape}, and those of the model {wanted.shape}.")
        if not np.isfinite(outputs[name]).all():
            raise ExportError(f"Some {name} are NaN or infinite.")
        if name in split(expected)[1]:
            differences = difference_of(outputs[name], wanted).reshape(len(wanted), -1).max(axis=1)
            worst.append((float(differences.max()), int(differences.argmax())))
    entry["max_abs_diff"], row = max(worst) if worst else (None, None)
    return row
