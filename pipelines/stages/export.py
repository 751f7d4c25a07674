"""Fifth stage: the exported files, and the proof that they give the model's answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .. import files, metrics
from ..export import check_export, export_saved_model, export_tflite
from ..runs import Run
from .data import Data


def export(run: Run, data: Data) -> dict[str, Any]:
    """Exports the model, proves each file on the test split, and writes `export/parity.json`.

    Returns:
        What `parity.json` holds; an artefact whose `passed` is false differs by more than its tolerance.
    """
    began = time.perf_counter()
    folder = run.path / "export"
    try:
        artifacts = _write(run, data, folder)
        parity = _prove(run, data, artifacts)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    for artifact in parity["artifacts"].values():
        artifact["path"] = str(artifact["path"]).removeprefix(f"{run.path}/")
    run.write_json("export/parity.json", metrics.rounded(parity, 9))
    if (run.path / "metrics.json").is_file():
        scores = run.metrics
        scores["seconds"]["export"] = round(time.perf_counter() - began, 3)
        run.write_json("metrics.json", scores)
    return parity


def _write(run: Run, data: Data, folder: Path) -> dict[str, Path]:
    """Writes every artefact; returns where they are, by kind."""
    artifacts = {"saved_model": folder / "saved_model" / "1", "tflite": folder / "model.tflite"}
    export_saved_model(run.model, artifacts["saved_model"], serve=_serve(data.classes))
    export_tflite(run.model, artifacts["tflite"])
    for quantization in run.config.export.quantization:
        path = artifacts[f"tflite_{quantization}"] = folder / f"model.{quantization}.tflite"
        export_tflite(run.model, path, quantization=quantization)
    run.write_classes(data.classes)
    return artifacts


def _prove(run: Run, data: Data, artifacts: dict[str, Path]) -> dict[str, Any]:
    """Runs every artefact on the test split, alone, and compares."""
    return check_export(
        artifacts,
        data.test.inputs,
        expected=run.predict(data.test.inputs),
        score=lambda probabilities: metrics.classification(probabilities, data.test.labels),
        primary=run.pipeline.primary,
        rows=run.config.export.rows,
        class_names=list(data.classes),
    )


def _serve(classes: tuple[str, ...]):
    """Adds the label's name to the probabilities, inside the SavedModel."""
    import tensorflow as tf

    def serve(probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": probabilities, "labels": tf.gather(tf.constant(classes), tf.argmax(probabilities, -1))}

    return serve
