"""Second stage: the declared model."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from ..core.cells import layer_class
from ..core.config import RecurrentModel


def recurrent_stack(
    inputs: keras.KerasTensor,
    config: RecurrentModel,
    dtype: str | None = None,
    use_cudnn: bool = True,
    return_sequences: bool = False,
) -> keras.KerasTensor:
    """Stacked recurrent layers over a sequence, of which the output of the last time step is kept, or all outputs.

    Args:
        inputs: `[batch, time, features]`.
        config: Cell, units, depth, directions and rates.
        dtype: Precision policy of the layers, such as `"mixed_float16"`.
        use_cudnn: Whether a GPU may run its own kernels, where the layer has them; XLA can't compile those.
        return_sequences: Whether all outputs are kept, `[batch, time, ...]`.

    Returns:
        `[batch, units]`, or `[batch, 2 * units]` if bidirectional (then the forward layer's output at the last time
        step and the backward layer's at the first, which is its last).
    """
    x = inputs
    for level in range(1, config.depth + 1):
        of_keras = config.cell.startswith("keras.")
        layer = layer_class(config.cell)(
            config.units,
            recurrent_dropout=config.recurrent_dropout,
            **({"chrono": config.chrono} if config.chrono and not of_keras else {}),
            return_sequences=return_sequences or level < config.depth,
            dtype=dtype,
            name=f"recurrent_{level}",
        )
        ways = [layer]
        if config.bidirectional:
            layer = keras.layers.Bidirectional(layer, dtype=dtype, name=f"both_ways_{level}")
            ways = [layer.forward_layer, layer.backward_layer]
        for way in ways:
            if hasattr(way, "use_cudnn") and not use_cudnn:
                way.use_cudnn = False
        x = layer(x)
        for way in ways if config.chrono and of_keras else ():
            chrono_initialize(way, config.chrono)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, dtype=dtype, name=f"dropout_{level}")(x)
    return x


def chrono_initialize(layer: keras.layers.RNN, longest: int) -> None:
    """Sets the biases of a built LSTM or GRU of Keras so that its units forget over 2 to `longest` time steps.

    The times are drawn evenly. Of an LSTM, b_f = log(u) and b_i = -b_f with u uniform in (1, longest - 1); of a GRU,
    whose update gate keeps the state in Keras, b_z = log(u). The other biases begin at zero (Tallec & Ollivier 2018,
    arXiv 1804.11188).
    """
    n = layer.units
    keep = np.log(keras.ops.convert_to_numpy(keras.random.uniform((n,), 1.0, longest - 1.0)))
    bias = np.zeros(layer.cell.bias.shape, np.float32)
    if isinstance(layer, keras.layers.LSTM):
        bias[:n], bias[n : 2 * n] = -keep, keep
    else:
        bias[0, :n] = keep
    layer.cell.bias.assign(bias)


def classifier(
    *features: keras.KerasTensor, classes: int, positions: int = 1, beside: Sequence[keras.KerasTensor] = ()
) -> keras.KerasTensor:
    """Probabilities from feature vectors, in float32 whatever the precision before.

    Args:
        *features: `[batch, units]` of a network; of several ones, the answers are joined by `OpinionPool`.
        classes: Number of classes.
        positions: Labels an example; with more than one, each gets its own softmax.
        beside: More scores `[batch, classes]`, of other models, which have a part in `OpinionPool` too.

    Returns:
        `[batch, classes]`, or `[batch, positions, classes]`, named `probabilities`.
    """
    scores = []
    for number, vector in enumerate(features, 1):
        ending = f"_{number}" if len(features) > 1 else ""
        score = keras.layers.Dense(positions * classes, dtype="float32", name=f"scores{ending}")(vector)
        if positions > 1:
            score = keras.layers.Reshape((positions, classes), name=f"per_position{ending}")(score)
        scores.append(score)
    if len(scores) + len(beside) > 1:
        return OpinionPool(dtype="float32", name="probabilities")([*scores, *beside])
    return keras.layers.Softmax(dtype="float32", name="probabilities")(scores[0])


@keras.saving.register_keras_serializable("keras_recurrent")
class OpinionPool(keras.layers.Layer):
    """The geometric mean of the probabilities that several networks give, `p(c) ~ (prod_k p_k(c))^(1/K)`.

    In training the mean is not brought to a sum of 1, so that its cross-entropy is the mean of the networks' own: each
    learns to answer alone, and none leans on another. The losses of training and validation are then not to be
    compared. It is the product of experts of Hinton 1999 (Products of Experts, ICANN) with equal weights, or
    logarithmic opinion pool.

    Call arguments:
        scores: Logits of the networks, each `(..., classes)`.

    Returns:
        Tensor of shape `(..., classes)`.

    Example:

    >>> pool = OpinionPool()
    >>> pool([np.log([[0.9, 0.1]]), np.log([[0.5, 0.5]])]).numpy().round(3).tolist()  # sqrt(.45) : sqrt(.05)
    [[0.75, 0.25]]
    """

    def call(self, scores: list[keras.KerasTensor], training: bool = False) -> keras.KerasTensor:
        ops = keras.ops
        mean = ops.mean(ops.stack([ops.log_softmax(each) for each in scores]), axis=0)
        return ops.exp(mean) if training else ops.softmax(mean)

    def compute_output_shape(self, shapes: list[tuple]) -> tuple:
        return shapes[0]
