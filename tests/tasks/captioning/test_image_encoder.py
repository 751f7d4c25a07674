"""Encoders of `keras.applications`: their names, files and scaling, weights, and when they are trained."""

import shutil
import socket
import urllib.request

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.captioning.applications import (
    APPLICATIONS,
    imagenet_name,
    models_folder,
    weights_file,
)
from keras_recurrent.pipelines.tasks.captioning.config import CaptioningModel
from keras_recurrent.pipelines.tasks.captioning.image_encoder import (
    ERASED,
    _block,
    augmentation,
    image_encoder,
    residual_features,
)
from keras_recurrent.pipelines.tasks.captioning.model import caption_model
from keras_recurrent.pipelines.tasks.captioning.pretrained import FrozenUntil, ScaleColours

SIDE = 32


@pytest.fixture(scope="module")
def mobile(tmp_path_factory):
    """A file of weights of MobileNet at random, with statistics that are not those of any batch."""
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.full(layer.moving_mean.shape, 0.01))
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 0.5))
    path = tmp_path_factory.mktemp("weights") / "mobile.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)


def functions():
    return {name: each for name, each in vars(keras.applications).items() if name[0].isupper() and callable(each)}


def test_every_application_of_keras_is_known_and_no_other():
    assert set(APPLICATIONS) == set(functions())


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_pixels_are_scaled_as_keras_scales_them(name, pixels):
    module = functions()[name].__module__.rpartition(".")[2]
    expected = getattr(keras.applications, module).preprocess_input(pixels.astype(np.float32))
    scaled = ScaleColours(APPLICATIONS[name].scaling)(pixels.astype(np.float32) / 127.5 - 1)
    np.testing.assert_allclose(scaled, expected, atol=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_the_file_that_is_looked_for_is_the_one_that_keras_asks_for(name, monkeypatch):
    class Asked(Exception):  # noqa: N818
        pass

    def get_file(file, *arguments, **options):
        raise Asked(file)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    application = APPLICATIONS[name]
    for side in (*application.mobile, application.usual):
        with pytest.raises(Asked) as asked:
            functions()[name](include_top=False, weights="imagenet", input_shape=(side, side, 3))
        assert str(asked.value) == imagenet_name(name, side)
    least = application.least
    with pytest.raises(ValueError, match="at least"):
        functions()[name](include_top=False, weights=None, input_shape=(least - 1, least - 1, 3))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variance"), [("EfficientNetB0", 0.2), ("EfficientNetB0", 1), ("VGG16", None)])
def test_weights_of_imagenet_give_the_features_that_keras_gives(name, variance, monkeypatch, tmp_path, pixels):
    keras.utils.set_random_seed(0)
    function, module = functions()[name], functions()[name].__module__.rpartition(".")[2]
    made = function(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    if variance:
        layer = next(each for each in made.layers if isinstance(each, keras.layers.Normalization))
        layer.set_weights([np.full(3, 0.4), np.full(3, variance), np.array(0)])
    path = tmp_path / "models" / imagenet_name(name, SIDE)
    path.parent.mkdir()
    made.save(path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *arguments, **options: str(path))
    weights = "imagenet" if variance != 1 else None
    of_keras = function(include_top=False, weights=weights, input_shape=(SIDE, SIDE, 3))
    of_keras.load_weights(path)
    expected = of_keras(getattr(keras.applications, module).preprocess_input(pixels.astype(np.float32)))
    encoder = image_encoder(CaptioningModel(encoder=name, weights="imagenet", fine_tune_from=None), SIDE)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(encoder(pixels) / scale, expected / scale, atol=1e-5)


def test_an_encoder_with_weights_works_as_in_inference_while_it_is_trained(mobile, pixels):
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    network.load_weights(mobile)
    expected = network(pixels.astype(np.float32) / 127.5 - 1, training=False)
    encoder = image_encoder(CaptioningModel(encoder="MobileNet", weights=mobile), SIDE)
    before = [weight.numpy() for weight in encoder.non_trainable_weights]
    outer = keras.Sequential([keras.Input((SIDE, SIDE, 3), dtype="uint8"), encoder])
    np.testing.assert_allclose(outer(pixels, training=True), expected, atol=1e-5)
    assert len(encoder.trainable_weights) == len(network.trainable_weights)
    for was, weight in zip(before, encoder.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(was, weight)


@pytest.mark.slow
def test_an_encoder_is_the_same_when_it_is_read_from_a_file(mobile, pixels, tmp_path):
    encoder = image_encoder(CaptioningModel(encoder="MobileNet", weights=mobile, fine_tune_from=None), SIDE)
    assert not encoder.trainable_weights
    encoder.save(tmp_path / "encoder.keras")
    again = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(again(pixels), encoder(pixels))
    assert not again.trainable_weights


def test_without_weights_the_statistics_are_learned_too(pixels):
    encoder = image_encoder(CaptioningModel(encoder="MobileNet", weights="none"), SIDE)
    before = [weight.numpy() for weight in encoder.non_trainable_weights]
    encoder(pixels, training=True)
    pairs = zip(before, encoder.non_trainable_weights, strict=True)
    assert any((was != weight.numpy()).any() for was, weight in pairs)


def trained_model(mobile, **changes):
    model = CaptioningModel(**{"encoder": "MobileNet", "weights": mobile, "units": 4, "embedding": 4} | changes)
    return caption_model(model, vocabulary=9, side=SIDE, length=3, precision="float32", steps=7)


def test_an_encoder_that_learns_later_waits_for_the_steps_of_its_epochs(mobile):
    model = trained_model(mobile, fine_tune_from=2)
    assert model.get_layer("frozen").step == 14
    assert len(model.trainable_weights) > len(model.get_layer("decoder").trainable_weights)


def test_a_frozen_encoder_is_behind_its_features_or_after_random_changes_and_never_learns(mobile):
    on_features, changed = (
        trained_model(mobile, fine_tune_from=None),
        trained_model(mobile, fine_tune_from=None, zoom=0.1),
    )
    assert {name: each.shape[1:] for name, each in on_features.input.items()} == {
        "features": (1, 1, 1024),
        "tokens": (None, 3),
    }
    assert changed.input["image"].shape[1:] == (SIDE, SIDE, 3)
    for model in (on_features, changed):
        assert len(model.trainable_weights) == len(model.get_layer("decoder").trainable_weights)


def waiting(step):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    seen = FrozenUntil(step)(keras.layers.Dense(3, name="before")(x))
    model = keras.Model(x, keras.layers.Dense(1, name="after")(seen))
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    return model


def test_what_is_frozen_learns_from_its_step_on_and_no_earlier():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 4)), random.normal(size=(8, 1))
    model = waiting(3)
    first = model.get_layer("before").get_weights()
    for _ in range(3):
        after = model.get_layer("after").get_weights()
        model.train_on_batch(x, y)
        model.evaluate(x, y, verbose=0)  # which counts no step
        for was, now in zip(first, model.get_layer("before").get_weights(), strict=True):
            np.testing.assert_array_equal(was, now)
        assert (model.get_layer("after").get_weights()[0] != after[0]).any()
    np.testing.assert_array_equal(model(x, training=False), model(x, training=True))
    model.train_on_batch(x, y)
    assert (model.get_layer("before").get_weights()[0] != first[0]).all()


def test_a_resumed_wait_goes_on_counting():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 4)), random.normal(size=(8, 1))
    whole, resumed = waiting(3), waiting(3)
    for _ in range(2):
        whole.train_on_batch(x, y)
    resumed.optimizer.build(resumed.trainable_variables)
    for ours, theirs in zip(resumed.variables, whole.variables, strict=True):
        ours.assign(theirs)
    for ours, theirs in zip(resumed.optimizer.variables, whole.optimizer.variables, strict=True):
        ours.assign(theirs)
    for _ in range(3):
        whole.train_on_batch(x, y)
        resumed.train_on_batch(x, y)
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": "MobilNetV2"}, ["model.encoder", "Did you mean 'MobileNetV2'?"]),
        ({"weights": "imagenet"}, ["the residual encoder is trained from scratch"]),
        ({"fine_tune_from": None}, ["the residual encoder is trained from scratch"]),
        ({"encoder": "VGG16", "fine_tune_from": None}, ["random weights sees nothing", "model.weights"]),
        ({"encoder": "VGG16", "fine_tune_from": 2}, ["random weights sees nothing"]),
        ({"encoder": "VGG16", "weights": "imagenet", "fine_tune_from": 10}, ["never comes in 10 epochs", "null"]),
        ({"encoder": "Xception", "weights": "imagenet"}, ["at least 71 pixels", "data.side is 64"]),
    ],
)
def test_encoders_that_cannot_be_are_refused(refused, options, changes, words):
    typed = options(training__epochs=10, **{f"model__{key}": value for key, value in changes.items()})
    refused(2, words, "show", "captioning", *typed)


def test_weight_decay_is_refused_while_an_encoder_waits(refused, options):
    typed = {"model__encoder": "VGG16", "model__weights": "imagenet", "training__weight_decay": 0.01}
    refused(2, ["weight_decay would shrink"], "show", "captioning", *options(**typed, model__fine_tune_from=2))


def test_weights_of_imagenet_without_a_network_are_missed_at_once(monkeypatch, tmp_path, refused, options):
    def unreachable(*arguments, **options):
        raise OSError

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(socket, "create_connection", unreachable)
    monkeypatch.setattr(urllib.request, "urlretrieve", lambda *arguments: pytest.fail("a download was tried"))
    place = tmp_path / "keras" / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    typed = options(model__encoder="ResNet50", model__weights="imagenet", model__fine_tune_from=None)
    words = [place, "model.weights=PATH", "no network"]
    refused(3, words, "train", "captioning", *typed, "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_weights_of_imagenet_are_found_where_keras_keeps_them(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = models_folder() / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"
    path.parent.mkdir()
    path.touch()
    assert weights_file(CaptioningModel(encoder="MobileNetV2", weights="imagenet"), 96) == path


def test_a_file_of_weights_that_is_not_there_or_another_one_is_named(mobile, tmp_path):
    missing, text, other = (tmp_path / name for name in ("missing.h5", "text.weights.h5", "other.bin"))
    text.write_text("no weights")
    shutil.copy(mobile, other)
    for path, name, said in (
        (missing, "MobileNet", "there is no file"),
        (text, "MobileNet", "does not hold the weights of keras.applications.MobileNet"),
        (mobile, "VGG16", "does not hold the weights of keras.applications.VGG16"),
        (other, "MobileNet", "does not hold the weights"),
    ):
        with pytest.raises(DataError, match=said) as refusal:
            image_encoder(CaptioningModel(encoder=name, weights=path), SIDE)
        assert str(path) in str(refusal.value)
        assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("width", [4, 8, 16])
@pytest.mark.parametrize("pooled", [True, False])
def test_residual_networks_of_any_width_can_be_trained(width, pooled):
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, residual_features(image, (width, width), 1, pooled))
    assert model.output_shape == (None, *(2 * [SIDE // (8 if pooled else 4)]), width)
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    y = random.normal(0, 1, (3, *model.output_shape[1:]))
    losses = [model.train_on_batch(random.normal(0, 1, (3, SIDE, SIDE, 3)), y) for _ in range(2)]
    assert np.isfinite(losses).all()


def test_a_residual_block_is_the_sum_of_its_shortcut_and_two_convolutions():
    """Pre-activation, He et al. 2016, figure 4 (e), against convolutions in NumPy."""
    image = keras.Input((5, 5, 2))
    model = keras.Model(image, _block(image, 3, 2))
    random = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(random.normal(0, 1, weight.shape))
    x = random.normal(0, 1, (1, 5, 5, 2)).astype("float32")
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kernels = {tuple(w.shape): w.numpy().astype(float) for w in model.trainable_weights if len(w.shape) == 4}

    def activated(v, norm):
        return np.maximum(v / np.sqrt(1 + norm.epsilon) * norm.gamma.numpy() + norm.beta.numpy(), 0)

    def convolved(v, kernel, stride):
        v, size = np.pad(v[0], ((1, 1), (1, 1), (0, 0))), 3
        places = [range(0, v.shape[0] - 2, stride), range(0, v.shape[1] - 2, stride)]
        return np.array(
            [[np.tensordot(v[i : i + size, j : j + size], kernel, 3) for j in places[1]] for i in places[0]]
        )[None]

    y = activated(x.astype(float), norms[0])
    inner = activated(convolved(y, kernels[3, 3, 2, 3], 2), norms[1])
    expected = y[:, ::2, ::2] @ kernels[1, 1, 2, 3][0, 0] + convolved(inner, kernels[3, 3, 3, 3], 1)
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)


def test_every_change_of_pictures_goes_with_the_others():
    keras.utils.set_random_seed(0)
    changes = {"flip": "both", "quarter_turns": True, "rotation": 20, "zoom": 0.1, "shift": 0.1}
    layers = augmentation(CaptioningModel(**changes, light=0.2, erase=0.5))
    place, light, erasing = layers
    assert (place.settings, light.amount, erasing.scale) == (changes, 0.2, ERASED)
    image = keras.Input((SIDE, SIDE, 3))
    x = image
    for layer in layers:
        x = layer(x)
    model = keras.Model(image, x)
    pictures = np.random.default_rng(0).uniform(-1, 1, (200, SIDE, SIDE, 3)).astype("float32")
    np.testing.assert_array_equal(model(pictures), pictures)
    changed = tf.function(lambda x: model(x, training=True), input_signature=[tf.TensorSpec((None, *image.shape[1:]))])
    found = changed(pictures).numpy()
    assert found.shape == pictures.shape
    assert np.abs(found).max() <= 1
    assert (np.abs(found - pictures).max(axis=(1, 2, 3)) > 0.1).all()
    gray = (found == 0).all(axis=-1).mean(axis=(1, 2))
    erased = gray[gray > 0]
    assert 0.35 < len(erased) / len(gray) < 0.65
    assert 0.005 < erased.min() < erased.max() < 0.2


def test_no_change_of_pictures_is_made_unasked():
    assert augmentation(CaptioningModel()) == []
