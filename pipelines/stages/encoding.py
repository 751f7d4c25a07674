"""Models of two parts: an encoder that turns raw inputs into numbers, and what is trained.

`model.keras` and the SavedModel hold both, and take raw inputs; training and TFLite begin after the encoder.
"""

from __future__ import annotations

import keras

from ..core.data import Examples


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


def encoded(split: Examples, encoder: keras.Model | None) -> Examples:
    """The split as the trained part takes it."""
    return split if encoder is None else split.encoded(encoder)
