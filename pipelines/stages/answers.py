"""A model's answers to raw inputs of any kind."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from ...layers import paths
from ..tasks.captioning.picture_decoding import pictures_together
from .encoding import halves

BATCH = 256
"""Inputs that are answered together."""


def answers(model: keras.Model, inputs: np.ndarray | dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
    """Answers `[n, ...]`, or some by name.

    Args:
        model: As a run keeps it.
        inputs: `[n, ...]`; texts; encoded pictures, which are `bytes`; or arrays by name.
    """
    if isinstance(inputs, dict):
        return _as_arrays(model.predict(inputs, batch_size=BATCH, verbose=0))
    if not len(inputs):
        return keras.tree.map_structure(lambda each: np.zeros((0, *each.shape[1:]), each.dtype), model.output)
    match next(iter(inputs)):
        case str():
            return _of_texts(model, inputs)
        case bytes():
            return _of_pictures(model, inputs)
    return _as_arrays(model.predict(np.asarray(inputs), batch_size=BATCH, verbose=0))


def _of_pictures(model: keras.Model, contents: np.ndarray) -> dict[str, np.ndarray]:
    size = pictures_together(halves(model)[1].input_shape[1:3])
    parts = [list(contents[start : start + size]) for start in range(0, len(contents), size)]
    found = [_as_arrays(model.predict_on_batch(tf.constant(part))) for part in parts]
    return keras.tree.map_structure(lambda *each: np.concatenate(each), *found)


def _of_texts(model: keras.Model, texts: np.ndarray) -> np.ndarray:
    """In the order of their lengths, so that little of a batch is padding."""
    texts = np.asarray(texts, dtype=object)  # else all would be as wide as the longest
    order = np.argsort([len(text) for text in texts], kind="stable")
    with paths.few_lengths():
        found = np.asarray(model.predict(tf.constant(texts[order].tolist()), batch_size=BATCH, verbose=0))
    return found[np.argsort(order)]


def _as_arrays(found: np.ndarray | dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
    return keras.tree.map_structure(np.asarray, found)
