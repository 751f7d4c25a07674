"""The configuration of forecasts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NaiveDatetime, NonNegativeFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from ...core.config import Config, DataSection, Evaluation, FullPath, Rate, RecurrentModel, Training
from .features import Feature
from .scales import Normalization, Target

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

    level: Normalization = "last"
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
