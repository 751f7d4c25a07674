"""What sets the writing of captions apart: its loss, what is scored, features and views, and the whole judgement."""

import io
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from caption_models import BOUNDED, LENGTH, SIDE, VOCABULARY, WORDS, captioner_of, captions_of, pictures_of
from PIL import Image

from keras_recurrent.pipelines.captioning import PIPELINE, CaptioningConfig
from keras_recurrent.pipelines.runtime.vocabulary import Vocabulary
from keras_recurrent.pipelines.sequences import agreement
from keras_recurrent.pipelines.sources.picture_files import InMemory
from keras_recurrent.pipelines.stages.preprocessing import with_preprocessor
from keras_recurrent.pipelines.tasks.captioning import words
from keras_recurrent.pipelines.tasks.captioning.answers import answers
from keras_recurrent.pipelines.tasks.captioning.examples import CaptionData, CaptionedPictures
from keras_recurrent.pipelines.tasks.captioning.image_encoder import ENCODER
from keras_recurrent.pipelines.tasks.captioning.picture_decoding import DecodePictures
from keras_recurrent.pipelines.tasks.captioning.picture_features import features, views
from keras_recurrent.pipelines.tasks.captioning.search import SEARCH, Search, searching_otherwise
from keras_recurrent.pipelines.tasks.captioning.task import (
    GREEDY,
    accuracy,
    compiled,
    in_words,
    judge,
    nearest_pictures,
    otherwise,
    tables,
    written,
)

BEAM = Search(width=3, length_penalty=0.7)


def config_of(**sections):
    return CaptioningConfig(pipeline="captioning", preset="sample", **sections)


# Loss and metric


def tokens_and_logits():
    tokens = captions_of(3, 2, 4)
    tokens[0, 1, 1:], tokens[1, 1], tokens[2] = 0, 0, 0
    logits = np.random.default_rng(0).normal(0, 2, (*tokens.shape, VOCABULARY)).astype("float32")
    logits[0, 0, 1, tokens[0, 0, 1]] = logits[0, 1, 1, 0] = logits[1, 0, 2, tokens[1, 0, 2]] = 20
    logits[0, 1, 2:, 0] = logits[1, 1, :, 0] = 30  # right, where nothing is asked
    return tokens, logits


def asked(tokens):
    """The places that count, picture by picture: every word, and the bound after the last one."""
    for picture in tokens:
        places = [(row, t) for row, caption in enumerate(picture) for t in range(np.count_nonzero(caption) + 1)]
        yield [(row, t) for row, t in places if t < picture.shape[1] and picture[row].any()]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_the_cross_entropy_of_words_and_bounds(smoothing):
    tokens, logits = tokens_and_logits()
    expected = []
    for picture, named, places in zip(tokens, np.float64(logits), asked(tokens), strict=True):
        total = 0.0
        for row, t in places:
            probabilities = np.exp(named[row, t]) / np.exp(named[row, t]).sum()
            wanted = (1 - smoothing) * np.eye(VOCABULARY)[picture[row, t]] + smoothing / VOCABULARY
            total -= np.sum(wanted * np.log(probabilities))
        expected.append(total / max(1, len(places)))
    loss = compiled(config_of(training={"label_smoothing": smoothing}))["loss"]
    np.testing.assert_allclose(loss(tf.constant(tokens), tf.constant(logits)), expected, rtol=1e-5)
    assert expected[2] == 0


def test_the_accuracy_is_the_share_of_words_and_bounds():
    tokens, logits = tokens_and_logits()
    expected = [
        sum(logits[i][place].argmax() == tokens[i][place] for place in places) / max(1, len(places))
        for i, places in enumerate(asked(tokens))
    ]
    assert 0 < expected[0] < 1
    np.testing.assert_allclose(accuracy(tf.constant(tokens), tf.constant(logits)), expected, rtol=1e-6)


# Tokens as words


def test_the_best_caption_is_what_is_scored():
    data = SimpleNamespace(vocabulary=BOUNDED)
    tokens = np.array([[[2, 3, 0, 0], [4, 0, 0, 0]], [[0, 0, 0, 0], [5, 0, 0, 0]]])
    assert written(data, "word", {"tokens": tokens}) == [["a", "boat"], []]
    assert written(data, "word", {"tokens": tokens[:, 1]}) == [["two"], ["moored"]]
    letters = SimpleNamespace(vocabulary=Vocabulary(("", "[UNK]", "a", " ", "b", "."), "character"))
    tokens = np.array([[2, 4, 3, 4, 2, 5], [0, 0, 0, 0, 0, 0]])
    assert written(letters, "character", {"tokens": tokens}) == [["ab", "ba"], []]
    assert written(data, "word", [["kept"]]) == [["kept"]]


def test_the_saved_model_writes_the_same_lines():
    tokens = np.array([[[2, 6, 0, 0], [0, 0, 0, 0]], [[7, 2, 8, 3], [5, 0, 0, 0]]], "int32")
    found = in_words(BOUNDED)({"tokens": tf.constant(tokens), "scores": tf.zeros((2, 2))})
    assert set(found) == {"tokens", "scores", "captions"}
    expected = [["a é", ""], ["on a sea boat", "moored"]]
    assert [[line.decode() for line in beam] for beam in found["captions"].numpy()] == expected


# A whole run, as far as it is judged


def split_of(count, seed):
    contents = []
    for pixels in pictures_of(count, seed):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        contents.append(stream.getvalue())
    pictures = InMemory(tuple(f"{seed}_{row}.png" for row in range(count)), tuple(contents))
    random = np.random.default_rng(seed)
    found = [[list(random.choice(WORDS[2:], random.integers(2, 6))) for _ in range(2)] for _ in range(count)]
    return CaptionedPictures(
        pictures,
        np.arange(count),
        words.to_array(found, BOUNDED, 2, LENGTH - 1),
        tuple(tuple(tuple(caption) for caption in of_picture) for of_picture in found),
        tuple(tuple(" ".join(caption) for caption in of_picture) for of_picture in found),
        (SIDE, SIDE),
    )


@pytest.fixture(scope="module")
def data():
    """Fixture: splits of noise with captions by chance."""
    return CaptionData(split_of(9, 1), split_of(4, 2), split_of(7, 3), WORDS, notes=(), kind="json", vocabulary=BOUNDED)


def run_of(config, **changes):
    """What a run is to those that judge it: a model of encoded pictures, that knows nothing."""
    contents = keras.Input((), dtype="string", name="pictures")
    front = keras.Model(contents, DecodePictures((SIDE, SIDE), name="pixels")(contents))
    model = with_preprocessor(captioner_of(BEAM, **changes), front)
    return SimpleNamespace(model=model, config=config, pipeline=PIPELINE, primary="cider_d", names=WORDS)


@pytest.fixture(scope="module")
def run():
    """Fixture: a run whose model attends."""
    return run_of(config_of(evaluation={"bootstrap": 10, "shown": 2}))


def halves_of(run):
    inner = run.model.layers[-1]
    return inner.get_layer(ENCODER), inner


def test_answers_for_encoded_pictures_are_those_for_their_pixels(run, data):
    _, inner = halves_of(run)
    expected = inner(data.test.pixels())
    found = answers(run.model, data.test.inputs)
    for name in ("tokens", "scores"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
    assert {name: (each.shape, each.dtype) for name, each in answers(run.model, data.test.inputs[:0]).items()} == {
        "tokens": ((0, 3, LENGTH), np.int32),
        "scores": ((0, 3), np.float32),
    }


def test_many_encoded_pictures_are_answered_in_parts(run, data, monkeypatch):
    from keras_recurrent.pipelines.tasks.captioning import picture_decoding

    expected = answers(run.model, data.test.inputs)
    sizes, predict = [], run.model.predict_on_batch
    monkeypatch.setattr(picture_decoding, "PIXELS", 3 * SIDE * SIDE)
    monkeypatch.setattr(run.model, "predict_on_batch", lambda part: sizes.append(len(part)) or predict(part))
    found = answers(run.model, data.test.inputs)
    assert sizes == [3, 3, 1]
    np.testing.assert_array_equal(found["tokens"], expected["tokens"])


def test_features_are_means_over_the_places(run, data):
    encoder, _ = halves_of(run)
    expected = np.asarray(encoder(data.train.pixels()), "float64").mean(axis=(1, 2))
    np.testing.assert_allclose(features(run.model, data.train), expected, atol=1e-6)


def test_a_near_picture_lends_its_caption(run, data):
    of_train, of_test = (features(run.model, split) for split in (data.train, data.test))
    for row, caption in enumerate(nearest_pictures(run, data)):
        cosines = of_train @ of_test[row] / np.linalg.norm(of_train, axis=1) / np.linalg.norm(of_test[row])
        assert tuple(caption) in data.train.references[cosines.argmax()]


def test_views_need_an_attention(run, data):
    images, tokens = data.test.pixels(), data.test.tokens[:, 0]
    seen = views(run.model, images, tokens)
    assert seen.shape == (7, LENGTH, 2, 2)
    np.testing.assert_allclose(seen.sum(axis=(2, 3)), 1, atol=1e-6)
    assert views(run_of(run.config, attention=None).model, images, tokens) is None


def test_a_judgement_tells_scores_beside_those_of_other_captions(run, data):
    _, inner = halves_of(run)
    beside = {"most_frequent": [["a", "boat"]] * 7}
    findings = judge(run, data, answers(run.model, data.test.inputs), beside)
    found = findings.details

    def scored(model):
        tokens = np.asarray(model(data.test.pixels())["tokens"])
        captions = [BOUNDED.named(row) for row in (tokens[:, 0] if tokens.ndim == 3 else tokens)]
        return agreement.scores(captions, data.test.references)

    assert found["test"] == pytest.approx(scored(inner))
    assert found["greedy"] == pytest.approx(scored(searching_otherwise(inner, GREEDY)))
    assert inner.get_layer(SEARCH).search == BEAM
    assert found["baselines"]["most_frequent"] == agreement.scores(beside["most_frequent"], data.test.references)
    assert set(found["baselines"]) == set(found["comparisons"]) == {"most_frequent", "nearest_picture"}
    best = max(each["cider_d"] for each in found["baselines"].values())
    assert found["beats_baselines"] == (found["test"]["cider_d"] > best)
    difference = found["test"]["cider_d"] - found["baselines"]["most_frequent"]["cider_d"]
    assert found["comparisons"]["most_frequent"]["difference"] == pytest.approx(difference)
    assert len(findings.predictions) == 7
    assert set(findings.pages) == {"captions"}
    text = tables(found)
    assert "nearest picture" in text
    assert f"cider_d {found['greedy']['cider_d']:.4f}" in text
    drawn = otherwise(run, Search(temperature=1.5, seed=4), data.test.inputs)
    assert drawn["tokens"].shape == (7, LENGTH)
