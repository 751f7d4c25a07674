"""A fitted linear model of n-grams as a layer that is not trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .ngrams import FIRST, Linear, hashes, of_classes


@keras.saving.register_keras_serializable("keras_recurrent")
class NgramScores(keras.layers.Layer):
    """The score of each class from a linear model: the sum of the weights of the n-grams in a text.

    An n-gram counts once, however often it occurs in the text.

    Args:
        classes: Number of classes.
        linear: Fitted linear model; None when the layer is loaded from a file.
        buckets: Sizes of its tables, by length of the n-grams.

    Call arguments:
        ids: Integers of shape `(batch, time)`, 0 at the padded end.

    Returns:
        float32 of shape `(batch, classes)`.
    """

    def __init__(self, classes: int, linear: Linear | None = None, buckets: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.classes, self.linear = classes, linear
        self.buckets = [len(table.keys) for table in linear.tables] if linear else list(buckets)

    def build(self, input_shape: Any = None) -> None:
        options = {"initializer": "zeros", "trainable": False}
        scores = 1 if self.classes == 2 else self.classes
        self.bias = self.add_weight(shape=(scores,), name="bias", **options)
        self.tables = [
            (
                self.add_weight(shape=(size, scores), name=f"weights_{length}", **options),
                self.add_weight(shape=(size,), dtype="int32", name=f"keys_{length}", **options),
            )
            for length, size in enumerate(self.buckets, 1)
        ]
        if self.linear is not None:
            self.bias.assign(self.linear.bias)
            for (weights, keys), table in zip(self.tables, self.linear.tables, strict=True):
                weights.assign(table.weights)
                keys.assign(table.keys)

    def call(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        ids = ops.cast(ids, "int64")
        ending_here, total = [ids], self.bias
        for (weights, keys), size in zip(self.tables, self.buckets, strict=True):
            held = ops.sort(self._buckets(ending_here, keys, size), axis=1)
            before = ops.pad(held, [[0, 0], [1, 0]], constant_values=-1)[:, :-1]
            counted = ops.logical_and(ops.not_equal(held, before), held < size)
            each = ops.take(weights, ops.minimum(held, size - 1), axis=0)
            total = total + ops.sum(each * ops.expand_dims(ops.cast(counted, "float32"), -1), axis=1)
            ending_here = [ops.pad(ending_here[0], [[0, 0], [1, 0]])[:, :-1], *ending_here]
        return of_classes(total, self.classes, ops)

    def _buckets(self, tokens: list, keys: keras.Variable, size: int) -> keras.KerasTensor:
        """The bucket of the n-gram that ends at each time step, int32; `size` if the table lacks it."""
        *choices, key = hashes(tokens, size)
        bucket = ops.full_like(key, size)
        for choice in choices:
            bucket = ops.where(ops.equal(ops.take(keys, choice, axis=0), ops.cast(key, "int32")), choice, bucket)
        for each in tokens:
            bucket = ops.where(each >= FIRST, bucket, size)
        return ops.cast(bucket, "int32")

    def compute_output_spec(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((ids.shape[0], self.classes), "float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"classes": self.classes, "buckets": self.buckets}
