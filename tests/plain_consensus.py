"""How well sequences agree, counted in plain Python, for the tests that share it."""

from collections import Counter

import numpy as np


def ngrams(tokens, order):
    return Counter(tuple(tokens[start : start + order]) for start in range(len(tokens) - order + 1))


def agreement(one, other):
    """Mean of F1 over n-grams of one token to four."""
    found = 0.0
    for order in range(1, 5):
        ours, theirs = ngrams(one, order), ngrams(other, order)
        count = ours.total() + theirs.total()
        found += 2 * (ours & theirs).total() / count if count else 0.0
    return found / 4


def expected_agreement(sequences, scores):
    """Of each sequence, with one that is drawn by its probability."""
    weights = np.exp(np.float64(scores) - np.max(scores))
    weights /= weights.sum()
    return [
        sum(weight * agreement(one, other) for weight, other in zip(weights, sequences, strict=True))
        for one in sequences
    ]
