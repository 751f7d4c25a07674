"""A model's answers to arrays."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

BATCH = 256
"""Inputs that are answered together."""


def answers(model: keras.Model, inputs: np.ndarray | dict[str, np.ndarray]) -> Any:
    """Answers `[n, ...]`, or some by name.

    Args:
        model: As a run keeps it.
        inputs: `[n, ...]`, or arrays by name.
    """
    if isinstance(inputs, dict):
        return as_arrays(model.predict(inputs, batch_size=BATCH, verbose=0))
    if not len(inputs):
        return none(model)
    return as_arrays(model.predict(np.asarray(inputs), batch_size=BATCH, verbose=0))


def none(model: keras.Model) -> Any:
    """The answers to no input, `[0, ...]`."""
    return keras.tree.map_structure(lambda each: np.zeros((0, *each.shape[1:]), each.dtype), model.output)


def as_arrays(found: Any) -> Any:
    """Answers in NumPy, whatever the backend gave."""
    return keras.tree.map_structure(np.asarray, found)
