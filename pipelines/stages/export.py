"""Fifth stage: the exported files, and the proof that they give the model's answers."""

from __future__ import annotations

import time
from typing import Any

from .. import metrics
from ..errors import GateError
from ..export import check_export, export_saved_model, export_tflite
from ..runs import Run
from .data import Data


def export(run: Run, data: Data) -> dict[str, Any]:
    """Exports the model, proves each file on the test split, and writes `export/parity.json`.

    Returns:
        What `parity.json` holds.

    Raises:
        GateError: If a file's answers differ from the model's by more than its tolerance; all files stay.
    """
    began = time.perf_counter()
    folder = run.path / "export"
    artifacts = {"saved_model": folder / "saved_model" / "1", "tflite": folder / "model.tflite"}
    export_saved_model(run.model, artifacts["saved_model"], serve=_serve(data.classes))
    export_tflite(run.model, artifacts["tflite"])
    for quantization in run.config.export.quantization:
        path = artifacts[f"tflite_{quantization}"] = folder / f"model.{quantization}.tflite"
        export_tflite(run.model, path, quantization=quantization)
    parity = check_export(
        artifacts,
        data.test.inputs,
        expected=run.predict(data.test.inputs),
        score=lambda probabilities: metrics.classification(probabilities, data.test.labels),
        primary=run.pipeline.primary,
        rows=run.config.export.rows,
        class_names=list(data.classes),
    )
    for artifact in parity["artifacts"].values():
        artifact["path"] = str(artifact["path"]).removeprefix(f"{run.path}/")
    run.write_json("export/parity.json", metrics.rounded(parity, 9))
    if (run.path / "metrics.json").is_file():
        scores = run.metrics
        scores["seconds"]["export"] = round(time.perf_counter() - began, 3)
        run.write_json("metrics.json", scores)
    failed = {kind: artifact for kind, artifact in parity["artifacts"].items() if not artifact["passed"]}
    if failed:
        lines = [f"{a['path']}: {a['reason']} (worst row: {a['worst_row']})" for a in failed.values()]
        raise GateError("the exported files do not give the model's answers:\n" + "\n".join(lines))
    return parity


def _serve(classes: tuple[str, ...]):
    """Adds the label's name to the probabilities, inside the SavedModel."""
    import tensorflow as tf

    def serve(probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": probabilities, "labels": tf.gather(tf.constant(classes), tf.argmax(probabilities, -1))}

    return serve
