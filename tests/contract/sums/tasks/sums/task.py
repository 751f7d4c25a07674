"""What sets sums apart: the squared error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from ...core.data import Data
from ...core.pipeline import Findings, Run, Task
from ...export import export_saved_model, export_tflite
from ...stages.answers import answers


@keras.saving.register_keras_serializable("keras_recurrent")
class Double(keras.layers.Layer):
    """Twice what goes in: a layer that only this task has."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return 2 * x


def score(config: Any, data: Data, sums: np.ndarray) -> dict[str, float]:
    """The mean squared error."""
    return {"mse": float(np.square(sums - data.test.labels).mean())}


def judge(run: Run, data: Data, sums: np.ndarray, beside: dict[str, np.ndarray]) -> Findings:
    """The scores side by side."""
    scores = score(run.config, data, sums)
    baselines = {name: score(run.config, data, each) for name, each in beside.items()}
    details = {
        "test": scores,
        "intervals": {},
        "baselines": baselines,
        "references": {},
        "beats_baselines": all(scores["mse"] < each["mse"] for each in baselines.values()),
        "comparisons": {name: {} for name in beside},
    }
    return Findings(details, predictions=pd.DataFrame({"sum": sums[:, 0]}))


def write_saved_model(run: Run, data: Data, path: Path) -> None:
    """As the model is."""
    export_saved_model(run.model, path)


def write_tflite(run: Run, path: Path, quantization: str | None, examples: Any) -> None:
    """As the model is."""
    export_tflite(run.model, path, quantization, examples)


SUMS = Task(
    monitor="val_loss",
    mode="min",
    metrics={"mse": "mean squared error, lower is better"},
    layers=(Double,),
    answers=answers,
    compiled=lambda config: {"loss": "mse"},
    score=score,
    judge=judge,
    tables=lambda scores: "",
    write_saved_model=write_saved_model,
    write_tflite=write_tflite,
    proof=lambda config: {"classes": False, "least_size": 0.0},
)
