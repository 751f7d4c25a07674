"""Rolling-origin backtest: scores parts of the test split separately, on request each with a newly trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from ...core.files import write_text
from .answers import losses
from .splits import SeriesData, text

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from .config import ForecastConfig

FOLDER = "backtest"


def parts(data: SeriesData, count: int) -> list[np.ndarray]:
    """The rows of the test windows in consecutive spans of their first dates, with about equally many dates each."""
    first = data.test.ends_of_futures[:, 0]
    dates = np.unique(first)
    spans = np.array_split(dates, min(count, len(dates)))
    return [np.flatnonzero((first >= span[0]) & (first <= span[-1])) for span in spans]


def scores(
    run: Run[ForecastConfig, SeriesData], data: SeriesData, of_each: dict[str, np.ndarray], naive: str
) -> list[dict[str, Any]]:
    """The mean loss of the model, the naive forecast and, on request, the network trained anew, in each part.

    Args:
        run: Run that trained the model; its folder `backtest` holds the networks trained anew.
        data: Splits of the run.
        of_each: Losses `[n, horizon, targets]` of the model and the baselines, by name.
        naive: Name of the naive forecast among them.
    """
    found = []
    for number, rows in enumerate(parts(data, run.config.evaluation.windows)):
        dates = data.test.ends_of_futures[rows]
        part = {
            "from": text(dates[:, 0].min()),
            "to": text(dates[:, 0].max()),
            "windows": len(rows),
            "model": float(of_each["model"][rows].mean()),
            naive: float(of_each[naive][rows].mean()),
        }
        if run.config.evaluation.refit:
            part["refitted"] = part["model"] if number == 0 else float(refitted(run, data, rows, number).mean())
        found.append(part)
    return found


def refitted(run: Run[ForecastConfig, SeriesData], data: SeriesData, rows: np.ndarray, number: int) -> np.ndarray:
    """The losses in one part of a network trained on all data before that part.

    Its validation split is as long as in the run and ends where the part begins. The losses use the scale of the run.
    """
    from ...core.pipeline import Run
    from ...stages.training import train

    start = data.test.ends_of_futures[rows, 0].min()
    config = moved(run.config, start, start - (data.test_from - data.validation_from))
    own = run.pipeline.load(config)
    path = run.path / FOLDER / str(number)
    refit = Run(path, run.pipeline, config)
    if not (path / "model.keras").is_file():
        path.mkdir(parents=True, exist_ok=True)
        refit.write_json("environment.json", {})
        write_text(path / "config.yaml", config.to_yaml())
        train(refit, own, Console(quiet=True))
    places = {key: row for row, key in enumerate(keys(own))}
    chosen = np.array([places[key] for key in np.array(keys(data))[rows].tolist()])
    answers = np.full((len(data.test), *refit.model.output_shape[1:]), np.nan)
    answers[rows] = refit.predict(own.test[chosen].inputs)
    return losses(run.config, data, answers)[rows]


def keys(data: SeriesData) -> list[int]:
    """The first known row of each test window, which identifies it."""
    return data.test.windows.starts.tolist()


def moved(config: ForecastConfig, test_from: np.datetime64, validation_from: np.datetime64) -> ForecastConfig:
    """The configuration with the splits at other dates."""
    dates = {
        "test_from": test_from.astype("datetime64[us]").item(),
        "validation_from": validation_from.astype("datetime64[us]").item(),
    }
    return config.model_copy(update={"data": config.data.model_copy(update=dates)})
