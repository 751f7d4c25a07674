"""Loads `.keras` files and the layers that they name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def load_model(path: Path, layers: Iterable[type[keras.layers.Layer]], safe_mode: bool = True) -> keras.Model:
    """Reads a model that may contain any layer of `keras_recurrent.layers`, and further ones.

    Args:
        path: A `.keras` file.
        layers: The layers of one or several tasks.
        safe_mode: Whether to refuse a file that runs its own code, as a Lambda layer does.

    Raises:
        Exception: Any error that Keras raises on a damaged file.
    """
    import keras

    from ... import layers as cells  # noqa: F401 - Keras learns their names when they are imported

    known = {keras.saving.get_registered_name(layer): layer for layer in layers}
    return keras.saving.load_model(path, custom_objects=known, compile=False, safe_mode=safe_mode)
