"""Compares cells: trains the same pipeline with each cell and several seeds, and collects the scores in one table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from rich.console import Console

from ..core import catalogue, files, runs
from ..core.cells import CELLS
from ..core.errors import DataError, DivergenceError, UsageError, did_you_mean
from ..core.pipeline import COMPARISONS
from . import verbs
from .request import Request

BOTH_WAYS = "bidirectional:"
NOT_PLAIN = r"[^\w.-]+"


@dataclass(frozen=True)
class Comparison:
    """The folder of a comparison, its table (one row per cell), and the baselines' scores on the same test rows."""

    path: Path
    metric: str
    table: pd.DataFrame
    baselines: dict[str, float]


def compare(request: Request, cells: Sequence[str], seeds: int, console: Console) -> Comparison:
    """Trains every cell with `seeds` seeds, and writes `compare.csv`, `compare.png` and the runs themselves.

    A cell may be `bidirectional:NAME`, which overrides the configuration, and `NAME:{option: value}`, whose options
    replace the options in the configuration.

    A resumed comparison keeps finished trainings and continues the interrupted one. It omits a training that diverges,
    and reports it; the column `runs` counts the others.

    Raises:
        DivergenceError: If every training diverged.
        UsageError: If a cell is unknown, is named twice or refuses an option, or if the folder exists.
    """
    chosen = [contender(cell) for cell in cells]
    if len({each.folder for each in chosen}) < len(chosen):
        raise UsageError(f"--cells: a cell is named twice in {','.join(cells)}.")
    pipeline = catalogue.load(request.pipeline)
    configs = [request.resolve(*each.assignments) for each in chosen]
    first = configs[0].training.seed
    folder = _folder(request)
    data = verbs.load(pipeline, configs[0], console)
    for config in configs:
        verbs.check_options(pipeline, config, data)
    from ..stages.evaluation import baseline_answers, parameters
    from ..stages.plots import comparison, save
    from ..stages.training import train

    score = pipeline.task().score
    rows = []
    for each in chosen:
        for seed in range(first, first + seeds):
            settings = request.resolve(*each.assignments, f"training.seed={seed}")
            path = folder / f"{each.folder}-seed{seed}"
            run = runs.open(path) if path.exists() else runs.create(path, pipeline, settings)
            if run.config != settings:
                raise UsageError(f"{path} was trained with other settings; choose another --name.")
            about = f"{each.spelling}, seed {seed}"
            console.print(f"{about}, in {path}", highlight=False, markup=False, soft_wrap=True)
            try:
                if not (path / "model.keras").is_file():
                    train(run, data, console)
            except DivergenceError as error:
                console.print(f"{about}, is left out: {error}", highlight=False, markup=False, soft_wrap=True)
                continue
            scores = score(run.config, data, run.predict(data.test.inputs))
            epochs = run.history["seconds"]
            rows.append((each.spelling, scores[run.primary], parameters(run.model), float(epochs.median())))
    if not rows:
        raise DivergenceError("every training diverged; there is nothing to compare.")
    table = summarise(rows, run.primary)
    beside = baseline_answers(run, data)
    baselines = {name: score(run.config, data, answer)[run.primary] for name, answer in beside.items()}
    files.write_text(folder / "compare.csv", table.to_csv(index=False))
    save(comparison(table, run.primary, baselines), folder / "compare.png")
    return Comparison(folder, run.primary, table, baselines)


@dataclass(frozen=True)
class Contender:
    """One entry of `--cells`."""

    spelling: str
    """The entry as the user wrote it."""
    assignments: tuple[str, ...]
    """The settings that the entry stands for."""
    folder: str
    """Prefix of the names of its run folders."""


def split(cells: str) -> list[str]:
    """Splits `--cells` into entries, at commas outside braces and brackets.

    >>> split("lru:{min_radius: 0.9, max_radius: 1}, lstm")
    ['lru:{min_radius: 0.9, max_radius: 1}', 'lstm']
    """
    entries, depth = [""], 0
    for sign in cells:
        depth += (sign in "{[") - (sign in "}]")
        if sign == "," and depth == 0:
            entries.append("")
        else:
            entries[-1] += sign
    return [entry.strip() for entry in entries if entry.strip()]


def contender(cell: str) -> Contender:
    """Reads one entry of `--cells`: `NAME`, `bidirectional:NAME`, and either with options, `NAME:{option: value}`.

    >>> contender("bidirectional:gru:{zoneout: 0.1}").folder
    'bidirectional-gru-zoneout-0.1'

    Raises:
        UsageError: If the cell does not exist, or the options are not a mapping.
    """
    both_ways = cell.startswith(BOTH_WAYS)
    name, colon, text = cell.removeprefix(BOTH_WAYS).partition(":")
    if name not in CELLS:
        raise UsageError(f"--cells: there is no cell {name!r}. {did_you_mean(name, CELLS)}")
    assignments = [f"model.cell={name}"]
    parts = [name]
    if both_ways:
        assignments.append("model.bidirectional=true")
        parts.insert(0, "bidirectional")
    if colon:
        assignments.append(f"model.options={text}")
        parts += [f"{key}-{value}" for key, value in sorted(_options(cell, text).items())]
    plain = [re.sub(NOT_PLAIN, "_", part).strip("_") for part in parts]
    return Contender(cell, tuple(assignments), "-".join(plain))


def _options(cell: str, text: str) -> dict[str, Any]:
    try:
        options = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        options = None
    if not isinstance(options, dict):
        raise UsageError(f"--cells {cell}: expected options as in {{unroll: true}}, got {text!r}.")
    return {str(key): value for key, value in options.items()}


def summarise(rows: list[tuple[str, float, int, float]], metric: str) -> pd.DataFrame:
    """One row per cell: runs, mean and standard deviation of the score (0 for one run), parameters, seconds per epoch.

    >>> summarise([("a", .5, 10, 1.), ("a", .7, 10, 3.)], "accuracy").round(3).to_dict("records")
    [{'cell': 'a', 'runs': 2, 'accuracy_mean': 0.6, 'accuracy_std': 0.141, 'parameters': 10, 'seconds_per_epoch': 2.0}]
    """
    table = pd.DataFrame(rows, columns=["cell", "score", "parameters", "seconds"])
    summary = table.groupby("cell", sort=False).agg(
        runs=("score", "size"),
        mean=("score", "mean"),
        std=("score", lambda scores: np.std(scores, ddof=1) if len(scores) > 1 else 0.0),
        parameters=("parameters", "first"),
        seconds_per_epoch=("seconds", "median"),
    )
    return summary.rename(columns={"mean": f"{metric}_mean", "std": f"{metric}_std"}).reset_index()


def _folder(request: Request) -> Path:
    parent = request.output / request.pipeline / COMPARISONS
    if request.name is None:
        if request.resume:
            raise UsageError("compare --resume needs --name, the comparison to go on with.")
        return runs.unused(parent)
    path = parent / runs.plain(request.name)
    if request.resume and not path.is_dir():
        raise DataError(f"there is no comparison {path} to resume; start one without --resume.")
    if not request.resume:
        runs.refuse_existing(path)
    return path
