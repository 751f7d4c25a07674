"""Scores what a decoder of captions writes by itself while it is trained on captions that are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .model import DECODER
from .search import CaptionSearch


class ScoreFreely(keras.callbacks.Callback):
    """Writes greedily after each epoch, and adds the score of that to the epoch's others.

    Must stand before the callbacks that read the score.

    Args:
        name: Of the score.
        batches: Inputs of the model that is trained, and its targets; of the inputs it takes all but `tokens`.
        score: From tokens `[n, time]`, in the order of the batches, to a number.
    """

    def __init__(self, name: str, batches: tf.data.Dataset, score: Callable[[np.ndarray], float]) -> None:
        super().__init__()
        self.name, self.batches, self.score = name, batches, score

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts a search behind what the decoder looks at; the weights are those that are trained."""
        decoder = self.model.get_layer(DECODER)
        features, tokens = decoder.input
        seen = {name: each for name, each in self.model.input.items() if name != "tokens"}
        search = CaptionSearch(decoder, tokens.shape[-1], {}, dtype=decoder.dtype_policy)
        self.writer = keras.Model(seen, search(features))
        self.writer.jit_compile = self.model.jit_compile

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Writes and scores."""
        found = [self.writer.predict_on_batch({name: x[name] for name in self.writer.input}) for x, _ in self.batches]
        logs[self.name] = self.score(np.concatenate([np.asarray(each["tokens"]) for each in found]))
