"""An export that does not give the model's answers fails the run, and says where."""

import json

import numpy as np
import pytest

from keras_recurrent.pipelines.tasks.classification import task as stage


@pytest.mark.slow
def test_a_file_that_answers_otherwise_ends_with_exit_code_4(cli, finished, tmp_path, monkeypatch):
    folder = finished.copy(tmp_path / "runs", "a")
    honest = stage.export_tflite

    def with_other_weights(model, path, quantization=None, representative_data=None, signatures=None):
        if quantization is None:
            weights = model.get_weights()
            model.set_weights([w + np.float32(0.1) * np.sign(w) for w in weights])
            honest(model, path, signatures=signatures)
            model.set_weights(weights)
        else:
            honest(model, path, quantization, representative_data, signatures)

    monkeypatch.setattr(stage, "export_tflite", with_other_weights)
    result = cli("export", folder)
    assert result.exit_code == 4, result
    assert "export/model.tflite: The scores differ by" in result.stderr
    artifacts = json.loads((folder / "export/parity.json").read_text())["artifacts"]
    assert [kind for kind, artifact in artifacts.items() if not artifact["passed"]] == ["tflite"]
    assert f"(worst row: {artifacts['tflite']['worst_row']})" in result.stderr
    assert "| NO: The scores differ by" in (folder / "README.md").read_text()

    monkeypatch.setattr(stage, "export_tflite", honest)
    resumed = cli("run", "mnist_rows", "--output", tmp_path / "runs", "--name", "a", "--resume")
    assert resumed.exit_code == 0, resumed
    artifacts = json.loads((folder / "export/parity.json").read_text())["artifacts"]
    kinds = ("saved_model", "tflite", "tflite_dynamic_range", "tflite_float16")
    assert {kind: artifact["passed"] for kind, artifact in artifacts.items()} == dict.fromkeys(kinds, True)
