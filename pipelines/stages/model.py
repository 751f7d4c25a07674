"""Second stage: the declared model."""

from __future__ import annotations

import keras

from ..cells import layer_class
from ..config import RecurrentModel


def recurrent_stack(
    inputs: keras.KerasTensor, config: RecurrentModel, dtype: str | None = None, use_cudnn: bool = True
) -> keras.KerasTensor:
    """Stacked recurrent layers over a sequence, of which the output of the last time step is kept.

    Args:
        inputs: `[batch, time, features]`.
        config: Cell, units, depth, directions and rates.
        dtype: Precision policy of the layers, such as `"mixed_float16"`.
        use_cudnn: Whether a GPU may run its own kernels, where the layer has them; XLA can't compile those.

    Returns:
        `[batch, units]`, or `[batch, 2 * units]` if bidirectional (then the forward layer's output at the last time
        step and the backward layer's at the first, which is its last).
    """
    x = inputs
    for level in range(1, config.depth + 1):
        layer = layer_class(config.cell)(
            config.units,
            recurrent_dropout=config.recurrent_dropout,
            return_sequences=level < config.depth,
            dtype=dtype,
            name=f"recurrent_{level}",
        )
        if hasattr(layer, "use_cudnn") and not use_cudnn:
            layer.use_cudnn = False
        x = (
            keras.layers.Bidirectional(layer, dtype=dtype, name=f"both_ways_{level}") if config.bidirectional else layer
        )(x)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, dtype=dtype, name=f"dropout_{level}")(x)
    return x


def classifier(features: keras.KerasTensor, classes: int, positions: int = 1) -> keras.KerasTensor:
    """Probabilities from a feature vector, in float32 whatever the precision before.

    Args:
        features: `[batch, units]`.
        classes: Number of classes.
        positions: Labels an example; with more than one, each gets its own softmax.

    Returns:
        `[batch, classes]`, or `[batch, positions, classes]`, named `probabilities`.
    """
    scores = keras.layers.Dense(positions * classes, dtype="float32", name="scores")(features)
    if positions > 1:
        scores = keras.layers.Reshape((positions, classes), name="per_position")(scores)
    return keras.layers.Softmax(dtype="float32", name="probabilities")(scores)
