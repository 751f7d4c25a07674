"""The most likely sequence of tokens, or one that is drawn: loops of TensorFlow operations, for exported files too.

A `step` is a function `(tokens, states) -> (log_probabilities, states)`: from the last token of each row, int32 of
shape `(rows,)`, and a list of tensors `(rows, ...)`, to the logarithms of the probabilities of the next one,
`(rows, tokens)`, and the new states.
"""

import tensorflow as tf
from keras import ops

from .consensus import expected_agreement

IMPOSSIBLE = -1e9
"""The logarithm of a probability so small that nothing is taken instead of it."""


def greedy(step, states, rows, start, end, length):
    """Takes the most likely token, again and again, until every row has ended.

    Args:
        step: See above.
        states: List of tensors of shape `(rows, ...)`.
        rows: How many sequences are decoded, an integer or a scalar tensor.
        start: The token before the first one.
        end: The token after the last one.
        length: The most tokens that a sequence may have.

    Returns:
        Tuple `(tokens, scores)`: int32 of shape `(rows, length)`, filled up with `end`; and the sum of the logarithms
        of their probabilities, `(rows,)`, that of the first `end` included.
    """

    def take(time, log_probabilities):
        return tf.argmax(log_probabilities, -1, output_type=tf.int32), tf.reduce_max(log_probabilities, -1)

    return _one_by_one(take, step, states, rows, start, end, length)


def sample(step, states, rows, start, end, length, temperature=1.0, nucleus=1.0, *, seed):
    """Draws token after token from the nucleus of their probabilities, until every row has ended.

    The nucleus is the smallest set of tokens whose probability reaches `nucleus`, after the temperature (Holtzman et
    al. 2020, arXiv 1904.09751). The same seed draws the same again; compiled by XLA it draws something else. The random
    numbers need TensorFlow: TensorFlow Lite has no builtin operation for them.

    Args:
        step: See above.
        states: List of tensors of shape `(rows, ...)`.
        rows: How many sequences are drawn, an integer or a scalar tensor.
        start: The token before the first one.
        end: The token after the last one.
        length: The most tokens that a sequence may have.
        temperature: What the logits are divided by: nearly 0 takes the most likely token, 1 draws as the model says.
        nucleus: The probability that is drawn from: 1 for all tokens, nearly 0 for the most likely one.
        seed: Two integers, or an integer tensor of shape `(2,)`.

    Returns:
        Tuple `(tokens, scores)`: int32 of shape `(rows, length)`, filled up with `end`; and the sum of the logarithms
        of their probabilities before temperature and nucleus, `(rows,)`, that of the first `end` included.

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
        uniform = tf.random.stateless_uniform(shape, seeds, alg="philox")  # not what suits the device
        drawn = _from_nucleus(log_probabilities / temperature, nucleus, uniform)
        return drawn, tf.gather(log_probabilities, drawn, batch_dims=1)

    return _one_by_one(take, step, states, rows, start, end, length)


def beam(step, states, rows, start, end, length, width, length_penalty=0.0, consensus=False):
    """Keeps the `width` most likely beginnings of each row, until all of them have ended.

    Args:
        step: See above; it is called with `rows * width` rows.
        states: List of tensors of shape `(rows, ...)`.
        rows: How many sequences are decoded, an integer or a scalar tensor.
        start: The token before the first one.
        end: The token after the last one.
        length: The most tokens that a sequence may have.
        width: How many beginnings are kept.
        length_penalty: The scores are divided by the number of tokens to this power before they are compared at the
            end: 0 for not at all, 1 for the mean.
        consensus: Compares the sequences at the end by how well they agree with each other instead, weighted by their
            probabilities: see `consensus.expected_agreement`.

    Returns:
        Tuple `(tokens, scores)`, the best first: int32 of shape `(rows, width, length)`, filled up with `end`; and
        `(rows, width)`, sums of the logarithms of probabilities, after the length penalty, or the expected agreement.
        Where there are fewer than `width` sequences at all, those left over score `IMPOSSIBLE` or less before the
        penalty.
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

    alone = tf.tile([0.0] + [IMPOSSIBLE] * (width - 1), [rows])  # all beginnings are the same at first
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
    """A tensor of shape `(rows * width, ...)` in which every row of `(rows, ...)` stands `width` times."""
    beside = tf.tile(tf.expand_dims(tensor, 1), [1, width] + [1] * (len(tensor.shape) - 1))
    rows = tf.reshape(beside, tf.concat([[-1], tf.shape(tensor)[1:]], 0))
    rows.set_shape([None, *tensor.shape[1:]])
    return rows


def _one_by_one(take, step, states, rows, start, end, length):
    """Follows one sequence a row: `take(time, log_probabilities)` gives the next tokens, and what they score."""

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
    """Tokens `(rows,)` from logits `(rows, tokens)` and numbers `(rows,)`, at least 0 and below 1."""
    likely, tokens = tf.math.top_k(tf.nn.softmax(logits), logits.shape[-1])
    before = tf.cumsum(likely, axis=-1, exclusive=True)
    kept = before < nucleus
    whole = tf.reduce_max(tf.where(kept, before + likely, 0.0), -1, keepdims=True)
    passed = tf.logical_and(kept, before <= tf.expand_dims(uniform, 1) * whole)
    place = tf.reduce_sum(tf.cast(passed, tf.int32), -1) - 1
    return tf.gather(tokens, place, batch_dims=1)


def _goes_on(time, last, end, length):
    """Whether there is room, and a row that has not ended."""
    unended = tf.reduce_any(tf.not_equal(last, end))
    return tf.logical_and(time < length, tf.logical_or(tf.equal(time, 0), unended))


def _put(tokens, time, values):
    """The tokens with those of one time step written into them."""
    written = ops.slice_update(tokens, [0, time], tf.expand_dims(values, 1))
    written.set_shape(tokens.shape)
    return written


def _open_rows(variables):
    """The shapes of loop variables, the number of rows open."""
    return tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None, *tensor.shape[1:]]) if tensor.shape.rank else tensor.shape, variables
    )
