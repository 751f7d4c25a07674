"""The layer that turns raw texts into ids, as a part of the model: whoever loads the model gives it texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..runtime import tokens
from ..runtime.tokens import Level, Side
from .padding import padded

SPACES, SIGNS = r"[\p{Z}\p{Cc}\p{Cf}\s]+", r"([^\p{L}\p{M}\p{N}'\s])"
AHEAD = {r"\x00": " ", "İ": "i\u0307", "Ì": "ì", "Í": "í", "Ĩ": "ĩ", "Į": "į"}
"""Replaced before `tf.strings.lower` sees them, which ends a text at a NUL, and whose small letters are others where
the process is set to Turkish or Lithuanian; so are those of I and J, which are made small as ASCII first."""


@keras.saving.register_keras_serializable("keras_recurrent")
class TextToIds(keras.layers.Layer):
    """Turns texts into ids of their tokens, as `pipelines.runtime.tokens.to_ids` does, padded with zeros at the end.

    The length of a batch is a multiple of 8 up to 32, and of 64 beyond, so that compiled layers meet few lengths.

    Args:
        vocabulary: Tokens by id, as `tokens.fit_vocabulary` gives them.
        level: What a token is: a `word` (or a single sign), or a `character`.
        length: How many tokens of a longer text are kept.
        keep: Which end of a longer text is kept.

    Call arguments:
        texts: Strings of shape `(batch,)`, UTF-8.

    Returns:
        int32 of shape `(batch, time)`.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        level: Level = "word",
        length: int = 400,
        keep: Side = "right",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "int32"})
        self.vocabulary, self.level, self.length, self.keep = list(vocabulary), level, length, keep
        padding, unknown = tokens.RESERVED
        self.lookup = keras.layers.StringLookup(
            vocabulary=self.vocabulary[len(tokens.RESERVED) :], mask_token=padding, oov_token=unknown
        )

    def call(self, texts: tf.Tensor) -> tf.Tensor:
        rows = self._tokens(texts)
        rows = rows[:, -self.length :] if self.keep == "right" else rows[:, : self.length]
        return padded(rows.with_flat_values(tf.cast(self.lookup(rows.flat_values), tf.int32)))

    def _tokens(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """The tokens of each text, one at least; `tokens.tokens` in operations that go into a SavedModel."""
        clean = tf.strings.lower(texts)
        for letter, small in AHEAD.items():
            clean = tf.strings.regex_replace(clean, letter, small)
        clean = tf.strings.regex_replace(tf.strings.lower(clean, encoding="utf-8"), tokens.LINE_BREAK.pattern, " ")
        clean = tf.strings.strip(tf.strings.regex_replace(tf.strings.regex_replace(clean, "\u2019", "'"), SPACES, " "))
        clean = tf.where(tf.equal(clean, ""), tokens.NOTHING, clean)
        if self.level == "character":
            return tf.strings.unicode_split(clean, "UTF-8")
        return tf.strings.split(tf.strings.regex_replace(clean, SIGNS, r" \1 "))

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def compute_output_spec(self, texts: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((texts.shape[0], None), "int32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary": self.vocabulary,
            "level": self.level,
            "length": self.length,
            "keep": self.keep,
        }
