"""Proves that exported files give the same answers as the model they come from."""

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
    distance_problems,
    label_problems,
    metric_problems,
    repetition_problems,
    score_problems,
    split,
    step_problems,
    token_problems,
    tokens_that_differ,
)
from .outputs import Output, as_array, read
from .partings import differences, other_lengths
from .rules import SCORES, Rules

TOLERANCES = {
    "saved_model": 1e-4,
    "tflite": 1e-4,
    "tflite_dynamic_range": 0.01,
    "tflite_float16": 0.01,
    "tflite_int8": 0.01,
}


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
    lengths=None,
    padding=None,
):
    """Runs exported artefacts on the test set, and compares their outputs with the outputs of the Keras model.

    Each artefact runs in a fresh process that sees no GPU and cannot import the library that made it. All test rows are
    compared. The first `rows` rows also run one by one, in batches of seven, and twice in a row, and must give the same
    answers; so must a few rows of the signature `step`, if the file has it in addition to `sequence`.

    A float artefact passes if no score differs by more than its tolerance (times the largest score if that is above 1),
    and the label of every row is the same unless the two highest scores lie closer than that. Integer outputs, such as
    tokens, must be the same, except in ties: rows in which all other outputs agree within the tolerance, so that the
    other answer is equally good. At most a twentieth of the rows (or one row) may be ties. A quantised artefact passes
    if its primary metric loses no more than its tolerance.

    Outputs may be sequences of unequal length: only the steps before their ends are compared, and the report names the
    first step at which two sequences diverge. Rows given as lists or ragged tensors end where their arrays end, and
    strings are sequences of characters; for padded arrays, `lengths` or `padding` defines the ends. Scores are compared
    at every step; tokens must be the same and end at the same step. If another output holds scores whose highest class
    is the token at every step, a row is a tie only if the two highest scores lie closer than the tolerance at the step
    where the row diverges.

    Args:
        artifacts: Dict from kind (`saved_model`, `tflite`, `tflite_dynamic_range`, `tflite_float16`, `tflite_int8`) to
            path. A file that has only the signature `step` runs step by step.
        inputs: Raw test inputs: an array, or a dict of arrays by input name. Rows of unequal length, a list or an array
            of arrays, are padded with zeros, batch by batch.
        expected: Outputs of the Keras model for these inputs: its scores, an array `(n, ..., classes)`; or a dict of
            the arrays to compare by output name. Rows of unequal length are lists of arrays.
        score: Optional function from the scores, or from the dict of arrays if `expected` is one, to a dict of metrics.
            It receives sequences as arrays of arrays, cut at their ends. Without it, a quantised file passes if its
            outputs lie near the model's outputs, relative to the spread of these.
        primary: Name of the main metric.
        rows: Number of rows to run at several batch sizes.
        tolerances: Optional dict from kind to another tolerance.
        class_names: Optional list of the names of classes or tokens, or a dict of such lists by output name. If
            `expected` is an array and an artefact also returns `labels`, they must be the names (or the indices) of its
            highest scores.
        lower_is_better: Whether a lower primary metric is better.
        classes: Whether the last axis of the scores holds classes, so that the highest one is the label.
        least_size: Smallest factor of the tolerances, which are multiplied by the largest value of an output.
        relative: Whether the tolerance of a quantised artefact is a fraction of the model's primary metric.
        signatures: Optional dict from `saved_model` and `tflite` to the names of the signatures to run, all with the
            same inputs. Outputs of the first keep their names, outputs of the others become `<signature>_<output>`. The
            defaults are `serving_default`, and the first of `sequence`, `decode` and `step` that the file has.
        lengths: Number of valid steps of each row, for padded sequences whose length is known, for example from the
            inputs: integers `(n,)` for the axis after the rows, or `(n, width)` for the next one; or a dict of such
            arrays by output name. The name of another output that holds the lengths may replace an array.
        padding: Token that ends a padded sequence, or a dict of tokens by output name. Sequences lie along the last
            axis: `(n, time)`, or `(n, width, time)` from a beam.

    Returns:
        Dict `{"rows": rows, "artifacts": {kind: {...}}}` that JSON can hold. Each artefact has `path`, `bytes`,
        `max_abs_diff`, `tolerance`, `test` (its metrics), `milliseconds_per_example`, `builtin_only` (`None` for a
        SavedModel) and `passed`; a failed one also has `worst_row` and `reason`. `max_abs_diff` covers the outputs that
        are not integers (`None` if all are integers); if a float artefact has integer outputs, `ties` is the number of
        ties. `milliseconds_per_example` belongs to the first signature; if several signatures run, `milliseconds` holds
        the time of each.

    Raises:
        ValueError: If a kind is unknown; `score` does not return the primary metric, or is missing where a quantised
            file gives sequences of tokens; an expected output holds NaN or infinite numbers or does not fit its
            `lengths` or `padding`; or `signatures` has a key other than the two, or lists no signature.

    Example:

    ```python
    def score(probabilities):
        return {"accuracy": (probabilities.argmax(axis=-1) == y_test).mean()}

    report = check_export({"tflite": "model.tflite"}, x_test, model.predict(x_test), score, "accuracy")
    report["artifacts"]["tflite"]["passed"]
    ```

    Labels of tokens in sentences of unequal length, and sequences that end at a token:

    ```python
    labels = [tagger(sentence[None])[0].numpy() for sentence in sentences]
    check_export(files, {"ids": sentences}, {"labels": labels}, lengths={"labels": [len(each) for each in labels]})

    check_export({"tflite": "decoder.tflite"}, sources, {"tokens": tokens}, padding={"tokens": END})
    # reason: 3 rows have other tokens, row 17 first: the sequences part at step 2 (counted from 0): 'runs' instead of
    # 'sleeps' (ids 41, 7), after 'a dog'.
    ```
    """
    unknown = sorted(set(artifacts) - set(TOLERANCES))
    if unknown:
        raise ValueError(f"Unknown kinds of artefact {unknown}; choose from {list(TOLERANCES)}.")
    _check_signatures(signatures)
    rules = Rules(
        *(expected, score, primary, class_names, lower_is_better, classes, least_size, relative, lengths, padding)
    )
    rules.check_kinds(artifacts)
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
    """Measures the outputs of an artefact in each call; returns sentences about the problems, and the worst row."""
    selected = {call: _last_steps(_select(results, rules), rules.expected) for call, results in calls.items()}
    outputs = {call: rules.read(results) for call, results in selected.items()}
    whole, least_size, names = outputs["whole"], rules.least_size, rules.names
    expected = {name: _as_given(wanted, whole[name]) for name, wanted in rules.expected.items()}
    worst_row = _measure(entry, whole, expected)
    entry["test"] = {name: float(value) for name, value in rules.measure(whole).items()}
    problems = repetition_problems(outputs, least_size, names) + step_problems(kind, outputs, least_size, names)
    if rules.score and rules.classes and not rules.by_name:
        given = calls["whole"].get("labels")
        if given is not None and given is not selected["whole"][SCORES]:
            problems += label_problems(_labels(given, whole[SCORES]), whole[SCORES], names[SCORES])
    if kind in FLOAT_KINDS:
        wrong, ties = tokens_that_differ(whole, expected, entry["tolerance"], least_size, rules.classes)
        if wrong:
            entry["ties"] = ties
        problems += token_problems(wrong, whole, expected, names) + score_problems(entry, whole, expected, least_size)
        problems += class_problems(entry, whole, expected, least_size, names) if rules.classes else []
        uneven = [other_lengths(whole[name], wanted) for name, wanted in split(expected)[1].items()]
        others = np.flatnonzero(np.any([*wrong.values(), *uneven], axis=0))
        if len(others) and worst_row not in others:
            worst_row = int(others[0])
    elif rules.score:
        problems += metric_problems(entry, rules.reference, rules.primary, rules.lower_is_better, rules.relative)
    else:
        problems += distance_problems(DISTANCES[kind], whole, expected)
    return problems, worst_row


def _select(results, rules):
    """The outputs to compare: the expected ones; or the scores, which are `probabilities` or the only output."""
    if rules.by_name:
        if missing := sorted(set(rules.expected) - set(results)):
            raise ExportError(f"The outputs {sorted(results)} lack {', '.join(missing)}.")
        return {name: results[name] for name in rules.expected}
    if "probabilities" in results:
        return {SCORES: results["probabilities"]}
    if len(results) > 1:
        raise ExportError(f"None of the outputs {sorted(results)} is called 'probabilities'.")
    return {SCORES: next(iter(results.values()))}


def _last_steps(results, expected):
    """Keeps only the last answer of a run step by step for outputs of the model without a time axis."""
    single = {name for name, wanted in expected.items() if wanted.lengths is None}
    return {
        name: value[:, -1] if name in single and np.ndim(value) == expected[name].steps.ndim + 1 else value
        for name, value in results.items()
    }


def _as_given(wanted, found):
    """Expected outputs as sequences, if the file gives sequences and the model's happen to have equal lengths."""
    return wanted if found.lengths is None else wanted.as_sequences()


def _labels(given, scores):
    """The labels that a file returns with its scores, cut at the same ends."""
    if scores.lengths is None:
        labels = as_array(given)
        return Output(labels, labels)
    return read(given, scores.lengths, ends_known=isinstance(given, list))


def _measure(entry, outputs, expected):
    """Writes the largest difference of non-token outputs into the entry, and returns its row."""
    worst = []
    for name, wanted in expected.items():
        found = outputs[name]
        _check_shape(name, found, wanted)
        if found.steps.dtype.kind == "f" and not np.isfinite(found.steps).all():
            raise ExportError(f"Some {name} are NaN or infinite.")
        if not wanted.is_tokens:
            of_rows = differences(found, wanted)
            worst.append((float(of_rows.max()), int(of_rows.argmax())))
    entry["max_abs_diff"], row = max(worst) if worst else (None, None)
    return row


def _check_shape(name, found, wanted):
    """Refuses outputs that cannot be compared step by step."""
    if found.is_text != wanted.is_text:
        kinds = ("strings", "numbers") if found.is_text else ("numbers", "strings")
        raise ExportError(f"The {name} are {kinds[0]}, and those of the model {kinds[1]}.")
    if (found.lengths is None) != (wanted.lengths is None):
        raise ExportError(f"The {name} are sequences, and those of the model single answers.")
    if wanted.lengths is None and found.steps.shape != wanted.steps.shape:
        raise ExportError(f"The {name} have shape {found.steps.shape}, and those of the model {wanted.steps.shape}.")
    if found.width != wanted.width or len(found) != len(wanted):
        shapes = [f"{len(each)} rows of {each.width} sequences" for each in (found, wanted)]
        raise ExportError(f"The {name} are {shapes[0]}, and those of the model {shapes[1]}.")
    if found.steps.shape[1:] != wanted.steps.shape[1:]:
        of_steps = [each.steps.shape[1:] for each in (found, wanted)]
        raise ExportError(f"The {name} have steps of shape {of_steps[0]}, and those of the model {of_steps[1]}.")
