"""Judgements on the answers of an exported file, beside those of the model: each gives a list of sentences.

Answers are dicts of arrays by output name, of which the first axis holds the rows.
"""

import numpy as np

FLOAT_KINDS = ("saved_model", "tflite")
BATCH_TOLERANCE = 1e-4
DISTANCES = {"tflite_dynamic_range": 0.1, "tflite_float16": 0.01, "tflite_int8": 0.3}
"""How far quantised outputs may lie from those of the model, as a part of how far these spread, without a score."""
ROUNDING = 1e-5
MOST_TIES = 0.05
"""The share of rows, or else one row, that may have other integers with the same scores: two answers as good."""


def split(outputs):
    """The outputs that are integers, which are compared exactly, and the others."""
    integers = {name: values for name, values in outputs.items() if values.dtype.kind in "iu"}
    return integers, {name: values for name, values in outputs.items() if name not in integers}


def other_integers(outputs, expected, tolerance, least_size):
    """Rows whose integers are not those that are expected.

    Where two answers are equally good, rounding decides between them: a row is a tie where its other outputs agree
    within the tolerance. Ties are rare; if there are more than `MOST_TIES`, none of them is believed.

    Returns:
        Tuple `(wrong, ties)`: truth values by output name, `(rows,)`, without the ties; and the number of ties.
    """
    integers, others = split(expected)
    differ = {name: (outputs[name] != wanted).reshape(len(wanted), -1).any(axis=1) for name, wanted in integers.items()}
    agree = np.full(len(next(iter(expected.values()))), bool(others))
    for name, wanted in others.items():
        differences = difference_of(outputs[name], wanted).reshape(len(wanted), -1).max(axis=1)
        agree &= differences <= tolerance * size_of(wanted, least_size)
    ties = agree & np.any([*differ.values()], axis=0) if differ else np.zeros_like(agree)
    if ties.sum() > max(1, MOST_TIES * len(ties)):
        return differ, 0
    return {name: rows & ~ties for name, rows in differ.items()}, int(ties.sum())


def integer_problems(wrong):
    """Rows with other integers, as `other_integers` finds them."""
    return [
        f"{rows.sum()} rows have other {name}, row {rows.argmax()} first." for name, rows in wrong.items() if rows.any()
    ]


def repetition_problems(calls, least_size):
    """What must not change: a second call, and the batch size."""
    problems = []
    for name in calls["whole"]:
        if not np.array_equal(calls["first_call"][name], calls["second_call"][name]):
            problems.append(f"A second call with the same inputs gives other {name}.")
    for batch_size in (1, 7):
        others = calls[f"by_{batch_size}"]
        rows = len(next(iter(others.values())))
        first = {name: whole[:rows] for name, whole in calls["whole"].items()}
        wrong, _ = other_integers(others, first, BATCH_TOLERANCE, least_size)
        problems += [f"In batches of {batch_size} {problem}" for problem in integer_problems(wrong)]
        for name, whole in split(calls["whole"])[1].items():
            difference = difference_of(others[name], whole[:rows]).max()
            if not difference <= BATCH_TOLERANCE * size_of(whole, least_size):
                problems.append(f"In batches of {batch_size} the {name} differ by {difference:.2g}.")
    return problems


def step_problems(kind, calls, least_size):
    """Where the signature `step` answers otherwise than `sequence`; quantised ones may round in other places."""
    problems = []
    for name, stepped in calls.get("steps", {}).items():
        whole = calls["whole"][name].astype("float64")
        differences = np.abs(stepped - whole[: len(stepped)])
        if kind in FLOAT_KINDS:
            differs = not differences.max() <= BATCH_TOLERANCE * size_of(whole, least_size)
        else:
            differs = not np.sqrt(np.mean(differences**2)) <= DISTANCES[kind] * _spread(whole) + ROUNDING * size_of(
                whole, least_size
            )
        if differs:
            problems.append(f"Step by step the {name} differ from those of the whole by {differences.max():.2g}.")
    return problems


def score_problems(entry, outputs, expected, least_size):
    """Outputs that differ by more than the tolerance; integers have their own rule."""
    problems = []
    tolerance = entry["tolerance"]
    for name, wanted in split(expected)[1].items():
        difference, allowed = difference_of(outputs[name], wanted).max(), tolerance * size_of(wanted, least_size)
        if difference > allowed:
            problems.append(f"The {name} differ by {difference:.2g}, more than {allowed:g}.")
    return problems


def class_problems(entry, outputs, expected, least_size):
    """Rows whose highest score is another one, though it leads by more than the tolerance."""
    problems = []
    for name, wanted in split(expected)[1].items():
        allowed = entry["tolerance"] * size_of(wanted, least_size)
        if wanted.ndim > 1 and wanted.shape[-1] > 1:
            second, first = np.moveaxis(np.sort(wanted, axis=-1)[..., -2:], -1, 0)
            wrong = (outputs[name].argmax(-1) != wanted.argmax(-1)) & (first - second > allowed)
            if wrong.any():
                problems.append(f"{wrong.sum()} labels differ, row {np.argwhere(wrong)[0][0]} first.")
    return problems


def distance_problems(limit, outputs, expected):
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


def difference_of(values, others):
    """How far two arrays of numbers or truth values lie from each other, entry by entry."""
    return np.abs(values.astype("float64") - others.astype("float64"))


def size_of(values, least):
    """What a tolerance is multiplied with: the largest value, as rounding grows with it, or `least` if that is more."""
    return max(least, float(np.abs(values.astype("float64")).max()))


def metric_problems(entry, reference, primary, lower_is_better, relative):
    """A primary metric that is worse than that of the model by more than the tolerance, or that part of it."""
    change = entry["test"][primary] - reference
    allowed = entry["tolerance"] * (abs(reference) if relative else 1.0)
    if (change if lower_is_better else -change) <= allowed:
        return []
    way = "rises" if change > 0 else "falls"
    return [f"{primary} {way} from {reference:.4f} by {abs(change):.4f}, more than {allowed:g}."]


def label_problems(labels, scores, class_names):
    """Labels must be the names, or the indices, of the highest scores."""
    if labels is None or labels is scores or (labels.dtype.kind not in "iu" and class_names is None):
        return []
    best = scores.argmax(-1)
    if labels.dtype.kind not in "iu":
        best = np.array([str(name).encode() for name in class_names], dtype=object)[best]
    wrong = labels != best
    return [f"{wrong.sum()} labels are not those of the highest scores."] if wrong.any() else []
