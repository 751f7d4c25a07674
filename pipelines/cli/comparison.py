"""Compares cells: the same pipeline trained with each of them, several times, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from ..core import catalogue, files, runs
from ..core.cells import CELLS
from ..core.errors import DataError, DivergenceError, UsageError, did_you_mean
from ..core.pipeline import COMPARISONS
from . import verbs
from .request import Request

BOTH_WAYS = "bidirectional:"


@dataclass(frozen=True)
class Comparison:
    """Where a comparison lies, its table (a row a cell), and the baselines' scores on the same test rows."""

    path: Path
    metric: str
    table: pd.DataFrame
    baselines: dict[str, float]


def compare(request: Request, cells: Sequence[str], seeds: int, console: Console) -> Comparison:
    """Trains every cell with `seeds` seeds, and writes `compare.csv`, `compare.png` and the runs themselves.

    A cell may be `bidirectional:NAME`, whatever the configuration says.

    Resumed, it keeps finished trainings and goes on with the one that was cut off. A training that diverges is left
    out, and said to be; the column `runs` counts the others.

    Raises:
        DivergenceError: If every training diverged.
        UsageError: If a cell is unknown or named twice, or the folder exists.
    """
    for cell in cells:
        name = cell.removeprefix(BOTH_WAYS)
        if name not in CELLS:
            raise UsageError(f"--cells: there is no cell {name!r}. {did_you_mean(name, CELLS)}")
    if len(set(cells)) < len(cells):
        raise UsageError(f"--cells: a cell is named twice in {','.join(cells)}.")
    pipeline = catalogue.load(request.pipeline)
    first = request.resolve().training.seed
    folder = _folder(request)
    data = verbs.load(pipeline, request.resolve(), console)
    from ..stages.evaluation import baseline_answers, parameters
    from ..stages.plots import comparison, save
    from ..stages.training import train

    score = pipeline.task().score
    rows = []
    for cell in cells:
        for seed in range(first, first + seeds):
            settings = request.resolve(*_assignments(cell), f"training.seed={seed}")
            path = folder / f"{cell.replace(':', '-')}-seed{seed}"
            run = runs.open(path) if path.exists() else runs.create(path, pipeline, settings)
            if run.config != settings:
                raise UsageError(f"{path} was trained with other settings; choose another --name.")
            console.print(f"{cell}, seed {seed}, in {path}", highlight=False, soft_wrap=True)
            try:
                if not (path / "model.keras").is_file():
                    train(run, data, console)
            except DivergenceError as error:
                console.print(f"{cell}, seed {seed}, is left out: {error}", highlight=False, soft_wrap=True)
                continue
            scores = score(run.config, data, run.predict(data.test.inputs))
            epochs = run.history["seconds"]
            rows.append((cell, scores[run.primary], parameters(run.model), float(epochs.median())))
    if not rows:
        raise DivergenceError("every training diverged; there is nothing to compare.")
    table = summarise(rows, run.primary)
    beside = baseline_answers(run, data)
    baselines = {name: score(run.config, data, answer)[run.primary] for name, answer in beside.items()}
    files.write_text(folder / "compare.csv", table.to_csv(index=False))
    save(comparison(table, run.primary, baselines), folder / "compare.png")
    return Comparison(folder, run.primary, table, baselines)


def _assignments(cell: str) -> list[str]:
    """The settings that a name of `--cells` stands for."""
    both_ways = ["model.bidirectional=true"] if cell.startswith(BOTH_WAYS) else []
    return [f"model.cell={cell.removeprefix(BOTH_WAYS)}", *both_ways]


def summarise(rows: list[tuple[str, float, int, float]], metric: str) -> pd.DataFrame:
    """One row a cell: runs, mean and standard deviation of the score (0 for one run), parameters, seconds an epoch.

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
