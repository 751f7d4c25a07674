"""Fourth stage: scores on the test split, compared with the baselines on the same rows."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np

from ..core import files
from ..core.data import Data
from ..core.pipeline import Run
from . import plots
from .statistics import rounded


def evaluate(run: Run, data: Data) -> dict[str, Any]:
    """Scores the model and its baselines, and writes `metrics.json`, `predictions.csv` and the plots.

    Returns:
        The content of `metrics.json`.
    """
    began = time.perf_counter()
    task = run.pipeline.task()
    found = task.judge(run, data, run.predict(data.test.inputs), baseline_answers(run, data))
    assert found.predictions is not None, "what a task's judge finds has a table of predictions"
    history = run.history
    kept = history[task.monitor].agg(f"idx{task.mode}")
    value = {
        "pipeline": run.pipeline.name,
        "preset": run.config.preset,
        "primary": run.primary,
        **found.details,
        "notes": data.notes,
        "examples": data.sizes(),
        "parameters": parameters(run.model),
        "epochs": {"trained": len(history), "kept": int(history["epoch"][kept])},
        "seconds": {"train": float(history["seconds"].sum()), "evaluate": time.perf_counter() - began},
    }
    if (run.path / "metrics.json").is_file() and "export" in (earlier := run.metrics["seconds"]):
        value["seconds"]["export"] = earlier["export"]
    files.write_text(run.path / "predictions.csv", found.predictions.to_csv(index=False))
    curves = plots.learning_curves(history, task.monitor.removeprefix("val_"), kept)
    for name, figure in {"learning_curves": curves, **found.figures}.items():
        plots.save(figure, run.path / f"plots/{name}.png")
    for name, page in found.pages.items():
        files.write_text(run.path / f"plots/{name}.html", page)
    value = rounded(value)
    run.write_json("metrics.json", value)
    return value


def parameters(model: keras.Model) -> int:
    """Number of trainable parameters."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def baseline_answers(run: Run, data: Data) -> dict[str, np.ndarray]:
    """The answers of each baseline for the test split."""
    return {name: baseline(data) for name, baseline in run.pipeline.baselines(run.config).items()}
