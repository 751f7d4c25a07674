"""The signature `step`: one time step after the other gives what the whole sequence gives, with LiteRT alone."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from export_models import FEATURES, randomise
from keras import layers, ops

from keras_recurrent.layers import LRU, MinGRU, PeepholeLSTM
from keras_recurrent.pipelines.export import ExportError, export_tflite
from keras_recurrent.pipelines.runtime import ArtifactError, StreamingModel

BATCH, TIME = 3, 7


class CountingCell(layers.Layer):
    """A cell with nested states, one of which counts the steps."""

    def __init__(self, units, begin=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.begin = units, begin
        self.state_size = [units, [units, 1]]
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def get_initial_state(self, batch_size=None):
        h, mean = (ops.full((batch_size, self.units), self.begin) for _ in range(2))
        return [h, [mean, ops.zeros((batch_size, 1))]]

    def call(self, inputs, states, training=False):
        h, (mean, count) = states
        h = ops.tanh(ops.matmul(inputs, self.kernel) + h)
        return h + mean, [h, [mean + (h - mean) / (count + 1), count + 1]]


def sequential(*parts, time=None):
    return randomise(keras.Sequential([keras.Input((time, FEATURES), name="x"), *parts]))


STEPPABLE = {
    "simple_rnn": lambda: sequential(layers.SimpleRNN(5)),
    "lstm": lambda: sequential(layers.LSTM(5, return_sequences=True)),
    "gru_reset_after": lambda: sequential(layers.GRU(5), layers.Dense(1)),
    "gru_reset_before": lambda: sequential(layers.GRU(5, reset_after=False, return_sequences=True)),
    "stack": lambda: sequential(layers.LSTM(5, return_sequences=True), layers.GRU(4), layers.Dense(3)),
    "stacked_cells": lambda: sequential(layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)])),
    "user's cell": lambda: sequential(layers.RNN(CountingCell(4), return_sequences=True)),
    "time_distributed": lambda: sequential(layers.TimeDistributed(layers.Dense(4)), layers.LSTM(3)),
    "fixed time": lambda: sequential(layers.LSTM(TIME), time=TIME),
    "unrolled": lambda: sequential(layers.LSTM(5, unroll=True, return_sequences=True), time=TIME),
    "our own": lambda: sequential(PeepholeLSTM(5, return_sequences=True), MinGRU(4, return_sequences=True), LRU(3)),
}


def every_answer(model, x):
    """What a model says after each time step: its outputs one by one, or its last output for each prefix."""
    if model.input_shape[1] is not None and len(model.output_shape) == 2:
        return None, np.asarray(model(x))
    if len(model.output_shape) == 3:
        return list(np.moveaxis(np.asarray(model(x)), 1, 0)), None
    return [np.asarray(model(x[:, :time])) for time in range(1, x.shape[1] + 1)], None


@pytest.mark.parametrize("name", STEPPABLE)
def test_steps_give_what_the_whole_gives(name, tmp_path, random):
    model = STEPPABLE[name]()
    export_tflite(model, tmp_path / "model.tflite")
    x = random.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
    each, last = every_answer(model, x)
    stream = StreamingModel(tmp_path / "model.tflite")
    for _ in range(2):
        answers = [stream.step(x[:, time]) for time in range(TIME)]
        np.testing.assert_allclose(answers if last is None else answers[-1], each or last, atol=1e-5)
        stream.reset()


@pytest.mark.parametrize("return_sequences", [False, True])
def test_a_masked_step_repeats_the_last_answer(return_sequences, tmp_path, random):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedded = layers.Embedding(9, 4, mask_zero=True)(tokens)
    model = randomise(keras.Model(tokens, layers.LSTM(5, return_sequences=return_sequences)(embedded)))
    export_tflite(model, tmp_path / "model.tflite")
    x = random.integers(0, 3, (BATCH, TIME)).astype("int32")
    each, _ = every_answer(model, x)
    stream = StreamingModel(tmp_path / "model.tflite")
    np.testing.assert_allclose([stream.step(x[:, time]) for time in range(TIME)], each, atol=1e-5)


def test_several_inputs_and_outputs_and_one_that_does_not_change(tmp_path, random):
    x, y = keras.Input((None, 3), name="x"), keras.Input((None, 2), name="y")
    place = keras.Input((4,), name="place")
    hidden = layers.GRU(5, return_sequences=True, name="hidden")(layers.Concatenate()([x, y]))
    final = layers.LSTM(3, name="final")(hidden)
    outputs = [hidden, layers.Dense(2, name="answer")(layers.Concatenate()([final, place]))]
    model = randomise(keras.Model({"x": x, "y": y, "place": place}, outputs))
    export_tflite(model, tmp_path / "model.tflite")
    named = {name: random.normal(size=(2, TIME, size)).astype("float32") for name, size in (("x", 3), ("y", 2))}
    here = random.normal(size=(2, 4)).astype("float32")
    stream = StreamingModel(tmp_path / "model.tflite")
    answers = [
        stream.step({**{name: value[:, time] for name, value in named.items()}, "place": here}) for time in range(TIME)
    ]
    hidden, answer = model({**named, "place": here})
    np.testing.assert_allclose(np.stack([each["hidden"] for each in answers], 1), hidden, atol=1e-5)
    np.testing.assert_allclose(answers[-1]["answer"], answer, atol=1e-5)


def test_truth_values_come_out(tmp_path, random):
    x = keras.Input((None, FEATURES), name="x")
    model = randomise(keras.Model(x, ops.greater(layers.Dense(1)(layers.GRU(4)(x)), 0.0)))
    export_tflite(model, tmp_path / "model.tflite")
    inputs = random.normal(size=(9, TIME, FEATURES)).astype("float32")
    stream = StreamingModel(tmp_path / "model.tflite")
    answers = [stream.step(inputs[:, time]) for time in range(TIME)]
    np.testing.assert_array_equal(answers[-1], model(inputs))


def test_an_input_may_be_called_like_a_state(tmp_path, random):
    x, place = keras.Input((None, FEATURES), name="x"), keras.Input((2,), name="state_of_engine")
    model = randomise(keras.Model([x, place], layers.Dense(3)(layers.Concatenate()([layers.GRU(4)(x), place]))))
    export_tflite(model, tmp_path / "model.tflite")
    inputs, here = random.normal(size=(2, TIME, FEATURES)), random.normal(size=(2, 2))
    stream = StreamingModel(tmp_path / "model.tflite")
    answers = [stream.step({"x": inputs[:, time], "state_of_engine": here}) for time in range(TIME)]
    np.testing.assert_allclose(answers[-1], model([inputs, here]), atol=1e-5)


def test_streams_are_independent_of_each_other(tmp_path, random):
    model = STEPPABLE["lstm"]()
    export_tflite(model, tmp_path / "model.tflite")
    x = random.normal(size=(2, 1, TIME, FEATURES)).astype("float32")
    first = StreamingModel(tmp_path / "model.tflite")
    second = first.stream()
    for time in range(TIME):
        answers = [first.step(x[0, :, time])]
        if time < 4:  # the second one is behind
            answers.append(second.step(x[1, :, time]))
        for answer, sequence in zip(answers, x, strict=False):
            np.testing.assert_allclose(answer, np.asarray(model(sequence))[:, time], atol=1e-5)


ALONE = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras"]))
import numpy as np
from keras_recurrent.pipelines.runtime import StreamingModel
model = StreamingModel(sys.argv[1])
x = np.load(sys.argv[2])
np.save(sys.argv[3], np.stack([model.step(x[:, time]) for time in range(x.shape[1])], 1))
"""


def test_streams_without_tensorflow_and_keras(tmp_path, random):
    model = STEPPABLE["lstm"]()
    export_tflite(model, tmp_path / "model.tflite")
    x = random.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    paths = [str(tmp_path / name) for name in ("model.tflite", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", ALONE, *paths], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x), atol=1e-5)


def test_the_signatures_share_their_weights(tmp_path):
    model = sequential(layers.LSTM(64, return_sequences=True))
    for signatures in (None, "sequence", ("step",)):
        export_tflite(model, tmp_path / f"{signatures}.tflite", signatures=signatures)
    sizes = [(tmp_path / f"{signatures}.tflite").stat().st_size for signatures in (None, "sequence")]
    assert sizes[0] < 1.15 * sizes[1]
    assert [*Interpreter(str(tmp_path / "('step',).tflite")).get_signature_list()] == ["step"]


def from_an_encoder():
    source, target = (keras.Input((None, FEATURES), name=name) for name in ("source", "target"))
    _, state = layers.GRU(4, return_state=True)(source)
    return randomise(keras.Model([source, target], layers.GRU(4)(target, initial_state=state)))


def of_bytes(*parts):
    return randomise(keras.Sequential([keras.Input((None, 6), dtype="uint8"), layers.Rescaling(1 / 255), *parts]))


def of_unequal_lengths():
    x, y = keras.Input((10, 3), name="x"), keras.Input((7, 2), name="y")
    return randomise(keras.Model([x, y], layers.Concatenate()([layers.GRU(4)(x), layers.GRU(4)(y)])))


NEEDS_THE_WHOLE = {
    "bidirectional": (lambda: sequential(layers.Bidirectional(layers.LSTM(4))), "'backward_lstm"),
    "backwards": (lambda: sequential(layers.GRU(4, go_backwards=True, name="last")), "'last'"),
    "ours, backwards": (lambda: sequential(MinGRU(4, go_backwards=True, name="last")), "'last'"),
    "convolution": (lambda: sequential(layers.Conv1D(4, 3, padding="same"), layers.GRU(4)), "8 single steps"),
    "a convolution that looks far back": (
        lambda: sequential(layers.Conv1D(4, 2, dilation_rate=8, padding="causal"), layers.GRU(4)),
        "21 single steps",
    ),
    "the mean over bytes": (
        lambda: of_bytes(layers.GRU(32, return_sequences=True), layers.GlobalAveragePooling1D(), layers.Softmax()),
        "single steps",
    ),
    "words": (
        lambda: randomise(
            keras.Sequential(
                [
                    keras.Input((None,), dtype="int32"),
                    layers.Embedding(20_000, 8),
                    layers.Conv1D(8, 3, padding="causal"),
                    layers.GRU(8),
                    layers.Dense(20_000, activation="softmax"),
                ]
            )
        ),
        "single steps",
    ),
    "unequal lengths": (lambda: of_unequal_lengths(), "unequal lengths"),
    "pooling": (
        lambda: sequential(layers.GRU(4, return_sequences=True), layers.GlobalAveragePooling1D()),
        "5 single steps",
    ),
    "encoder": (from_an_encoder, "states other than zeros"),
    "states of ones": (lambda: sequential(layers.RNN(CountingCell(4, begin=1.0))), "states other than zeros"),
    "no recurrence": (lambda: sequential(layers.Dense(3)), "no recurrent layer"),
    "one whole length": (
        lambda: sequential(layers.GRU(4, return_sequences=True), layers.Flatten(), layers.Dense(2), time=7),
        "a single time step|single steps",
    ),
}


@pytest.mark.parametrize("name", NEEDS_THE_WHOLE)
def test_a_model_that_cannot_be_stepped_says_why_and_has_its_sequence(name, tmp_path):
    make, reason = NEEDS_THE_WHOLE[name]
    model, path = make(), tmp_path / "model.tflite"
    with pytest.raises(ExportError, match=reason):
        export_tflite(model, path, signatures=("sequence", "step"))
    assert not path.exists()
    export_tflite(model, path)
    assert [*Interpreter(str(path)).get_signature_list()] == ["sequence"]
    with pytest.raises(ArtifactError, match="no signature 'step'"):
        StreamingModel(path)


def test_wrong_use_of_a_stream_is_said_in_words(tmp_path):
    export_tflite(STEPPABLE["lstm"](), tmp_path / "model.tflite")
    stream = StreamingModel(tmp_path / "model.tflite")
    with pytest.raises(ValueError, match=r"\(2, 7, 6\), expected \('batch', 6\)"):
        stream.step(np.zeros((2, 7, FEATURES)))
    with pytest.raises(ValueError, match=r"\['x'\], got \['y'\]"):
        stream.step({"y": np.zeros((2, FEATURES))})
    stream.step(np.zeros((2, FEATURES)))
    with pytest.raises(ValueError, match="batch of 3, the steps before had 2"):
        stream.step(np.zeros((3, FEATURES)))
    export_tflite(of_bytes(layers.GRU(3)), tmp_path / "bytes.tflite")
    with pytest.raises(ValueError, match="takes uint8; some of the values given are not"):
        StreamingModel(tmp_path / "bytes.tflite").step(np.full((1, 6), 0.5))
    with pytest.raises(ArtifactError, match="no file"):
        StreamingModel(tmp_path / "other.tflite")
    (tmp_path / "broken.tflite").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="not a TensorFlow Lite file"):
        StreamingModel(tmp_path / "broken.tflite")
    with pytest.raises(ValueError, match="'stop'"):
        export_tflite(STEPPABLE["lstm"](), tmp_path / "model.tflite", signatures=("stop",))
