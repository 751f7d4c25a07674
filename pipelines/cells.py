"""The recurrent layers that a configuration can name, and where each is found.

A name is added here and nowhere else. The built-in layers of Keras carry the prefix `keras.`; plain names belong to
`keras_recurrent.layers`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from .errors import did_you_mean

if TYPE_CHECKING:
    import keras

CELLS = {
    "keras.simple_rnn": "keras.layers:SimpleRNN",
    "keras.lstm": "keras.layers:LSTM",
    "keras.gru": "keras.layers:GRU",
}

CHRONO_CELLS = ("keras.lstm", "keras.gru")
"""Those whose gates can be given a time scale to begin with."""


def layer_class(name: str) -> type[keras.layers.RNN]:
    """The layer class behind a name of `CELLS`."""
    module, _, attribute = CELLS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _check(name: str) -> str:
    if name not in CELLS:
        raise PydanticCustomError("cell", "{hint}", {"hint": did_you_mean(name, CELLS)})
    return name


CellName = Annotated[str, AfterValidator(_check)]
