"""A layer that turns raw texts into ids, as part of the model, so that a loaded model takes texts."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ..runtime import tokens
from ..runtime.tokens import Side
from ..runtime.vocabulary import SPECIAL, Vocabulary
from .padding import padded
from .wordpiece import piece_ids

SPACES, SIGNS = r"[\p{Z}\p{Cc}\p{Cf}\s]+", r"([^\p{L}\p{M}\p{N}'\s])"
AHEAD = {r"\x00": " ", "İ": "i\u0307", "Ì": "ì", "Í": "í", "Ĩ": "ĩ", "Į": "į"}
"""Characters to replace before `tf.strings.lower`, which ends a text at a NUL and whose lower case of these letters
differs in a Turkish or Lithuanian locale. I and J differ there too; an ASCII pass lowers them first."""


@keras.saving.register_keras_serializable("keras_recurrent")
class TextToIds(keras.layers.Layer):
    """Turns texts into ids of their tokens, as `runtime.vocabulary.to_ids` does, padded with zeros at the end.

    The length of a batch is a multiple of 8 up to 32, and of 64 beyond, so that compiled layers see few lengths.

    Args:
        vocabulary: Vocabulary that splits the texts and gives the ids.
        length: Number of tokens kept of a longer text.
        keep: End of a longer text to keep.

    Call arguments:
        texts: Strings of shape `(batch,)`, UTF-8.

    Returns:
        int32 of shape `(batch, time)`, with at least one token in each row.
    """

    def __init__(self, vocabulary: Vocabulary, length: int = 400, keep: Side = "right", **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trainable": False, "dtype": "int32"})
        self.vocabulary, self.length, self.keep = vocabulary, length, keep
        known = tf.lookup.KeyValueTensorInitializer(vocabulary.tokens, tf.range(len(vocabulary)))
        self.table = tf.lookup.StaticHashTable(known, vocabulary.unknown)

    def call(self, texts: tf.Tensor) -> tf.Tensor:
        rows = self._ids(texts)
        return padded(rows[:, -self.length :] if self.keep == "right" else rows[:, : self.length])

    def _ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """The ids of each text, at least one."""
        match self.vocabulary.level:
            case "word":
                found = words(texts)
                return found.with_flat_values(self.table.lookup(found.flat_values))
            case "character":
                found = characters(texts)
                return found.with_flat_values(self.table.lookup(found.flat_values))
            case "subword":
                found = words(texts)
                of_words = piece_ids(found.flat_values, self.table, self.vocabulary.unknown)
                return found.with_values(of_words).merge_dims(1, 2)
            case "byte":
                return self._bytes(texts)

    def _bytes(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """The ids of the bytes of each text, and the unknown id for an empty text."""
        first = len(self.vocabulary) - len(tokens.BYTES)
        found = tf.strings.bytes_split(texts)
        numbers = tf.reshape(tf.io.decode_raw(found.flat_values, tf.uint8), [-1])
        empty = tf.strings.length(texts) == 0
        nothing = tf.fill([tf.math.count_nonzero(empty, dtype=tf.int32)], self.vocabulary.unknown)
        instead = tf.RaggedTensor.from_row_lengths(nothing, tf.cast(empty, tf.int64))
        return tf.concat([found.with_flat_values(first + tf.cast(numbers, tf.int32)), instead], axis=1)

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    def compute_output_spec(self, texts: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((texts.shape[0], None), "int32")

    def get_config(self) -> dict[str, Any]:
        reading = {"length": self.length, "keep": self.keep}
        return super().get_config() | {"vocabulary": [*self.vocabulary.tokens]} | self.vocabulary.about() | reading

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextToIds:
        own = {name: config[name] for name in ("level", *SPECIAL) if name in config}
        rest = {name: value for name, value in config.items() if name not in own}
        return cls(**rest | {"vocabulary": Vocabulary(tuple(rest["vocabulary"]), **own)})


def words(texts: tf.Tensor) -> tf.RaggedTensor:
    """The words of each text, as in `runtime.tokens.words`; U+FFFD, an unknown token, for a text without words."""
    return tf.strings.split(tf.strings.regex_replace(_clean(texts), SIGNS, r" \1 "))


def characters(texts: tf.Tensor) -> tf.RaggedTensor:
    """The characters of each text, as in `runtime.tokens.characters`; U+FFFD, an unknown token, for an empty text."""
    return tf.strings.unicode_split(_clean(texts), "UTF-8")


def _clean(texts: tf.Tensor) -> tf.Tensor:
    """Texts in lower case, with any run of white space as one space, and U+FFFD for an empty text."""
    clean = tf.strings.lower(texts)
    for letter, small in AHEAD.items():
        clean = tf.strings.regex_replace(clean, letter, small)
    clean = tf.strings.regex_replace(tf.strings.lower(clean, encoding="utf-8"), tokens.LINE_BREAK.pattern, " ")
    clean = tf.strings.strip(tf.strings.regex_replace(tf.strings.regex_replace(clean, "\u2019", "'"), SPACES, " "))
    return tf.where(tf.equal(clean, ""), tokens.UNREADABLE, clean)
