"""Models of two parts: a preprocessor that turns raw inputs into numbers, and the trained part.

`model.keras` and the SavedModel contain both and take raw inputs; training and TFLite start after the preprocessor.
"""

from __future__ import annotations

import keras

from ..core.data import Examples


def with_preprocessor(model: keras.Model, preprocessor: keras.Model | None) -> keras.Model:
    """The model with its preprocessor in front, if there is one."""
    if preprocessor is None:
        return model
    return keras.Model(preprocessor.inputs, model(preprocessor.output), name=f"{model.name}_with_preprocessor")


def halves(model: keras.Model) -> tuple[keras.Model | None, keras.Model]:
    """The preprocessor, or None, and the trained part."""
    *before, last = model.layers
    if not isinstance(last, keras.Model):
        return None, model
    return keras.Model(model.inputs, before[-1].output), last


def preprocessed(split: Examples, preprocessor: keras.Model | None) -> Examples:
    """The split in the form that the trained part takes."""
    return split if preprocessor is None else split.preprocessed(preprocessor)
