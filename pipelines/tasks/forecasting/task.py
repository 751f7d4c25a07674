"""Declaration of the task of forecasting: losses, scores, comparisons with the baselines, exports.

Scores apply to standardised values unless they have no unit: see `scales`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...core.errors import DataError
from ...core.pipeline import Findings, Run, Task
from ...export import export_saved_model, export_tflite
from ...stages.answers import answers as of_arrays
from ...stages.statistics import chance
from . import direction as of_directions
from . import scores as of_series
from .answers import center, intervals_of, losses, naive_of, standardized
from .config import ForecastConfig
from .findings import STEPS
from .inputs import Features, InUnits, Standardize
from .model import SegmentDecoder
from .significance import block_bootstrap, by_date, diebold_mariano
from .splits import SeriesData, WindowExamples

ABOUT_METRICS = {
    "mse": "mean squared error of the standardised values, lower is better",
    "mae": "mean absolute error of the standardised values, lower is better",
    "rmse": "root of the mean squared error of the standardised values, lower is better",
    "mase": "mean absolute error beside that of the naive forecast one season ahead in training, lower is better",
    "rmsse": "root mean squared error beside that of the same, lower is better",
    "smape": "symmetric mean absolute percentage error, 0 to 2, lower is better",
    "qlike": "log v + r^2 / v of the forecast variance v and the squared return r^2, lower is better (Patton 2011)",
    "log_loss": "of the probability of having risen, in nats, lower is better; 0.6931 knows nothing",
    "brier": "mean squared error of the probability of having risen, lower is better; 0.25 knows nothing",
    "skill": "1 less the squared error beside that of the last value; below 0 is worse than it",
    "direction_accuracy": "share of the steps whose change from the last known value has the right sign",
    "direction_mcc": "Matthews' correlation of these signs, 0 is chance",
    "pinball": "mean pinball loss of the quantiles, lower is better",
    "crps": "continuous ranked probability score, approximately, from these quantiles alone, lower is better",
    "coverage": "share of values within the interval of so many per cent",
}
TIE = 1e-3  # in usual moves; smaller changes are rounding errors of no change


def compiled(config: ForecastConfig) -> dict[str, Any]:
    """Loss for `compile`."""
    if config.data.target in ("volatility", "direction"):
        return {"loss": {"volatility": qlike, "direction": direction}[config.data.target]}
    match config.model.output:
        case "point":
            return {"loss": config.training.loss}
        case "quantiles":
            return {"loss": pinball(config.model.quantiles)}
        case "gaussian":
            return {"loss": gaussian}
        case "student_t":
            return {"loss": student_t}


def qlike(w: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """QLIKE, log v + w / v, of squares w and their forecasts v (Patton 2011, Journal of Econometrics 160)."""
    return tf.math.log(v) + w / v


def direction(y: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
    """The cross-entropy of having risen above the last known value, in nats; the parameters are `[..., (p, last)]`."""
    p, last = tf.clip_by_value(parameters[..., 0], 1e-6, 1 - 1e-6), parameters[..., 1]
    return -tf.where(y > last + TIE, tf.math.log(p), tf.math.log1p(-p))


def pinball(quantiles: tuple[float, ...]) -> Callable:
    """The pinball loss of quantiles on the last axis (Koenker, Bassett 1978, Econometrica 46)."""

    def loss(y: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
        q = q[..., None] if len(q.shape) == len(y.shape) else q  # Keras drops the axis of a single quantile
        error = y[..., None] - q
        return tf.reduce_mean(tf.maximum(error * quantiles, error * [level - 1 for level in quantiles]), axis=-1)

    return loss


def gaussian(y: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
    """The negative log-likelihood of a normal distribution, in nats."""
    mean, deviation = parameters[..., 0], parameters[..., 1]
    return tf.math.log(deviation) + tf.square((y - mean) / deviation) / 2 + math.log(2 * math.pi) / 2


def student_t(y: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
    """The negative log-likelihood of Student's t distribution, in nats."""
    n, location, scale = parameters[..., 0], parameters[..., 1], parameters[..., 2]
    z = (y - location) / scale
    constant = tf.math.lgamma((n + 1) / 2) - tf.math.lgamma(n / 2) - tf.math.log(n * math.pi) / 2
    return tf.math.log(scale) - constant + (n + 1) / 2 * tf.math.log1p(z * z / n)


def score(config: ForecastConfig, data: SeriesData, answers: np.ndarray) -> dict[str, float]:
    """All metrics of forecasts for the test split.

    Args:
        config: Configuration of the run, which sets the target.
        data: Splits of the run.
        answers: `[n, horizon, targets]` or `[n, horizon, targets, quantiles]`, in units; the scores leave out windows
            with NaN.
    """
    return score_of_steps(config, data, answers, slice(None))


def score_of_steps(config: ForecastConfig, data: SeriesData, answers: np.ndarray, steps: slice) -> dict[str, float]:
    """All metrics of some steps of the horizon."""
    rows = np.isfinite(answers).reshape(len(answers), -1).all(axis=1)
    test, answers = data.test[rows], answers[rows]
    if config.data.target == "direction":
        return of_directions.scores(of_directions.risen(test.windows)[:, steps], answers[:, steps])
    y, z = test.labels[:, steps].astype(np.float64), standardized(data, test, answers)[:, steps]
    point = center(z, config.model.quantiles)
    known = test.windows.values[test.windows.starts + test.windows.window - 1].astype(np.float64)[:, None]
    found = {"mse": of_series.mse(y, point), "mae": of_series.mae(y, point)}
    if config.data.target == "volatility":
        return _plain({"qlike": np.mean(np.log(point) + y / point)} | found)
    naive = of_series.mse(y, np.repeat(known, y.shape[1], axis=1))
    found |= {"rmse": np.sqrt(found["mse"])}
    found |= _scaled(config, data, test, y, point)
    found |= {"skill": of_series.skill(found["mse"], naive)} if naive else {}
    found |= _directions(y - known, point - known)
    return _plain(found | (_of_quantiles(y, z, config.model.quantiles) if z.ndim > 3 else {}))


def _plain(found: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items()}


def _scaled(
    config: ForecastConfig, data: SeriesData, test: WindowExamples, y: np.ndarray, point: np.ndarray
) -> dict[str, float | np.ndarray]:
    """The scores without a unit."""
    in_units = [data.scale.in_units(values, test.windows.series) for values in (y, point)]
    found = {"smape": of_series.smape(*in_units)}
    training = [
        data.train.windows.values[part.start : part.start + int((data.stack.dates[part] < data.validation_from).sum())]
        for part in data.stack.parts()
    ]
    if all(len(rows) > config.data.season for rows in training):
        for power, (name, metric) in enumerate({"mase": of_series.mase, "rmsse": of_series.rmsse}.items(), start=1):
            of_each = np.stack([of_series.naive_scale(rows, config.data.season, power) for rows in training])
            if (of_each > 0).all():
                found[name] = metric(y, point, of_each[test.windows.series])
    return found


def _directions(actual: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """Scores of the direction of changes; none if no forecast has a direction, apart from rounding errors."""
    forecast = np.where(np.abs(forecast) < 1e-6, 0.0, forecast)
    if not forecast.any():
        return {}
    try:
        found = of_series.directional(actual, forecast)
    except DataError:  # no value changes, so there is no direction
        return {}
    return {"direction_accuracy": found.accuracy, "direction_mcc": found.matthews}


def _of_quantiles(y: np.ndarray, q: np.ndarray, levels: tuple[float, ...]) -> dict[str, float]:
    found = {
        "pinball": of_series.pinball(y, q, np.array(levels)),
        "crps": of_series.crps_from_quantiles(y, q, np.array(levels)),
    }
    for nominal, (low, high) in intervals_of(levels).items():
        found[f"coverage_{nominal:g}"] = float(of_series.coverage(y, q[..., low], q[..., high]))
    return found


def judge(
    run: Run[ForecastConfig, SeriesData], data: SeriesData, answers: np.ndarray, beside: dict[str, np.ndarray]
) -> Findings:
    """The scores of the model and the baselines, their comparison, and the figures and tables behind them.

    A baseline that forecast only some windows is compared on those windows.

    Args:
        run: Run that trained the model.
        data: Splits of the run.
        answers: Forecasts of the model for the test split, in units.
        beside: Forecasts of each baseline for the test split, in units, by its name.
    """
    config, primary = run.config, run.primary
    if not np.isfinite(answers).all():
        raise DataError("the model's forecasts are not finite for some test windows; train it with a lower rate.")
    everyone = {"model": answers, **beside}
    of_each = {name: losses(config, data, each).mean(axis=(1, 2)) for name, each in everyone.items()}
    better = {name: bool(np.nanmean(of_each["model"] - of_each[name]) < 0) for name in beside}
    scores = score(config, data, answers)
    of_baselines = {name: score(config, data, each) for name, each in beside.items()}
    found = run.pipeline.examine(run, data, answers, beside)
    details = {
        "test": scores,
        "intervals": _interval(config, data, of_each["model"], primary),
        "baselines": of_baselines,
        "references": {},
        "beats_baselines": all(better.values()),
        "naive": naive_of(config),
        "beats_naive": better[naive_of(config)],
        "of_steps": {
            str(step): score_of_steps(config, data, answers, slice(step - 1, step))
            for step in STEPS
            if step <= data.test.windows.horizon
        },
        "comparisons": {name: compared(data, of_each["model"], of_each[name]) for name in beside},
        **found.details,
    }
    return Findings(details, found.figures, found.pages, found.predictions)


def _interval(config: ForecastConfig, data: SeriesData, of_windows: np.ndarray, primary: str) -> dict[str, list[float]]:
    """The 95% interval of the primary metric, from blocks of neighbouring windows at least as long as the horizon."""
    ordered = by_date(of_windows, data.test.origins)
    block = max(config.data.horizon, round(len(ordered) ** (1 / 3)))
    if not config.evaluation.bootstrap or len(ordered) < 2 * block:
        return {}
    return {primary: list(block_bootstrap(ordered, block, config.evaluation.bootstrap, seed=0))}


def compared(data: SeriesData, of_model: np.ndarray, of_baseline: np.ndarray) -> dict[str, Any]:
    """The Diebold-Mariano test of the model against a baseline, on the windows that both forecast.

    Windows with the same date are one observation. If the baseline forecast every k-th window, the test divides the
    horizon by k.
    """
    rows = np.isfinite(of_baseline)
    dates = data.test.origins
    every = max(1, round(len(np.unique(dates)) / max(1, len(np.unique(dates[rows])))))
    differences = by_date((of_model - of_baseline)[rows], dates[rows])
    about = {"windows": int(rows.sum()), "difference": float(differences.mean())}
    try:
        test = diebold_mariano(differences, max(1, math.ceil(data.test.windows.horizon / every)))
    except DataError as error:
        return about | {"no_test": str(error)}
    return about | {"statistic": test.statistic, "p_value": test.p_value}


def headline(scores: Mapping[str, Any]) -> str:
    """The first line of the card: whether the network beats the naive forecast."""
    naive, primary = scores["naive"], scores["primary"]
    name = {"most_frequent": "the most frequent direction"}.get(naive, f"the {naive.replace('_', ' ')}")
    beside = f"({primary} {scores['test'][primary]:.4f}, {name} {scores['baselines'][naive][primary]:.4f})"
    if not scores["beats_naive"]:
        return f"**The network does NOT beat {name}** {beside}: take that rather than the network."
    found = scores["comparisons"][naive]
    test = f"Diebold-Mariano p {chance(found['p_value'])}" if "p_value" in found else "too few windows for a test"
    sure = "" if found.get("p_value", 1) < 0.05 else " This may be chance."
    return f"**The network beats {name}** {beside}; {test}.{sure}"


def tables(scores: Mapping[str, Any]) -> str:
    """Markdown tables of the tests against the baselines and, if there are several, of the scores of test parts."""
    lines = ["| beside | windows | difference of the loss | Diebold-Mariano | p |", "|---|---|---|---|---|"]
    for name, found in scores["comparisons"].items():
        test = "no test | " if "no_test" in found else f"{found['statistic']:+.2f} | {chance(found['p_value'])}"
        lines.append(f"| {name.replace('_', ' ')} | {found['windows']:,} | {found['difference']:+.4f} | {test} |")
    if len(scores["backtest"]) > 1:
        columns = [name for name in scores["backtest"][0] if name not in ("from", "to", "windows")]
        lines += [
            "",
            f"| from | to | windows | {' | '.join(columns)} |".replace("_", " "),
            "|---" * (3 + len(columns)) + "|",
        ]
        for part in scores["backtest"]:
            values = " | ".join("" if part[name] is None else f"{part[name]:.4f}" for name in columns)
            lines.append(f"| {part['from']} | {part['to']} | {part['windows']:,} | {values} |")
    return "\n".join(lines)


def proof(config: ForecastConfig) -> dict[str, Any]:
    """Settings for the proof of exports: answers are forecasts, which may be small numbers."""
    return {"classes": False, "least_size": 0.0}


def write_saved_model(run: Run[ForecastConfig, SeriesData], data: SeriesData, path: Path) -> None:
    """Writes the SavedModel, which gives the same outputs as the model."""
    export_saved_model(run.model, path)


def write_tflite(run: Run[ForecastConfig, SeriesData], path: Path, quantization: str | None, examples: Any) -> None:
    """Writes the model for whole windows; `runtime.Forecaster` keeps the last rows."""
    export_tflite(run.model, path, quantization, examples, ("sequence",))


FORECASTING = Task(
    monitor="val_loss",
    mode="min",
    metrics=ABOUT_METRICS,
    layers=(Standardize, InUnits, Features, SegmentDecoder),
    answers=of_arrays,
    compiled=compiled,
    score=score,
    judge=judge,
    tables=tables,
    headline=headline,
    write_saved_model=write_saved_model,
    write_tflite=write_tflite,
    proof=proof,
)
