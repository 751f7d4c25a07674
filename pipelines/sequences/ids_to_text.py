"""Converts ids to texts with TensorFlow operations, for a SavedModel that answers in words."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ..runtime.tokens import BYTES, INSIDE
from ..runtime.vocabulary import Vocabulary


def ids_to_text(vocabulary: Vocabulary) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that maps ids `[..., time]` to strings `[...]`, joined as in `Vocabulary.decode`.

    Example:

    ```python
    to_text = ids_to_text(Vocabulary(("", "[UNK]", "two", "boats"), "word"))
    to_text(tf.constant([[2, 3, 0, 0]]))  # [b"two boats"]
    ```
    """
    level = vocabulary.level
    if level == "byte":
        special = vocabulary.tokens[: -len(BYTES)]
        names = [*(name.encode() for name in special), *(bytes([number]) for number in range(len(BYTES)))]
    else:
        before = " " if level in ("word", "subword") else ""
        names = [f"{before}{token}".encode() for token in vocabulary.tokens]
    table = tf.constant(names)
    bounds = [number for number in (vocabulary.padding, vocabulary.end) if number is not None]

    def to_text(ids: tf.Tensor) -> tf.Tensor:
        is_bound = tf.reduce_any(tf.equal(ids[..., None], bounds), axis=-1)
        kept = tf.cumsum(tf.cast(is_bound, tf.int32), axis=-1) == 0
        if vocabulary.start is not None:
            kept &= ids != vocabulary.start
        text = tf.strings.reduce_join(tf.where(kept, tf.gather(table, ids), ""), axis=-1)
        match level:
            case "word":
                return tf.strings.regex_replace(text, "^ ", "")
            case "subword":
                return tf.strings.regex_replace(tf.strings.regex_replace(text, "^ ", ""), f" {INSIDE}", "")
            case "byte":
                return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
            case _:
                return text

    return to_text
