"""The captions that a model writes for encoded images."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from ...stages.answers import as_arrays, none
from ...stages.preprocessing import halves
from .picture_decoding import pictures_together


def answers(model: keras.Model, contents: Sequence[bytes] | np.ndarray) -> dict[str, np.ndarray]:
    """Tokens and their scores; a batch holds as many images as their size allows.

    Args:
        model: The model of a run, from encoded images to captions.
        contents: n encoded images.
    """
    if not len(contents):
        return none(model)
    size = pictures_together(halves(model)[1].input_shape[1:3])
    parts = [list(contents[start : start + size]) for start in range(0, len(contents), size)]
    found = [as_arrays(model.predict_on_batch(tf.constant(part))) for part in parts]
    return keras.tree.map_structure(lambda *each: np.concatenate(each), *found)
