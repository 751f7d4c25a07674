"""Models of two parts: an encoder that turns raw inputs into numbers, and what is trained.

`model.keras` and the SavedModel hold both, and take raw inputs; training and TFLite begin after the encoder.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from .data import Split

BATCH = 256


def with_encoder(model: keras.Model, encoder: keras.Model | None) -> keras.Model:
    """The model behind its encoder, if there is one."""
    if encoder is None:
        return model
    return keras.Model(encoder.inputs, model(encoder.output), name=f"{model.name}_with_encoder")


def halves(model: keras.Model) -> tuple[keras.Model | None, keras.Model]:
    """The encoder, if there is one, and what is trained."""
    *before, last = model.layers
    if not isinstance(last, keras.Model):
        return None, model
    return keras.Model(model.inputs, before[-1].output), last


def encoded(split: Split, encoder: keras.Model | None) -> Split:
    """The split as the trained part takes it; sequences without the zeros at their ends."""
    if encoder is None:
        return split
    rows: list[np.ndarray] = []
    for start in range(0, len(split), BATCH):
        outputs = encoder(tf.constant(split.inputs[start : start + BATCH].tolist())).numpy()
        rows += [row[:length] for row, length in zip(outputs, np.count_nonzero(outputs, axis=1), strict=True)]
    return Split(as_objects(rows), split.labels)


def as_objects(rows: list) -> np.ndarray:
    """Rows of unequal length as an array of objects, whatever their lengths."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array
