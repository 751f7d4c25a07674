"""TensorFlow Lite files of recurrent models: the values of Keras at any batch size and length, builtin operations."""

import collections

import keras
import numpy as np
import pytest
from export_models import FEATURES, assert_same, randomise, runner, softmax_rows
from keras import layers, ops

from keras_recurrent.layers import PeepholeLSTM
from keras_recurrent.pipelines.export import ExportError, export_tflite

SIZES = [(2, 5), (3, 70), (1, 32), (2, 64), (3, 1)]


class LeakyCell(layers.Layer):
    """A cell with a nested state, a step counter and a running mean, that no built-in layer has."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, [units, 1]]
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, self.units)), [ops.ones((batch_size, self.units)), ops.zeros((batch_size, 1))]]

    def call(self, inputs, states, training=False):
        h, (mean, count) = states
        h = ops.tanh(ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent))
        count = count + 1.0
        mean = mean + (h - mean) / count
        return h + mean, [h, [mean, count]]


def sequential(*parts):
    return randomise(keras.Sequential([keras.Input((None, FEATURES), name="x"), *parts]))


MODELS = {
    "simple_rnn": lambda: sequential(layers.SimpleRNN(5)),
    "lstm": lambda: sequential(layers.LSTM(5)),
    "lstm_sequences": lambda: sequential(layers.LSTM(5, return_sequences=True)),
    "lstm_dropout": lambda: sequential(layers.LSTM(5, dropout=0.3, recurrent_dropout=0.3, return_sequences=True)),
    "gru_reset_after": lambda: sequential(layers.GRU(5, reset_after=True)),
    "gru_reset_before": lambda: sequential(layers.GRU(5, reset_after=False, return_sequences=True)),
    "go_backwards": lambda: sequential(layers.GRU(5, go_backwards=True, return_sequences=True)),
    "bidirectional": lambda: sequential(layers.Bidirectional(layers.LSTM(4, return_sequences=True))),
    "stack": lambda: sequential(layers.LSTM(5, return_sequences=True), layers.GRU(4), layers.Dense(3)),
    "custom_cell": lambda: sequential(layers.RNN(LeakyCell(4), return_sequences=True)),
    "stacked_cells": lambda: sequential(layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)])),
    "time_distributed": lambda: sequential(layers.TimeDistributed(layers.Dense(4)), layers.LSTM(3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_values_equal_keras_at_any_batch_size_and_length(name, tmp_path, random):
    model = MODELS[name]()
    export_tflite(model, tmp_path / "model.tflite")
    for batch, time in SIZES:
        inputs = random.normal(size=(batch, time, FEATURES)).astype("float32")
        assert_same(model, tmp_path / "model.tflite", inputs)


def masks(random, batch, time):
    """Right-padded, left-padded and holed rows, one whole and one empty row."""
    positions = np.arange(time)
    rows = [positions < (time + 1) // 2, positions >= time // 2, random.random(time) > 0.4]
    return np.array([*rows, positions >= 0, positions < 0] * batch)[:batch]


@pytest.mark.parametrize("zero_output", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_masks_of_every_form(zero_output, go_backwards, tmp_path, random):
    options = {"return_sequences": True, "zero_output_for_mask": zero_output, "go_backwards": go_backwards}
    x = keras.Input((None, FEATURES), name="x")
    model = randomise(keras.Model(x, layers.LSTM(5, return_state=True, **options)(layers.Masking()(x))))
    path = tmp_path / "model.tflite"
    export_tflite(model, path)
    for batch, time in [(5, 7), (6, 40), (5, 1)]:
        inputs = random.normal(size=(batch, time, FEATURES)) * masks(random, batch, time)[..., None]
        assert_same(model, path, inputs.astype("float32"))


def test_mask_of_an_embedding_and_last_output_only(tmp_path, random):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedded = layers.Embedding(20, 4, mask_zero=True)(tokens)
    hidden = layers.Bidirectional(layers.GRU(5, return_sequences=True))(embedded)
    model = randomise(keras.Model(tokens, layers.LSTM(3)(hidden)))
    export_tflite(model, tmp_path / "model.tflite")
    for batch, time in [(5, 7), (6, 40)]:
        inputs = random.integers(1, 20, (batch, time)) * masks(random, batch, time)
        assert_same(model, tmp_path / "model.tflite", inputs.astype("int32"))


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional_of_every_merge_mode_and_with_states(merge_mode, tmp_path, random):
    x = keras.Input((None, FEATURES), name="x")
    options = {"return_sequences": merge_mode != "sum", "return_state": merge_mode == "ave"}
    model = randomise(keras.Model(x, layers.Bidirectional(layers.LSTM(4, **options), merge_mode=merge_mode)(x)))
    export_tflite(model, tmp_path / "model.tflite")
    for batch, time in [(2, 5), (3, 40)]:
        assert_same(model, tmp_path / "model.tflite", random.normal(size=(batch, time, FEATURES)).astype("float32"))


def pictures(*parts):
    return randomise(keras.Sequential([keras.Input((None, 6, 6, 2), name="x"), *parts]))


OF_PICTURES = {
    "ConvLSTM2D": lambda: pictures(layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True)),
    "its last picture": lambda: pictures(layers.ConvLSTM2D(3, 3)),
    "features of each": lambda: pictures(
        layers.TimeDistributed(layers.Conv2D(3, 3)), layers.TimeDistributed(layers.GlobalMaxPooling2D()), layers.GRU(3)
    ),
}


@pytest.mark.parametrize("name", OF_PICTURES)
def test_sequences_of_pictures(name, tmp_path, random):
    model = OF_PICTURES[name]()
    export_tflite(model, tmp_path / "model.tflite")
    for batch, time in [(2, 5), (1, 35)]:
        assert_same(model, tmp_path / "model.tflite", random.normal(size=(batch, time, 6, 6, 2)).astype("float32"))


class Spread(keras.Model):
    """A subclassed model with a dict of inputs and of outputs."""

    def __init__(self):
        super().__init__()
        self.recurrent, self.dense = layers.LSTM(4), layers.Dense(2)

    def call(self, inputs):
        hidden = self.recurrent(inputs["x"])
        return {"hidden": hidden, "answer": self.dense(hidden)}


def test_subclassed_model_with_dicts(tmp_path, random):
    model = Spread()
    export_tflite(model, tmp_path / "model.tflite", inputs={"x": keras.Input((None, FEATURES), name="x")})
    x = random.normal(size=(3, 7, FEATURES)).astype("float32")
    answers, expected = runner(tmp_path / "model.tflite")(x=x), model({"x": x})
    assert set(answers) == {"hidden", "answer"}
    for name in answers:
        np.testing.assert_allclose(answers[name], expected[name], atol=1e-5)


def test_outputs_of_an_ordered_dict_keep_their_names(tmp_path, random):
    x = keras.Input((None, FEATURES), name="x")
    outputs = collections.OrderedDict(b=layers.LSTM(3)(x), a=layers.GRU(4)(x))
    model = randomise(keras.Model(x, outputs))
    export_tflite(model, tmp_path / "model.tflite")
    inputs = random.normal(size=(3, 7, FEATURES)).astype("float32")
    answers = runner(tmp_path / "model.tflite")(x=inputs)
    for name, expected in model(inputs).items():
        np.testing.assert_allclose(answers[name], expected, atol=1e-5)


def test_subclassed_model_that_was_called_with_one_tensor(tmp_path, random):
    class Chain(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.GRU(4, return_sequences=True), layers.Dense(2)]

        def call(self, inputs):
            for part in self.parts:
                inputs = part(inputs)
            return inputs

    model = Chain()
    x = random.normal(size=(3, 7, FEATURES)).astype("float32")
    expected = model(x)
    export_tflite(model, tmp_path / "model.tflite")
    np.testing.assert_allclose(runner(tmp_path / "model.tflite")(inputs=x)["chain"], expected, atol=1e-5)


@pytest.mark.parametrize(("layer", "signatures"), [(layers.LSTM, None), (layers.GRU, "sequence"), (PeepholeLSTM, None)])
def test_stateful_layers_go_on_where_the_call_before_ended(layer, signatures, tmp_path, random):
    x = keras.Input(batch_shape=(1, None, FEATURES), name="x")
    model = randomise(keras.Model(x, layer(5, stateful=True, return_sequences=True)(x)))
    model(random.normal(size=(1, 3, FEATURES)))
    before = [np.array(state) for state in model.layers[1].states]
    export_tflite(model, tmp_path / "model.tflite", signatures=signatures)
    for state, value in zip(model.layers[1].states, before, strict=True):
        np.testing.assert_array_equal(state, value)
    model.layers[1].reset_states()
    run = runner(tmp_path / "model.tflite")
    for time in (5, 40, 1):
        part = random.normal(size=(1, time, FEATURES)).astype("float32")
        np.testing.assert_allclose(next(iter(run(x=part).values())), model(part), atol=1e-5)


def test_named_inputs_and_outputs_of_an_encoder_and_decoder(tmp_path, random):
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None, FEATURES), name="target")
    options = {"return_sequences": True, "return_state": True}
    encoded, h, c = layers.LSTM(5, **options)(layers.Embedding(20, 4, mask_zero=True)(source))
    decoded, *states = layers.LSTM(5, **options, name="decoder")(target, initial_state=[h, c])
    attended = layers.AdditiveAttention(name="attended")([decoded, encoded])
    inputs = {"source": source, "target": target}
    model = randomise(keras.Model(inputs, [attended, *states]))
    export_tflite(model, tmp_path / "model.tflite")
    assert set(runner(tmp_path / "model.tflite").get_output_details()) == {"attended", "decoder", "decoder_1"}
    for batch, time in [(2, 5), (3, 40)]:
        example = {
            "source": random.integers(0, 20, (batch, time + 2)).astype("int32"),
            "target": random.normal(size=(batch, time, FEATURES)).astype("float32"),
        }
        assert_same(model, tmp_path / "model.tflite", example)


def test_no_output_is_lost_when_names_meet(tmp_path, random):
    x = keras.Input((None, FEATURES), name="x")
    outputs = [*layers.LSTM(3, return_state=True, name="lstm")(x), layers.LSTM(4, name="lstm_1")(x)]
    model = randomise(keras.Model(x, outputs))
    export_tflite(model, tmp_path / "model.tflite")
    inputs = random.normal(size=(2, 5, FEATURES)).astype("float32")
    scores = runner(tmp_path / "model.tflite")(x=inputs)
    for name, expected in zip(("lstm", "lstm_2", "lstm_3", "lstm_1"), model(inputs), strict=True):
        np.testing.assert_allclose(scores[name], expected, atol=1e-5)


def test_convolutional_lstm_and_unrolled_layer_and_static_time(tmp_path, random):
    frames = keras.Input((40, FEATURES, 2), name="frames")
    hidden = layers.ConvLSTM1D(3, 3, padding="same", return_sequences=True)(frames)
    hidden = layers.TimeDistributed(layers.GlobalAveragePooling1D())(hidden)
    model = randomise(keras.Model(frames, layers.GRU(3, unroll=True)(hidden[:, :4])))
    export_tflite(model, tmp_path / "model.tflite")
    assert_same(model, tmp_path / "model.tflite", random.normal(size=(2, 40, FEATURES, 2)).astype("float32"))


def test_bytes_stay_bytes(tmp_path, pixels):
    model = softmax_rows(units=4)
    export_tflite(model, tmp_path / "model.tflite")
    assert runner(tmp_path / "model.tflite").get_input_details()["rows"]["dtype"] is np.uint8
    assert_same(model, tmp_path / "model.tflite", pixels[:5])


def test_mixed_precision_computes_in_float32(tmp_path, random):
    mixed = sequential(layers.LSTM(5, dtype="mixed_float16"))
    plain = sequential(layers.LSTM(5))
    export_tflite(mixed, tmp_path / "model.tflite")
    assert mixed.layers[0].compute_dtype == "float16"
    inputs = random.normal(size=(2, 7, FEATURES)).astype("float32")
    (scores,) = runner(tmp_path / "model.tflite")(x=inputs).values()
    np.testing.assert_allclose(scores, plain(inputs), atol=1e-5)


def test_quantised_files_are_smaller_and_close(tmp_path, pixels):
    model = softmax_rows(units=64)
    sizes = {}
    for quantization in (None, "float16", "dynamic_range"):
        path = tmp_path / f"{quantization}.tflite"
        export_tflite(model, path, quantization, signatures="sequence")
        sizes[quantization] = path.stat().st_size
        np.testing.assert_allclose(runner(path)(rows=pixels)["scores"], model(pixels), atol=0.05)
    assert sizes["dynamic_range"] < 0.5 * sizes[None]
    assert sizes["float16"] < 0.65 * sizes[None]


def test_long_buffers_of_zeros_are_not_stored_in_the_file(tmp_path):
    whole = keras.Input(batch_shape=(1, 4000, FEATURES), name="x")
    export_tflite(keras.Model(whole, layers.LSTM(8, return_sequences=True)(whole)), tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").stat().st_size < 4000 * 8  # the zeros alone would be 4000 * 8 * 4 bytes


class Erf(layers.Layer):
    def call(self, inputs):
        return ops.erf(inputs)


def test_the_gate_names_what_is_not_builtin_and_leaves_no_file(tmp_path):
    with pytest.raises(ExportError, match=r"Erf \(in layer 'strange'\);"):
        export_tflite(sequential(layers.LSTM(4), Erf(name="strange")), tmp_path / "folder" / "model.tflite")
    assert list(tmp_path.rglob("*.tflite*")) == []


def test_a_failed_export_leaves_the_older_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"older")
    with pytest.raises(ExportError):
        export_tflite(sequential(layers.LSTM(4), Erf()), path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_printed_and_nothing_else_is_written(tmp_path, capfd):
    model = sequential(layers.LSTM(4))
    capfd.readouterr()
    export_tflite(model, tmp_path / "folder" / "model.tflite")
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["model.tflite"]


def test_the_model_still_trains_after_an_export(tmp_path, random):
    model = sequential(layers.LSTM(4, use_cudnn="auto"), layers.Dense(1))
    loop = keras.src.backend.rnn
    export_tflite(model, tmp_path / "model.tflite")
    assert keras.src.backend.rnn is loop
    assert model.layers[0].use_cudnn == "auto"
    model.compile("adam", "mse")
    model.fit(random.normal(size=(8, 5, FEATURES)), random.normal(size=(8, 1)), verbose=0)


def test_wrong_use_is_said_in_words(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    with pytest.raises(ValueError, match=r"'int4'.*'dynamic_range'"):
        export_tflite(sequential(layers.LSTM(4)), path, "int4")
    with pytest.raises(ValueError, match="not built"):
        export_tflite(keras.Sequential([layers.LSTM(4)]), path)
    with pytest.raises(ValueError, match="not 'function'"):
        export_tflite(lambda x: x, path)
    dashed = keras.Input((None, FEATURES), name="a-b")
    with pytest.raises(ValueError, match="'a-b'"):
        export_tflite(keras.Model(dashed, layers.LSTM(4)(dashed)), path)
    unknown = Spread()
    unknown({"x": np.zeros((1, 5, FEATURES), "float32")})
    with pytest.raises(ValueError, match="Give `inputs`"):
        export_tflite(unknown, path)
    monkeypatch.setattr(keras, "__version__", "3.99.0")
    with pytest.raises(ExportError, match=r"3\.99\.0"):
        export_tflite(sequential(layers.LSTM(4)), path)
    assert not path.exists()
