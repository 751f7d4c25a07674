"""Measures how well the sequences of a beam agree with each other, in TensorFlow operations that can be exported."""

import numpy as np
import tensorflow as tf

ORDERS = 4
"""Largest size of the compared n-grams, which begin at one token."""


def expected_agreement(tokens, scores, end):
    """Expected agreement of each sequence with a sequence drawn from all of them by their probabilities.

    The sequence that agrees best has the least expected loss (minimum Bayes risk: Kumar & Byrne 2004, Minimum
    Bayes-Risk Decoding for Statistical Machine Translation, NAACL). The most probable sequence, in contrast, may differ
    from all others.

    Args:
        tokens: Sequences padded with `end`, int32 of shape `(rows, width, length)`.
        scores: Log probabilities of the sequences, `(rows, width)`.
        end: Token that ends a sequence.

    Returns:
        Tensor of shape `(rows, width)`, 0 to 1.

    Example:

    >>> tokens = tf.constant([[[5, 6, 7], [5, 6, 8], [9, 0, 0]]])
    >>> print(expected_agreement(tokens, tf.math.log([[0.3, 0.3, 0.4]]), end=0).numpy().round(4))
    [[0.3125 0.3125 0.1   ]]
    """
    return tf.reduce_sum(agreement(tokens, end) * tf.expand_dims(tf.nn.softmax(scores), 1), -1)


def agreement(tokens, end):
    """Agreement of each pair of sequences in a row, `(rows, width, width)`: the mean F1 over the n-gram orders.

    F1 is 2 c / (n + m), where one sequence has n n-grams, the other has m, and c are common to both; 0 if neither has
    any. An n-gram counts as often as it occurs in both.
    """
    _, width, length = tokens.shape
    places = width * (length + 1)  # an end after each sequence, so that no n-gram reaches into the next one
    flat = tf.reshape(tf.pad(tokens, [[0, 0], [0, 0], [0, 1]], constant_values=end), [-1, places])
    word = tf.cast(tf.not_equal(flat, end), tf.float32)
    same_word = tf.cast(tf.equal(tf.expand_dims(flat, 2), tf.expand_dims(flat, 1)), tf.float32)
    same_word *= tf.expand_dims(word, 2)
    own = np.repeat(np.eye(width, dtype=np.float32), length + 1, axis=0)
    same, total = same_word, 0.0
    for order in range(ORDERS):
        if order:  # n-grams are equal if their first n - 1 words and their last words are
            ahead = tf.pad(same_word[:, order:, order:], [[0, 0], [0, order], [0, order]])
            same = same * ahead
        found = tf.reduce_sum(tf.reshape(same, [-1, places, width, length + 1]), -1)
        in_own = tf.reduce_sum(found * own, -1, keepdims=True)
        shared = tf.minimum(found, in_own) / tf.maximum(in_own, 1.0)
        shared = tf.reduce_sum(tf.reshape(shared, [-1, width, length + 1, width]), 2)
        count = tf.reduce_sum(tf.reshape(tf.minimum(in_own, 1.0), [-1, width, length + 1]), 2)
        total += 2 * shared / tf.maximum(tf.expand_dims(count, 2) + tf.expand_dims(count, 1), 1.0)
    return total / ORDERS
