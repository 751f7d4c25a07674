"""How long scores of classification take, as the bootstrap computes them and by scikit-learn.

    python benchmarks/metrics.py [--repeats 50]

Draws labels of ten classes at random, with probabilities (float32) that favour the right one, and computes each score
both ways in turn. Writes medians and their ratio into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib import metadata

import numpy as np
from results import write
from sklearn import metrics as sklearn_metrics

from keras_recurrent.pipelines.tasks.classification import metrics

ROWS, CLASSES = (2_000, 25_000), 10


def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities float32 `[rows, CLASSES]` and labels `[rows]`."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, rows)
    scores = np.exp(rng.normal(size=(rows, CLASSES)) + 2 * np.eye(CLASSES)[labels])
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32), labels


def ways(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, tuple[Callable, Callable]]:
    """Each score, as it stands in the package and by scikit-learn."""
    classes = range(CLASSES)
    return {
        "confusion matrix": (
            lambda: metrics.confusion(probabilities, labels),
            lambda: sklearn_metrics.confusion_matrix(labels, probabilities.argmax(-1), labels=classes),
        ),
        "macro F1": (
            lambda: metrics.macro_f1(metrics.confusion(probabilities, labels)),
            lambda: sklearn_metrics.f1_score(labels, probabilities.argmax(-1), average="macro"),
        ),
    }


def medians(pair: tuple[Callable, Callable], repeats: int) -> list[float]:
    """The median time of each, in milliseconds; they run in turn, after a first call that is not counted."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for way, times in zip(pair, seconds, strict=True):
            began = time.perf_counter()
            way()
            if repeat:
                times.append(time.perf_counter() - began)
    return [1000 * statistics.median(times) for times in seconds]


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50, help="calls each way")
    repeats = parser.parse_args().repeats
    lines = ["| rows | score | here, ms | scikit-learn, ms | ratio |", "|---|---|---|---|---|"]
    for rows in ROWS:
        for name, pair in ways(*drawn(rows)).items():
            here, theirs = medians(pair, repeats)
            lines.append(f"| {rows:,} | {name} | {here:.3f} | {theirs:.3f} | {theirs / here:.0f} |")
    write(
        "Scores of classification",
        "python benchmarks/metrics.py",
        f"What the bootstrap computes once a resample, on {CLASSES} classes; medians of {repeats} interleaved calls. "
        f"The ratio says how many times as long scikit-learn {metadata.version('scikit-learn')} takes.",
        "\n".join(lines),
    )


if __name__ == "__main__":
    main()
