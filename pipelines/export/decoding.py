"""Decodes token sequences by greedy search, sampling or beam search, in TensorFlow loops that can be exported.

A `step` is a function `(tokens, states) -> (log_probabilities, states)`. It takes the last token of each row, int32 of
shape `(rows,)`, and a list of tensors `(rows, ...)`, and returns the log probabilities of the next token,
`(rows, tokens)`, and the new states.
"""

import tensorflow as tf
from keras import ops

from .consensus import expected_agreement

IMPOSSIBLE = -1e9
"""Log probability of a token that must not be chosen."""


def greedy(step, states, rows, start, end, length):
    """Takes the most likely token at each step until every row has ended.

    Args:
        step: Decoder step, as described in the module.
        states: List of tensors of shape `(rows, ...)`.
        rows: Number of sequences to decode, an integer or a scalar tensor.
        start: Token that starts a sequence.
        end: Token that ends a sequence.
        length: Maximum number of tokens in a sequence.

    Returns:
        Tuple `(tokens, scores)`: tokens, int32 of shape `(rows, length)`, padded with `end`; and the sums of their log
        probabilities, `(rows,)`, including the first `end`.
    """

    def take(time, log_probabilities):
        return tf.argmax(log_probabilities, -1, output_type=tf.int32), tf.reduce_max(log_probabilities, -1)

    return _one_by_one(take, step, states, rows, start, end, length)


def sample(step, states, rows, start, end, length, temperature=1.0, nucleus=1.0, *, seed):
    """Samples each token from the nucleus of its distribution until every row has ended.

    The nucleus is the smallest set of tokens whose probability reaches `nucleus`, after the temperature (Holtzman et
    al. 2020, arXiv 1904.09751). The same seed gives the same tokens, except that code compiled by XLA draws other ones.
    The random numbers need TensorFlow, because TensorFlow Lite lacks a builtin operation for them.

    Args:
        step: Decoder step, as described in the module.
        states: List of tensors of shape `(rows, ...)`.
        rows: Number of sequences to draw, an integer or a scalar tensor.
        start: Token that starts a sequence.
        end: Token that ends a sequence.
        length: Maximum number of tokens in a sequence.
        temperature: Divisor of the logits: nearly 0 takes the most likely token, 1 keeps the model's distribution.
        nucleus: Probability mass of the tokens to draw from: 1 for all tokens, nearly 0 for the most likely one.
        seed: Two integers, or an integer tensor of shape `(2,)`.

    Returns:
        Tuple `(tokens, scores)`: tokens, int32 of shape `(rows, length)`, padded with `end`; and the sums of their log
        probabilities before temperature and nucleus, `(rows,)`, including the first `end`.

    Raises:
        ValueError: If the temperature is not above 0, or the nucleus not above 0 and at most 1.
    """
    if not tf.is_tensor(temperature) and not temperature > 0:
        raise ValueError(f"Expected a temperature above 0, got {temperature!r}.")
    if not tf.is_tensor(nucleus) and not 0 < nucleus <= 1:
        raise ValueError(f"Expected a nucleus above 0 and at most 1, got {nucleus!r}.")

    def take(time, log_probabilities):
        seeds = tf.random.experimental.stateless_fold_in(seed, time, alg="philox")
        shape = tf.shape(log_probabilities)[:1]
        uniform = tf.random.stateless_uniform(shape, seeds, alg="philox")  # the same generator on every device
        drawn = _from_nucleus(log_probabilities / temperature, nucleus, uniform)
        return drawn, tf.gather(log_probabilities, drawn, batch_dims=1)

    return _one_by_one(take, step, states, rows, start, end, length)


def beam(step, states, rows, start, end, length, width, length_penalty=0.0, consensus=False):
    """Keeps the `width` most likely partial sequences of each row until all of them have ended.

    Args:
        step: Decoder step, as described in the module; it is called with `rows * width` rows.
        states: List of tensors of shape `(rows, ...)`.
        rows: Number of inputs to decode, an integer or a scalar tensor.
        start: Token that starts a sequence.
        end: Token that ends a sequence.
        length: Maximum number of tokens in a sequence.
        width: Number of partial sequences to keep.
        length_penalty: Exponent of the number of tokens, by which scores are divided before the final comparison: 0 for
            no penalty, 1 for the mean.
        consensus: Whether to rank the final sequences by how well they agree with each other, weighted by their
            probabilities, instead: see `consensus.expected_agreement`.

    Returns:
        Tuple `(tokens, scores)`, the best first: tokens, int32 of shape `(rows, width, length)`, padded with `end`; and
        scores, `(rows, width)`: sums of log probabilities after the length penalty, or the expected agreement. If fewer
        than `width` sequences exist, the remaining ones score `IMPOSSIBLE` or less before the penalty.
    """
    first_of_row = tf.reshape(tf.range(rows) * width, [-1, 1])

    def body(time, last, tokens, scores, states):
        log_probabilities, states = step(last, states)
        kinds = log_probabilities.shape[-1]
        running = tf.reshape(tf.logical_or(tf.equal(time, 0), tf.not_equal(last, end)), [-1, 1])
        only_end = tf.where(tf.equal(tf.range(kinds), end), 0.0, IMPOSSIBLE)
        log_probabilities = tf.where(running, log_probabilities, tf.reshape(only_end, [1, -1]))
        totals = tf.reshape(tf.reshape(scores, [-1, 1]) + log_probabilities, [-1, width * kinds])
        scores, chosen = tf.math.top_k(totals, width)
        parents = tf.reshape(first_of_row + chosen // kinds, [-1])
        best = tf.reshape(chosen % kinds, [-1])
        tokens = _put(tf.gather(tokens, parents), time, best)
        return time + 1, best, tokens, tf.reshape(scores, [-1]), [tf.gather(state, parents) for state in states]

    def unfinished(time, last, *_):
        return _goes_on(time, last, end, length)

    alone = tf.tile([0.0] + [IMPOSSIBLE] * (width - 1), [rows])  # all partial sequences are the same at first
    begin = (
        tf.constant(0),
        tf.fill([rows * width], start),
        tf.fill([rows * width, length], end),
        alone,
        [repeated(state, width) for state in states],
    )
    _, _, tokens, scores, _ = tf.while_loop(unfinished, body, begin, shape_invariants=_open_rows(begin))
    if consensus:
        scores = tf.reshape(scores, [-1, width])
        agreed = expected_agreement(tf.reshape(tokens, [-1, width, length]), scores, end)
        scores = tf.where(scores > IMPOSSIBLE / 2, agreed, scores)
    else:
        lengths = tf.reduce_sum(tf.cast(tf.not_equal(tokens, end), scores.dtype), -1) + 1.0
        scores = tf.reshape(scores / tf.minimum(lengths, float(length)) ** length_penalty, [-1, width])
    scores, order = tf.math.top_k(scores, width)
    tokens = tf.gather(tokens, tf.reshape(first_of_row + order, [-1]))
    return tf.reshape(tokens, [-1, width, length]), scores


def repeated(tensor, width):
    """Repeats every row of a tensor `(rows, ...)` `width` times, which gives the shape `(rows * width, ...)`."""
    beside = tf.tile(tf.expand_dims(tensor, 1), [1, width] + [1] * (len(tensor.shape) - 1))
    rows = tf.reshape(beside, tf.concat([[-1], tf.shape(tensor)[1:]], 0))
    rows.set_shape([None, *tensor.shape[1:]])
    return rows


def _one_by_one(take, step, states, rows, start, end, length):
    """Follows one sequence a row; `take(time, log_probabilities)` returns the next tokens and their scores."""

    def body(time, last, tokens, scores, states):
        log_probabilities, states = step(last, states)
        taken, gained = take(time, log_probabilities)
        running = tf.logical_or(tf.equal(time, 0), tf.not_equal(last, end))
        taken = tf.where(running, taken, end)
        scores = scores + tf.where(running, gained, 0.0)
        return time + 1, taken, _put(tokens, time, taken), scores, states

    def unfinished(time, last, *_):
        return _goes_on(time, last, end, length)

    first = tf.fill([rows], start)
    begin = (tf.constant(0), first, tf.fill([rows, length], end), tf.zeros([rows]), list(states))
    _, _, tokens, scores, _ = tf.while_loop(unfinished, body, begin, shape_invariants=_open_rows(begin))
    return tokens, scores


def _from_nucleus(logits, nucleus, uniform):
    """Samples tokens `(rows,)` from logits `(rows, tokens)`, given numbers `(rows,)` of at least 0 and below 1."""
    likely, tokens = tf.math.top_k(tf.nn.softmax(logits), logits.shape[-1])
    before = tf.cumsum(likely, axis=-1, exclusive=True)
    kept = before < nucleus
    whole = tf.reduce_max(tf.where(kept, before + likely, 0.0), -1, keepdims=True)
    passed = tf.logical_and(kept, before <= tf.expand_dims(uniform, 1) * whole)
    place = tf.reduce_sum(tf.cast(passed, tf.int32), -1) - 1
    return tf.gather(tokens, place, batch_dims=1)


def _goes_on(time, last, end, length):
    """Whether the length leaves room for another token and a row has not ended."""
    unended = tf.reduce_any(tf.not_equal(last, end))
    return tf.logical_and(time < length, tf.logical_or(tf.equal(time, 0), unended))


def _put(tokens, time, values):
    """Writes the values of one time step into the tokens."""
    written = ops.slice_update(tokens, [0, time], tf.expand_dims(values, 1))
    written.set_shape(tokens.shape)
    return written


def _open_rows(variables):
    """Shapes of the loop variables, with an open number of rows."""
    return tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None, *tensor.shape[1:]]) if tensor.shape.rank else tensor.shape, variables
    )
