"""What stands around a network that forecasts: from raw windows to standardised numbers, and back to units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ...core.errors import DataError
from .features import CALENDAR, Feature
from .scales import Scale, Target
from .splits import SeriesData
from .student import student_quantile

MINUTES_OF_A_DAY = 24 * 60
CYCLES = {"hour": 1.0, "day_of_week": 7.0, "day_of_year": 365.2425}
"""In days."""


def network_inputs(
    data: SeriesData, features: Sequence[Feature], embedding: int | None = None
) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor, list[keras.KerasTensor]]:
    """The inputs of a model, and what the network reads.

    Args:
        data: With the scales.
        features: As declared.
        embedding: Numbers that stand for a series; None for none.

    Returns:
        Raw inputs by name; standardised targets `[batch, window, targets]`; and features, each
        `[batch, window, width]`.
    """
    window, before, stack = data.train.windows.window, data.train.before, data.stack
    rows = window + before
    every = {
        "values": keras.Input((rows, len(stack.columns)), name="values"),
        "minutes": keras.Input((rows,), dtype="int32", name="minutes"),
        "series": keras.Input((), dtype="int32", name="series"),
    }
    inputs = {name: every[name] for name in data.train.names}
    values, minutes, series = (inputs.get(name) for name in every)
    scale, parts = data.scale, []
    x = ops.take(values, np.array(data.targets, np.int32), axis=2)[:, before - scale.before :]
    layer = Standardize(stack.columns, stack.names, **of_scale(scale), name="targets")
    targets = layer(x, series)
    if features:
        assert data.features is not None, "features that are declared are fitted"
        settings = [feature.model_dump() for feature in features]
        made = Features(settings, stack.columns, *data.features, name="features")(values, minutes, series)
        parts.append(made[:, -window:])
    if embedding and series is not None:
        vector = layers.Embedding(len(stack.names), embedding, name="series_embedding")(series)
        parts.append(ops.repeat(ops.expand_dims(vector, 1), window, axis=1))
    return inputs, targets, parts


def forecasts_in_units(
    model: keras.Model, scale: Scale, output: str, quantiles: Sequence[float], stretches: Sequence[float] = ()
) -> keras.KerasTensor:
    """The standardised forecasts of a model in units, named `forecast`, or `quantiles`."""
    name = "quantiles" if output in ("quantiles", "gaussian", "student_t") else "forecast"
    layer = InUnits(output, quantiles, stretches, **of_scale(scale), name=name)
    return layer(model.output, model.input.get("series"))


def calibrated(model: keras.Model, data: SeriesData, output: str, quantiles: Sequence[float]) -> list[float]:
    """The stretches with which as many values of the validation lie below each quantile as its level says.

    It is the calibration of conformalised quantile regression (Romano, Patterson, Candès 2019, arXiv 1905.03222), by a
    factor where that adds a constant, since the width of intervals changes with the volatility.

    Args:
        model: Trained, with standardised answers.
        data: With the validation split.
        output: As in `model.forecasts`.
        quantiles: Their levels.

    Returns:
        One for each quantile, for all steps, targets and series; 1 for the median, none below 0.
    """
    answers = model.predict(data.validation.inputs, batch_size=256, verbose=0)
    z = ops.convert_to_numpy(distribution_quantiles(ops.convert_to_tensor(answers), output, quantiles))
    median = z[..., list(quantiles).index(0.5)]
    stretches = []
    for place, level in enumerate(quantiles):
        if level == 0.5:
            stretches.append(1.0)
            continue
        ratios = (data.validation.labels - median) / (z[..., place] - median)
        stretches.append(max(0.0, float(np.quantile(ratios, max(level, 1 - level)))))
    return stretches


def of_scale(scale: Scale) -> dict[str, Any]:
    """The settings of a layer that holds a scale."""
    return {"target": scale.target, "means": scale.means.tolist(), "deviations": scale.deviations.tolist()}


def fit_features(
    features: Sequence[Feature], columns: tuple[str, ...], rows: list[np.ndarray], names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of features, `[series, features]`; 0 and 1 of the calendar, and 1 where nothing changes.

    Args:
        features: As declared.
        columns: Names of the raw columns.
        rows: The training rows of each series, `[rows, columns]`.
        names: Of the series.

    Raises:
        DataError: If a series has too few training rows.
    """
    means, deviations = np.zeros((len(rows), len(features))), np.ones((len(rows), len(features)))
    for series, values in enumerate(rows):
        for number, feature in enumerate(features):
            if feature.kind in CALENDAR:
                continue
            if len(values) <= feature.before + 1:
                raise DataError(
                    f"the series {names[series]!r} has {len(values)} training rows, too few for the feature "
                    f"{feature.kind} of {feature.steps} steps; leave it out, or divide later (data.validation_from)."
                )
            column = columns.index(feature.column)
            x = ops.convert_to_numpy(of_values(ops.convert_to_tensor(values[None, :, column : column + 1]), feature))
            x = x.astype(np.float64)
            means[series, number], deviations[series, number] = x.mean(), x.std() or 1.0
    return means, deviations


class _Scaled(layers.Layer):
    """A layer with the scale of each series."""

    def __init__(self, target: Target, means: list, deviations: list, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.scale = Scale(target, np.array(means), np.array(deviations))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | of_scale(self.scale)


@keras.saving.register_keras_serializable("keras_recurrent")
class Standardize(_Scaled):
    """Targets as the network takes them, `Scale.standardized`. It also keeps what the inputs of the model mean.

    Args:
        columns: Names of the raw columns.
        series: Names of the series, by number.
        target: As in `Scale`.
        means: `[series][targets]`.
        deviations: `[series][targets]`.

    Call arguments:
        x: `(batch, rows, targets)`, in the units of the data.
        series: Number of the series, `(batch,)` int32; None if there is only one.

    Returns:
        `(batch, rows - before, targets)`.
    """

    def __init__(self, columns: Sequence[str], series: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns, self.series = tuple(columns), tuple(series)

    def call(self, x: keras.KerasTensor, series: keras.KerasTensor | None = None) -> keras.KerasTensor:
        return self.scale.standardized(x, series, ops)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"columns": self.columns, "series": self.series}


@keras.saving.register_keras_serializable("keras_recurrent")
class InUnits(_Scaled):
    """Standardised forecasts, or their distributions, in the units of the data, `Scale.in_units`.

    Distributions become quantiles: those of a normal one are `mean + deviation q`, those of Student's t
    `location + scale q`, with q the quantile of the standard one. Quantiles are moved away from the median, or towards
    it, by `stretches`.

    Args:
        output: As in `model.forecasts`.
        quantiles: Which quantiles a distribution becomes.
        stretches: For each quantile, by how much its distance from the median is multiplied; none leaves them.
        target: As in `Scale`.
        means: `[series][targets]`.
        deviations: `[series][targets]`.

    Call arguments:
        z: `(batch, horizon, targets)`, or with an axis more of quantiles or parameters.
        series: Number of the series, `(batch,)` int32; None if there is only one.

    Returns:
        `(batch, horizon, targets)`, or `(batch, horizon, targets, quantiles)`.
    """

    def __init__(self, output: str, quantiles: Sequence[float], stretches: Sequence[float] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_kind, self.quantiles, self.stretches = output, tuple(quantiles), tuple(stretches)

    def call(self, z: keras.KerasTensor, series: keras.KerasTensor | None = None) -> keras.KerasTensor:
        z = distribution_quantiles(z, self.output_kind, self.quantiles)
        if z.ndim == 3:
            return self.scale.in_units(z, series, ops)
        if self.stretches:
            middle = self.quantiles.index(0.5)
            median = z[..., middle : middle + 1]
            z = ops.sort(median + (z - median) * np.array(self.stretches, np.float32), axis=-1)
        each = [self.scale.in_units(z[..., place], series, ops) for place in range(len(self.quantiles))]
        return ops.stack(each, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "output": self.output_kind,
            "quantiles": self.quantiles,
            "stretches": self.stretches,
        }


def distribution_quantiles(z: keras.KerasTensor, output: str, quantiles: Sequence[float]) -> keras.KerasTensor:
    """Quantiles `[..., quantiles]` of the distributions whose parameters stand on the last axis; others as they are."""
    from statistics import NormalDist

    match output:
        case "gaussian":
            each = [z[..., 0] + z[..., 1] * NormalDist().inv_cdf(level) for level in quantiles]
        case "student_t":
            each = [z[..., 1] + z[..., 2] * student_quantile(z[..., 0], level) for level in quantiles]
        case "direction":
            return z[..., 0]
        case _:
            return z
    return ops.stack(each, axis=-1)


@keras.saving.register_keras_serializable("keras_recurrent")
class Features(layers.Layer):
    """The declared features of raw windows, standardised.

    Args:
        features: Settings of each `Feature`.
        columns: Names of the raw columns.
        means: `[series][features]`; those of the calendar have 0.
        deviations: `[series][features]`; those of the calendar have 1.

    Call arguments:
        values: `(batch, rows, columns)`, in the units of the data.
        minutes: Of each row, minutes since 1970, `(batch, rows)` int32; None without a feature of the calendar.
        series: Number of the series, `(batch,)` int32; None if there is only one.

    Returns:
        `(batch, rows - before, width)`, `before` being the rows that the feature with the longest reach takes.
    """

    def __init__(
        self,
        features: Sequence[dict],
        columns: Sequence[str],
        means: list | np.ndarray,
        deviations: list | np.ndarray,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.features = [Feature(**settings) for settings in features]
        self.columns = tuple(columns)
        self.means, self.deviations = np.array(means, np.float32), np.array(deviations, np.float32)

    @property
    def before(self) -> int:
        """Rows at the beginning of a window that have no features."""
        return max(feature.before for feature in self.features)

    def call(
        self,
        values: keras.KerasTensor,
        minutes: keras.KerasTensor | None = None,
        series: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        parts = []
        for number, feature in enumerate(self.features):
            if feature.kind in CALENDAR:
                parts.append(cycle(minutes, feature.kind)[:, self.before :])
                continue
            column = self.columns.index(feature.column)
            x = of_values(values[:, :, column : column + 1], feature)[:, self.before - feature.before :]
            mean, deviation = (self._of_series(each[:, number], series) for each in (self.means, self.deviations))
            parts.append((x - mean) / deviation)
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def _of_series(self, constants: np.ndarray, series: keras.KerasTensor | None) -> keras.KerasTensor:
        """One number a series, `[batch, 1, 1]`."""
        return ops.reshape(ops.take(constants, series), (-1, 1, 1)) if len(constants) > 1 else constants[0]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "features": [feature.model_dump() for feature in self.features],
            "columns": self.columns,
            "means": self.means.tolist(),
            "deviations": self.deviations.tolist(),
        }


def of_values(x: keras.KerasTensor, feature: Feature) -> keras.KerasTensor:
    """A feature of one column, `[batch, rows - before, 1]` from `[batch, rows, 1]`."""
    n = feature.steps
    match feature.kind:
        case "value":
            return x
        case "change":
            return x[:, n:] - x[:, :-n]
        case "moving_mean":
            return moving(x, n) - x[:, n - 1 :]
        case "log_return":
            return ops.log(x[:, n:] / x[:, :-n])
        case "absolute_return":
            return ops.abs(ops.log(x[:, n:] / x[:, :-n]))
        case "moving_deviation":
            return ops.sqrt(moving(ops.square(ops.log(x[:, 1:] / x[:, :-1])), n))
        case "log_change":
            return ops.log((1 + x[:, n:]) / (1 + x[:, :-n]))


def moving(x: keras.KerasTensor, n: int) -> keras.KerasTensor:
    """The mean of each n rows, `[batch, rows - n + 1, 1]`."""
    return ops.average_pool(x, n, strides=1, padding="valid")


def cycle(minutes: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    """Sine and cosine of a cycle of the calendar, `[batch, rows, 2]`.

    All begin with 1970-01-01, and years are of equal length, so that no calendar is needed in an exported file.
    """
    period = round(CYCLES[kind] * MINUTES_OF_A_DAY)
    angle = ops.expand_dims(ops.cast(ops.mod(minutes, period), "float32"), -1) * (2 * np.pi / period)
    return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)
