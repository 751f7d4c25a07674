"""Forecasts of stock prices and other regular series from their last rows, compared with naive forecasts.

Shapes: the model takes windows of raw rows `[before + window, columns]`, and their dates as minutes since 1970 if a
feature needs them. It gives forecasts `[horizon, targets]` in the units of the data, or their quantiles
`[horizon, targets, ...]`.

Sources: `sample` (Google's daily prices 2004 to 2008, which come with matplotlib), `csv` (a file, or a folder with one
file a series, of any columns: prices, loads, sales, temperatures), `yahoo` (daily prices from yfinance, frozen as CSV).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from . import cli
from .core.errors import UsageError, did_you_mean
from .core.pipeline import Pipeline, Task
from .sources import prices, series, yahoo
from .tasks.forecasting import answers, baselines, direction, findings, prediction, reading, splits
from .tasks.forecasting.config import ForecastConfig, SeriesSection
from .tasks.forecasting.features import CALENDAR
from .tasks.forecasting.splits import SeriesData

if TYPE_CHECKING:
    import keras

    from .tasks.forecasting.model import Output
    from .tasks.forecasting.windows import Windows


def load(config: ForecastConfig) -> SeriesData:
    """Loads the series, splits them by date, and fits all scales on the training rows."""
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
    """Loads the series, with notes on what was found in them."""
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
    """Means and standard deviations of the features in the training rows of each series, `[series, features]`."""
    from .tasks.forecasting.inputs import fit_features

    return fit_features(data.features, stack.columns, [stack.values[part] for part in rows], stack.names)


def build(config: ForecastConfig, data: SeriesData, precision: str) -> keras.Model:
    """Builds the model: raw windows in, standardized forecasts `[batch, horizon, targets]` or distributions out."""
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
    """Converts the forecasts to the units of the data, and distributions to quantiles."""
    import keras

    from .tasks.forecasting.inputs import calibrated, forecasts_in_units

    given = learned(config), config.model.quantiles
    stretches = calibrated(model, data, *given) if config.model.calibrated else ()
    units = forecasts_in_units(model, data.scale, *given, stretches)
    return keras.Model(model.input, units, name="stock_forecast")


def learned(config: ForecastConfig) -> Output:
    """The kind of output of the network, as `tasks.forecasting.model.forecasts` names it."""
    of_targets: dict[str, Output] = {"volatility": "variance", "direction": "direction"}
    return of_targets.get(config.data.target, config.model.output)


def chosen_baselines(config: ForecastConfig) -> dict[str, Callable[[SeriesData], np.ndarray]]:
    """The naive forecasts, a linear model of the same window, and the Theta method.

    With log returns, the last value forecasts a return of zero, and the drift forecasts the mean return of the window.
    The mean price of the training rows is left out, since it does not forecast a return.
    """
    data, average = config.data, min(config.evaluation.average, config.data.window)
    if data.target == "direction":
        every = (direction.most_frequent, direction.after_the_last, direction.logistic)
        return {baseline.__name__: partial(answers.in_units, baseline) for baseline in every}
    chosen: dict[str, Callable[[Windows, Windows], np.ndarray]] = {
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
        theta = partial(baselines.theta, season=data.season, seconds=config.evaluation.theta_seconds)
        chosen["theta"] = partial(answers.every_kth, theta)
    return {name: partial(answers.in_units, baseline) for name, baseline in chosen.items()}


def about_data(config: ForecastConfig) -> str:
    """A sentence on the source of the series and on the forecast targets."""
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


def task() -> Task[ForecastConfig, SeriesData]:
    """Imports the forecasting task, and TensorFlow with it."""
    from .tasks.forecasting.task import FORECASTING

    return FORECASTING


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
    aliases=("series_forecast",),
    about="Forecasts the next steps of a regular series (prices, loads, sales, temperatures), with intervals if asked.",
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
    task=task,
    baselines=chosen_baselines,
    examine=findings.examine,
    predict=prediction.predict,
    write_beside=prediction.write_beside,
)

if __name__ == "__main__":
    cli.run_pipeline("stock_forecast")
