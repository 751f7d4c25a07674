"""Weights and activations in 8 bits: single steps and short sequences; a converter that crashes is an error message."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from export_models import FEATURES, randomise
from keras import layers

from keras_recurrent.pipelines.export import ExportError, check_export, export_tflite, flatbuffer, int8
from keras_recurrent.pipelines.runtime import StreamingModel

TIME = 12


def scores(time=None, units=64):
    x = keras.Input((time, FEATURES), name="x")
    hidden = layers.GRU(units)(layers.LSTM(units, return_sequences=True)(x))
    return randomise(keras.Model(x, layers.Dense(5, activation="softmax", name="scores")(hidden)))


@pytest.fixture
def data(random):
    return random.normal(size=(40, TIME, FEATURES)).astype("float32")


@pytest.mark.slow
def test_single_steps(data, tmp_path):
    model = scores()
    export_tflite(model, tmp_path / "float.tflite")
    export_tflite(model, tmp_path / "int8.tflite", quantization="int8", representative_data=data)
    assert [*Interpreter(str(tmp_path / "int8.tflite")).get_signature_list()] == ["step"]
    assert (tmp_path / "int8.tflite").stat().st_size < 0.45 * (tmp_path / "float.tflite").stat().st_size
    stream = StreamingModel(tmp_path / "int8.tflite")
    answers = [stream.step(data[:, time]) for time in range(TIME)]
    assert "QUANTIZE" in flatbuffer.operations((tmp_path / "int8.tflite").read_bytes())[0]
    np.testing.assert_allclose(answers[-1], model(data), atol=0.15)
    assert np.abs(answers[-1] - model(data)).max() > 0  # 8 bits do not give the same


def test_short_sequences_of_fixed_length(data, tmp_path):
    model = scores(TIME)
    export_tflite(model, tmp_path / "int8.tflite", quantization="int8", representative_data={"x": data})
    interpreter = Interpreter(str(tmp_path / "int8.tflite"))
    assert sorted(interpreter.get_signature_list()) == ["sequence", "step"]
    run = interpreter.get_signature_runner("sequence")
    for rows in (1, 40):
        np.testing.assert_allclose(run(x=data[:rows])["scores"], model(data[:rows]), atol=0.15)


def test_a_converter_that_crashes_is_an_error_and_leaves_no_file(data, tmp_path, monkeypatch):
    script = tmp_path / "crash.py"
    script.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(int8, "SCRIPT", script)
    with pytest.raises(ExportError, match="SIGSEGV"):
        export_tflite(scores(units=4), tmp_path / "int8.tflite", quantization="int8", representative_data=data)
    assert [path.name for path in tmp_path.iterdir()] == ["crash.py"]


def test_wrong_use_is_said_in_words(data, tmp_path):
    model, path = scores(units=4), tmp_path / "int8.tflite"

    def export(data, **options):
        export_tflite(options.pop("model", model), path, quantization="int8", representative_data=data, **options)

    with pytest.raises(ValueError, match="needs representative_data"):
        export(None)
    with pytest.raises(ValueError, match=r"has shape \(40, 12, 5\), expected \(None, None, 6\)"):
        export(data[..., 1:])
    with pytest.raises(ValueError, match=r"\['y'\], expected a dict with the inputs \['x'\]"):
        export({"y": data})
    with pytest.raises(ExportError, match="at most 80 steps; ask for 'step'"):
        export(data, signatures="sequence")
    backwards = randomise(keras.Sequential([keras.Input((None, FEATURES)), layers.GRU(4, go_backwards=True)]))
    with pytest.raises(ExportError, match="cannot be stepped"):
        export(data, model=backwards)
    assert not path.exists()


@pytest.mark.slow
def test_the_proof_runs_a_file_of_single_steps(data, tmp_path):
    for units, return_sequences in ((64, False), (32, True)):
        x = keras.Input((None, FEATURES), name="x")
        model = randomise(keras.Model(x, layers.GRU(units, return_sequences=return_sequences)(x)))
        path = tmp_path / f"{units}.tflite"
        export_tflite(model, path, quantization="int8", representative_data=data)
        entry = check_export({"tflite_int8": path}, data, np.asarray(model(data)))["artifacts"]["tflite_int8"]
        assert entry["passed"] is True
        assert 0 < entry["max_abs_diff"] < 0.4
