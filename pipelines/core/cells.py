"""The recurrent layers that a configuration can name, and the class behind each name.

Add a new name here and nowhere else. The built-in layers of Keras carry the prefix `keras.`; plain names belong to
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
    "elman": "keras_recurrent.layers:Elman",
    "jordan": "keras_recurrent.layers:Jordan",
    "lstm": "keras_recurrent.layers:LSTM",
    "gru": "keras_recurrent.layers:GRU",
    "ugrnn": "keras_recurrent.layers:UGRNN",
    "peephole_lstm": "keras_recurrent.layers:PeepholeLSTM",
    "layer_norm_lstm": "keras_recurrent.layers:LayerNormLSTM",
    "layer_norm_gru": "keras_recurrent.layers:LayerNormGRU",
    "mgu": "keras_recurrent.layers:MGU",
    "janet": "keras_recurrent.layers:JANET",
    "fast_rnn": "keras_recurrent.layers:FastRNN",
    "fast_grnn": "keras_recurrent.layers:FastGRNN",
    "antisymmetric_rnn": "keras_recurrent.layers:AntisymmetricRNN",
    "ind_rnn": "keras_recurrent.layers:IndRNN",
    "co_rnn": "keras_recurrent.layers:CoRNN",
    "lem": "keras_recurrent.layers:LEM",
    "cfc": "keras_recurrent.layers:CfC",
    "min_gru": "keras_recurrent.layers:MinGRU",
    "min_lstm": "keras_recurrent.layers:MinLSTM",
    "sru": "keras_recurrent.layers:SRU",
    "qrnn": "keras_recurrent.layers:QRNN",
    "lru": "keras_recurrent.layers:LRU",
    "rg_lru": "keras_recurrent.layers:RGLRU",
    "slstm": "keras_recurrent.layers:SLSTM",
    "mlstm": "keras_recurrent.layers:MLSTM",
    "nas_rnn": "keras_recurrent.layers:NASRNN",
    "echo_state": "keras_recurrent.layers:EchoState",
}

GATED_CELLS = [
    "keras.lstm",
    "keras.gru",
    "lstm",
    "gru",
    "ugrnn",
    "peephole_lstm",
    "layer_norm_lstm",
    "layer_norm_gru",
    "mgu",
    "janet",
    "fast_grnn",
    "min_gru",
    "min_lstm",
    "sru",
    "qrnn",
    "slstm",
    "mlstm",
]
"""Cells whose gates can start from a given time scale (chrono initialisation)."""

WITHOUT_RECURRENT_KERNEL = ["min_gru", "min_lstm", "qrnn", "lru", "rg_lru", "mlstm"]
"""Cells whose hidden state enters no kernel and no gate, so that recurrent dropout has nothing to drop."""


def layer_class(name: str) -> type[keras.layers.RNN]:
    """The layer class behind a name of `CELLS`."""
    module, _, attribute = CELLS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _check(name: str) -> str:
    if name not in CELLS:
        raise PydanticCustomError("cell", "{hint}", {"hint": did_you_mean(name, CELLS)})
    return name


CellName = Annotated[str, AfterValidator(_check)]
