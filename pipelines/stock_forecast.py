"""Stock and other series: the last rows of a regular series in, the steps that follow out, beside the naive forecasts.

Sources: `sample` (Google's daily prices 2004 to 2008, which come with matplotlib), `csv` (a file, or a folder with one
file a series, of any columns: prices, loads, sales, temperatures), `yahoo` (daily prices by yfinance, frozen as CSV).
Windows of raw rows `[before + window, columns]` go in, and their dates as minutes since 1970 where a feature needs
them; forecasts `[horizon, targets]` in the units of the data come out, or quantiles of them `[horizon, targets, ...]`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NaiveDatetime, NonNegativeFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from . import cli
from .core.config import Config, DataSection, Evaluation, FullPath, Rate, RecurrentModel, Training
from .core.errors import UsageError, did_you_mean
from .core.pipeline import Pipeline
from .sources import prices, series, yahoo
from .tasks.forecasting import answers, baselines, direction, findings, prediction, reading, splits
from .tasks.forecasting.features import CALENDAR, Feature
from .tasks.forecasting.scales import Level, Target
from .tasks.forecasting.splits import SeriesData

if TYPE_CHECKING:
    import keras

Share = Annotated[float, Field(gt=0, lt=1)]
Quantile = Annotated[float, Field(gt=0, lt=1)]


class SeriesSection(DataSection):
    """Where the series come from, and what of them is forecast."""

    only_for: ClassVar[dict[str, set[str]]] = {
        "path": {"csv", "yahoo"},
        "date_column": {"csv"},
        "series_column": {"csv"},
        "date_format": {"csv"},
        "timezone": {"csv"},
        "decimal": {"csv"},
        "thousands": {"csv"},
        "encoding": {"csv"},
        "missing": {"csv"},
        "positive": {"csv"},
        "not_negative": {"csv"},
        "tickers": {"yahoo"},
        "start": {"yahoo"},
        "end": {"yahoo"},
        "adjusted": {"yahoo"},
    }

    source: Literal["sample", "csv", "yahoo"] = "sample"
    """Google's daily prices from matplotlib; CSV files; or Yahoo Finance (pip install "keras-recurrent[yahoo]")."""
    path: FullPath | None = None
    """The file, or the folder with one file a series; for yahoo the folder where downloads are kept."""
    date_column: str = "Date"
    """Column with the dates, of any common form."""
    series_column: str | None = None
    """Column that says which series a row is of; null if each file is one."""
    date_format: str | None = None
    """Of strptime, for dates of another form, or where day and month can't be told apart."""
    timezone: str | None = None
    """Where dates with an offset are converted to, such as America/New_York; null for UTC."""
    decimal: Literal[".", ","] = "."
    """The sign before decimals."""
    thousands: Literal[",", ".", " ", "'"] | None = None
    """What parts thousands; null for nothing."""
    encoding: str = "utf-8"
    """Of the files."""
    missing: Literal["error", "drop", "ffill"] = "error"
    """What is done about an empty cell or a missing date: refuse it, drop its row, or take the last earlier value."""
    tickers: tuple[str, ...] = ()
    """As Yahoo writes them, such as AAPL."""
    start: date = date(2010, 1, 1)
    """The first day that is downloaded."""
    end: date | None = None
    """The day after the last one; it must be given, so that a run can be repeated."""
    adjusted: bool = False
    """Whether all prices are adjusted for dividends, instead of `Adj Close` alone."""

    targets: tuple[str, ...] | None = None
    """Columns that are forecast; null for all."""
    target: Target = "level"
    """What of them is learned: the `level`; the `log_return`, from which prices are rebuilt; the `direction`, a
    probability that a step to come is above the last known value; or the `volatility`, the expected size (root mean
    square) of the log return of each step to come."""
    features: tuple[Feature, ...] = ()
    """What the network reads beside the targets."""
    positive: tuple[str, ...] = ()
    """Columns that may hold positive numbers alone, beside those whose logarithm is taken."""
    not_negative: tuple[str, ...] = ()
    """Columns that may hold no negative numbers."""
    window: PositiveInt = 60
    """Known steps that the network reads."""
    horizon: PositiveInt = 1
    """Steps to forecast."""
    season: PositiveInt = 1
    """Steps of a season, such as 24 for hours; 1 for none."""
    validation: Share = 0.15
    """Share of the dates that are for validation, the last ones before the test."""
    test: Share = 0.15
    """Share of the dates that are for the test, the last ones."""
    validation_from: NaiveDatetime | None = None
    """First date of the validation, instead of the share."""
    test_from: NaiveDatetime | None = None
    """First date of the test, instead of the share."""
    until: NaiveDatetime | None = None
    """Rows from that date on are left out; null takes all."""
    stride: PositiveInt = 1
    """One training window every so many steps."""

    @property
    def before(self) -> int:
        """Raw rows before a window that its features and targets are made of."""
        return max([1 if self.target == "volatility" else 0, *(feature.before for feature in self.features)])


class ForecastModel(RecurrentModel):
    """How a window becomes a forecast."""

    level: Level = "last"
    """What is taken off each window and put on its forecast, so that the network learns what a naive forecast misses:
    the `last` value, that and the usual size of a change in the window (`walk`), the `mean` of the window, the
    `seasonal` values of its last season, its mean and deviation (`revin`, Kim et al. 2022), or nothing but the mean of
    the `training` part. A volatility has `mean` or `training`."""
    segments: tuple[PositiveInt, ...] = (1,)
    """Steps that the recurrence reads at once (Lin et al. 2023, arXiv 2308.11200); each must divide the window. With
    several lengths, as many networks read the window, and the mean of their forecasts counts."""
    decoder: Literal["segments", "direct"] = "direct"
    """From the last state to all steps: by one dense layer, or by a GRU, a segment a step."""
    final_dropout: Rate = 0.0
    """Rate before the last layer."""
    output: Literal["point", "quantiles", "gaussian", "student_t"] = "point"
    """What is forecast: a number, quantiles, or a distribution, whose quantiles are given."""
    quantiles: tuple[Quantile, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    """Which quantiles, rising, with 0.5 among them; if there are any."""
    calibrated: bool = False
    """Whether quantiles are stretched so that on the validation as many values lie below each as its level says."""
    series_embedding: PositiveInt | None = None
    """Numbers that stand for a series, learned and read at every step; null for none."""

    @model_validator(mode="after")
    def _quantiles_rise(self) -> ForecastModel:
        if list(self.quantiles) != sorted(set(self.quantiles)) or 0.5 not in self.quantiles:
            raise PydanticCustomError("together", "model.quantiles must rise and hold 0.5")
        if self.calibrated and self.output == "point":
            raise PydanticCustomError("together", "model.calibrated is of intervals; set model.output=quantiles")
        return self


class ForecastTraining(Training):
    """How the forecasting network is fitted."""

    loss: Literal["mae", "mse", "huber"] = "mae"
    """Of numbers (model.output point): the mean absolute or squared error, or the first beyond 1 and half of the
    second below (Huber 1964). Quantiles have the pinball loss, distributions the negative log-likelihood, a volatility
    QLIKE."""


class ForecastEvaluation(Evaluation):
    """How forecasts are scored on the test split."""

    windows: PositiveInt = 1
    """Consecutive parts of the test that are scored by themselves (a rolling-origin backtest)."""
    refit: bool = False
    """Whether a network is trained anew for each part but the first, on all that was known before it."""
    theta_seconds: NonNegativeFloat = 30.0
    """Most time for the Theta method, which takes every k-th window then; 0 leaves it out."""
    average: PositiveInt = 20
    """Steps of the moving average among the baselines; as many as the window has, if that is shorter."""


class ForecastConfig(Config):
    """The configuration of stock_forecast."""

    data: SeriesSection = SeriesSection()
    model: ForecastModel = ForecastModel()
    training: ForecastTraining = ForecastTraining()
    evaluation: ForecastEvaluation = ForecastEvaluation()

    @model_validator(mode="after")
    def _options_fit(self) -> ForecastConfig:
        data, model = self.data, self.model
        wrong = None
        if unfit := [steps for steps in model.segments if data.window % steps]:
            wrong = f"model.segments {unfit[0]} does not divide data.window {data.window}"
        elif model.level == "seasonal" and not 1 < data.season <= data.window:
            wrong = f"model.level seasonal needs data.season of 2 to {data.window} steps (data.window)"
        elif model.level in ("walk", "revin") and data.window < 2:
            wrong = f"model.level {model.level} needs data.window of 2 or more"
        elif data.target == "volatility" and model.level not in ("mean", "training"):
            wrong = f"data.target volatility needs model.level mean or training, not {model.level}"
        elif data.target in ("direction", "volatility") and model.output != "point":
            wrong = f"data.target {data.target} is a number itself; set model.output=point"
        elif data.target == "direction" and (model.level not in ("last", "walk") or data.window < 2):
            wrong = "data.target direction needs model.level last or walk, and data.window of 2 or more"
        elif data.target != "level" and not data.targets:
            wrong = f"data.target {data.target} needs data.targets, columns of positive numbers"
        elif "int8" in self.export.quantization:
            wrong = "export.quantization int8 is too coarse for forecasts; leave it out"
        elif data.targets and len(set(data.targets)) < len(data.targets):
            wrong = f"data.targets names a column twice: {', '.join(data.targets)}"
        elif data.validation + data.test >= 1:
            wrong = "data.validation and data.test leave nothing for training"
        if wrong:
            raise PydanticCustomError("together", wrong)
        return self


def load(config: ForecastConfig) -> SeriesData:
    """Loads the series, divides them by date, and fits all scales on the training rows."""
    data = config.data
    source = _source(data)
    table = next(iter(source.tables.values()))
    targets = data.targets or tuple(table)
    needed = dict.fromkeys([*targets, *(feature.column for feature in data.features if feature.column)])
    for column in needed:
        if column not in table:
            raise UsageError(f"data: there is no column {column!r}. {did_you_mean(column, list(table))}")
    stack = splits.stacked(source.tables, tuple(needed))
    splits.check_positive(stack, reading.positive(data))
    if data.until is not None:
        stack = splits.before_date(stack, np.datetime64(data.until))
    validation_from, test_from = splits.boundaries(stack.dates, data.validation, data.test)
    validation_from = np.datetime64(data.validation_from or validation_from)
    test_from = np.datetime64(data.test_from or test_from)
    splits.check_order(stack.dates, validation_from, test_from)
    names = ["values"]
    if any(feature.kind in CALENDAR for feature in data.features):
        names.append("minutes")
    if len(stack.names) > 1:
        names.append("series")
    return splits.make(
        stack,
        targets,
        data.target,
        data.window,
        data.horizon,
        before=data.before,
        names=tuple(names),
        validation_from=validation_from,
        test_from=test_from,
        stride=data.stride,
        fit_features=partial(_fit_features, data, stack) if data.features else None,
        notes=source.notes,
    )


def _source(data: SeriesSection) -> series.Series:
    """The series, and what was found in them."""
    if data.source == "sample":
        return prices.load()
    if data.path is None:
        what = {"csv": "a CSV file, or a folder of them", "yahoo": "a folder for the downloads"}[data.source]
        raise UsageError(f"data: source {data.source!r} needs data.path, {what}: --set data.path=PATH.")
    if data.source == "yahoo":
        if data.end is None:
            raise UsageError("data: source 'yahoo' needs data.end, the day after the last one: --set data.end=DATE.")
        return yahoo.load(data.tickers, data.start, data.end, data.path, data.adjusted)
    return reading.load(data, data.path)


def _fit_features(data: SeriesSection, stack: splits.Stack, rows: list[slice]) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of the features in the training rows of each series, `[series, features]`."""
    from .tasks.forecasting.inputs import fit_features

    return fit_features(data.features, stack.columns, [stack.values[part] for part in rows], stack.names)


def build(config: ForecastConfig, data: SeriesData, precision: str) -> keras.Model:
    """Builds the model: raw windows in, standardised forecasts `[batch, horizon, targets]` or distributions out."""
    import keras

    from .tasks.forecasting.inputs import network_inputs
    from .tasks.forecasting.model import forecasts

    model = config.model
    inputs, targets, features = network_inputs(data, config.data.features, model.series_embedding)
    y = forecasts(
        targets,
        features,
        model,
        horizon=config.data.horizon,
        level=model.level,
        season=config.data.season,
        segments=model.segments,
        decoder=model.decoder,
        final_dropout=model.final_dropout,
        output=learned(config),
        quantiles=model.quantiles,
        dtype=precision,
        use_cudnn=not config.training.jit_compile,
    )
    return keras.Model(inputs, y, name="stock_forecast")


def finish(config: ForecastConfig, data: SeriesData, model: keras.Model) -> keras.Model:
    """Puts the forecasts into the units of the data, distributions as quantiles."""
    import keras

    from .tasks.forecasting.inputs import calibrated, forecasts_in_units

    given = learned(config), config.model.quantiles
    stretches = calibrated(model, data, *given) if config.model.calibrated else ()
    units = forecasts_in_units(model, data.scale, *given, stretches)
    return keras.Model(model.input, units, name="stock_forecast")


def learned(config: ForecastConfig) -> str:
    """What the network gives, as `forecast_model.forecasts` calls it."""
    return {"volatility": "variance", "direction": "direction"}.get(config.data.target, config.model.output)


def chosen_baselines(config: ForecastConfig) -> dict[str, Callable[[SeriesData], np.ndarray]]:
    """The naive forecasts, a linear model of the same window, and the Theta method.

    Of logarithms of prices the last value is the forecast of zero return, and the drift that of the window's mean; the
    mean price of the training part would be none.
    """
    data, average = config.data, min(config.evaluation.average, config.data.window)
    if data.target == "direction":
        every = (direction.most_frequent, direction.after_the_last, direction.logistic)
        return {baseline.__name__: partial(answers.in_units, baseline) for baseline in every}
    chosen = {
        "last_value": baselines.last_value,
        "moving_average": partial(baselines.moving_average, steps=average),
        "linear": baselines.linear,
    }
    if data.target != "log_return":
        chosen["mean_of_training"] = baselines.mean_of_training
    if data.window > 1 and data.target != "volatility":
        chosen["drift"] = baselines.drift
    if 1 < data.season <= data.window:
        chosen["seasonal_naive"] = partial(baselines.seasonal_naive, season=data.season)
    if data.target != "volatility" and config.evaluation.theta_seconds and data.window >= max(4, 2 * data.season):
        settings = {"season": data.season, "seconds": config.evaluation.theta_seconds}
        chosen["theta"] = partial(answers.every_kth, partial(baselines.theta, **settings))
    return {name: partial(answers.in_units, baseline) for name, baseline in chosen.items()}


def about_data(config: ForecastConfig) -> str:
    """Says where the series come from, and what of them is forecast."""
    data = config.data
    origin = {
        "sample": "Google's daily prices from 2004-08-19 to 2008-10-14, of matplotlib's sample data",
        "yahoo": f"Daily prices of {', '.join(data.tickers)} from Yahoo Finance, frozen in {data.path}",
    }.get(data.source, f"The series in {data.path}")
    what = {
        "level": "",
        "log_return": ", learned as log returns, from which the values are rebuilt",
        "direction": ": of these the probability of being above the last known value",
        "volatility": ": of these the volatility, the root mean square of the log return of each step",
    }[data.target]
    columns = ", ".join(data.targets) if data.targets else "all columns"
    return (
        f"{origin}. Forecast: {columns}{what}, {data.horizon} step(s) ahead from {data.window} known ones. Windows are"
    )


LOADING = """run = runs.open("FOLDER_OF_THIS_FILE")
inputs = {"values": values}        # [n, rows, columns]; and "minutes" [n, rows], "series" [n] if the model has them
forecasts = run.predict(inputs)    # export/forecast.json says which, and what the columns and series are

import tensorflow as tf                                    # with TensorFlow alone

serve = tf.saved_model.load("export/saved_model/1").signatures["serving_default"]
answers = serve(**{name: tf.constant(value) for name, value in inputs.items()})

from keras_recurrent.pipelines.runtime import Forecaster       # with NumPy and the TFLite runtime alone

Forecaster("export/model.tflite").forecast(values[0], dates[0])   # dates [n, rows], datetime64"""

PIPELINE = Pipeline(
    name="stock_forecast",
    task="Forecasts the next steps of a regular series (prices, loads, sales, temperatures), with intervals if asked.",
    limits=(
        "Knows what the past of its series tells, and nothing of news; prices are next to unforecastable, and a score "
        "that equals the last value's is what an efficient market leaves. No investment advice."
    ),
    primary=lambda config: {"volatility": "qlike", "direction": "log_loss"}.get(config.data.target, "mse"),
    about_data=about_data,
    loading=LOADING,
    config=ForecastConfig,
    load=load,
    build=build,
    finish=finish,
    baselines=chosen_baselines,
    examine=findings.examine,
    predict=prediction.predict,
    write_beside=prediction.write_beside,
    kind="forecasting",
)

if __name__ == "__main__":
    cli.run_pipeline("stock_forecast")
