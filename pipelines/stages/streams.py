"""Models that carry their state from batch to batch, trained on contiguous pieces of streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..export.keras_backend import all_layers


class KeepStreams(keras.callbacks.Callback):
    """Resets the states at each epoch and each validation, and restores the training states after a validation."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Resets every stream to its beginning."""
        forget(self.model)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Saves the states of the training and resets them."""
        self._kept = [np.array(state) for state in carried(self.model)]
        forget(self.model)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the states of the training."""
        for state, value in zip(carried(self.model), self._kept, strict=True):
            state.assign(value)


def forget(model: keras.Model) -> None:
    """Resets the states that a model carries from batch to batch to zero."""
    for layer in _stateful(model):
        layer.reset_state()


def carried(model: keras.Model) -> list[keras.Variable]:
    """The states that a model carries from batch to batch, as variables."""
    return [state for layer in _stateful(model) for state in keras.tree.flatten(layer.states)]


def _stateful(model: keras.Model) -> Iterator[keras.layers.RNN]:
    return (layer for layer in all_layers(model) if isinstance(layer, keras.layers.RNN) and layer.stateful)
