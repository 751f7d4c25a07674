"""`.keras` files, and the layers that they name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def load_model(path: Path, layers: Iterable[type[keras.layers.Layer]], safe_mode: bool = True) -> keras.Model:
    """Reads a model that may hold every layer of `keras_recurrent.layers`, and some more.

    Args:
        path: A `.keras` file.
        layers: The layers of a task, or of several ones.
        safe_mode: Whether a file that runs code of its own, as a Lambda layer does, is refused.

    Raises:
        Exception: Whatever Keras raises on a damaged file.
    """
    import keras

    from ... import layers as cells  # noqa: F401 - Keras learns their names when they are imported

    known = {keras.saving.get_registered_name(layer): layer for layer in layers}
    return keras.saving.load_model(path, custom_objects=known, compile=False, safe_mode=safe_mode)
