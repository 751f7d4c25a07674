"""The declared models: what they compute, and how many parameters they have."""

import keras
import numpy as np
import pytest

from keras_recurrent.pipelines.core.cells import CELLS, layer_class
from keras_recurrent.pipelines.core.config import RecurrentModel
from keras_recurrent.pipelines.mnist_rows import RowsConfig, RowsData, build
from keras_recurrent.pipelines.stages.data import Split
from keras_recurrent.pipelines.tasks.classification.data import LabelledData
from keras_recurrent.pipelines.tasks.classification.model import classifier
from keras_recurrent.pipelines.tasks.classification.task import Loss

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6), np.uint8)


PARAMETERS = {"keras.simple_rnn": 3 * (6 + 3 + 1), "keras.lstm": 12 * (6 + 3 + 1), "keras.gru": 9 * (6 + 3 + 2)}
"""Of 3 units on 6 features."""


def model_of(data=None, positions=("label",), precision="float32", **model):
    split = Split(IMAGES, np.arange(5 * len(positions)).reshape(5, -1) % 10)
    config = RowsConfig(
        pipeline="mnist_rows", preset="sample", data=RowsData(**data or {}), model=RecurrentModel(**model)
    )
    return build(config, LabelledData(split, split, split, tuple("0123456789"), positions=positions), precision)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_probabilities(model, sequence):
    """The LSTM of Hochreiter and Schmidhuber (1997) with Gers' forget gate, and a softmax, in float64."""
    W, U, b, V, c = (weight.astype(np.float64) for weight in model.get_weights())
    n = U.shape[0]
    h, memory = np.zeros((len(sequence), n)), np.zeros((len(sequence), n))
    for x in np.moveaxis(sequence, 1, 0):
        i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=1)
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(memory)
    scores = np.exp(h @ V + c)
    return scores / scores.sum(1, keepdims=True)


def randomise(model):
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])


def test_a_row_is_a_time_step():
    model = model_of(units=7)
    randomise(model)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), lstm_probabilities(model, IMAGES / 255), atol=1e-5)


@pytest.mark.parametrize("layout", ["pixels", "permuted"])
def test_a_pixel_is_a_time_step(layout):
    model = model_of({"layout": layout, "permutation_seed": 3}, units=3)
    randomise(model)
    pixels = IMAGES.reshape(5, 24, 1) / 255
    if layout == "permuted":
        pixels = pixels[:, np.random.default_rng(3).permutation(24)]
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), lstm_probabilities(model, pixels), atol=1e-5)


QUICK_CELLS = ("keras.simple_rnn", "keras.lstm", "keras.gru", "lstm", "gru", "min_gru", "lru", "echo_state")
OF_CELLS = [cell if cell in QUICK_CELLS else pytest.param(cell, marks=pytest.mark.slow) for cell in CELLS]


@pytest.mark.parametrize("cell", OF_CELLS)
def test_stacked_bidirectional_and_two_outputs(cell):
    model = model_of(cell=cell, units=3, depth=2, bidirectional=True, dropout=0.5, positions=("left", "right"))
    probabilities = model.predict(IMAGES, verbose=0)
    assert probabilities.shape == (5, 2, 10)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)
    alone = layer_class(cell)(3)
    alone.build((None, None, 6))  # the features of the pictures, and both directions of the layer below
    assert model.count_params() == 4 * alone.count_params() + 20 * (6 + 1)
    if cell in PARAMETERS:
        assert alone.count_params() == PARAMETERS[cell]


def test_recurrent_dropout_is_on_in_training_alone():
    model = model_of(units=8, recurrent_dropout=0.5)
    assert (model(IMAGES).numpy() == model(IMAGES).numpy()).all()
    assert (model(IMAGES, training=True).numpy() != model(IMAGES, training=True).numpy()).any()


def test_the_model_loads_without_this_package(tmp_path):
    model = model_of({"layout": "permuted"}, units=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.predict(IMAGES, verbose=0) == model.predict(IMAGES, verbose=0)).all()
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}


def test_mixed_precision_ends_in_float32():
    model = model_of(precision="mixed_bfloat16", units=4)
    assert model.get_layer("recurrent_1").compute_dtype == "bfloat16"
    assert model(IMAGES).dtype == "float32"


def test_every_cell_name_leads_to_a_layer():
    assert all(issubclass(layer_class(name), keras.layers.RNN) for name in CELLS)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_chrono_initialisation(bidirectional):
    lstm = model_of(units=200, chrono=50, bidirectional=bidirectional).layers[2]
    gru = model_of(units=200, chrono=50, bidirectional=bidirectional, cell="keras.gru").layers[2]
    for layer in (lstm.forward_layer, lstm.backward_layer) if bidirectional else (lstm,):
        i, f, g, o = np.split(layer.cell.bias.numpy(), 4)
        assert (i == -f).all()
        assert not g.any()
        assert not o.any()
        time_scales = np.exp(f)  # uniform in (1, 49)
        assert 1 < time_scales.min() < 3
        assert 45 < time_scales.max() < 49
        assert time_scales.mean() == pytest.approx(25, abs=4)
    for layer in (gru.forward_layer, gru.backward_layer) if bidirectional else (gru,):
        of_input, of_state = layer.cell.bias.numpy()
        z, r, h = np.split(of_input, 3)
        assert 1 < np.exp(z).min() < 3
        assert 45 < np.exp(z).max() < 49
        assert not r.any()
        assert not h.any()
        assert not of_state.any()


def test_chrono_initialisation_of_a_gru_with_one_bias():
    """With `reset_after: false` a GRU of Keras has a bias of the input alone."""
    layer = model_of(units=200, chrono=50, cell="keras.gru", options={"reset_after": False}).layers[2]
    z, r, h = np.split(layer.cell.bias.numpy(), 3)
    assert np.exp(z).mean() == pytest.approx(25, abs=4)
    assert not np.concatenate([r, h]).any()


def two_networks(positions):
    inputs = [keras.Input((size,), name=f"vector_{size}") for size in (3, 4)]
    vectors = [np.random.default_rng(size).normal(size=(7, size)).astype("float32") for size in (3, 4)]
    return keras.Model(inputs, classifier(*inputs, classes=5, positions=positions)), vectors


def softmax(scores):
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(-1, keepdims=True)


@pytest.mark.parametrize("positions", [1, 2])
def test_several_networks_answer_by_the_geometric_mean(positions):
    model, vectors = two_networks(positions)
    shape = (7, positions, 5) if positions > 1 else (7, 5)
    alone = []
    for number, vector in enumerate(vectors, 1):
        W, b = (each.astype("float64") for each in model.get_layer(f"scores_{number}").get_weights())
        alone.append(softmax((vector @ W + b).reshape(shape)))
    product = np.sqrt(alone[0] * alone[1])
    wanted = product / product.sum(-1, keepdims=True)
    np.testing.assert_allclose(model(vectors), wanted, atol=1e-6)
    np.testing.assert_allclose(model(vectors, training=True), product, atol=1e-6)
    assert product.sum(-1).min() < 0.95


def test_each_of_several_networks_learns_by_its_own_loss():
    model, vectors = two_networks(positions=1)
    labels = np.arange(7) % 5
    losses = []
    for number, vector in enumerate(vectors, 1):
        W, b = (each.astype("float64") for each in model.get_layer(f"scores_{number}").get_weights())
        losses.append(-np.log(softmax(vector @ W + b)[np.arange(7), labels]))
    given = Loss(smoothing=0.0)(labels, model(vectors, training=True))
    np.testing.assert_allclose(given, np.mean(losses, axis=0), rtol=1e-5)
