"""Splits words into the ids of their pieces with TensorFlow operations; `runtime.tokens.pieces` splits in Python."""

from __future__ import annotations

import tensorflow as tf

from ..runtime.tokens import INSIDE, LONGEST_WORD


def piece_ids(words: tf.Tensor, table: tf.lookup.StaticHashTable, unknown: int) -> tf.RaggedTensor:
    """The ids of the pieces of words, by greedy longest match for all words at once.

    Each pass of the loop looks up one candidate for every unfinished word: the rest of the word, then the same without
    its last character, and so on until a piece is known.

    Args:
        words: Strings of shape `(words,)`, UTF-8, none empty.
        table: Maps pieces, with a `##` before pieces inside words, to int32 ids; its default is `unknown`.
        unknown: Id of a word that is too long or can't be split into known pieces.

    Returns:
        int32 of shape `(words, None)`.
    """
    distinct, places = tf.unique(words)
    lengths, count = tf.strings.length(distinct, unit="UTF8_CHAR"), tf.size(distinct, tf.int64)
    every = tf.range(count)
    too_long, left = tf.boolean_mask(every, lengths > LONGEST_WORD), tf.boolean_mask(every, lengths <= LONGEST_WORD)
    grows = {"size": 1, "dynamic_size": True, "infer_shape": False, "element_shape": [None]}
    rows = tf.TensorArray(tf.int64, **grows).write(0, too_long)
    ids = tf.TensorArray(tf.int32, **grows).write(0, tf.fill(tf.shape(too_long), unknown))

    def match(
        turn: tf.Tensor, left: tf.Tensor, begins: tf.Tensor, stops: tf.Tensor, rows: tf.TensorArray, ids: tf.TensorArray
    ) -> tuple:
        size = stops - begins
        candidates = tf.strings.substr(tf.gather(distinct, left), begins, size, unit="UTF8_CHAR")
        found = table.lookup(tf.where(begins > 0, INSIDE + candidates, candidates))
        is_known = found != unknown
        fails = ~is_known & (size == 1)
        rows = rows.write(turn, tf.boolean_mask(left, is_known | fails))
        ids = ids.write(turn, tf.boolean_mask(found, is_known | fails))
        ends = tf.gather(lengths, left)
        begins, stops = tf.where(is_known, stops, begins), tf.where(is_known, ends, stops - 1)
        goes_on = (begins < ends) & ~fails
        left, begins, stops = (tf.boolean_mask(each, goes_on) for each in (left, begins, stops))
        return turn + 1, left, begins, stops, rows, ids

    several = tf.TensorShape([None])
    *_, rows, ids = tf.while_loop(
        lambda turn, left, *_: tf.size(left) > 0,
        match,
        (1, left, tf.zeros_like(left, tf.int32), tf.gather(lengths, left), rows, ids),
        shape_invariants=(tf.TensorShape([]), several, several, several, None, None),
    )
    rows, ids = rows.concat(), ids.concat()
    order = tf.argsort(rows, stable=True)  # the pieces of a word were found from its first to its last
    rows, ids = tf.gather(rows, order), tf.gather(ids, order)
    fails = tf.math.unsorted_segment_max(tf.cast(ids == unknown, tf.int32), rows, count)
    kept = (ids == unknown) | (tf.gather(fails, rows) == 0)
    pieces = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(ids, kept), tf.boolean_mask(rows, kept), count, validate=False
    )
    return tf.gather(pieces, places)
