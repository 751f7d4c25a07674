"""Models that carry their state from batch to batch, over streams that are trained in contiguous pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..export.keras_backend import all_layers


class KeepStreams(keras.callbacks.Callback):
    """Begins the streams anew at each epoch and each validation, and keeps those of the training over a validation."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Every stream is at its beginning."""
        forget(self.model)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts the states of the training aside."""
        self._kept = [np.array(state) for state in carried(self.model)]
        forget(self.model)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Takes them back."""
        for state, value in zip(carried(self.model), self._kept, strict=True):
            state.assign(value)


def forget(model: keras.Model) -> None:
    """Sets the states that a model carries from batch to batch to zero."""
    for layer in _stateful(model):
        layer.reset_state()


def carried(model: keras.Model) -> list[keras.Variable]:
    """The states that a model carries from batch to batch, as variables."""
    return [state for layer in _stateful(model) for state in keras.tree.flatten(layer.states)]


def _stateful(model: keras.Model) -> Iterator[keras.layers.RNN]:
    return (layer for layer in all_layers(model) if isinstance(layer, keras.layers.RNN) and layer.stateful)
