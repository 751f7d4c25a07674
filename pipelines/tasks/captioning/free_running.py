"""Scores the captions that a decoder writes by itself, while training feeds it given captions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .model import DECODER
from .search import CaptionSearch


class ScoreFreely(keras.callbacks.Callback):
    """Writes captions greedily after each epoch, and adds their score to the logs of the epoch.

    It must precede the callbacks that read the score.

    Args:
        name: Name of the score.
        batches: Inputs and targets of the trained model; the callback reads every input but `tokens`.
        score: Function from tokens `[n, time]`, in the order of the batches, to a number.
    """

    def __init__(self, name: str, batches: tf.data.Dataset, score: Callable[[np.ndarray], float]) -> None:
        super().__init__()
        self.name, self.batches, self.score = name, batches, score

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Builds a search on the decoder's features; it shares the weights in training."""
        decoder = self.model.get_layer(DECODER)
        features, tokens = decoder.input
        seen = {name: each for name, each in self.model.input.items() if name != "tokens"}
        search = CaptionSearch(decoder, tokens.shape[-1], {}, dtype=decoder.dtype_policy)
        self.writer = keras.Model(seen, search(features))
        self.writer.jit_compile = self.model.jit_compile

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Writes and scores the captions."""
        found = [self.writer.predict_on_batch({name: x[name] for name in self.writer.input}) for x, _ in self.batches]
        logs[self.name] = self.score(np.concatenate([np.asarray(each["tokens"]) for each in found]))
