"""Fifth stage: exports the model, and proves that the files give its answers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..core import files
from ..core.data import Data, Examples
from ..core.pipeline import LABELS, Run
from ..export import check_export
from .preprocessing import halves, preprocessed
from .report import write_card
from .statistics import rounded

REPRESENTATIVE = 300


def export(run: Run, data: Data) -> dict[str, Any]:
    """Exports the model, and proves each file on the test split.

    Replaces the folder `export/` as a whole, including `parity.json`, so that a proof never lies beside files that it
    does not describe.

    Returns:
        The content of `parity.json`; an artefact whose `passed` is false differs by more than its tolerance.
    """
    began = time.perf_counter()
    folder = run.path / "export"
    with files.whole(folder) as temporary:
        temporary.mkdir()
        parity = rounded(_prove(run, data, _write(run, data, temporary)), 9)
        for artifact in parity["artifacts"].values():
            artifact["path"] = str(folder.name / Path(artifact["path"]).relative_to(temporary))
        (temporary / "parity.json").write_text(json.dumps(parity, indent=2) + "\n", encoding="utf-8")
        if (run.path / "metrics.json").is_file():
            scores = run.metrics
            scores["seconds"]["export"] = round(time.perf_counter() - began, 3)
            run.write_json("metrics.json", scores)
            write_card(run, parity)
    return parity


def _write(run: Run, data: Data, folder: Path) -> dict[str, Path]:
    """Writes every artefact and returns their paths by kind."""
    artifacts = {"saved_model": folder / "saved_model" / "1", "tflite": folder / "model.tflite"}
    task = run.pipeline.task()
    task.write_saved_model(run, data, artifacts["saved_model"])
    task.write_tflite(run, artifacts["tflite"], None, None)
    for quantization in run.config.export.quantization:
        path = artifacts[f"tflite_{quantization}"] = folder / f"model.{quantization}.tflite"
        examples = representative(data.train, run.config.training.seed) if quantization == "int8" else None
        task.write_tflite(run, path, quantization, examples)
    (folder / LABELS.name).write_text("".join(f"{name}\n" for name in data.names), encoding="utf-8")
    run.pipeline.write_beside(run, folder)
    return artifacts


def representative(split: Examples, seed: int) -> np.ndarray | dict[str, np.ndarray]:
    """Up to `REPRESENTATIVE` random training inputs, which set the scale of the 8-bit activations."""
    return split[np.random.default_rng(seed).permutation(len(split))[:REPRESENTATIVE]].inputs


def _prove(run: Run, data: Data, artifacts: dict[str, Path]) -> dict[str, Any]:
    """Runs each artefact by itself on the test split and compares its answers with the model's in full float32."""
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        expected = run.pipeline.task().expected(run, data.test.inputs)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
    preprocessor, _ = halves(run.model)
    raw = [name for name in artifacts if preprocessor is None or name == "saved_model"]
    parts = [(data.test.inputs, raw)]
    if preprocessor is not None:
        parts.append((preprocessed(data.test, preprocessor).inputs, [name for name in artifacts if name not in raw]))
    task = run.pipeline.task()
    proofs = [
        check_export(
            {name: artifacts[name] for name in names},
            inputs,
            expected=expected,
            score=lambda answers: task.score(run.config, data, answers),
            primary=run.primary,
            rows=run.config.export.rows,
            class_names=list(data.names),
            lower_is_better=task.mode == "min",
            **task.proof(run.config),
        )
        for inputs, names in parts
    ]
    return proofs[0] | {"artifacts": {name: entry for proof in proofs for name, entry in proof["artifacts"].items()}}
