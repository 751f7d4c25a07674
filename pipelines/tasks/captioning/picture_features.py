"""Features and attention of a trained captioner for images."""

from __future__ import annotations

import keras
import numpy as np

from ...stages.data import evaluation_batches
from ...stages.preprocessing import halves
from .examples import CaptionedPictures
from .image_encoder import ENCODER
from .picture_decoding import pictures_together
from .search import SEARCH


def features(model: keras.Model, split: CaptionedPictures) -> np.ndarray:
    """The mean features of each image, `[n, channels]`, computed batch by batch.

    Args:
        model: The model of a run, from encoded images to captions.
        split: The images.
    """
    encoder = halves(model)[1].get_layer(ENCODER)
    batches = evaluation_batches(split, pictures_together(split.side))
    return np.concatenate([np.asarray(encoder(x["image"], training=False)).mean(axis=(1, 2)) for x, _ in batches])


def views(model: keras.Model, images: np.ndarray, tokens: np.ndarray) -> np.ndarray | None:
    """The decoder's attention before each word, `[n, time, rows, columns]`; None if it has no attention.

    Args:
        model: The model of a run.
        images: `[n, rows, columns, 3]` uint8.
        tokens: The captions, `[n, time]` int32.
    """
    _, model = halves(model)
    decoder = model.get_layer(SEARCH).decoder
    if not decoder.attention:
        return None
    seen = model.get_layer(ENCODER)(images, training=False)
    return np.asarray(decoder.views(seen, tokens))
