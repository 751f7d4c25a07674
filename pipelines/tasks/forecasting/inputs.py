"""Layers around a forecasting network: from raw windows to standardised values, and back to units."""

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
"""Length of each cycle of the calendar, in days."""


def network_inputs(
    data: SeriesData, features: Sequence[Feature], embedding: int | None = None
) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor, list[keras.KerasTensor]]:
    """The raw inputs of a model, and the standardised targets and features that the network reads.

    Args:
        data: Splits with the fitted scales.
        features: Declared features.
        embedding: Size of the embedding of a series; None leaves it out.

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
    """The standardised forecasts of a model in the units of the data, named `forecast` or `quantiles`."""
    name = "quantiles" if output in ("quantiles", "gaussian", "student_t") else "forecast"
    layer = InUnits(output, quantiles, stretches, **of_scale(scale), name=name)
    return layer(model.output, model.input.get("series"))


def calibrated(model: keras.Model, data: SeriesData, output: str, quantiles: Sequence[float]) -> list[float]:
    """The factors for the quantiles that make the share of validation values below each one equal its level.

    This is the calibration of conformalised quantile regression (Romano, Patterson, Candès 2019, arXiv 1905.03222),
    with a factor in place of its added constant, because the width of the intervals changes with the volatility.

    Args:
        model: Trained model with standardised answers.
        data: Splits, of which the calibration uses validation.
        output: As in `model.forecasts`.
        quantiles: Levels of the quantiles.

    Returns:
        One factor for each quantile, shared by all steps, targets and series; 1 for the median, none below 0.
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
    """Means and deviations of features, `[series, features]`.

    Calendar features have mean 0 and deviation 1, and features that never change have deviation 1.

    Args:
        features: Declared features.
        columns: Names of the raw columns.
        rows: Training rows of each series, `[rows, columns]`.
        names: Names of the series.

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
    """Standardises targets with `Scale.standardized`, and keeps the names of the model's inputs.

    Args:
        columns: Names of the raw columns.
        series: Names of the series, by number.
        target: As in `Scale`.
        means: Means `[series][targets]`.
        deviations: Deviations `[series][targets]`.

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
    """Converts standardised forecasts or their distributions to the units of the data with `Scale.in_units`.

    Distributions become quantiles: `mean + deviation q` for a normal distribution and `location + scale q` for
    Student's t, where q is the quantile of the standard distribution. `stretches` moves quantiles away from the median
    or towards it.

    Args:
        output: As in `model.forecasts`.
        quantiles: Levels of the quantiles.
        stretches: Factor for the distance of each quantile from the median; empty leaves the quantiles unchanged.
        target: As in `Scale`.
        means: Means `[series][targets]`.
        deviations: Deviations `[series][targets]`.

    Call arguments:
        z: `(batch, horizon, targets)`, or with a further axis of quantiles or parameters.
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
    """Quantiles `[..., quantiles]` of distributions with parameters on the last axis.

    Of a direction only the probability `[...]` remains; other outputs stay unchanged.
    """
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
    """Computes the declared features of raw windows, standardised.

    Args:
        features: Settings of each `Feature`.
        columns: Names of the raw columns.
        means: Means `[series][features]`; 0 for calendar features.
        deviations: Deviations `[series][features]`; 1 for calendar features.

    Call arguments:
        values: `(batch, rows, columns)`, in the units of the data.
        minutes: Minutes since 1970 of each row, `(batch, rows)` int32; None without calendar features.
        series: Number of the series, `(batch,)` int32; None if there is only one.

    Returns:
        `(batch, rows - before, width)`, where the feature that reaches back furthest needs `before` rows.
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
        """Number of rows at the beginning of a window without features."""
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
        """The constant of each example's series, `[batch, 1, 1]`, or the only one."""
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
    """The moving mean over n rows, `[batch, rows - n + 1, 1]`."""
    return ops.average_pool(x, n, strides=1, padding="valid")


def cycle(minutes: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    """Sine and cosine of a cycle of the calendar, `[batch, rows, 2]`.

    All cycles begin on 1970-01-01, and all years have equal length, so that an exported file needs no calendar.
    """
    period = round(CYCLES[kind] * MINUTES_OF_A_DAY)
    angle = ops.expand_dims(ops.cast(ops.mod(minutes, period), "float32"), -1) * (2 * np.pi / period)
    return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)
