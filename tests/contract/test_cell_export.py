"""Every cell converts to TensorFlow Lite with builtin operations only, batch and time both dynamic."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from cell_cases import assert_close, every_case, every_cell

from keras_recurrent.pipelines.export import export_tflite, flatbuffer


@pytest.mark.slow
@every_case
def test_converts_with_dynamic_batch_and_time(case, tmp_path):
    inputs = keras.Input((None, case.features), name="x")
    outputs = case.layer(return_sequences=True)(inputs)
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(7)
    for weight in model.layers[1].weights:
        weight.assign(rng.normal(size=weight.shape) * 0.3)
    file = tmp_path / "model.tflite"
    export_tflite(model, file)
    assert not flatbuffer.custom_operations(file.read_bytes())
    interpreter = Interpreter(str(file), num_threads=1)
    run = interpreter.get_signature_runner("sequence")
    for batch, time in ((1, 7), (3, 40), (2, 33)):
        x = case.inputs(batch, time)
        for _ in range(2):
            (result,) = run(x=x).values()
            assert_close(result, model(x), what=f"outputs at batch {batch}, time {time},")


@pytest.mark.slow
@every_cell
def test_a_saved_model_of_keras_gives_the_same(case, tmp_path):
    """`model.export` of Keras traces the layer with a static time, where the compiled loop is taken."""
    model = keras.Sequential([keras.Input((6, case.features)), case.built()])
    model.export(tmp_path / "saved", verbose=False)
    x = case.inputs(time=6)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    assert_close(loaded.serve(x), model(x))
