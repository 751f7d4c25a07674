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
    """Where the series come from, and what is forecast."""

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
    """Source of the series: Google's daily prices from matplotlib's sample data, CSV files, or Yahoo Finance, which
    needs `pip install "keras-recurrent[yahoo]"`."""
    path: FullPath | None = None
    """CSV file, or folder with one file for each series; for yahoo, the folder that keeps the downloads."""
    date_column: str = "Date"
    """Column with the dates, in any common format; Yahoo's name by default."""
    series_column: str | None = None
    """Column that names the series of a row; null if each file holds one series."""
    date_format: str | None = None
    """Format of the dates, as strptime takes it, where it is uncommon or leaves day and month ambiguous; null detects
    it."""
    timezone: str | None = None
    """Time zone, such as America/New_York, to which dates with an offset are converted; null takes UTC."""
    decimal: Literal[".", ","] = "."
    """Decimal separator."""
    thousands: Literal[",", ".", " ", "'"] | None = None
    """Thousands separator; null for none."""
    encoding: str = "utf-8"
    """Text encoding of the files."""
    missing: Literal["error", "drop", "ffill"] = "error"
    """What to do with an empty cell or a missing date: refuse it, drop its row, or fill in the last earlier value. The
    default refuses, since the other two change the data."""
    tickers: tuple[str, ...] = ()
    """Ticker symbols as Yahoo writes them, such as AAPL."""
    start: date = date(2010, 1, 1)
    """First day to download."""
    end: date | None = None
    """Day after the last one to download. It has no default, so that a run can be repeated."""
    adjusted: bool = False
    """Whether to adjust all prices for dividends; otherwise `Adj Close` alone is."""

    targets: tuple[str, ...] | None = None
    """Columns to forecast; null forecasts all."""
    target: Target = "level"
    """What the network learns: the `level`; the `log_return`, from which the values are rebuilt; the `direction`, the
    probability that a future step lies above the last known value; or the `volatility`, the expected size (root mean
    square) of the log return of each future step."""
    features: tuple[Feature, ...] = ()
    """Features that the network reads in addition to the targets."""
    positive: tuple[str, ...] = ()
    """Further columns that must hold positive numbers only; those whose logarithm is taken always must."""
    not_negative: tuple[str, ...] = ()
    """Columns that must not hold negative numbers."""
    window: PositiveInt = 60
    """Number of past steps that the network reads."""
    horizon: PositiveInt = 1
    """Number of steps to forecast."""
    season: PositiveInt = 1
    """Number of steps in a season, such as 24 for hourly data; 1 means no season."""
    validation: Share = 0.15
    """Share of the dates for validation: the last ones before the test."""
    test: Share = 0.15
    """Share of the dates for the test: the last ones."""
    validation_from: NaiveDatetime | None = None
    """First date of the validation; null takes the share."""
    test_from: NaiveDatetime | None = None
    """First date of the test; null takes the share."""
    until: NaiveDatetime | None = None
    """Date from which on rows are left out; null uses all rows."""
    stride: PositiveInt = 1
    """Number of steps between the starts of training windows; 1 uses every window."""

    @property
    def before(self) -> int:
        """Raw rows before a window that its features and targets are made of."""
        return max([1 if self.target == "volatility" else 0, *(feature.before for feature in self.features)])


class ForecastModel(RecurrentModel):
    """How a window becomes a forecast."""

    level: Normalization = "last"
    """What is subtracted from each window and added to its forecast, so that the network learns only what a naive
    forecast misses: the `last` value; that and the usual size of a change in the window (`walk`); the `mean` of the
    window; the `seasonal` values of its last season; its mean and standard deviation (`revin`, Kim et al. 2022); or
    the mean of the `training` part alone. A volatility takes `mean` or `training`."""
    segments: tuple[PositiveInt, ...] = (1,)
    """Number of steps that the recurrence reads at once (Lin et al. 2023, arXiv 2308.11200); it must divide the window.
    Several lengths make as many networks, whose forecasts are averaged."""
    decoder: Literal["segments", "direct"] = "direct"
    """How the last state becomes all steps: by one dense layer, or by a GRU with a segment a step."""
    final_dropout: Rate = 0.0
    """Dropout rate before the last layer."""
    output: Literal["point", "quantiles", "gaussian", "student_t"] = "point"
    """Form of the forecast: a number, quantiles, or a distribution, which is given as its quantiles."""
    quantiles: tuple[Quantile, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    """Levels of the quantiles, in rising order, with 0.5 among them; unused for a point forecast."""
    calibrated: bool = False
    """Whether to stretch the quantiles so that, on the validation split, the share of values below each equals its
    level."""
    series_embedding: PositiveInt | None = None
    """Size of a learned embedding of the series, read at every step; null for none."""

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
    """Loss of point forecasts: the mean absolute or squared error, or Huber's mixture of both (Huber 1964). Quantiles
    always take the pinball loss, distributions the negative log-likelihood, a volatility QLIKE."""


class ForecastEvaluation(Evaluation):
    """How forecasts are scored on the test split."""

    windows: PositiveInt = 1
    """Number of consecutive parts of the test that are scored separately (a rolling-origin backtest)."""
    refit: bool = False
    """Whether to train a new network for each part after the first, on all that was known before it."""
    theta_seconds: NonNegativeFloat = 30.0
    """Time limit of the Theta baseline in seconds, which may then forecast only every k-th window; 0 leaves it out."""
    average: PositiveInt = 20
    """Number of steps of the moving-average baseline; at most the window."""


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
