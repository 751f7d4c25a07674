"""Scores of predicted tokens: accuracy, perplexity and bits per character.

A sequence is a list of tokens, ids or labels: anything that compares with `==`. Sequences may differ in length, but a
predicted sequence has as many tokens as its actual sequence.

Sources: Jelinek, Mercer, Bahl, Baker, Perplexity: a Measure of the Difficulty of Speech Recognition Tasks, JASA 1977;
Shannon, Prediction and Entropy of Printed English, 1951.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from ..core.errors import DataError


def token_accuracy(predicted: Sequence[Sequence[Hashable]], actual: Sequence[Sequence[Hashable]]) -> float:
    """Share of correctly predicted tokens in all sequences, 0 to 1.

    Every token counts the same, so a long sequence counts more than a short one.

    Args:
        predicted: The predicted tokens of each sequence.
        actual: The actual tokens of each sequence.

    Raises:
        DataError: If there are no tokens.
        ValueError: If the numbers of sequences, or of tokens in a sequence, differ.

    Example:

    >>> token_accuracy([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.6666666666666666
    """
    check_lengths(predicted, actual)
    tokens = sum(map(len, actual))
    if not tokens:
        raise DataError("There are no tokens to score: every sequence is empty.")
    pairs = zip(predicted, actual, strict=True)
    return sum(ours == theirs for pair in pairs for ours, theirs in zip(*pair, strict=True)) / tokens


def perplexity(nats: float, tokens: int) -> float:
    """The number of equally probable tokens that would be as hard to predict: exp(nats / tokens), 1 or more.

    Compare it only between models that split the text into the same tokens; see `bits_per_character` for others.

    Args:
        nats: Sum of the negative natural logarithms of the tokens' probabilities.
        tokens: Number of tokens in the sum.

    Returns:
        The perplexity; infinity where float64 overflows.

    Raises:
        DataError: If there are no tokens.

    Example:

    >>> round(perplexity(3 * math.log(27), tokens=3), 6)
    27.0
    """
    if tokens < 1:
        raise DataError("There are no tokens to score: the perplexity needs at least one.")
    with np.errstate(over="ignore"):
        return float(np.exp(nats / tokens))


def bits_per_character(nats: float, characters: int) -> float:
    """Number of bits that a model needs per character of the text: nats / (characters * ln 2).

    The count of characters does not depend on the model's tokens. Models with words, subwords, characters or bytes as
    tokens are therefore comparable on the same text.

    Args:
        nats: Sum of the negative natural logarithms of the probabilities of all tokens in the text.
        characters: Number of characters in the text.

    Raises:
        DataError: If there are no characters.

    Example:

    >>> bits_per_character(4 * math.log(2), characters=8)
    0.5
    """
    if characters < 1:
        raise DataError("There are no characters to score: the text is empty.")
    return nats / (characters * math.log(2))


def check_lengths(predicted: Sequence[Sequence[Hashable]], actual: Sequence[Sequence[Hashable]]) -> None:
    """Checks that there is one prediction for each token.

    Raises:
        ValueError: If the numbers differ; the message names the first sequence that differs.
    """
    if len(predicted) != len(actual):
        raise ValueError(f"There are {len(predicted)} predicted sequences for {len(actual)} actual ones.")
    for number, (ours, theirs) in enumerate(zip(predicted, actual, strict=True)):
        if len(ours) != len(theirs):
            raise ValueError(
                f"Sequence {number} (counted from 0) has {len(ours)} predictions for {len(theirs)} tokens."
            )
