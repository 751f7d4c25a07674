"""Network from token ids to one vector for each text: embedding, recurrent layers, pooling over time."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ...stages.model import recurrent_stack
from .config import TextModel

SEQUENCE, ATTENTION = "sequence", "attention"


def text_features(
    ids: keras.KerasTensor,
    config: TextModel,
    vocabulary: int,
    dtype: str | None = None,
    use_cudnn: bool = True,
    vectors: np.ndarray | None = None,
) -> keras.KerasTensor:
    """One vector for each text.

    Args:
        ids: int32 `[batch, time]`, 0 at the padded end.
        config: Embedding, recurrent layers, pooling, rates.
        vocabulary: Number of ids.
        dtype: Precision policy of the layers.
        use_cudnn: As in `recurrent_stack`.
        vectors: Pre-trained embeddings `[vocabulary, config.embedding]`.

    Returns:
        `[batch, units]`, or `[batch, 2 * units]` if bidirectional.
    """
    mask = ops.expand_dims(ops.not_equal(ids, 0), -1)
    x = embedded(ids, config, vocabulary, dtype, vectors)
    x = recurrent_stack(x, config, dtype, use_cudnn, return_sequences=config.pooling != "last")
    if config.pooling != "last":
        x = layers.Identity(dtype="float32", name=SEQUENCE)(x)
        x = pool(x, mask, config.pooling)
    return layers.Dropout(config.final_dropout, name="final_dropout")(x) if config.final_dropout else x


def convolved(
    ids: keras.KerasTensor, config: TextModel, vocabulary: int, dtype: str | None = None
) -> keras.KerasTensor:
    """The maximum of each filter over the text, `[batch, filters]`; arguments as for `text_features`."""
    assert config.convolution is not None, "the configuration has a convolution"
    mask = ops.expand_dims(ops.not_equal(ids, 0), -1)
    x = RegionEmbedding(vocabulary, config.filters, config.convolution, dtype=dtype, name="convolution")(ids)
    x = pool(layers.Identity(dtype="float32", name="filters")(x), mask, "max")
    return layers.Dropout(config.final_dropout, name="convolution_dropout")(x) if config.final_dropout else x


def embedded(
    ids: keras.KerasTensor, config: TextModel, vocabulary: int, dtype: str | None, vectors: np.ndarray | None
) -> keras.KerasTensor:
    """Embeddings of tokens, or of regions of adjacent tokens, `[batch, time, embedding]`, with a mask."""
    if config.region:
        x = RegionEmbedding(vocabulary, config.embedding, config.region, dtype=dtype, name="regions")(ids)
    else:
        layer = layers.Embedding(vocabulary, config.embedding, mask_zero=True, dtype=dtype, name="embedding")
        x = layer(ids)
        if vectors is not None:
            layer.set_weights([vectors])
    if config.word_dropout:
        x = layers.Dropout(config.word_dropout, noise_shape=(None, None, 1), dtype=dtype, name="word_dropout")(x)
    if config.embedding_dropout:
        x = layers.Dropout(config.embedding_dropout, dtype=dtype, name="embedding_dropout")(x)
    return x


def pool(x: keras.KerasTensor, mask: keras.KerasTensor, how: str) -> keras.KerasTensor:
    """Pools the vectors of all time steps that the mask `[batch, time, 1]` keeps into one."""
    match how:
        case "max":
            return ops.max(ops.where(mask, x, -1e9), axis=1)
        case "mean":
            weights = ops.cast(mask, x.dtype)
            return ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)
        case "max_mean":
            return layers.Concatenate(dtype="float32")([pool(x, mask, "max"), pool(x, mask, "mean")])
        case "attention":
            hidden = layers.Dense(x.shape[-1], activation="tanh", dtype="float32", name="attention_hidden")(x)
            scores = layers.Dense(1, use_bias=False, dtype="float32", name="attention_scores")(hidden)
            weights = layers.Softmax(axis=1, dtype="float32", name=ATTENTION)(scores, mask=mask)
            return ops.sum(x * weights, axis=1)
        case _:
            raise ValueError(f"There is no pooling {how!r}.")


@keras.saving.register_keras_serializable("keras_recurrent")
class RegionEmbedding(layers.Layer):
    """Convolution of one-hot tokens: `relu(sum_j W_j[token at t + j - (region - 1) // 2] + b)`.

    Each position in the region has its own table. This computes a convolution over one-hot vectors of the vocabulary
    without building them (Johnson & Zhang 2015, Effective Use of Word Order for Text Categorization with Convolutional
    Neural Networks, arXiv 1412.1058). Zeros pad both ends of a text.

    Args:
        vocabulary: Number of ids; id 0 is padding and is masked.
        units: Size of the vectors.
        region: Number of adjacent tokens that make one vector.

    Call arguments:
        ids: Integers of shape `(batch, time)`.

    Returns:
        Tensor of shape `(batch, time, units)`.
    """

    def __init__(self, vocabulary: int, units: int, region: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary, self.units, self.region = vocabulary, units, region
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        self.tables = [
            self.add_weight(shape=(self.vocabulary, self.units), initializer="random_uniform", name=f"table_{place}")
            for place in range(self.region)
        ]
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        before = (self.region - 1) // 2
        around = ops.pad(ids, [[0, 0], [before, self.region - 1 - before]])
        total, time = self.bias, ops.shape(ids)[1]
        for place, table in enumerate(self.tables):
            tokens = around[:, place : place + time]
            known = ops.cast(ops.not_equal(tokens, 0), self.compute_dtype)
            total = total + ops.take(table, tokens, axis=0) * ops.expand_dims(known, -1)
        return ops.relu(total)

    def compute_mask(self, ids: keras.KerasTensor, mask: Any = None) -> keras.KerasTensor:
        return ops.not_equal(ids, 0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"vocabulary": self.vocabulary, "units": self.units, "region": self.region}
