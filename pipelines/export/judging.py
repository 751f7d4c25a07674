"""Compares the answers of an exported file with the answers of the model, and describes each problem in a sentence.

Answers are dicts of `outputs.Output` by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .outputs import Output
from .partings import aligned, difference_of, differences, first_parting, other_lengths, other_tokens, parting, partings

Answers = Mapping[str, Output]
Names = Mapping[str, Sequence[str] | None]
"""Names of tokens and classes, by output name."""

FLOAT_KINDS = ("saved_model", "tflite")
BATCH_TOLERANCE = 1e-4
DISTANCES = {"tflite_dynamic_range": 0.1, "tflite_float16": 0.01, "tflite_int8": 0.3}
"""Largest distance of quantised outputs from the model's outputs, as a fraction of their spread, without a score."""
ROUNDING = 1e-5
MOST_TIES = 0.05
"""Largest share of rows (at least one row) that may be ties: other tokens with the same scores, equally good."""


def split(answers: Answers) -> tuple[dict[str, Output], dict[str, Output]]:
    """Splits the outputs into tokens, which are compared exactly, and the others."""
    tokens = {name: output for name, output in answers.items() if output.is_tokens}
    return tokens, {name: output for name, output in answers.items() if name not in tokens}


def tokens_that_differ(
    answers: Answers, expected: Answers, tolerance: float, least_size: float, classes: bool = False
) -> tuple[dict[str, np.ndarray], int]:
    """Rows whose tokens differ from the expected ones.

    Rounding decides between two equally good answers: a row is a tie if its other outputs agree within the tolerance.
    Ties are rare; if there are more than `MOST_TIES`, all of them count as wrong. Sequences of the classes with the
    highest scores may diverge only where the two highest scores lie closer than the tolerance.

    Args:
        answers: Answers of the file.
        expected: Answers of the model.
        tolerance: Tolerance of numbers, as a fraction of the largest one.
        least_size: Smallest factor of the tolerance.
        classes: Whether the last axis of scores holds classes.

    Returns:
        Tuple `(wrong, ties)`: booleans by output name, `(rows,)`, without the ties; and the number of ties.
    """
    tokens, others = split(expected)
    differ = {name: other_tokens(answers[name], wanted) for name, wanted in tokens.items()}
    if not differ:
        return {}, 0
    agree = np.full(len(next(iter(expected.values()))), bool(others))
    for name, wanted in others.items():
        allowed = tolerance * size_of(wanted, least_size)
        agree &= (differences(answers[name], wanted) <= allowed) & ~other_lengths(answers[name], wanted)
        for each in tokens if classes else ():
            agree &= ~parted_for_sure(answers[each], tokens[each], wanted, allowed)
    ties = agree & np.any([*differ.values()], axis=0)
    if ties.sum() > max(1, MOST_TIES * len(ties)):
        return differ, 0
    return {name: rows & ~ties for name, rows in differ.items()}, int(ties.sum())


def parted_for_sure(found: Output, wanted: Output, scores: Output, allowed: float) -> np.ndarray:
    """Rows whose sequences diverge where the highest score leads by more than is allowed, `(rows,)`.

    None if the expected tokens are not the classes with the highest of these scores at every step.
    """
    nowhere = np.zeros(len(wanted), bool)
    if wanted.lengths is None or scores.lengths is None or not np.array_equal(wanted.lengths, scores.lengths):
        return nowhere
    if scores.steps.ndim != wanted.steps.ndim + 1 or not np.array_equal(scores.steps.argmax(-1), wanted.steps):
        return nowhere
    step = partings(found, wanted)
    sure = step >= 0
    within = np.flatnonzero(sure & (step < wanted.lengths))
    sure[within] = margins(scores.steps[wanted.starts[within] + step[within]]) > allowed
    return np.asarray(sure.reshape(len(wanted), -1).any(axis=1))


def margins(scores: np.ndarray) -> np.ndarray:
    """Difference between the two highest scores on the last axis."""
    second, first = np.moveaxis(np.sort(scores, axis=-1)[..., -2:], -1, 0)
    return first - second


def token_problems(wrong: Mapping[str, np.ndarray], answers: Answers, expected: Answers, names: Names) -> list[str]:
    """Rows with other tokens, found by `tokens_that_differ`; for sequences, also where the first row diverges."""
    problems = []
    for name, rows in wrong.items():
        if rows.any():
            row, wanted = int(rows.argmax()), expected[name]
            part = (
                f": {first_parting(answers[name], wanted, row, names.get(name))}" if wanted.lengths is not None else ""
            )
            problems.append(f"{rows.sum()} rows have other {name}, row {row} first{part}.")
    return problems


def repetition_problems(calls: Mapping[str, Answers], least_size: float, names: Names) -> list[str]:
    """Answers that change in a second call or with the batch size."""
    problems = []
    for name, first in calls["first_call"].items():
        second = calls["second_call"][name]
        if not (np.array_equal(first.steps, second.steps) and np.array_equal(first.counts, second.counts)):
            problems.append(f"A second call with the same inputs gives other {name}.")
    for batch_size in (1, 7):
        others = calls[f"by_{batch_size}"]
        head = {name: whole.first(len(others[name])) for name, whole in calls["whole"].items()}
        wrong, _ = tokens_that_differ(others, head, BATCH_TOLERANCE, least_size)
        problems += [f"In batches of {batch_size} {problem}" for problem in token_problems(wrong, others, head, names)]
        for name, whole in split(calls["whole"])[1].items():
            difference = differences(others[name], head[name]).max()
            if not difference <= BATCH_TOLERANCE * size_of(whole, least_size):
                problems.append(f"In batches of {batch_size} the {name} differ by {difference:.2g}.")
            lengths = length_problems(name, others[name], head[name])
            problems += [f"In batches of {batch_size} {problem[0].lower()}{problem[1:]}" for problem in lengths]
    return problems


def step_problems(kind: str, calls: Mapping[str, Answers], least_size: float, names: Names) -> list[str]:
    """Answers of the signature `step` that differ from `sequence`; quantised ones may round at other operations."""
    problems = []
    for name, stepped in calls.get("steps", {}).items():
        whole = calls["whole"][name]
        first = whole.first(len(stepped))
        if stepped.is_tokens and stepped.lengths is not None:
            if kind in FLOAT_KINDS:
                wrong = {name: other_tokens(stepped, first)}
                problems += [
                    f"Step by step {problem}"
                    for problem in token_problems(wrong, {name: stepped}, {name: first}, names)
                ]
            continue
        ours, theirs, _ = aligned(stepped, first)
        apart = difference_of(ours, theirs)
        size = size_of(whole, least_size)
        if kind in FLOAT_KINDS:
            differs = not apart.max(initial=0.0) <= BATCH_TOLERANCE * size
        else:
            differs = not root_mean_square(apart) <= DISTANCES[kind] * spread(whole.steps) + ROUNDING * size
        if differs:
            problems.append(f"Step by step the {name} differ from those of the whole by {apart.max():.2g}.")
    return problems


def score_problems(entry: Mapping[str, Any], answers: Answers, expected: Answers, least_size: float) -> list[str]:
    """Outputs that differ by more than the tolerance; tokens have a rule of their own."""
    problems = []
    for name, wanted in split(expected)[1].items():
        ours, theirs, sequence = aligned(answers[name], wanted)
        apart, allowed = difference_of(ours, theirs), entry["tolerance"] * size_of(wanted, least_size)
        if not apart.max(initial=0.0) <= allowed:
            number, step = place_of(int(np.unravel_index(apart.argmax(), apart.shape)[0]), sequence)
            where = "" if wanted.lengths is None else f", most in row {number // wanted.width} at step {step}"
            problems.append(f"The {name} differ by {apart.max():.2g}, more than {allowed:g}{where}.")
        problems += length_problems(name, answers[name], wanted)
    return problems


def place_of(index: int, sequence: np.ndarray) -> tuple[int, int]:
    """Numbers of the sequence and of the step within it, from an index into all steps and the sequence of each."""
    return int(sequence[index]), index - int(np.searchsorted(sequence, sequence[index]))


def length_problems(name: str, found: Output, wanted: Output) -> list[str]:
    """Sequences that end too early or too late."""
    rows = other_lengths(found, wanted)
    if not rows.any():
        return []
    number = int((found.counts != wanted.counts).argmax())
    steps = f"{found.counts[number]} steps instead of {wanted.counts[number]}"
    return [f"{rows.sum()} rows of {name} have another length, row {rows.argmax()} first: {steps}."]


def class_problems(
    entry: Mapping[str, Any], answers: Answers, expected: Answers, least_size: float, names: Names
) -> list[str]:
    """Rows with another highest-scoring class although its score leads by more than the tolerance."""
    problems = []
    for name, wanted in split(expected)[1].items():
        if wanted.steps.ndim < 2 or wanted.steps.shape[-1] < 2:
            continue
        ours, theirs, sequence = aligned(answers[name], wanted)
        found, best = ours.argmax(-1), theirs.argmax(-1)
        wrong = (found != best) & (margins(theirs) > entry["tolerance"] * size_of(wanted, least_size))
        if wrong.any():
            first = int(np.argwhere(wrong)[0][0])
            number, step = place_of(first, sequence)
            part = ""
            if wanted.lengths is not None and wrong.ndim == 1:
                part = f": {parting(found[first - step :], best[first - step :], step, names.get(name))}"
            problems.append(f"{wrong.sum()} labels differ, row {number // wanted.width} first{part}.")
    return problems


def distance_problems(limit: float, answers: Answers, expected: Answers) -> list[str]:
    """Outputs whose distance from the expected ones exceeds a fraction of the spread over the examples."""
    problems = []
    for name, wanted in expected.items():
        ours, theirs, _ = aligned(answers[name], wanted)
        distance, apart = root_mean_square(difference_of(ours, theirs)), spread(wanted.steps)
        if not distance <= limit * apart + ROUNDING * np.abs(wanted.steps.astype("float64")).max():
            problems.append(f"The {name} lie {distance:.2g} from those of the model, which spread by {apart:.2g} only.")
        problems += length_problems(name, answers[name], wanted)
    return problems


def spread(values: np.ndarray) -> float:
    """Variation of values from example to example, as a root mean square."""
    values = values.astype("float64")
    return root_mean_square(values - values.mean(axis=0))


def root_mean_square(values: np.ndarray) -> float:
    """The root of the mean of the squares."""
    return float(np.sqrt(np.mean(values**2)))


def size_of(output: Output, least: float) -> float:
    """Factor of a tolerance: the largest value, because rounding grows with it, or `least` if that is larger."""
    return max(least, float(np.abs(output.steps.astype("float64")).max(initial=0.0)))


def metric_problems(
    entry: Mapping[str, Any], reference: float, primary: str, lower_is_better: bool, relative: bool
) -> list[str]:
    """A primary metric that is worse than the model's by more than the tolerance (absolute, or relative to it)."""
    change = entry["test"][primary] - reference
    allowed = entry["tolerance"] * (abs(reference) if relative else 1.0)
    if (change if lower_is_better else -change) <= allowed:
        return []
    way = "rises" if change > 0 else "falls"
    return [f"{primary} {way} from {reference:.4f} by {abs(change):.4f}, more than {allowed:g}."]


def label_problems(labels: Output | None, scores: Output, class_names: Sequence[str] | None) -> list[str]:
    """Labels that are not the names or the indices of the highest scores."""
    if labels is None or (labels.is_text and class_names is None) or not labels.is_tokens:
        return []
    best = scores.steps.argmax(-1)
    if labels.steps.shape != best.shape or not np.array_equal(labels.counts, scores.counts):
        return [f"The labels have shape {labels.steps.shape}, and the highest scores {best.shape}."]
    if labels.is_text and class_names is not None:
        best = np.array([str(name) for name in class_names], object)[best]
    wrong = labels.steps != best
    return [f"{wrong.sum()} labels are not those of the highest scores."] if wrong.any() else []
