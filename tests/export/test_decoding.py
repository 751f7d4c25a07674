"""Greedy search, beam search and draws on small chains, beside plain Python and exact probabilities."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_recurrent.pipelines.export import decoding

BOUND = 0
"""One token that a sequence begins and ends with, and that fills it up."""


def chain(probabilities):
    """A step of a Markov chain: row `i` of the table holds the probabilities of what follows token `i`."""
    table = tf.constant(np.log(probabilities), tf.float32)
    return lambda tokens, states: (tf.gather(table, tokens), states)


def counting(table, rows):
    """The same, in which the state counts the steps and wears the table down: what follows depends on the state too."""
    table = tf.constant(table, tf.float32)

    def step(tokens, states):
        (steps,) = states
        return tf.nn.log_softmax(tf.gather(table, tokens) * (1.0 + steps)), [steps + 1.0]

    return step, [tf.zeros((rows, 1))]


def python_beam(table, length, width, penalty):
    """Beam search over lists, from the logits of `counting`: `(tokens, score)`, the best first."""
    beams = [([], 0.0)]
    for steps in range(length):
        grown = []
        for tokens, score in beams:
            if tokens[-1:] == [BOUND]:
                grown.append((tokens, score))
                continue
            logits = table[tokens[-1] if tokens else BOUND] * (1.0 + steps)
            gains = logits - np.log(np.exp(logits).sum())
            grown += [([*tokens, token], score + gain) for token, gain in enumerate(gains)]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return sorted(((tokens, score / len(tokens) ** penalty) for tokens, score in beams), key=lambda beam: -beam[1])


@pytest.mark.parametrize("ending", [0.0, 3.0])
@pytest.mark.parametrize(("width", "penalty"), [(1, 1.0), (3, 0.0), (3, 0.7), (7, 1.0)])
def test_a_beam_whose_start_and_end_and_filling_are_one_token(width, penalty, ending):
    """Also where it is wider than there are tokens, and where the sequences end at once."""
    length, table = 6, np.random.default_rng(width).normal(size=(5, 5))
    table[BOUND, BOUND] += ending
    step, states = counting(table, 2)
    tokens, scores = decoding.beam(step, states, 2, BOUND, BOUND, length, width, penalty)
    beams = python_beam(table, length, width, penalty)
    filled = [tokens + [BOUND] * (length - len(tokens)) for tokens, _ in beams]
    for row in range(2):
        assert tokens[row].numpy().tolist() == filled
        np.testing.assert_allclose(scores[row], [score for _, score in beams], rtol=1e-5)


def test_the_empty_sequence_is_found_and_scored():
    """Token 0 follows itself with 0.6; of the beam, the next ones are 0.3 * 0.5 (token 1, end) and 0.3 * 0.4 (1, 2)."""
    step = chain([[0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.9, 0.05, 0.05]])
    tokens, scores = decoding.greedy(step, [], 2, BOUND, BOUND, 4)
    np.testing.assert_array_equal(tokens, np.zeros((2, 4)))
    np.testing.assert_allclose(scores, [math.log(0.6)] * 2, rtol=1e-6)
    tokens, scores = decoding.beam(step, [], 1, BOUND, BOUND, 4, 3)
    np.testing.assert_array_equal(tokens[0], [[0, 0, 0, 0], [1, 0, 0, 0], [1, 2, 0, 0]])
    np.testing.assert_allclose(scores[0], np.log([0.6, 0.15, 0.108]), rtol=1e-5)
    tokens, scores = decoding.beam(step, [], 1, BOUND, BOUND, 4, 3, length_penalty=2.0)  # per token squared
    np.testing.assert_array_equal(tokens[0], [[1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(scores[0], [math.log(0.108) / 9, math.log(0.15) / 4, math.log(0.6)], rtol=1e-5)


def test_draws_are_as_frequent_as_they_are_likely():
    """Every sequence of at most three tokens, by the product of its probabilities."""
    table = np.array([[0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.7, 0.2, 0.1]])
    rows, length = 20_000, 3
    tokens, scores = decoding.sample(chain(table), [], rows, BOUND, BOUND, length, seed=(3, 4))
    exact = {}
    for sequence in itertools.product(range(3), repeat=length):
        cut = sequence[: sequence.index(BOUND) + 1] if BOUND in sequence else sequence
        steps = zip((BOUND, *cut), cut, strict=False)
        exact[cut + (BOUND,) * (length - len(cut))] = math.prod(table[step] for step in steps)
    assert sum(exact.values()) == pytest.approx(1)
    drawn, counts = np.unique(tokens, axis=0, return_counts=True)
    assert len(drawn) == len(exact)
    for sequence, count in zip(drawn, counts, strict=True):
        likely = exact[tuple(sequence)]
        assert abs(count / rows - likely) < 4 * math.sqrt(likely * (1 - likely) / rows)
    np.testing.assert_allclose(scores, [math.log(exact[tuple(row)]) for row in tokens.numpy()], rtol=1e-5)


@pytest.mark.parametrize(
    ("temperature", "nucleus", "expected"),
    [
        (1.0, 1.0, [0.4, 0.3, 0.2, 0.1]),
        (1.0, 0.65, [4 / 7, 3 / 7, 0, 0]),  # 0.4 does not reach it, 0.4 + 0.3 does
        (1.0, 0.75, [4 / 9, 3 / 9, 2 / 9, 0]),
        (0.5, 1.0, [16 / 30, 9 / 30, 4 / 30, 1 / 30]),  # squares
        (0.5, 0.8, [16 / 25, 9 / 25, 0, 0]),  # 16/30 does not reach it, 25/30 does, as 0.4 + 0.3 would not
    ],
)
def test_temperature_and_nucleus(temperature, nucleus, expected):
    """Scores are of the untouched probabilities. The tokens do not stand in the order of their probabilities."""
    places, rows = [2, 1, 3, 0], 20_000
    likely = np.zeros(4)
    likely[places] = [0.4, 0.3, 0.2, 0.1]
    arguments = (chain([likely] * 4), [], rows, BOUND, BOUND, 1, temperature, nucleus)
    tokens, scores = decoding.sample(*arguments, seed=(1, 2))
    frequencies = np.bincount(tokens[:, 0], minlength=4)[places] / rows
    np.testing.assert_allclose(frequencies, expected, atol=0.015)
    assert [value > 0 for value in frequencies] == [value > 0 for value in expected]
    np.testing.assert_allclose(scores, np.log(likely)[tokens[:, 0]], rtol=1e-5)


@pytest.mark.parametrize("options", [{"temperature": 1e-4}, {"nucleus": 1e-4}])
def test_cold_or_narrow_draws_are_greedy(options):
    table = np.random.default_rng(5).normal(size=(9, 9))
    step, states = counting(table, 3)
    drawn = decoding.sample(step, states, 3, BOUND, BOUND, 12, **options, seed=(0, 1))
    for value, expected in zip(drawn, decoding.greedy(step, states, 3, BOUND, BOUND, 12), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_a_seed_draws_the_same_again_and_another_seed_something_else():
    step = chain(np.full((9, 9), 1 / 9))
    draw = tf.function(lambda seed: decoding.sample(step, [], 5, BOUND, BOUND, 8, seed=seed))
    first, second, other = (draw(tf.constant(seed))[0].numpy() for seed in ([7, 8], [7, 8], [7, 9]))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert len(np.unique(first, axis=0)) == 5  # rows are drawn apart
    assert len({*first[:, 0]} | {*first[:, 1]}) > 2  # and so are time steps


def test_drawing_stops_when_every_row_has_ended():
    steps = []

    def step(tokens, states):
        steps.append(1)
        return tf.tile(tf.math.log([[0.9, 0.1]]), [2, 1]), states

    tokens, _ = decoding.sample(step, [], 2, BOUND, BOUND, 500, seed=(1, 1))
    assert tokens.shape == (2, 500)
    assert len(steps) < 50


@pytest.mark.parametrize("options", [{"temperature": 0}, {"nucleus": 0.0}, {"nucleus": 1.1}])
def test_draws_that_cannot_be_made_are_refused(options):
    with pytest.raises(ValueError, match="Expected a " + next(iter(options))):
        decoding.sample(chain([[1.0]]), [], 1, BOUND, BOUND, 1, **options, seed=(0, 0))
