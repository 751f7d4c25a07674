"""Declaration of the task of classification: loss, scores and comparisons with baselines, figures, exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ...core.pipeline import Findings, Run, Task
from ...export import export_saved_model, export_tflite
from ...stages.answers import answers
from ...stages.preprocessing import halves
from ...stages.statistics import chance, intervals
from . import metrics, plots
from .config import ClassifierConfig
from .data import LabelledData
from .model import OpinionPool

LEAST = 1e-7  # least probability, which keeps the logarithm finite
ABOUT_METRICS = {
    "accuracy": "share of the examples that are wholly right",
    "label_accuracy": "share of the single labels that are right",
    "macro_f1": "mean of the classes' F1",
    "log_loss": "nats a label, lower is better",
    "roc_auc": "area under the ROC curve; of more than two classes the mean, each against the rest",
    "calibration_error": "expected calibration error, 15 bins, lower is better",
}


def compiled(config: ClassifierConfig) -> dict[str, Any]:
    """Loss and metric for `compile`."""
    return {"loss": Loss(config.training.label_smoothing), "metrics": [accuracy]}


@dataclass(frozen=True)
class Loss:
    """Cross-entropy of each label, in nats, with a share of its probability spread over all classes.

    The probabilities need not sum to 1: see `OpinionPool`.
    """

    smoothing: float

    def __call__(self, labels: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
        classes = probabilities.shape[-1]
        targets = keras.ops.one_hot(keras.ops.cast(labels, "int32"), classes)
        targets = (1 - self.smoothing) * targets + self.smoothing / classes
        return -keras.ops.sum(targets * keras.ops.log(keras.ops.maximum(probabilities, LEAST)), axis=-1)


def accuracy(labels: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """1 for each example whose labels are all right, else 0, `[batch]`; the mean is the accuracy, as on the test."""
    classes = keras.ops.shape(probabilities)[-1]
    examples = keras.ops.shape(probabilities)[0]
    named = keras.ops.argmax(keras.ops.reshape(probabilities, (examples, -1, classes)), axis=-1)
    right = keras.ops.equal(named, keras.ops.cast(keras.ops.reshape(labels, (examples, -1)), named.dtype))
    return keras.ops.cast(keras.ops.all(right, axis=-1), "float32")


def score(config: ClassifierConfig, data: LabelledData, probabilities: np.ndarray) -> dict[str, float]:
    """All metrics of the probabilities for the test split."""
    labels = data.test.labels
    return metrics.classification(probabilities, labels) | metrics.roc_auc(probabilities, labels)


def judge(
    run: Run[ClassifierConfig, LabelledData],
    data: LabelledData,
    probabilities: np.ndarray,
    beside: dict[str, np.ndarray],
) -> Findings:
    """The scores of the model and the baselines, their comparison, and the figures and tables behind them.

    Args:
        run: Run that trained the model.
        data: Splits of the run.
        probabilities: Probabilities of the model for the test split.
        beside: Probabilities of each baseline for the test split, by its name.
    """
    labels, primary, resamples = data.test.labels, run.primary, run.config.evaluation.bootstrap
    scores = score(run.config, data, probabilities)
    of_baselines = {name: score(run.config, data, answer) for name, answer in beside.items()}
    matrix = metrics.confusion(probabilities, labels)
    found = run.pipeline.examine(
        run, data, probabilities, worst_mistakes(probabilities, labels, run.config.evaluation.mistakes)
    )
    details = {
        "test": scores,
        "intervals": intervals(metrics.classification, probabilities, labels, resamples),
        "baselines": of_baselines,
        "references": {},
        "beats_baselines": all(scores[primary] > baseline[primary] for baseline in of_baselines.values()),
        "comparisons": {name: _beside(probabilities, answer, labels, resamples) for name, answer in beside.items()},
        "per_class": {
            name: dict(zip(data.classes, column.tolist(), strict=True))
            for name, column in metrics.per_class(probabilities, labels).items()
        },
        "confusion_matrix": matrix,
        **found.details,
    }
    figures = {
        "confusion_matrix": plots.confusion_matrix(matrix, data.classes),
        "calibration": plots.reliability(probabilities, labels),
        **found.figures,
    }
    return Findings(details, figures, found.pages, predictions(data, probabilities))


def _beside(probabilities: np.ndarray, baseline: np.ndarray, labels: np.ndarray, resamples: int) -> dict[str, Any]:
    """Tests whether the model is right more often than a baseline on the same examples."""
    right, baseline_right = (
        (answer.argmax(-1) == labels).reshape(len(labels), -1).all(1) for answer in (probabilities, baseline)
    )
    return metrics.paired_test(right, baseline_right) | {
        "difference": metrics.difference_interval(right, baseline_right, resamples)
    }


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray, count: int) -> list[int]:
    """The rows of wrong answers, ordered from the lowest probability of the right answer.

    >>> worst_mistakes(np.array([[.9, .1], [.4, .6], [.8, .2]]), np.array([1, 1, 1]), 2)
    [0, 2]
    """
    rows = len(labels)
    likelihood = np.take_along_axis(probabilities, labels[..., None], axis=-1).reshape(rows, -1).prod(axis=1)
    wrong = (probabilities.argmax(-1) != labels).reshape(rows, -1).any(axis=1)
    order = np.argsort(likelihood, kind="stable")
    return [int(row) for row in order if wrong[row]][:count]


def predictions(data: LabelledData, probabilities: np.ndarray) -> pd.DataFrame:
    """The right label, the predicted label and its probability for each test row."""
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
    return table


def tables(scores: Mapping[str, Any]) -> str:
    """A Markdown table of paired tests: how often only the model or only a baseline is right, and the p value."""
    lines = ["| beside | only the model is right | only the baseline | McNemar's exact p | difference of accuracy |"]
    lines.append("|---|---|---|---|---|")
    for name, found in scores["comparisons"].items():
        interval = " to ".join(f"{bound:+.4f}" for bound in found["difference"])
        lines.append(
            f"| {name.replace('_', ' ')} | {found['only_model']:,} | {found['only_baseline']:,} | "
            f"{chance(found['p_value'])} | {interval} |"
        )
    return "\n".join(lines)


def proof(config: ClassifierConfig) -> dict[str, Any]:
    """Settings for the proof of exports: answers are probabilities, and the highest one names the label."""
    return {"classes": True, "least_size": 1.0}


def write_saved_model(run: Run[ClassifierConfig, LabelledData], data: LabelledData, path: Path) -> None:
    """Writes the SavedModel, which gives the name of the label next to the probabilities."""

    def serve(probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "probabilities": probabilities,
            "labels": tf.gather(tf.constant(data.classes), tf.argmax(probabilities, -1)),
        }

    export_saved_model(run.model, path, serve=serve)


def write_tflite(run: Run[ClassifierConfig, LabelledData], path: Path, quantization: str | None, examples: Any) -> None:
    """Writes the trained part for whole sequences and, if the model can be stepped, for single time steps too."""
    export_tflite(halves(run.model)[1], path, quantization, examples)


CLASSIFICATION: Task[Any, LabelledData] = Task(
    monitor="val_accuracy",
    mode="max",
    metrics=ABOUT_METRICS,
    layers=(OpinionPool,),
    answers=answers,
    compiled=compiled,
    score=score,
    judge=judge,
    tables=tables,
    write_saved_model=write_saved_model,
    write_tflite=write_tflite,
    proof=proof,
)
