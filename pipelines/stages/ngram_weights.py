"""What a linear model of n-grams thinks of each place in a text, as an input of a recurrent network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..text.ngrams import FIRST, Linear, hashes, text_hash


@keras.saving.register_keras_serializable("keras_recurrent")
class NgramWeights(keras.layers.Layer):
    """The weights that a linear model gives the n-grams that end at each time step; 0 where it knows none.

    In training, a text gets the weights of a model that was fitted without its fold, so that the network meets them as
    it will meet those of new texts.

    Args:
        linear: The fitted model; None in a loaded one.
        buckets: Sizes of its tables, by length of the n-grams.
        scores: How many scores an n-gram has.

    Call arguments:
        ids: Integers of shape `(batch, time)`, 0 at the padded end.

    Returns:
        float32 of shape `(batch, time, lengths * scores)`.
    """

    def __init__(
        self, linear: Linear | None = None, buckets: Sequence[int] = (), scores: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.linear = linear
        self.buckets = [len(table.keys) for table in linear.tables] if linear else list(buckets)
        self.scores = linear.scores if linear else scores

    def build(self, input_shape: Any = None) -> None:
        options = {"initializer": "zeros", "trainable": False}
        self.weights_, self.keys = [], []
        for length, size in enumerate(self.buckets, 1):
            self.weights_.append(self.add_weight(shape=(size, self.scores), name=f"weights_{length}", **options))
            self.keys.append(self.add_weight(shape=(size,), dtype="int32", name=f"keys_{length}", **options))
        if self.linear is None:
            return
        for table, weights, keys in zip(self.linear.tables, self.weights_, self.keys, strict=True):
            weights.assign(table.weights[0])
            keys.assign(table.keys)
        with tf.init_scope(), tf.device("CPU"):  # of training alone, so no weights of the model
            self._folds = tf.Variable(self.linear.folds, trainable=False)
            self._by_fold = [
                tf.Variable(table.weights.reshape(-1, self.scores), trainable=False) for table in self.linear.tables
            ]

    def call(self, ids: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        ids = ops.cast(ids, "int64")
        fold = None
        if training and self.linear is not None:
            fold = ops.expand_dims(tf.cast(tf.gather(self._folds, text_hash(ids, ops)), tf.int64), -1)
        ending_here, found = [ids], []
        for number, size in enumerate(self.buckets):
            bucket, key = hashes(ending_here, size)
            known = ops.equal(ops.take(self.keys[number], bucket, axis=0), ops.cast(key, "int32"))
            for tokens in ending_here:
                known = ops.logical_and(known, tokens >= FIRST)
            if fold is None:
                weights = ops.take(self.weights_[number], bucket, axis=0)
            else:
                weights = tf.gather(self._by_fold[number], fold * size + bucket)
            found.append(ops.where(ops.expand_dims(known, -1), weights, 0.0))
            ending_here = [ops.pad(ending_here[0], [[0, 0], [1, 0]])[:, :-1], *ending_here]
        return ops.concatenate(found, axis=-1)

    def compute_mask(self, ids: keras.KerasTensor, mask: Any = None) -> keras.KerasTensor:
        return ops.not_equal(ids, 0)

    def compute_output_spec(self, ids: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        return keras.KerasTensor((*ids.shape, self.scores * len(self.buckets)), "float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"buckets": self.buckets, "scores": self.scores}
