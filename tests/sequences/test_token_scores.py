"""Scores of tokens, against scikit-learn and SciPy."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, log_loss

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sequences.token_scores import bits_per_character, perplexity, token_accuracy


def test_token_accuracy_equals_scikit_learn():
    rng = np.random.default_rng(0)
    lengths = [*rng.integers(0, 12, 50), 0]
    actual, predicted = ([rng.choice(list("abc"), length).tolist() for length in lengths] for _ in range(2))
    expected = accuracy_score(np.concatenate(actual), np.concatenate(predicted))
    assert token_accuracy(predicted, actual) == pytest.approx(expected, abs=1e-12)


def test_the_first_sequence_of_another_length_is_named():
    actual = [[1, 2], [], [3, 4, 5], [6]]
    with pytest.raises(ValueError, match=r"Sequence 2 \(counted from 0\) has 2 predictions for 3 tokens"):
        token_accuracy([[1, 2], [], [3, 4], [6, 7]], actual)
    with pytest.raises(ValueError, match="3 predicted sequences for 4"):
        token_accuracy(actual[:3], actual)


def test_perplexity_equals_scikit_learn():
    rng = np.random.default_rng(1)
    probabilities, tokens = rng.dirichlet(np.ones(9), 400), rng.integers(0, 9, 400)
    nats = log_loss(tokens, probabilities, labels=range(9), normalize=False)
    assert perplexity(nats, 400) == pytest.approx(2 ** (nats / math.log(2) / 400), rel=1e-12)
    assert perplexity(nats, 400) == pytest.approx(np.exp(log_loss(tokens, probabilities, labels=range(9))), rel=1e-12)


def test_the_perplexity_of_a_diverged_model_is_infinite():
    assert perplexity(1e6, 10) == math.inf


def test_bits_per_character_of_a_texts_own_frequencies_is_their_entropy():
    """Once with single characters as tokens, once with pairs of them, which share the bits."""
    text = "a rose is a rose is a rose is a rose"
    for size in (1, 2):
        tokens = [text[place : place + size] for place in range(0, len(text), size)]
        counts = Counter(tokens)
        nats = -sum(math.log(counts[token] / len(tokens)) for token in tokens)
        expected = entropy([*counts.values()], base=2) / size
        assert bits_per_character(nats, len(text)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("score", "arguments", "words"),
    [
        (token_accuracy, ([], []), "no tokens"),
        (token_accuracy, ([[], []], [[], []]), "no tokens"),
        (perplexity, (0.0, 0), "no tokens"),
        (bits_per_character, (0.0, 0), "no characters"),
    ],
)
def test_nothing_to_score_is_refused(score, arguments, words):
    with pytest.raises(DataError, match=words):
        score(*arguments)
