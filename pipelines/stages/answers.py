"""The answers of a model to arrays."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

BATCH = 256
"""Number of inputs in a batch."""


def answers(model: keras.Model, inputs: np.ndarray | dict[str, np.ndarray]) -> Any:
    """The answers of a model, `[n, ...]`, or a dict of them by name.

    Args:
        model: The model, as a run keeps it.
        inputs: `[n, ...]`, or named arrays.
    """
    if isinstance(inputs, dict):
        return as_arrays(model.predict(inputs, batch_size=BATCH, verbose=0))
    if not len(inputs):
        return none(model)
    return as_arrays(model.predict(np.asarray(inputs), batch_size=BATCH, verbose=0))


def none(model: keras.Model) -> Any:
    """The answers to an empty batch, `[0, ...]`."""
    return keras.tree.map_structure(lambda each: np.zeros((0, *each.shape[1:]), each.dtype), model.output)


def as_arrays(found: Any) -> Any:
    """Converts answers of any backend to NumPy arrays."""
    return keras.tree.map_structure(np.asarray, found)
