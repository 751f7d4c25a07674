"""Arguments of recurrent layers that a configuration can pass as `options`, checked without importing Keras.

Tables list the names: reading them from the classes would import Keras, and reading them from the sources of Keras
would depend on where Keras keeps them. A test compares the tables with the signatures of all layers.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from .cells import GATED_CELLS
from .errors import UsageError, did_you_mean

EVERY_CELL = (
    "dropout",
    "recurrent_dropout",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "seed",
)
"""Arguments that all cells accept."""

OF_CELLS = {
    "keras.simple_rnn": ("activation",),
    "keras.lstm": ("activation", "recurrent_activation", "unit_forget_bias"),
    "keras.gru": ("activation", "recurrent_activation", "reset_after"),
    "elman": ("activation", "irnn"),
    "jordan": ("hidden_units", "activation", "output_activation"),
    "lstm": ("activation", "recurrent_activation", "unit_forget_bias"),
    "gru": ("activation", "recurrent_activation", "reset_after"),
    "peephole_lstm": ("unit_forget_bias",),
    "layer_norm_lstm": ("epsilon", "unit_forget_bias"),
    "layer_norm_gru": ("epsilon",),
    "janet": ("beta",),
    "antisymmetric_rnn": ("step_size", "gamma"),
    "ind_rnn": ("activation", "steps", "gamma", "last_layer"),
    "co_rnn": ("step_size", "gamma", "epsilon"),
    "lem": ("step_size",),
    "cfc": ("backbone_units", "time_column"),
    "sru": ("highway_bias",),
    "qrnn": ("kernel_size",),
    "lru": ("state_units", "min_radius", "max_radius", "max_phase"),
    "rg_lru": ("blocks",),
    "slstm": ("heads",),
    "mlstm": ("heads",),
    "echo_state": ("leak", "spectral_radius", "density"),
}
"""Arguments of single cells, in addition to `EVERY_CELL` and to `zoneout` and `chrono` of this package's cells."""

EVERY_LAYER = ("activity_regularizer", "unroll", "zero_output_for_mask")
"""Arguments of the layer that loops over the time steps; the cell itself does not accept them."""

WITH_CUDNN = ("keras.lstm", "keras.gru", "lstm", "gru")
"""Cells whose layer accepts the argument `use_cudnn`."""

SWITCHES = (
    "irnn",
    "last_layer",
    "reset_after",
    "time_column",
    "unit_forget_bias",
    "unroll",
    "use_bias",
    "zero_output_for_mask",
)
"""Boolean arguments, checked here because most layers treat any text as true."""

SET_BY_PIPELINES = {
    "dtype": "training.precision sets it",
    "autocast": "training.precision sets it",
    "return_sequences": "the pipeline sets it for each layer of the stack",
    "return_state": "the pipeline sets it",
    "go_backwards": "the pipeline sets it; a model that is bidirectional reads backwards too",
    "stateful": "the pipeline sets it",
    "name": "the pipeline names its layers",
    "trainable": "the pipeline trains its layers",
}
"""Arguments of every layer that a user cannot set, each with the reason."""


def cell_options(cell: str) -> set[str]:
    """The arguments of a cell itself, without `units`.

    >>> sorted(cell_options("mlstm") - set(EVERY_CELL))
    ['chrono', 'heads', 'zoneout']
    """
    ours = not cell.startswith("keras.")
    more = {"zoneout"} if ours else set()
    more |= {"chrono"} if ours and cell in GATED_CELLS else set()
    return {*EVERY_CELL, *OF_CELLS.get(cell, ()), *more}


def layer_options(cell: str) -> set[str]:
    """The arguments of a cell's layer, including the cell's own, without those that pipelines set themselves."""
    return {*cell_options(cell), *EVERY_LAYER, *(["use_cudnn"] if cell in WITH_CUDNN else [])}


def _plain(value: Any) -> Any:
    """Checks that every layer can save a value, and parses numbers such as 1e-4, which YAML reads as text."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", value):
        value = float(value)
    if not (value is None or isinstance(value, bool | int | float | str)):
        raise PydanticCustomError("plain", "expected a number, a text, true, false, null, or a list of these")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("plain", "expected a finite number")
    return value


def _known(options: dict[str, Any], about: ValidationInfo, allowed: set[str]) -> dict[str, Any]:
    """Refuses options that are not allowed, or that are keys of the section itself.

    `dropout` may be both: the key of the section drops outputs of each layer, the option drops features of its input.
    """
    cell, beside = about.data["cell"], {key for key in about.data if key != "dropout"}
    for name, value in options.items():
        if name in beside:
            raise refusal(name, f"the key {name}, beside options, sets it")
        if name in SET_BY_PIPELINES:
            raise refusal(name, SET_BY_PIPELINES[name])
        if name not in allowed:
            hint = did_you_mean(name, allowed - beside)
            raise refusal(name, f"the cell {cell} takes no such option. {hint}")
        if name in SWITCHES and not isinstance(value, bool):
            raise refusal(name, f"expected true or false, got {value!r}")
        if name == "use_cudnn" and value is True:
            raise refusal(name, "true fails where there is no kernel of cuDNN; auto takes it wherever there is one")
    return options


def refusal(option: str, reason: str) -> PydanticCustomError:
    """An error that names one option."""
    return PydanticCustomError("option", "{reason}", {"reason": reason, "key": option})


def _of_the_layer(options: dict[str, Any], about: ValidationInfo) -> dict[str, Any]:
    return _known(options, about, layer_options(about.data["cell"])) if "cell" in about.data else options


def _of_the_cell(options: dict[str, Any], about: ValidationInfo) -> dict[str, Any]:
    if "cell" not in about.data:
        return options
    return _known(options, about, cell_options(about.data["cell"]) - {"dropout", "recurrent_dropout"})


Option = Annotated[
    Any, AfterValidator(_plain), WithJsonSchema({"type": ["number", "string", "boolean", "null", "array"]})
]
LayerOptions = Annotated[dict[str, Option], AfterValidator(_of_the_layer)]
"""Options of the layer that the section's `cell` names; the section must declare `cell` before them."""
CellOptions = Annotated[dict[str, Option], AfterValidator(_of_the_cell)]
"""Options of a cell that is called step by step; excludes what only a layer does, including dropout masks for a whole
sequence."""


@contextlib.contextmanager
def naming_options(cell: str, options: dict[str, Any]) -> Iterator[None]:
    """A context in which a layer is built with options; if the layer refuses, the message names the options.

    Raises:
        UsageError: In place of the error from the layer, or from the object that Keras finds under a name. Without
            options the original error propagates.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        if not options:
            raise
        written = ", ".join(f"{name}: {value}" for name, value in options.items())
        raise UsageError(f"model.options {{{written}}} of the cell {cell}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """A layer's error message in one line, without the frame that Keras puts around errors of calls."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines() if line.strip()]
    framed = len(lines) > 1 and lines[0].startswith("Exception encountered when calling")
    said = lines[framed] if lines else ""
    return f"{type(error).__name__} {said}" if isinstance(error, LookupError) else said  # its text is only a key
