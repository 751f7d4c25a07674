"""The agreement of sequences in the graph, beside plain counting."""

import numpy as np
import plain_consensus as plain
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_recurrent.pipelines.export import decoding
from keras_recurrent.pipelines.export.consensus import agreement, expected_agreement

END, LENGTH = 9, 7
SEQUENCES = st.lists(st.lists(st.integers(0, 2), max_size=LENGTH), min_size=1, max_size=4)


def filled(sequences):
    return tf.constant([[*tokens, *[END] * (LENGTH - len(tokens))] for tokens in sequences], tf.int32)


@given(SEQUENCES)
@settings(max_examples=60, deadline=None)
def test_sequences_agree_in_the_ngrams_that_both_have(sequences):
    """Few tokens, so that n-grams stand several times in one sequence; some are empty, some fill all places."""
    found = agreement(tf.expand_dims(filled(sequences), 0), END)[0]
    np.testing.assert_allclose(
        found, [[plain.agreement(one, other) for other in sequences] for one in sequences], atol=1e-6
    )


def test_rows_are_compared_by_themselves_and_weighted_by_their_probabilities():
    random = np.random.default_rng(0)
    rows = [[random.integers(0, 3, random.integers(0, LENGTH + 1)).tolist() for _ in range(5)] for _ in range(6)]
    scores = random.normal(-5, 2, (6, 5)).astype("float32")
    found = expected_agreement(tf.stack([filled(each) for each in rows]), tf.constant(scores), END)
    np.testing.assert_allclose(
        found, [plain.expected_agreement(*each) for each in zip(rows, scores, strict=True)], atol=1e-6
    )


def markov(random):
    table = tf.nn.log_softmax(tf.constant(random.normal(0, 1.5, (5, 5)), tf.float32))
    return lambda tokens, states: (tf.gather(table, tokens), states)


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_begins_with_what_agrees_best(seed):
    step = markov(np.random.default_rng(seed))
    tokens, scores = decoding.beam(step, [], 1, 0, 0, 6, 8)
    sequences = [[token for token in each if token] for each in tokens[0].numpy().tolist()]
    agreed = plain.expected_agreement(sequences, scores[0])
    again, found = decoding.beam(step, [], 1, 0, 0, 6, 8, consensus=True)
    np.testing.assert_allclose(found[0], sorted(agreed, reverse=True), atol=1e-5)
    rank = {tuple(tokens): agreed[place] for place, tokens in enumerate(tokens[0].numpy().tolist())}
    np.testing.assert_allclose([rank[tuple(each)] for each in again[0].numpy().tolist()], found[0], atol=1e-5)


def test_a_beam_that_is_wider_than_there_are_sequences_has_them_first():
    """Of token 0, the end, and token 1 there are three sequences of at most two tokens."""
    table = tf.math.log([[0.2, 0.8], [0.9, 0.1]])

    def step(last, states):
        return tf.gather(table, last), states

    tokens, scores = decoding.beam(step, [], 1, 0, 0, 2, 5, consensus=True)
    assert sorted(tokens[0, :3].numpy().tolist()) == [[0, 0], [1, 0], [1, 1]]
    assert (scores[0, :3] >= 0).numpy().all()
    assert (scores[0, 3:] < -1e8).numpy().all()
