"""Searches with a decoder that is no caption's: beside every sequence there is, in a kept model, and in a file."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from plain_consensus import expected_agreement

from keras_recurrent.layers import MGU
from keras_recurrent.pipelines.export import check_export, export_decoder
from keras_recurrent.pipelines.sequences.decoder import over_time
from keras_recurrent.pipelines.sequences.search import Search, SequenceSearch, single_steps

KINDS, PADDING, START, END, LENGTH, UNITS = 6, 0, 1, 2, 3, 7
FORBIDDEN = (PADDING, START)
WORDS = (3, 4, 5)
SEQUENCES = [
    (*words, *[END] * (LENGTH - count))
    for count in range(LENGTH + 1)
    for words in itertools.product(WORDS, repeat=count)
]
"""Every sequence that a search may find."""


@keras.saving.register_keras_serializable("tests")
class Translator(keras.layers.Layer):
    """A decoder with attention by dot products (Luong et al. 2015, arXiv 1508.04025)."""

    def __init__(self, **options):
        super().__init__(**options)
        self.embedding, self.cell = keras.layers.Embedding(KINDS, 4), MGU(UNITS).cell
        self.to_logits = keras.layers.Dense(KINDS)

    def build(self, inputs_shape, tokens_shape):
        self.embedding.build((None,))
        self.cell.build((None, 4))
        self.to_logits.build((None, 2 * UNITS))

    def begin(self, inputs):
        read, last = inputs
        return [last], [read]

    def step(self, tokens, states, memory):
        (h, c), states = self.advance(self.embedding(tokens), states, memory)
        return self.to_logits(ops.concatenate([h, c], axis=-1)), states

    def advance(self, x, states, memory):
        h, states = self.cell(x, states)
        alpha = ops.softmax(ops.einsum("ru,rtu->rt", h, memory[0]))
        return [h, ops.einsum("rt,rtu->ru", alpha, memory[0])], states

    def call(self, inputs, tokens):
        """Logits of each token from those before, all time steps in one loop."""
        states, memory = self.begin(inputs)
        before = ops.pad(tokens[:, :-1], [[0, 0], [1, 0]], constant_values=START)
        outputs, _ = over_time(
            lambda x, states: self.advance(x, states, memory), self.embedding(before), states, [UNITS, UNITS]
        )
        return self.to_logits(ops.concatenate(outputs, axis=-1))


def randomised(layer, seed, scale):
    random = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(random.normal(0, scale, variable.shape))


@pytest.fixture(scope="module")
def parts():
    """Fixture: `(encoder, decoder)`, with random weights."""
    source = keras.Input((None,), dtype="int32", name="source")
    read = keras.layers.GRU(UNITS, return_sequences=True, return_state=True)(keras.layers.Embedding(9, 5)(source))
    encoder, decoder = keras.Model(source, list(read)), Translator(name="decoder")
    decoder.build([(None, None, UNITS), (None, UNITS)], (None, None))
    randomised(encoder, 0, 1.0)
    randomised(decoder, 1, 0.9)
    return encoder, decoder


@pytest.fixture(scope="module")
def sources():
    """Fixture: what is decoded, `[4, 5]`."""
    return np.random.default_rng(2).integers(0, 9, (4, 5)).astype("int32")


def searcher(parts, length=LENGTH, **search):
    """A model from sources to what a search finds."""
    encoder, decoder = parts
    found = SequenceSearch(decoder, length, search, START, END, FORBIDDEN, name="search")(encoder.outputs)
    return keras.Model(encoder.input, found)


def log_probabilities(parts, source):
    """Of each sequence, given one source, in float64: the forbidden tokens have none, nor has what follows an end."""
    encoder, decoder = parts
    rows = np.repeat(source[None], len(SEQUENCES), axis=0)
    logits = np.float64(decoder(encoder(rows), np.array(SEQUENCES)))
    logits[..., FORBIDDEN] = -np.inf
    logp = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    found = [
        sum(of_token[time, token] for time, token in enumerate(sequence[: words_in(sequence) + 1]))
        for sequence, of_token in zip(SEQUENCES, logp, strict=True)
    ]
    assert np.exp(found).sum() == pytest.approx(1)
    return np.array(found)


def words_in(sequence):
    return sum(token != END for token in sequence)


def ranked(values):
    """Sequences and their values, the best first."""
    order = np.argsort(-np.asarray(values))
    return [SEQUENCES[place] for place in order], np.asarray(values)[order]


def test_step_by_step_is_the_same_as_a_whole_sequence(parts, sources):
    encoder, decoder = parts
    inputs, tokens = encoder(sources), np.random.default_rng(3).integers(0, KINDS, (4, 6)).astype("int32")
    (states, memory), logits = decoder.begin(inputs), []
    for before in np.pad(tokens[:, :-1], [(0, 0), (1, 0)], constant_values=START).T:
        found, states = decoder.step(before, states, memory)
        logits.append(found)
    np.testing.assert_allclose(np.stack(logits, axis=1), decoder(inputs, tokens), atol=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_that_is_wide_enough_finds_all_sequences_in_their_order(penalty, parts, sources):
    found = searcher(parts, width=len(SEQUENCES), length_penalty=penalty)(sources)
    for source, tokens, scores in zip(sources, found["tokens"], found["scores"], strict=True):
        lengths = np.array([min(words_in(sequence) + 1, LENGTH) for sequence in SEQUENCES])
        expected, of_expected = ranked(log_probabilities(parts, source) / lengths**penalty)
        np.testing.assert_array_equal(tokens, expected)
        np.testing.assert_allclose(scores, of_expected, atol=1e-5)


def test_a_consensus_of_all_sequences_is_the_one_of_the_least_expected_loss(parts, sources):
    found = searcher(parts, width=len(SEQUENCES), consensus=True)(sources)
    texts = [sequence[: words_in(sequence)] for sequence in SEQUENCES]
    for source, tokens, scores in zip(sources, found["tokens"], found["scores"], strict=True):
        expected, agreed = ranked(expected_agreement(texts, log_probabilities(parts, source)))
        np.testing.assert_array_equal(tokens[0], expected[0])
        np.testing.assert_allclose(scores, agreed, atol=1e-5)


def test_a_greedy_search_takes_the_likeliest_token_each_time(parts, sources):
    found, ends = searcher(parts)(sources), set()
    for source, tokens, score in zip(sources, found["tokens"], found["scores"], strict=True):
        likely = np.exp(log_probabilities(parts, source))
        taken = ()
        while len(taken) < LENGTH and taken[-1:] != (END,):
            of_next = dict.fromkeys((END, *WORDS), 0.0)
            for sequence, probability in zip(SEQUENCES, likely, strict=True):
                if sequence[: len(taken)] == taken:
                    of_next[sequence[len(taken)]] += probability
            taken += (max(of_next, key=of_next.get),)
        expected = (*taken, *[END] * (LENGTH - len(taken)))
        assert tuple(np.asarray(tokens)) == expected
        assert np.exp(score) == pytest.approx(likely[SEQUENCES.index(expected)], rel=1e-4)
        ends.add(expected)
    assert len(ends) > 1


def test_draws_are_as_frequent_as_they_are_likely(parts, sources):
    count = 4000
    found = searcher(parts, temperature=1.0, seed=5)(np.repeat(sources[:1], count, axis=0))
    exact = dict(zip(SEQUENCES, log_probabilities(parts, sources[0]), strict=True))
    drawn = [tuple(row) for row in np.asarray(found["tokens"]).tolist()]
    np.testing.assert_allclose(found["scores"], [exact[row] for row in drawn], atol=1e-4)
    for sequence, logarithm in exact.items():
        likely = np.exp(logarithm)
        assert abs(drawn.count(sequence) / count - likely) < 4.5 * np.sqrt(likely / count)


@pytest.mark.parametrize("search", [{}, {"width": 4, "length_penalty": 0.5}, {"temperature": 2.0, "seed": 3}])
def test_a_kept_search_is_the_same(search, parts, sources, tmp_path):
    model = searcher(parts, **search)
    model.save(tmp_path / "model.keras")
    kept = keras.models.load_model(tmp_path / "model.keras")
    again = kept.get_layer("search")
    assert (again.length, again.search, again.start, again.end) == (LENGTH, Search(**search), START, END)
    assert again.forbidden == FORBIDDEN
    for name, expected in model(sources).items():
        np.testing.assert_array_equal(kept(sources)[name], expected)


@pytest.mark.parametrize("search", [{"width": 3, "length_penalty": 1.0}, {"width": 5, "consensus": True}])
def test_an_exported_search_finds_the_same_tokens(search, parts, tmp_path):
    length = 8
    sources = np.random.default_rng(6).integers(0, 9, (40, 5)).astype("int32")
    model = searcher(parts, length, **search)
    encode, step = single_steps(model.get_layer("search"), parts[0].inputs, parts[0].outputs)
    export_decoder(encode, step, tmp_path / "model.tflite", START, END, length, **search)
    greedy = searcher(parts, length).predict(sources, verbose=0)
    expected = model.predict(sources, verbose=0) | {f"greedy_{name}": value for name, value in greedy.items()}
    assert (expected["tokens"][:, 0] != expected["greedy_tokens"]).any()
    assert len(np.unique(expected["tokens"][:, 0], axis=0)) > 5
    proof = check_export(
        {"tflite": tmp_path / "model.tflite"},
        sources,
        expected,
        None,
        signatures={"tflite": ("decode", "greedy")},
        classes=False,
        primary="none",
    )["artifacts"]["tflite"]
    assert proof["passed"], proof
    assert proof["ties"] == 0
