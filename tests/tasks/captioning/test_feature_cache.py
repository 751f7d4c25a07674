"""Features that are computed once and kept: what is in the file, when it is made anew, and a training that reads it."""

import io
import os
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from keras_recurrent.pipelines.captioning import load
from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.core.errors import DataError, PipelineError
from keras_recurrent.pipelines.sources.picture_files import InMemory, survey
from keras_recurrent.pipelines.stages.data import evaluation_batches
from keras_recurrent.pipelines.tasks.captioning import applications
from keras_recurrent.pipelines.tasks.captioning import image_encoder as encoders
from keras_recurrent.pipelines.tasks.captioning.config import CaptioningConfig, CaptioningData, CaptioningModel
from keras_recurrent.pipelines.tasks.captioning.examples import CaptionedPictures
from keras_recurrent.pipelines.tasks.captioning.feature_cache import FeatureCache, default_folder

SIDE, COUNT = 32, 5


def random_weights(path, application="MobileNet", side=SIDE):
    """A file of weights whose statistics are those of noise: with others the features vanish from layer to layer."""
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, application)(include_top=False, weights=None, input_shape=(side, side, 3))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(np.random.default_rng(0).uniform(-1, 1, (16, side, side, 3)).astype(np.float32), training=True)
    network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return random_weights(tmp_path_factory.mktemp("weights") / "one.weights.h5")


def frozen(weights):
    return CaptioningModel(encoder="MobileNet", weights=weights, fine_tune_from=None)


@pytest.fixture
def split(weights, tmp_path):
    """Pictures of noise, with a cache."""
    random = np.random.default_rng(0)
    contents = []
    for _ in range(COUNT):
        stream = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)).save(stream, "PNG")
        contents.append(stream.getvalue())
    pictures = InMemory(tuple(f"{number}.png" for number in range(COUNT)), tuple(contents))
    tokens = random.integers(0, 9, (COUNT, 2, 4)).astype(np.int32)
    cache = FeatureCache(tmp_path / "cache", frozen(weights), SIDE)
    words = ((("a", "word"),),) * COUNT
    digests = survey(pictures).digests
    return CaptionedPictures(
        pictures, np.arange(COUNT), tokens, words, (("a word",),) * COUNT, (SIDE, SIDE), digests, cache
    )


@pytest.fixture
def small(monkeypatch):
    """A small encoder in the place of a large one; the list tells how often it was made."""
    made = []

    def encoder(model, side):
        made.append(side)
        keras.utils.set_random_seed(0)
        image = keras.Input((side, side, 3), dtype="uint8")
        x = keras.layers.Rescaling(1 / 255, dtype="float32")(image)
        return keras.Model(image, keras.layers.Conv2D(6, 8, 8)(x))

    monkeypatch.setattr(encoders, "image_encoder", encoder)
    return made


def test_features_are_those_of_the_encoder(split, weights):
    kept = split.preprocessed(None)
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    network.load_weights(weights)
    expected = network(split.pixels() / np.float32(127.5) - 1, training=False).numpy()
    assert isinstance(kept.inputs, np.memmap)
    assert kept.inputs.dtype == np.float16
    assert 0.5 < expected.std() < 5
    np.testing.assert_allclose(kept.inputs, expected, rtol=2**-10, atol=1e-4)


def test_features_are_computed_once_and_read_by_their_rows(split, small):
    kept, again = split.preprocessed(None), split.preprocessed(None)
    np.testing.assert_array_equal(again.inputs, kept.inputs)
    assert len(small) == 1
    (batch, labels), *_ = evaluation_batches(again[np.array([3, 1])])
    np.testing.assert_array_equal(batch["features"], kept.inputs[[3, 1]].astype(np.float32))
    np.testing.assert_array_equal(batch["tokens"], split.tokens[[3, 1]])
    np.testing.assert_array_equal(labels, split.tokens[[3, 1]])


def test_a_damaged_file_is_made_anew(split, small):
    split.preprocessed(None)
    (file,) = split.cache.folder.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-100], b"", b"no features", whole.replace(b"<f2", b"<i2")):
        file.write_bytes(damaged)
        split.preprocessed(None)
        assert file.read_bytes() == whole
    assert len(small) == 5
    assert list(split.cache.folder.iterdir()) == [file]


def test_what_a_killed_run_left_is_removed_and_what_another_writes_is_not(split, small):
    path = split.cache.path(split.digests)
    path.parent.mkdir()
    left, writing, foreign = (
        path.with_name(name)
        for name in (f".partial.{path.stem}.a.npy", f".partial.{path.stem}.b.npy", ".partial.a.npy")
    )
    for file in (left, writing, foreign):
        file.touch()
    for file in (left, foreign):
        os.utime(file, (0, 0))
    split.preprocessed(None)
    assert set(path.parent.iterdir()) == {path, writing, foreign}


def test_the_file_depends_on_pictures_side_and_weights(split, weights, tmp_path):
    other = tmp_path / "other.weights.h5"
    other.write_bytes(weights.read_bytes() + b" ")
    cache, digests = split.cache, split.digests
    paths = {
        cache.path(digests),
        cache.path(digests[::-1]),
        cache.path(digests[:-1]),
        FeatureCache(cache.folder, frozen(weights), 2 * SIDE).path(digests),
        FeatureCache(cache.folder, frozen(other), SIDE).path(digests),
        FeatureCache(cache.folder, frozen(weights).model_copy(update={"encoder": "VGG16"}), SIDE).path(digests),
    }
    assert len(paths) == 6
    moved = tmp_path / "moved.weights.h5"
    moved.write_bytes(weights.read_bytes())
    assert FeatureCache(cache.folder, frozen(moved), SIDE).path(digests) == cache.path(digests)


def test_features_that_are_no_numbers_are_refused_and_not_kept(split, monkeypatch):
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    large = keras.Model(image, keras.layers.Rescaling(1e5, dtype="float32")(image))
    monkeypatch.setattr(encoders, "image_encoder", lambda model, side: large)
    with pytest.raises(DataError, match="no numbers up to 65,504"):
        split.preprocessed(None)
    assert not list(split.cache.folder.iterdir())


def test_a_folder_that_cannot_be_is_named(split, small, tmp_path):
    (tmp_path / "file").touch()
    elsewhere = replace(split, cache=replace(split.cache, folder=tmp_path / "file" / "cache"))
    with pytest.raises(PipelineError, match=r"can't write .*file.*data\.cache=DIR"):
        elsewhere.preprocessed(None)


def test_features_are_in_the_cache_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "keras_recurrent" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "keras_recurrent" / "features"


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"encoder": "residual", "weights": "none", "fine_tune_from": 0}, False),
        ({"fine_tune_from": 0}, False),
        ({"flip": "horizontal"}, False),
        ({"quarter_turns": True}, False),
        ({"zoom": 0.1}, False),
        ({"light": 0.1}, False),
        ({"erase": 0.1}, False),
    ],
)
def test_features_are_kept_where_they_never_change(changes, kept):
    model = CaptioningModel(**{"encoder": "VGG16", "weights": "imagenet", "fine_tune_from": None} | changes)
    assert applications.is_kept(model) == kept


def test_training_reads_features_and_the_proof_of_the_exported_files_pixels(weights, tmp_path, small):
    data = CaptioningData(count=100, side=SIDE, cache=tmp_path / "cache")
    loaded = load(CaptioningConfig(pipeline="captioning", preset="sample", data=data, model=frozen(weights)))
    for split in (loaded.train, loaded.validation):
        assert split.preprocessed(None).inputs.shape == (len(split), 4, 4, 6)
    proven = loaded.test.preprocessed(None).inputs
    np.testing.assert_array_equal(proven, loaded.test.pixels())
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.slow
def test_a_training_on_kept_features_is_one_on_pictures(cli, options, tmp_path, monkeypatch):
    path = random_weights(tmp_path / "random.weights.h5", "MobileNetV2", 64)
    typed = options(
        data__count=100,
        data__cache=tmp_path / "cache",
        training__epochs=2,
        model__encoder="MobileNetV2",
        model__weights=path,
        model__fine_tune_from=None,
        model__shift=0,
        model__units=16,
        training__precision="float32",
    )

    def train(name):
        result = cli("train", "captioning", *typed, "--output", tmp_path, "--name", name)
        assert result.exit_code == 0, result.stderr
        history = pd.read_csv(tmp_path / "captioning" / name / "history.csv").drop(columns="seconds")
        return history, result.stderr

    first, said = train("first")
    assert "the features of 83 pictures are computed once" in said
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    assert len(files) == 2
    again, _ = train("again")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()} == files
    pd.testing.assert_frame_equal(first, again)
    monkeypatch.setattr(applications, "is_kept", lambda model: False)
    monkeypatch.setattr("keras_recurrent.pipelines.tasks.captioning.model.is_kept", lambda model: False)
    on_pictures, _ = train("on_pictures")
    named = [name for name in first if name != "val_cider_d"]  # one word that is written otherwise is a jump
    pd.testing.assert_frame_equal(first[named], on_pictures[named], rtol=2e-3)
    models = [
        keras.saving.load_model(tmp_path / "captioning" / name / "model.keras") for name in ("first", "on_pictures")
    ]
    assert models[0].count_params() == models[1].count_params()


@pytest.mark.slow
def test_a_run_with_a_frozen_encoder_is_exported_and_proven(run_once, options, tmp_path):
    typed = options(
        data__count=200,
        data__side=SIDE,
        data__cache=tmp_path / "cache",
        training__epochs=1,
        model__encoder="MobileNet",
        model__weights=random_weights(tmp_path / "random.weights.h5"),
        model__fine_tune_from=None,
        model__shift=0,
        model__units=16,
        model__beam=1,
        evaluation__bootstrap=20,
        export__quantization=[],
    )
    done = run_once("frozen_encoder", "captioning", *typed)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    encoder = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    assert runs.open(done.path).model.count_params() > encoder.count_params()
    file = done.path / "export" / "model.tflite"
    assert file.stat().st_size > 4 * encoder.count_params()
    pixels = np.random.default_rng(0).integers(0, 256, (9, SIDE, SIDE, 3)).astype(np.uint8)
    decode = Interpreter(str(file)).get_signature_runner("decode")
    scores = decode(image=pixels)["scores"]
    assert np.ptp(scores) > 1e-3  # what is proven depends on the picture
    for size in (1, 7, 2, 9):
        np.testing.assert_allclose(decode(image=pixels[:size])["scores"], scores[:size], atol=1e-4)
