"""From ids of tokens to one vector for a text: what the parts compute, whatever the padding, and in TFLite files."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_recurrent.pipelines.export import export_tflite
from keras_recurrent.pipelines.tasks.text.config import TextModel
from keras_recurrent.pipelines.tasks.text.model import RegionEmbedding, convolved, embedded, text_features

VOCABULARY, UNITS = 20, 5
POOLINGS = TextModel.model_fields["pooling"].annotation.__args__
LENGTHS = (3, 1, 8, 5)
ROWS = [np.random.default_rng(length).integers(1, VOCABULARY, length) for length in LENGTHS]


def padded(rows, width):
    return np.stack([np.pad(row, (0, width - len(row))) for row in rows]).astype("int32")


def model_of(**changes):
    """Texts as vectors, with random weights."""
    config = TextModel(**{"cell": "keras.simple_rnn", "units": UNITS, "embedding": 4} | changes)
    ids = keras.Input((None,), dtype="int32", name="ids")
    model = keras.Model(ids, text_features(ids, config, VOCABULARY))
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


def simple_rnn(x, W, U, b):
    """Elman (1990), all outputs, in float64."""
    h, outputs = np.zeros(len(U)), []
    for step in x:
        h = np.tanh(step @ W + h @ U + b)
        outputs.append(h)
    return np.array(outputs)


def pooled(outputs, how, model):
    """The definitions, over the tokens of one text without padding."""
    match how:
        case "max":
            return outputs.max(axis=0)
        case "mean":
            return outputs.mean(axis=0)
        case "max_mean":
            return np.concatenate([outputs.max(axis=0), outputs.mean(axis=0)])
        case "attention":
            W, b = model.get_layer("attention_hidden").get_weights()
            (v,) = model.get_layer("attention_scores").get_weights()
            scores = np.exp(np.tanh(outputs @ W + b) @ v)
            return (scores / scores.sum() * outputs).sum(axis=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_vector_stands_for_the_tokens_without_the_padding(pooling, bidirectional):
    model = model_of(pooling=pooling, bidirectional=bidirectional)
    table = model.get_layer("embedding").get_weights()[0].astype("float64")
    weights = model.get_layer("both_ways_1" if bidirectional else "recurrent_1").get_weights()
    expected = []
    for row in ROWS:
        forwards = simple_rnn(table[row], *weights[:3])
        backwards = simple_rnn(table[row][::-1], *weights[3:]) if bidirectional else forwards[:, :0]
        if pooling == "last":
            expected.append(np.concatenate([forwards[-1], backwards[-1]]))
        else:
            expected.append(pooled(np.concatenate([forwards, backwards[::-1]], axis=1), pooling, model))
    for width in (8, 13):
        np.testing.assert_allclose(model(padded(ROWS, width)), expected, atol=1e-5)


@pytest.mark.parametrize("cell", ["keras.lstm", "qrnn"])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_padding_changes_nothing(cell, pooling):
    model = model_of(cell=cell, pooling=pooling, bidirectional=True, depth=2, region=3)
    alone = np.concatenate([model(row[None].astype("int32")) for row in ROWS])
    for width in (8, 24):
        np.testing.assert_allclose(model(padded(ROWS, width)), alone, atol=1e-5)


@pytest.mark.parametrize("region", [1, 2, 3, 4])
def test_regions_are_a_convolution_of_one_hot_tokens(region):
    layer = RegionEmbedding(VOCABULARY, 6, region)
    ids = padded(ROWS, 9)
    layer.build(ids.shape)
    random = np.random.default_rng(2)
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
    *tables, bias = (weight.numpy().astype("float64") for weight in layer.weights)
    before = (region - 1) // 2
    one_hot = np.eye(VOCABULARY)[ids] * (ids != 0)[..., None]
    wide = np.pad(one_hot, [(0, 0), (before, region), (0, 0)])
    expected = sum(wide[:, place : place + 9] @ table for place, table in enumerate(tables)) + bias
    np.testing.assert_allclose(layer(ids), np.maximum(expected, 0), atol=1e-5)
    assert (layer.compute_mask(ids).numpy() == (ids != 0)).all()
    assert layer.count_params() == region * VOCABULARY * 6 + 6


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_vectors_are_float32_whatever_the_precision(precision):
    config = TextModel(cell="keras.gru", units=UNITS, region=3, pooling="attention", bidirectional=True)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, text_features(ids, config, VOCABULARY, precision))
    assert model.get_layer("regions").compute_dtype == precision.removeprefix("mixed_")
    assert model(padded(ROWS, 8)).dtype == "float32"


def test_word_dropout_leaves_out_whole_tokens():
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32")
    for rates in ({"word_dropout": 0.5}, {"embedding_dropout": 0.5}):
        config = TextModel(embedding=16, **rates)
        model = keras.Model(ids, embedded(ids, config, VOCABULARY, "float32", None))
        some = np.full((4, 50), 7, "int32")
        vector = model.get_weights()[0][7]
        dropped = model(some, training=True).numpy() == 0
        whole = dropped.all(axis=-1) | ~dropped.any(axis=-1)
        assert whole.all() == ("word_dropout" in rates)
        assert dropped.mean() == pytest.approx(0.5, abs=0.1)
        kept = model(some, training=True).numpy()
        np.testing.assert_allclose(kept[kept != 0], np.broadcast_to(2 * vector, kept.shape)[kept != 0], rtol=1e-5)
        np.testing.assert_array_equal(model(some), np.broadcast_to(vector, kept.shape))


def test_vectors_are_where_the_embedding_begins():
    vectors = np.random.default_rng(0).normal(size=(VOCABULARY, 4)).astype("float32")
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, embedded(ids, TextModel(embedding=4), VOCABULARY, "float32", vectors))
    np.testing.assert_array_equal(model(padded(ROWS, 8)), vectors[padded(ROWS, 8)])


def test_a_saved_model_gives_the_same(tmp_path):
    model = model_of(pooling="attention", region=3, word_dropout=0.2, embedding_dropout=0.2, final_dropout=0.2)
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(loaded(padded(ROWS, 8)), model(padded(ROWS, 8)))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_tflite_file_gives_the_same_at_any_length(tmp_path, pooling):
    model = model_of(cell="keras.gru", pooling=pooling, bidirectional=True, region=2)
    export_tflite(model, tmp_path / "a.tflite")
    run = Interpreter(str(tmp_path / "a.tflite")).get_signature_runner("sequence")
    for rows, width in ((ROWS, 8), (ROWS, 19), (ROWS[1:2], 1)):
        ids = padded(rows, width)
        (found,) = run(ids=ids).values()
        np.testing.assert_allclose(found, model(ids), atol=1e-5)


def test_the_convolution_tells_the_strongest_match_of_each_filter():
    config = TextModel(convolution=3, filters=6)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, convolved(ids, config, VOCABULARY))
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    *tables, bias = model.get_layer("convolution").get_weights()
    answers = model(padded(ROWS, 10)).numpy()
    for row, answer in zip(ROWS, answers, strict=True):
        one_hot = np.pad(np.eye(VOCABULARY)[row], [(1, 1), (0, 0)])
        matched = [sum(one_hot[step + place] @ tables[place] for place in range(3)) + bias for step in range(len(row))]
        np.testing.assert_allclose(answer, np.maximum(matched, 0).max(axis=0), atol=1e-5)
