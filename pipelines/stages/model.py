"""Second stage: the recurrent layers of the declared model."""

from __future__ import annotations

import keras
import numpy as np

from ..core.cell_options import naming_options
from ..core.cells import layer_class
from ..core.config import RecurrentModel
from ..core.errors import UsageError


def recurrent_stack(
    inputs: keras.KerasTensor,
    config: RecurrentModel,
    dtype: str | None = None,
    use_cudnn: bool = True,
    return_sequences: bool = False,
) -> keras.KerasTensor:
    """Stacked recurrent layers over a sequence; the result is the output at the last time step, or at every time step.

    Args:
        inputs: `[batch, time, features]`.
        config: Cell, units, depth, directions, dropout rates and further options.
        dtype: Precision policy of the layers, such as `"mixed_float16"`.
        use_cudnn: Whether a layer may use cuDNN's kernels on a GPU, where it has them; XLA can't compile those.
        return_sequences: Whether to return the outputs at every time step, `[batch, time, ...]`.

    Returns:
        `[batch, units]`, or `[batch, 2 * units]` if bidirectional: the forward layer's output at the last time step,
        and the backward layer's at the first, which it reads last.

    Raises:
        UsageError: If the layer refuses one of the options.
    """
    if config.options.get("unroll") and inputs.shape[1] is None:
        raise UsageError("model.options.unroll needs sequences of one length, and these have many; leave it out.")
    x = inputs
    for level in range(1, config.depth + 1):
        with naming_options(config.cell, config.options):
            x = _recurrent(x, config, level, dtype, use_cudnn, return_sequences or level < config.depth)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, dtype=dtype, name=f"dropout_{level}")(x)
    return x


def _recurrent(
    x: keras.KerasTensor,
    config: RecurrentModel,
    level: int,
    dtype: str | None,
    use_cudnn: bool,
    return_sequences: bool,
) -> keras.KerasTensor:
    """One layer of the stack."""
    of_keras = config.cell.startswith("keras.")
    layer = layer_class(config.cell)(
        config.units,
        recurrent_dropout=config.recurrent_dropout,
        **({"chrono": config.chrono} if config.chrono and not of_keras else {}),
        **config.options,
        return_sequences=return_sequences,
        dtype=dtype,
        name=f"recurrent_{level}",
    )
    ways = [layer]
    if config.bidirectional:
        layer = keras.layers.Bidirectional(layer, dtype=dtype, name=f"both_ways_{level}")
        ways = [layer.forward_layer, layer.backward_layer]
    for way in ways:
        if hasattr(way, "use_cudnn"):
            way.use_cudnn = config.options.get("use_cudnn", "auto") if use_cudnn else False
    y = layer(x)
    if config.chrono and of_keras:
        for way in ways:
            chrono_initialize(way, config.chrono)
    return y


def chrono_initialize(layer: keras.layers.RNN, longest: int) -> None:
    """Sets the biases of a built Keras LSTM or GRU so that its units forget over 2 to `longest` time steps.

    The times are drawn uniformly. An LSTM gets b_f = log(u) and b_i = -b_f with u uniform in (1, longest - 1); a GRU,
    whose update gate keeps the state in Keras, gets b_z = log(u). The other biases start at zero (Tallec & Ollivier
    2018, arXiv 1804.11188).
    """
    n = layer.units
    keep = np.log(keras.ops.convert_to_numpy(keras.random.uniform((n,), 1.0, longest - 1.0)))
    bias = np.zeros(layer.cell.bias.shape, np.float32)
    if isinstance(layer, keras.layers.LSTM):
        bias[:n], bias[n : 2 * n] = -keep, keep
    else:
        np.atleast_2d(bias)[0, :n] = keep  # the input bias, which comes first if there is a recurrent one
    layer.cell.bias.assign(bias)
