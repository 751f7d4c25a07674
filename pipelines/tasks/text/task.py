"""Declaration of the task of text classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from ....layers import paths
from ...sequences.text_to_ids import TextToIds
from ...stages.answers import BATCH, none
from ..classification.task import CLASSIFICATION
from .model import RegionEmbedding
from .ngram_scores import NgramScores


def answers(model: keras.Model, texts: Sequence[str]) -> np.ndarray:
    """Probabilities `[n, classes]`; the model reads the texts by length, so that batches hold little padding.

    Args:
        model: Model of a run, from texts to probabilities.
        texts: n texts.
    """
    if not len(texts):
        return none(model)
    array = np.asarray(texts, dtype=object)  # a string array would be as wide as the longest text
    order = np.argsort([len(text) for text in texts], kind="stable")
    with paths.few_lengths():
        found = np.asarray(model.predict(tf.constant(array[order].tolist()), batch_size=BATCH, verbose=0))
    return found[np.argsort(order)]


TEXT_CLASSIFICATION = replace(
    CLASSIFICATION, layers=(*CLASSIFICATION.layers, TextToIds, RegionEmbedding, NgramScores), answers=answers
)
