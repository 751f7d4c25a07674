"""Network from windows of series to forecasts: normalization of levels, segments, recurrent layers, decoder, output.

The same weights read every target, its own values together with the features. The network takes and gives values that
are standardised by the training part; `inputs` converts from the units of the data and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers, ops

from ...core.config import RecurrentModel
from ...stages.model import recurrent_stack
from .scales import Normalization

Output = Literal["point", "quantiles", "gaussian", "student_t", "variance", "direction"]
NUMBERS = {"point": 1, "gaussian": 2, "student_t": 3, "variance": 1, "direction": 1}
"""Number of values of an output for one step; quantiles have as many as there are levels."""


def forecasts(
    targets: keras.KerasTensor,
    features: Sequence[keras.KerasTensor],
    config: RecurrentModel,
    *,
    horizon: int,
    level: Normalization = "last",
    season: int = 1,
    segments: Sequence[int] = (48,),
    decoder: Literal["segments", "direct"] = "segments",
    final_dropout: float = 0.0,
    output: Output = "point",
    quantiles: Sequence[float] = (),
    dtype: str | None = None,
    use_cudnn: bool = True,
) -> keras.KerasTensor:
    """Forecasts of the steps after a window.

    With level `last` or `mean`, one segment length and the decoder `segments`, this is the SegRNN (Lin et al. 2023,
    arXiv 2308.11200), except that the decoder has its own weights. With several lengths, each has its own encoder and
    decoder, and the model averages their outputs, so that it reads the window at several scales.

    Args:
        targets: `[batch, window, targets]`, standardised by the training part; window and targets are fixed.
        features: Feature arrays, each `[batch, window, features]` and of similar size; or none.
        config: Configuration of the recurrent layers.
        horizon: Number of steps to forecast.
        level: Level that is subtracted from each target before the network and added again after it, see `leveled`.
        season: Steps of a season, for the level `seasonal`.
        segments: Segment lengths in steps; each must divide the window.
        decoder: `segments` for `SegmentDecoder`; `direct` for one dense layer from the last state to all steps.
        final_dropout: Dropout rate before the last dense layer of the decoder.
        output: Kind of output, see `on_level`.
        quantiles: Levels of the quantiles for the output `quantiles`, see `monotone`.
        dtype: Precision policy of the recurrent layers, such as `"mixed_float16"`.
        use_cudnn: As in `recurrent_stack`.

    Returns:
        float32 `[batch, horizon, targets]`, named `standardized_forecast`; quantiles and distributions add an axis for
        quantiles or parameters.

    Raises:
        ValueError: If a segment length does not divide the window, or `monotone` does not accept the quantiles.

    Example:

    >>> loads, hours = keras.Input((96, 2)), keras.Input((96, 4))
    >>> gru = RecurrentModel(cell="keras.gru", units=16)
    >>> forecasts(loads, [hours], gru, horizon=24, segments=(24, 48)).shape
    (None, 24, 2)
    """
    numbers = len(quantiles) if output == "quantiles" else NUMBERS[output]
    if output == "variance":
        sequences, center, scale = relative(targets, level)
    else:
        sequences, center, scale = leveled(targets, level, horizon, season)
    sequences = beside(sequences, features)
    scales = []
    for segment in segments:
        h = encoded(sequences, segment, config, dtype, use_cudnn)
        if decoder == "segments":
            decode = SegmentDecoder(horizon, segment, numbers, final_dropout, name=f"decoder_{segment}")
            scales.append(decode(h))
        else:
            h = layers.Dropout(final_dropout, name=f"final_dropout_{segment}")(h) if final_dropout else h
            every = layers.Dense(horizon * numbers, name=f"decoder_{segment}")(h)
            scales.append(ops.reshape(every, (-1, targets.shape[-1], horizon, numbers)))
    y = layers.Average(name="average")(scales) if len(scales) > 1 else scales[0]
    y = on_level(ops.transpose(y, (0, 2, 1, 3)), center, scale, output, quantiles)
    return layers.Identity(dtype="float32", name="standardized_forecast")(y)


def leveled(
    x: keras.KerasTensor, level: Normalization, horizon: int, season: int = 1
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Each target without its level and scale.

    The level is the mean of the training part, which is 0 (`training`), the last value of the window (`last`: NLinear,
    Zeng et al. 2023, arXiv 2205.13504), or the mean of the window (`mean`); the scale is 1. `walk` takes the last value
    as the level and, as for a random walk, the root mean square of the changes from step to step in the window as the
    scale. `seasonal` subtracts the last value from the window and adds the values of the last season to the forecasts,
    so that the network learns what the seasonal naive forecast misses. `revin` takes mean and standard deviation from
    the window (reversible instance normalisation, Kim et al. 2022, ICLR, without its learned part).

    Args:
        x: `[batch, window, targets]`, standardised.
        level: Kind of level.
        horizon: Number of steps to forecast.
        season: Steps of a season, at most the window.

    Returns:
        `[batch, targets, window, 1]`, and the level and scale of the forecasts, which broadcast with
        `[batch, horizon, targets]`.

    Raises:
        ValueError: If the season is longer than the window, or the level is unknown.
    """
    center, scale = ops.zeros_like(x[:, -1:]), ops.ones_like(x[:, -1:])
    match level:
        case "training":
            pass
        case "last" | "walk" | "seasonal":
            center = x[:, -1:]
        case "mean" | "revin":
            center = ops.mean(x, axis=1, keepdims=True)
        case _:
            raise ValueError(f"There is no level {level!r}.")
    if level in ("revin", "walk"):
        spread = x - center if level == "revin" else x[:, 1:] - x[:, :-1]
        scale = ops.sqrt(ops.mean(ops.square(spread), axis=1, keepdims=True) + 1e-5)
    sequences = per_target((x - center) / scale)
    if level == "seasonal":
        if season > x.shape[1]:
            raise ValueError(f"A season of {season} steps is longer than the window of {x.shape[1]}.")
        center = ops.tile(x[:, -season:], (1, -(-horizon // season), 1))[:, :horizon]
    return sequences, center, scale


def relative(
    x: keras.KerasTensor, level: Normalization
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """The roots of squares, such as squared returns, relative to the typical square.

    The typical square is the mean of the training part, which is 1 (level `training`), or of the window (`mean`).

    Args:
        x: `[batch, window, targets]`, none below 0.
        level: Kind of typical square.

    Returns:
        `[batch, targets, window, 1]`, and 0 and the typical square, which broadcast with `[batch, horizon, targets]`.

    Raises:
        ValueError: If the level is neither `training` nor `mean`.
    """
    if level not in ("training", "mean"):
        raise ValueError(f"A variance has the level training or mean, not {level!r}.")
    typical = ops.ones_like(x[:, -1:]) if level == "training" else ops.mean(x, axis=1, keepdims=True) + 1e-6
    return per_target(ops.sqrt(x / typical)), ops.zeros_like(typical), typical


def per_target(x: keras.KerasTensor) -> keras.KerasTensor:
    """Moves `[batch, window, targets]` to `[batch, targets, window, 1]`."""
    return ops.expand_dims(ops.transpose(x, (0, 2, 1)), -1)


def beside(sequences: keras.KerasTensor, features: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Concatenates features, each `[batch, window, features]`, to every target, `[batch, targets, window, 1]`."""
    if not features:
        return sequences
    targets = sequences.shape[1]
    repeated = [ops.repeat(ops.expand_dims(each, 1), targets, axis=1) for each in features]
    return layers.Concatenate(name="target_and_features")([sequences, *repeated])


def encoded(
    sequences: keras.KerasTensor,
    segment: int,
    config: RecurrentModel,
    dtype: str | None = None,
    use_cudnn: bool = True,
) -> keras.KerasTensor:
    """The last output of recurrent layers that read each segment as a vector, `relu(W segment + b)`.

    Args:
        sequences: `[batch, targets, window, features]`.
        segment: Segment length in steps; it must divide the window.
        config: Configuration of the recurrent layers; the vector of a segment has size `config.units`.
        dtype: As in `forecasts`.
        use_cudnn: As in `recurrent_stack`.

    Returns:
        `[batch, targets, units]`, or twice the units if bidirectional.

    Raises:
        ValueError: If the segment length does not divide the window.
    """
    _, targets, window, features = sequences.shape
    if window % segment:
        raise ValueError(f"Segments of {segment} steps do not divide a window of {window}.")
    pieces = ops.reshape(sequences, (-1, window // segment, segment * features))
    x = layers.Dense(config.units, "relu", dtype=dtype, name=f"embedding_{segment}")(pieces)
    rows = keras.Input(x.shape[1:], name="segments")
    encoder = keras.Model(rows, recurrent_stack(rows, config, dtype, use_cudnn), name=f"encoder_{segment}")
    h = ops.cast(encoder(x), "float32")
    return ops.reshape(h, (-1, targets, h.shape[-1]))


def on_level(
    y: keras.KerasTensor,
    center: keras.KerasTensor,
    scale: keras.KerasTensor,
    output: Output,
    quantiles: Sequence[float] = (),
) -> keras.KerasTensor:
    """Turns the output of a decoder into forecasts on the level and scale of the window.

    `point`: one number. `quantiles`: the quantiles from `monotone`. `gaussian`: mean, and standard deviation
    `softplus(y)`. `student_t`: degrees of freedom `2 + softplus(y)`, so that the variance is finite, location, and
    scale `softplus(y)` (softplus as in DeepAR, Salinas et al. 2020, International Journal of Forecasting 36).
    `variance`: the scale times `exp(y)`. `direction`: the probability `s(y)` of a step above the level, and that level.

    Args:
        y: `[batch, horizon, targets, numbers]`.
        center: Level, which broadcasts with `[batch, horizon, targets]`.
        scale: Scale, which broadcasts with `[batch, horizon, targets]`.
        output: Kind of output.
        quantiles: Levels of the quantiles.

    Returns:
        `[batch, horizon, targets]` for `point` and `variance`, else `[batch, horizon, targets, numbers]`.
    """
    center, scale = ops.expand_dims(center, -1), ops.expand_dims(scale, -1)
    match output:
        case "point":
            return ops.squeeze(center + scale * y, -1)
        case "variance":
            return ops.squeeze(scale * ops.exp(y), -1)
        case "quantiles":
            return center + scale * monotone(y, quantiles)
        case "gaussian":
            parts = [center + scale * y[..., :1], scale * positive(y[..., 1:])]
        case "student_t":
            parts = [2 + positive(y[..., :1]), center + scale * y[..., 1:2], scale * positive(y[..., 2:])]
        case "direction":
            parts = [ops.sigmoid(y), center + ops.zeros_like(y)]
        case _:
            raise ValueError(f"There is no output {output!r}.")
    return ops.concatenate(parts, axis=-1)


def positive(y: keras.KerasTensor) -> keras.KerasTensor:
    """`softplus(y) + 1e-6`, because float32 can round `softplus(y)` to 0."""
    return ops.softplus(y) + 1e-6


def monotone(y: keras.KerasTensor, quantiles: Sequence[float]) -> keras.KerasTensor:
    """Quantiles that never cross: a median, and steps `softplus(y)` away from it on both sides.

    Args:
        y: `[..., quantiles]`, any numbers; the one at the index of the median is the median.
        quantiles: Levels in (0, 1), rising, with 0.5 among them.

    Returns:
        `[..., quantiles]`, rising along the last axis.

    Raises:
        ValueError: If the levels do not rise, lie outside (0, 1), or lack 0.5.
    """
    quantiles = list(quantiles)
    if 0.5 not in quantiles or sorted(set(quantiles)) != quantiles or not 0 < quantiles[0] <= quantiles[-1] < 1:
        raise ValueError(f"Quantiles must rise within (0, 1), with 0.5 among them: {quantiles}.")
    middle = quantiles.index(0.5)
    columns = [y[..., middle : middle + 1]]
    for place in range(middle + 1, len(quantiles)):
        columns.append(columns[-1] + positive(y[..., place : place + 1]))
    for place in reversed(range(middle)):
        columns.insert(0, columns[0] - positive(y[..., place : place + 1]))
    return layers.Concatenate(name="rising")(columns) if len(columns) > 1 else columns[0]


@keras.saving.register_keras_serializable("keras_recurrent")
class SegmentDecoder(layers.Layer):
    """Decodes all segments of the horizon at once, each by one GRU step from the last state of the encoder.

        z, r = s(W e + U h + b)
        h~ = tanh(W e + b + r * (U h + b2))
        y = V (z * h + (1 - z) * h~) + c

    where e joins an embedding of the segment's position in the horizon and an embedding of the target, each with half
    of the units: the parallel multi-step forecasting of SegRNN (Lin et al. 2023, arXiv 2308.11200). All segments begin
    with the same state, so `U h` is computed once for all of them. The layer cuts a last segment that reaches beyond
    the horizon.

    Args:
        horizon: Number of steps to forecast.
        segment: Segment length in steps.
        numbers: Number of values for each step.
        dropout: Dropout rate before the last product.

    Call arguments:
        h: Tensor of shape `(batch, targets, units)`.

    Returns:
        Tensor of shape `(batch, targets, horizon, numbers)`.
    """

    def __init__(self, horizon: int, segment: int, numbers: int = 1, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.horizon, self.segment, self.numbers, self.dropout = horizon, segment, numbers, dropout
        self.count = -(-horizon // segment)
        self.drop = layers.Dropout(dropout)
        self.dense = layers.Dense(segment * numbers, name="dense")

    def build(self, input_shape: tuple) -> None:
        _, targets, units = input_shape
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.places = self.add_weight(shape=(self.count, units // 2), initializer=normal, name="places")
        self.targets = self.add_weight(shape=(targets, units - units // 2), initializer=normal, name="targets")
        self.kernel = self.add_weight(shape=(units, 3 * units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(units, 3 * units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(2, 3 * units), initializer="zeros", name="bias")
        self.dense.build((None, units))

    def call(self, h: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        e = ops.concatenate(
            [
                ops.repeat(ops.expand_dims(self.places, 0), self.targets.shape[0], axis=0),
                ops.repeat(ops.expand_dims(self.targets, 1), self.count, axis=1),
            ],
            axis=-1,
        )
        b, b2 = self.bias[0], self.bias[1]
        from_e = ops.matmul(e, self.kernel) + b  # [targets, count, 3 * units]
        from_h = ops.expand_dims(ops.matmul(h, self.recurrent_kernel) + b2, 2)  # [batch, targets, 1, 3 * units]
        e_z, e_r, e_h = ops.split(from_e, 3, axis=-1)
        h_z, h_r, h_h = ops.split(from_h, 3, axis=-1)
        z, r = ops.sigmoid(e_z + h_z), ops.sigmoid(e_r + h_r)
        new = z * ops.expand_dims(h, 2) + (1 - z) * ops.tanh(e_h + r * h_h)
        y = self.dense(self.drop(new, training=training))
        steps = (-1, self.targets.shape[0], self.count * self.segment, self.numbers)
        return ops.reshape(y, steps)[:, :, : self.horizon]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:2], self.horizon, self.numbers)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "horizon": self.horizon,
            "segment": self.segment,
            "numbers": self.numbers,
            "dropout": self.dropout,
        }
