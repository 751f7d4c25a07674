"""Fourth stage: the test split, scored beside the baselines on the same rows."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np
import pandas as pd

from .. import files, metrics, plots
from ..runs import Run
from .data import Data


def evaluate(run: Run, data: Data) -> dict[str, Any]:
    """Scores the model and its baselines, and writes `metrics.json`, `predictions.csv` and the plots.

    Returns:
        What `metrics.json` holds.
    """
    began = time.perf_counter()
    probabilities = run.predict(data.test.inputs)
    labels, primary = data.test.labels, run.pipeline.primary
    scores = score(probabilities, labels)
    answers = baseline_answers(run, data)
    beside = {name: score(answer, labels) for name, answer in answers.items()}
    matrix = metrics.confusion(probabilities, labels)
    worst = worst_mistakes(probabilities, labels, run.config.evaluation.mistakes)
    findings = run.pipeline.examine(run, data, probabilities, worst)
    history = run.history
    value = {
        "pipeline": run.pipeline.name,
        "preset": run.config.preset,
        "primary": primary,
        "test": scores,
        "intervals": metrics.intervals(metrics.classification, probabilities, labels, run.config.evaluation.bootstrap),
        "baselines": beside,
        "references": {},
        "beats_baselines": all(scores[primary] > baseline[primary] for baseline in beside.values()),
        "comparisons": {name: _beside(probabilities, answer, labels, run) for name, answer in answers.items()},
        "per_class": {
            name: dict(zip(data.classes, column.tolist(), strict=True))
            for name, column in metrics.per_class(matrix).items()
        },
        "confusion_matrix": matrix,
        **findings.details,
        "notes": data.notes,
        "examples": data.sizes(),
        "parameters": parameters(run.model),
        "epochs": {"trained": len(history), "kept": int(history["epoch"][history["val_accuracy"].idxmax()])},
        "seconds": {"train": float(history["seconds"].sum()), "evaluate": time.perf_counter() - began},
    }
    if (run.path / "metrics.json").is_file() and "export" in (earlier := run.metrics["seconds"]):
        value["seconds"]["export"] = earlier["export"]
    write_predictions(run, data, probabilities)
    plots.save(plots.learning_curves(history), run.path / "plots/learning_curves.png")
    plots.save(plots.confusion_matrix(matrix, data.classes), run.path / "plots/confusion_matrix.png")
    plots.save(plots.reliability(probabilities, labels), run.path / "plots/calibration.png")
    for name, figure in findings.figures.items():
        plots.save(figure, run.path / f"plots/{name}.png")
    for name, page in findings.pages.items():
        files.write_text(run.path / f"plots/{name}.html", page)
    value = metrics.rounded(value)
    run.write_json("metrics.json", value)
    return value


def parameters(model: keras.Model) -> int:
    """How many numbers were trained."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def score(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """All metrics of the test split."""
    return metrics.classification(probabilities, labels) | metrics.roc_auc(probabilities, labels)


def baseline_answers(run: Run, data: Data) -> dict[str, np.ndarray]:
    """The probabilities that each baseline gives for the test split."""
    return {name: baseline(data) for name, baseline in run.pipeline.baselines(run.config).items()}


def _beside(probabilities: np.ndarray, baseline: np.ndarray, labels: np.ndarray, run: Run) -> dict[str, Any]:
    """Whether the model is right more often than a baseline, on the same examples."""
    right, baseline_right = (
        (answer.argmax(-1) == labels).reshape(len(labels), -1).all(1) for answer in (probabilities, baseline)
    )
    resamples = run.config.evaluation.bootstrap
    return metrics.paired_test(right, baseline_right) | {
        "difference": metrics.difference_interval(right, baseline_right, resamples)
    }


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray, count: int) -> list[int]:
    """Rows that are wrong, those first whose right answer was thought least likely.

    >>> worst_mistakes(np.array([[.9, .1], [.4, .6], [.8, .2]]), np.array([1, 1, 1]), 2)
    [0, 2]
    """
    rows = len(labels)
    likelihood = np.take_along_axis(probabilities, labels[..., None], axis=-1).reshape(rows, -1).prod(axis=1)
    wrong = (probabilities.argmax(-1) != labels).reshape(rows, -1).any(axis=1)
    order = np.argsort(likelihood, kind="stable")
    return [int(row) for row in order if wrong[row]][:count]


def write_predictions(run: Run, data: Data, probabilities: np.ndarray) -> None:
    """Writes `predictions.csv`: the right label, the model's, and its probability, for each test row."""
    rows = len(data.test)
    names = np.array(data.classes)
    table = pd.DataFrame({"row": np.arange(rows)})
    of_labels = data.test.labels.reshape(rows, -1)
    of_model = probabilities.reshape(rows, len(data.positions), -1)
    for index, position in enumerate(data.positions):
        table[position] = names[of_labels[:, index]]
        table[f"predicted_{position}"] = names[of_model[:, index].argmax(-1)]
        table[f"probability_{position}"] = of_model[:, index].max(-1).round(6)
    table["correct"] = (of_model.argmax(-1) == of_labels).all(axis=1)
    files.write_text(run.path / "predictions.csv", table.to_csv(index=False))
