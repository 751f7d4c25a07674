"""Searches for captions beside plain ones in Python; kept files; one model with several searches."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
from caption_models import LENGTH, VOCABULARY, captioner_of, captions_of, features_of, pictures_of
from plain_consensus import expected_agreement

from keras_recurrent.pipelines.tasks.captioning.search import (
    SEARCH,
    Search,
    searching_otherwise,
    single_steps,
)
from keras_recurrent.pipelines.tasks.captioning.words import UNKNOWN

DATA = Path(__file__).parents[2] / "data"
BEAM = Search(width=3, length_penalty=0.7)
CONSENSUS = Search(width=4, consensus=True)


def log_softmax(logits):
    logits = np.float64(logits)
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


class Beginning:
    """The first words of one caption, and how a decoder goes on after them."""

    def __init__(self, decoder, states, memory, words=(), score=0.0):
        self.decoder, self.states, self.memory, self.words, self.score = decoder, states, memory, words, score

    def ended(self):
        return self.words[-1:] == (0,)

    def continued(self):
        """Every beginning that is one word longer; one that has ended stays as it is."""
        if self.ended():
            return [self]
        last = np.array(self.words[-1:] or (0,), "int32")
        logits, states = self.decoder.step(last, self.states, self.memory)
        logits = np.where(np.arange(VOCABULARY) == UNKNOWN, -1e9, logits)
        return [
            Beginning(self.decoder, states, self.memory, (*self.words, word), self.score + gained)
            for word, gained in enumerate(log_softmax(logits[0]))
        ]

    def row(self):
        return [*self.words, *[0] * (LENGTH - len(self.words))]


def plain_search(model, picture, search):
    """Tokens `[width, length]` and scores `[width]` of one picture; greedy is a beam of one."""
    features = model.layers[1](picture[None])
    decoder = model.get_layer(SEARCH).decoder
    kept = [Beginning(decoder, *decoder.begin(features))]
    for _ in range(LENGTH):
        longer = itertools.chain.from_iterable(each.continued() for each in kept)
        kept = sorted(longer, key=lambda each: -each.score)[: search.width]
    final = {each: each.score / len(each.words) ** search.length_penalty for each in kept}
    if search.consensus:
        agreed = expected_agreement(
            [[word for word in each.words if word] for each in kept], [each.score for each in kept]
        )
        final = dict(zip(kept, agreed, strict=True))
    best = sorted(final, key=lambda each: -final[each])
    return np.array([each.row() for each in best]), np.array([final[each] for each in best])


@pytest.mark.parametrize("changes", [{}, {"attention": None, "cell": "keras.gru", "tied": False}])
@pytest.mark.parametrize("search", [Search(), Search(width=3), BEAM, CONSENSUS])
def test_a_search_finds_what_a_plain_one_finds(search, changes):
    model, pictures = captioner_of(search, **changes), pictures_of(3)
    found = model(pictures)
    assert found["tokens"].dtype == "int32"
    shape = (3, search.width, LENGTH) if search.width > 1 else (3, LENGTH)
    assert found["tokens"].shape == shape == (3, *model.output["tokens"].shape[1:])
    assert found["scores"].shape == shape[:-1] == (3, *model.output["scores"].shape[1:])
    for row, picture in enumerate(pictures):
        tokens, scores = plain_search(model, picture, search)
        np.testing.assert_array_equal(np.reshape(found["tokens"][row], tokens.shape), tokens)
        np.testing.assert_allclose(np.reshape(found["scores"][row], scores.shape), scores, atol=1e-4)


@pytest.mark.parametrize("search", [Search(), BEAM])
def test_pictures_are_captioned_one_by_one_as_together(search):
    model, pictures = captioner_of(search), pictures_of(5)
    together = model.predict(pictures, verbose=0)
    assert len({row.tobytes() for row in together["tokens"]}) > 1
    for row in range(5):
        alone = model(pictures[row : row + 1])
        np.testing.assert_array_equal(together["tokens"][row], alone["tokens"][0])
        np.testing.assert_allclose(together["scores"][row], alone["scores"][0], atol=1e-5)


def biased(search, token):
    """A captioner that would name one token nearly always."""
    model = captioner_of(search)
    model.get_layer(SEARCH).decoder.bias.assign(40.0 * np.eye(VOCABULARY)[token])
    return model


@pytest.mark.parametrize(
    "search", [Search(), Search(width=8), Search(temperature=3.0)], ids=["greedy", "beam", "drawn"]
)
def test_the_unknown_word_is_never_an_answer(search):
    found = biased(search, 1)(pictures_of(20))
    assert not (np.asarray(found["tokens"]) == 1).any()
    assert (np.asarray(found["scores"]) > -1e8).all()
    assert len(np.unique(found["tokens"])) > 2


@pytest.mark.parametrize("search", [Search(), BEAM])
def test_a_caption_may_be_empty(search):
    tokens = np.asarray(biased(search, 0)(pictures_of(2))["tokens"]).reshape(2, -1, LENGTH)
    np.testing.assert_array_equal(tokens[:, 0], 0)


def test_drawn_captions_are_repeated_by_their_seed():
    pictures = pictures_of(12)
    model = captioner_of(Search(temperature=2.0))
    first = np.asarray(model(pictures)["tokens"])
    np.testing.assert_array_equal(model(pictures)["tokens"], first)
    other = searching_otherwise(model, Search(temperature=2.0, seed=1))
    assert (np.asarray(other(pictures)["tokens"]) != first).any()
    greedy = np.asarray(searching_otherwise(model, Search())(pictures)["tokens"])
    assert (first != greedy).any()
    cold = searching_otherwise(model, Search(temperature=0.001))
    narrow = searching_otherwise(model, Search(temperature=2.0, nucleus=0.001))
    np.testing.assert_array_equal(cold(pictures)["tokens"], greedy)
    np.testing.assert_array_equal(narrow(pictures)["tokens"], greedy)


def test_another_search_has_the_same_weights():
    model, pictures = captioner_of(BEAM), pictures_of(3)
    greedy = searching_otherwise(model, Search())
    assert [id(weight) for weight in greedy.weights] == [id(weight) for weight in model.weights]
    before = np.asarray(greedy(pictures)["scores"])
    model.get_layer(SEARCH).decoder.bias.assign(np.linspace(-1, 1, VOCABULARY))
    assert np.abs(greedy(pictures)["scores"] - before).max() > 1e-3


@pytest.mark.parametrize("search", [BEAM, CONSENSUS, Search(temperature=2.0, nucleus=0.9, seed=3)])
def test_a_kept_captioner_is_the_same(search, tmp_path):
    model, pictures = captioner_of(search, cell="keras.gru"), pictures_of(3)
    model.save(tmp_path / "model.keras")
    kept = keras.models.load_model(tmp_path / "model.keras")
    assert kept.get_layer(SEARCH).search == search
    for name, expected in model(pictures).items():
        np.testing.assert_array_equal(kept(pictures)[name], expected)
    greedy = searching_otherwise(kept, Search())(pictures)
    np.testing.assert_array_equal(greedy["tokens"], searching_otherwise(model, Search())(pictures)["tokens"])


@pytest.mark.parametrize("name", ["attention", "plain"])
def test_a_captioner_that_was_kept_before_time_was_a_loop_answers_as_it_did(name):
    """Files and answers of the code that unrolled time: an LSTM with attention, and a GRU of Keras without."""
    model, answers = keras.models.load_model(DATA / f"captioner_{name}.keras"), np.load(DATA / "captioner_answers.npz")
    found = model(pictures_of(3))
    np.testing.assert_array_equal(found["tokens"], answers[f"{name}_tokens"])
    np.testing.assert_allclose(found["scores"], answers[f"{name}_scores"], atol=1e-5)
    logits = model.get_layer(SEARCH).decoder(features_of(3), captions_of(3, 2, 4))
    np.testing.assert_allclose(logits, answers[f"{name}_logits"], atol=2e-5)


@pytest.mark.parametrize("attention", [3, None])
def test_single_steps_follow_a_caption(attention):
    model, pictures = captioner_of(attention=attention), pictures_of(4)
    encode, step = single_steps(model)
    known, ended, last, words = encode([pictures]), False, keras.ops.zeros(4, "int32"), []
    for _ in range(LENGTH):
        logits, *states = step([last, *known])
        known = [*states, *known[len(states) :]]
        last = keras.ops.where(ended, 0, keras.ops.argmax(logits, axis=-1))
        ended = last == 0
        words.append(last)
    np.testing.assert_array_equal(np.stack(words, axis=1), model(pictures)["tokens"])


def test_how_a_search_is_kept_cannot_change_it():
    layer = captioner_of(BEAM).get_layer(SEARCH)
    layer.get_config()["search"]["width"] = 7
    assert layer.search == Search(width=3, length_penalty=0.7)
