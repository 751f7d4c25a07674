"""SavedModels of recurrent models: they answer in a process that has TensorFlow alone, and tell nothing of this one."""

import importlib
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_models import FEATURES, randomise, softmax_rows
from keras import layers
from tensorflow.core.protobuf import saved_model_pb2

from keras_recurrent.pipelines.export import ExportError, export_saved_model

ALONE = """
import sys
sys.modules.update(keras_recurrent=None, keras=None)
import numpy as np, tensorflow as tf
signature = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = signature(rows=tf.constant(np.load(sys.argv[2])))
labels = outputs["labels"].numpy().astype("U")
np.savez(sys.argv[3], probabilities=outputs["probabilities"].numpy(), labels=labels)
"""


def serve(scores):
    names = tf.constant([f"digit {index}" for index in range(10)])
    return {"probabilities": scores, "labels": tf.gather(names, tf.argmax(scores, axis=-1))}


def test_answers_in_a_process_with_tensorflow_alone(tmp_path, pixels):
    model = softmax_rows(units=8)
    export_saved_model(model, tmp_path / "saved_model" / "1", serve)
    np.save(tmp_path / "pixels.npy", pixels)
    paths = [str(tmp_path / name) for name in ("saved_model/1", "pixels.npy", "outputs.npz")]
    subprocess.run([sys.executable, "-c", ALONE, *paths], check=True, env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"})
    outputs = np.load(paths[-1])
    expected = model(pixels).numpy()
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-5)
    assert list(outputs["labels"]) == [f"digit {index}" for index in expected.argmax(axis=-1)]


def load(path):
    saved = tf.saved_model.load(str(path))
    return saved, saved.signatures["serving_default"]


def test_inputs_and_outputs_keep_their_names_and_batch_and_time_are_dynamic(tmp_path, random):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    prices = keras.Input((None, FEATURES), name="prices")
    hidden = layers.LSTM(4, name="hidden")(layers.Embedding(9, 3, mask_zero=True)(tokens))
    model = randomise(keras.Model([tokens, prices], [hidden, layers.GRU(5, dropout=0.5, name="trend")(prices)]))
    export_saved_model(model, tmp_path / "model")
    _saved, signature = load(tmp_path / "model")
    for batch, time in [(2, 5), (3, 40)]:
        tokens = random.integers(0, 9, (batch, time)).astype("int32")
        prices = random.normal(size=(batch, time + 1, FEATURES)).astype("float32")
        outputs = signature(tokens=tf.constant(tokens), prices=tf.constant(prices))
        for name, expected in zip(("hidden", "trend"), model([tokens, prices]), strict=True):
            np.testing.assert_allclose(outputs[name], expected, atol=1e-5)


def test_a_sequential_model_gives_its_output_to_serve(tmp_path, random):
    parts = [keras.Input((None, FEATURES), name="rows"), layers.LSTM(4, dtype="mixed_float16"), layers.Softmax()]
    model = randomise(keras.Sequential(parts))
    export_saved_model(model, tmp_path / "model", lambda scores: {"best": tf.argmax(scores, axis=-1)})
    _saved, signature = load(tmp_path / "model")
    rows = random.normal(size=(3, 5, FEATURES)).astype("float32")
    np.testing.assert_array_equal(signature(rows=tf.constant(rows))["best"], model(rows).numpy().argmax(axis=-1))


def test_raw_text_goes_in(tmp_path):
    text = keras.Input((), dtype="string", name="text")
    tokens = layers.TextVectorization(output_sequence_length=6, vocabulary=["good", "bad"])(text)
    model = randomise(keras.Model(text, layers.LSTM(4, name="score")(layers.Embedding(9, 3, mask_zero=True)(tokens))))
    export_saved_model(model, tmp_path / "model")
    _saved, signature = load(tmp_path / "model")
    reviews = tf.constant(["Good, good!", "bad", ""])
    np.testing.assert_allclose(signature(text=reviews)["score"], model(reviews), atol=1e-5)


def further_signatures(units):
    """A model, and two that share its layers: what is hidden in it, and the same scores backwards."""
    rows = keras.Input((None, FEATURES), name="rows")
    hidden = layers.LSTM(units, name="hidden")(rows)
    model = randomise(keras.Model(rows, layers.Dense(3, name="scores")(hidden)))
    backwards = (model, lambda scores: {"backwards": scores[:, ::-1]})
    return model, {"encode": keras.Model(rows, hidden), "turned": backwards}


def test_further_signatures_stand_beside_the_first(tmp_path, random):
    model, further = further_signatures(units=4)
    export_saved_model(model, tmp_path / "model", signatures=further)
    saved = tf.saved_model.load(str(tmp_path / "model"))
    assert sorted(saved.signatures) == ["encode", "serving_default", "turned"]
    rows = random.normal(size=(2, 5, FEATURES)).astype("float32")
    answers = {name: run(rows=tf.constant(rows)) for name, run in saved.signatures.items()}
    scores = model(rows).numpy()
    np.testing.assert_allclose(answers["serving_default"]["scores"], scores, atol=1e-5)
    np.testing.assert_allclose(answers["turned"]["backwards"], scores[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(answers["encode"]["hidden"], further["encode"](rows), atol=1e-5)


def test_shared_weights_are_stored_once(tmp_path):
    model, further = further_signatures(units=150)
    export_saved_model(model, tmp_path / "model", signatures=further)
    stored = sum(file.stat().st_size for file in (tmp_path / "model" / "variables").iterdir())
    assert 4 * model.count_params() < stored < 4 * model.count_params() + 20_000


def test_a_further_signature_is_checked_like_the_first(tmp_path):
    rows = keras.Input((None, FEATURES), name="rows")
    model = keras.Model(rows, layers.LSTM(3)(rows))
    for layer, reason in [(Leak(str(tmp_path / "vocabulary.txt")), "vocabulary"), (Cudnn(), "Cudnn")]:
        with pytest.raises(ExportError, match=reason):
            export_saved_model(model, tmp_path / "model", signatures={"other": keras.Model(rows, layer(rows))})
    with pytest.raises(ValueError, match="'serving_default' is that of the model itself"):
        export_saved_model(model, tmp_path / "model", signatures={"serving_default": model})
    with pytest.raises(ValueError, match="not built"):
        export_saved_model(model, tmp_path / "model", signatures={"other": keras.Sequential([layers.LSTM(4)])})
    assert list(tmp_path.iterdir()) == []


def graph_operations(path):
    content = (path / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    return {node.op for function in graph.library.function for node in function.node_def}


def test_no_cudnn_operation_even_where_cudnn_would_be_used(tmp_path, monkeypatch):
    backend = importlib.import_module("keras.src.backend.tensorflow.rnn")
    monkeypatch.setattr(backend, "cudnn_ok", lambda *args, **kwargs: True)
    rows = keras.Input((None, FEATURES), name="rows")
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True, use_cudnn=False))(rows)
    model = keras.Model(rows, layers.GRU(3, use_cudnn=False)(hidden))
    for layer in (model.layers[1].forward_layer, model.layers[1].backward_layer, model.layers[2]):
        layer.use_cudnn = True
    export_saved_model(model, tmp_path / "model")
    assert not {name for name in graph_operations(tmp_path / "model") if "Cudnn" in name}
    assert model.layers[2].use_cudnn is True


class Leak(layers.Layer):
    def __init__(self, secret, **kwargs):
        super().__init__(**kwargs)
        self.secret = secret

    def call(self, inputs):
        return inputs + tf.cast(tf.strings.length(tf.constant(self.secret)), "float32")


class Cudnn(layers.Layer):
    def call(self, inputs):
        size = tf.raw_ops.CudnnRNNParamsSize(
            num_layers=1, num_units=2, input_size=2, T=tf.float32, S=tf.int32, rnn_mode="lstm"
        )
        return inputs + tf.cast(size[0], "float32")

    def compute_output_shape(self, input_shape):
        return input_shape


def test_a_path_of_this_machine_or_a_cudnn_kernel_is_refused(tmp_path):
    rows = keras.Input((None, FEATURES), name="rows")
    with pytest.raises(ExportError, match="vocabulary"):
        export_saved_model(keras.Model(rows, Leak(str(tmp_path / "vocabulary.txt"))(rows)), tmp_path / "model")
    with pytest.raises(ExportError, match="Cudnn"):
        export_saved_model(keras.Model(rows, Cudnn()(rows)), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_an_older_folder_is_replaced_only_by_a_whole_one(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "older").write_text("older")
    rows = keras.Input((None, FEATURES), name="rows")
    with pytest.raises(ExportError):
        export_saved_model(keras.Model(rows, Leak(str(tmp_path / "vocabulary.txt"))(rows)), path)
    assert [item.name for item in path.iterdir()] == ["older"]
    export_saved_model(keras.Model(rows, layers.LSTM(3)(rows)), path)
    assert not (path / "older").exists()
    assert (path / "saved_model.pb").exists()
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_printed(tmp_path, capfd):
    model = softmax_rows(units=4)
    capfd.readouterr()
    export_saved_model(model, tmp_path / "model")
    assert capfd.readouterr() == ("", "")


def test_wrong_use_is_said_in_words(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="not built"):
        export_saved_model(keras.Sequential([layers.LSTM(4)]), tmp_path / "model")
    monkeypatch.setattr(keras, "__version__", "3.14.1")
    with pytest.raises(ExportError, match=r"3\.14\.1"):
        export_saved_model(softmax_rows(units=4), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
