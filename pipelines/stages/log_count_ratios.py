"""What single n-grams tell of the class, as naive Bayes counts it, as an input of a recurrent network."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from ..ngrams import FIRST, Counts, hashes

_own = threading.local()


@contextlib.contextmanager
def leaving_out(labels: keras.KerasTensor) -> Iterator[None]:
    """Within this context a text of a training batch is not counted for itself: its class is `labels` `[batch]`.

    Else the ratios would tell the network the label of each training text, as rare n-grams occur in it alone.
    """
    _own.labels = labels
    try:
        yield
    finally:
        _own.labels = None


@keras.saving.register_keras_serializable("keras_recurrent")
class LogCountRatios(keras.layers.Layer):
    """How much more likely texts of a class hold the n-gram that ends at a time step than other texts do.

    `r = log((c + 1) / (N + 2)) - log((c' + 1) / (N' + 2))`, where c of the N training texts of the class, and c' of the
    N' others, hold the n-gram; 0 where it is unknown (S. Wang and C. Manning, Baselines and Bigrams, ACL 2012; there
    for a bag of n-grams). With two classes only the ratio of the second is given; that of the first is its negative.

    Args:
        counts: A `Counts` for each length of n-grams, from 1 on; or their numbers of buckets, in a loaded model.
        texts: How many training texts each class has.

    Call arguments:
        ids: Integers of shape `(batch, time)`.

    Returns:
        float32 of shape `(batch, time, lengths)`, or `(batch, time, lengths * classes)` with more than two classes.
    """

    def __init__(self, counts: Sequence[Counts | int], texts: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.texts = [int(count) for count in texts]
        self.buckets = [count if isinstance(count, int) else len(count.keys) for count in counts]
        self.fitted = [count for count in counts if isinstance(count, Counts)]

    def build(self, input_shape: Any = None) -> None:
        shape = len(self.texts)
        self.logs = [
            self.add_weight(shape=(buckets, shape), initializer="zeros", trainable=False, name=f"logs_{length}")
            for length, buckets in enumerate(self.buckets, 1)
        ]
        self.keys = [
            self.add_weight(shape=(size,), initializer="zeros", dtype="int32", trainable=False, name=f"keys_{length}")
            for length, size in enumerate(self.buckets, 1)
        ]
        for counts, logs, keys in zip(self.fitted, self.logs, self.keys, strict=False):
            logs.assign(counts.logs)
            keys.assign(counts.keys)

    def call(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        ids = ops.cast(ids, "int64")
        ending_here = [ids]
        ratios = []
        for logs, keys, buckets in zip(self.logs, self.keys, self.buckets, strict=True):
            bucket, key = hashes(ending_here, buckets)
            known = ops.equal(ops.take(keys, bucket, axis=0), ops.cast(key, "int32"))
            for tokens in ending_here:
                known = ops.logical_and(known, tokens >= FIRST)
            ratio = self._ratios(ops.take(logs, bucket, axis=0))
            ratios.append(ops.where(ops.expand_dims(known, -1), ratio, 0.0))
            before = ops.pad(ending_here[0], [[0, 0], [1, 0]])[:, :-1]
            ending_here = [before, *ending_here]
        return ops.concatenate(ratios, axis=-1)

    def _ratios(self, logs: keras.KerasTensor) -> keras.KerasTensor:
        counts, texts = ops.exp(logs) - 1, ops.convert_to_tensor(self.texts, "float32")
        labels = getattr(_own, "labels", None)
        if labels is not None:
            own = ops.one_hot(labels, len(self.texts), dtype="float32")
            counts = ops.maximum(counts - ops.expand_dims(own, 1), 0.0)
        rest, others = ops.sum(counts, axis=-1, keepdims=True) - counts, ops.sum(texts) - texts
        ratios = ops.log(counts + 1) - ops.log(rest + 1) - ops.log(texts + 2) + ops.log(others + 2)
        return ratios[..., 1:] if len(self.texts) == 2 else ratios

    def compute_mask(self, ids: keras.KerasTensor, mask: Any = None) -> keras.KerasTensor:
        return ops.not_equal(ids, 0)

    def compute_output_spec(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        width = 1 if len(self.texts) == 2 else len(self.texts)
        return keras.KerasTensor((*ids.shape, width * len(self.buckets)), "float32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"counts": self.buckets, "texts": self.texts}


@keras.saving.register_keras_serializable("keras_recurrent")
class LeavesOneOut(keras.Model):
    """A model whose `LogCountRatios` do not count a training text for itself."""

    def train_step(self, data: Any) -> Any:
        """One step of `fit`."""
        _, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        with leaving_out(labels):
            return super().train_step(data)
