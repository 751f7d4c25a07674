"""The command `predict` for series: forecasts the steps that follow the series of a file, with dates and intervals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
import typer

from ...core.console import table
from ...core.errors import DataError, UsageError, did_you_mean
from ...core.files import write_text
from ...stages.prediction import Json, To, refuse_existing
from . import reading
from .answers import beside_median, center, intervals_of
from .calendar import minutes, next_dates

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from .config import ForecastConfig
    from .splits import SeriesData

MODEL = "forecast.json"
KNOWN = 60
CURVES = ("level", "log_return")
"""Targets whose forecasts continue the curve of the known values."""
PANELS = 6


def predict(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="SERIES.csv", help="A CSV file or a folder of them, as in training.")],
    horizon: Annotated[int | None, typer.Option(min=1, help="Steps to forecast, up to the trained ones.")] = None,
    to: To = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the forecasts into a PNG file.")] = None,
    as_json: Json = False,
) -> None:
    """Forecast the steps that follow the last row of each series, with their dates."""
    run: Run[ForecastConfig, SeriesData] = context.obj
    refuse_existing(to)
    refuse_existing(plot, "--plot")
    trained = run.config.data.horizon
    if horizon is not None and horizon > trained:
        raise UsageError(
            f"--horizon {horizon}: the run was trained for {trained} step(s); train one with data.horizon."
        )
    if plot is not None and run.config.data.target not in CURVES:
        raise UsageError(
            f"--plot: a {run.config.data.target} does not go on with the curve of the values; leave it out."
        )
    forecasts, panels, notes = forecast(run, path, horizon or trained)
    for note in notes:
        typer.echo(f"data: {note}.", err=True)
    if plot is not None:
        from ...stages.plots import save
        from .plots import fans

        save(fans(panels[:PANELS]), plot)
    if to is not None:
        write_text(to, forecasts.to_csv(index=False))
    if as_json:
        typer.echo(forecasts.assign(date=forecasts["date"].map(_text)).to_json(orient="records", indent=2))
    elif to is None:
        shown = forecasts.assign(date=forecasts["date"].map(_text))
        digits = shown.map(lambda cell: f"{cell:,.6g}" if isinstance(cell, float) else cell)
        table(list(shown.columns), digits.itertuples(index=False))


def forecast(
    run: Run[ForecastConfig, SeriesData], path: Path, horizon: int
) -> tuple[pd.DataFrame, list[Any], tuple[str, ...]]:
    """The next steps of every series in a file or folder.

    Returns:
        A table with a row for each step and the columns `series`, `date`, `target`, `forecast` and the quantiles other
        than the median; a `plots.Fan` for each series and target; and notes on the data.

    Raises:
        DataError: If the file is not usable, a series is too short, or the model does not know a series.
    """
    from .plots import Fan

    config, about = run.config, read_about(run)
    found = reading.load(config.data, path)
    tables, panels = [], []
    for name, rows in found.tables.items():
        inputs = {key: value for key, value in one_window(name, rows, about, path).items() if key in about["inputs"]}
        answer = run.predict(inputs)[:, :horizon]
        dates = next_dates(rows.index.to_numpy(), horizon)
        quantiles = tuple(about["quantiles"])
        point = center(answer, quantiles)[0]
        for place, target in enumerate(about["targets"]):
            columns = {"series": name, "date": dates, "target": target, "forecast": point[:, place].astype(float)}
            ends = {}
            if answer.ndim == 4:
                of_target = answer[0, :, place].astype(float)
                columns |= {f"q{level:g}": of_target[:, i] for i, level in beside_median(quantiles)}
                pairs = intervals_of(quantiles).items()
                ends = {nominal / 100: (of_target[:, low], of_target[:, high]) for nominal, (low, high) in pairs}
            tables.append(pd.DataFrame(columns))
            if about["target"] in CURVES:
                known = rows[target].iloc[-max(KNOWN, 4 * horizon) :]
                panel = (known.index.to_numpy(), known.to_numpy(), dates, None, point[:, place], ends)
                panels.append(Fan(f"{name}: {target}", *panel))
    return pd.concat(tables, ignore_index=True), panels, found.notes


def one_window(name: str, rows: pd.DataFrame, about: dict[str, Any], path: Path) -> dict[str, np.ndarray]:
    """The last rows of a series as inputs of the model, `[1, rows, ...]`."""
    needed = about["rows"]
    if len(rows) < needed:
        raise DataError(f"{path}: {name!r} has {len(rows)} rows; the model reads the last {needed} of a series.")
    known = about["series"]
    if len(known) > 1 and name not in known:
        some = ", ".join(known[:5]) + " ..." * (len(known) > 5)
        raise DataError(f"{path}: the model knows no series {name!r}; it was trained on {some}.")
    if missing := [column for column in about["columns"] if column not in rows]:
        raise DataError(f"{path}: {name!r} has no column {missing[0]!r}. {did_you_mean(missing[0], list(rows))}")
    last = rows.iloc[-needed:]
    return {
        "values": last[about["columns"]].to_numpy(np.float32)[None],
        "minutes": minutes(last.index.to_numpy())[None],
        "series": np.array([known.index(name) if name in known else 0], np.int32),
    }


def write_beside(run: Run[ForecastConfig, SeriesData], folder: Path) -> None:
    """Writes the description of the model's inputs and answers, `forecast.json`."""
    write_text(folder / MODEL, json.dumps(read_about(run), indent=2, ensure_ascii=False) + "\n")


def read_about(run: Run[ForecastConfig, SeriesData]) -> dict[str, Any]:
    """The description of the model's inputs and answers.

    It holds `inputs` (names), `columns` of `values`, `rows` (steps of an input), `series` (names by number), `targets`,
    `target`, `horizon`, `quantiles` (none for a single number).
    """
    data, model = run.config.data, run.config.model
    layer, inputs = run.model.get_layer("targets"), run.model.input
    return {
        "inputs": list(inputs),
        "columns": list(layer.columns),
        "rows": inputs["values"].shape[1],
        "series": list(layer.series),
        "targets": list(run.names),
        "target": data.target,
        "horizon": data.horizon,
        "quantiles": [] if model.output == "point" else list(model.quantiles),
    }


def _text(date: pd.Timestamp) -> str:
    return str(date).removesuffix(" 00:00:00")
