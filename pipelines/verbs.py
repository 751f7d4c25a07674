"""What the verbs of the command line do; each can be called from Python just as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from . import catalogue, runs, settings
from .errors import GateError, UsageError
from .request import Request

EVALUATED = ("metrics.json", "predictions.csv", "README.md")


def train(request: Request, console: Console) -> runs.Run:
    """Trains, in a new run folder or in the one that is resumed."""
    run, data = _begin(request)
    _train(run, data, console)
    return run


def run(request: Request, console: Console) -> runs.Run:
    """Trains, evaluates, exports; a resumed run goes on where it stopped."""
    run, data = _begin(request)
    if _is_proven(run):
        console.print(f"{run.path} is finished: trained, evaluated, exported and proven.", soft_wrap=True)
        return run
    _train(run, data, console)
    if not all((run.path / name).is_file() for name in EVALUATED):
        _evaluate(run, data, console)
    _export(run, data, console)
    return run


def evaluate(run: runs.Run, console: Console) -> None:
    """Scores a trained run again."""
    _ = run.model
    _evaluate(run, run.pipeline.load(run.config), console)


def export(run: runs.Run, console: Console) -> None:
    """Exports and proves a trained run again."""
    _ = run.model
    _export(run, run.pipeline.load(run.config), console)


def predict(run: runs.Run, paths: Sequence[Path], console: Console) -> pd.DataFrame:
    """Predicts for the contents of files.

    Returns:
        A row for each example: `input` (the file), `row` in it, `label`, the `probability` of that label, and the
        probability of each class (of each class at each position, if an example has several labels).
    """
    shape = tuple(run.model.input_shape[1:])
    parts = []
    for path in paths:
        inputs, notes = run.pipeline.read_input(path, shape)
        if notes:
            console.print(f"{path}: {', '.join(notes)}", highlight=False, soft_wrap=True)
        parts.append((path, inputs))
    rows = [(str(path), row) for path, inputs in parts for row in range(len(inputs))]
    probabilities = run.predict(np.concatenate([inputs for _, inputs in parts]))
    names = np.array(run.classes)[probabilities.argmax(-1)].reshape(len(rows), -1)
    table = pd.DataFrame(rows, columns=["input", "row"])
    table["label"] = [" ".join(labels) for labels in names]
    table["probability"] = probabilities.astype(float).max(-1).reshape(len(rows), -1).prod(axis=1).round(6)
    positions = range(1, names.shape[1] + 1)
    of_each = [f"p({name})" if len(positions) == 1 else f"p{i}({name})" for i in positions for name in run.classes]
    table[of_each] = probabilities.astype(float).reshape(len(rows), -1).round(6)
    return table


def _begin(request: Request) -> tuple[runs.Run, Any]:
    """The run folder, and the data: loaded first, so that unusable data leaves no folder behind."""
    catalogue.check(request.pipeline, request.preset)
    pipeline = catalogue.load(request.pipeline)
    if request.resume:
        run = runs.to_resume(pipeline, request.output, request.name)
        _same_settings(request, run)
        return run, pipeline.load(run.config)
    chosen = request.resolve()
    path = runs.new_path(pipeline, request.output, request.name)
    data = pipeline.load(chosen)
    if chosen.training.devices is not None:
        from .stages.training import strategy

        strategy(chosen.training.devices)
    return runs.create(path, pipeline, chosen), data


def _same_settings(request: Request, run: runs.Run) -> None:
    """Refuses options that differ from those of the run that is resumed."""
    written = run.config.model_dump(mode="json")
    typed = settings.typed_layers(request.pipeline, request.file, request.assignments)
    preset = request.preset or typed.preset or run.config.preset
    differing = [] if preset == run.config.preset else [f"--preset {preset} (the run has {run.config.preset})"]
    asked = settings.resolve(type(run.config), request.pipeline, preset, request.file, request.assignments)
    for section, key in sorted(typed.keys()):
        value = asked.model_dump(mode="json")[section][key]
        if value != written[section][key]:
            differing.append(f"{section}.{key}={value} (the run has {written[section][key]})")
    if differing:
        raise UsageError(
            f"--resume goes on with the settings of {run.path}; these differ: {', '.join(differing)}. "
            "Leave them out, or start a new run."
        )


def _is_trained(run: runs.Run) -> bool:
    return all((run.path / name).is_file() for name in ("model.keras", "history.csv", runs.LABELS))


def _is_proven(run: runs.Run) -> bool:
    if not (_is_trained(run) and all((run.path / name).is_file() for name in (*EVALUATED, "export/parity.json"))):
        return False
    artifacts = run.read_json("export/parity.json")["artifacts"].values()
    return all(artifact["passed"] and (run.path / artifact["path"]).exists() for artifact in artifacts)


def _train(run: runs.Run, data: Any, console: Console) -> None:
    if _is_trained(run):
        console.print(f"{run.path} is trained already.", soft_wrap=True)
        return
    console.print(f"training in {run.path}", highlight=False, soft_wrap=True)
    from .stages.training import train

    train(run, data, console)


def _evaluate(run: runs.Run, data: Any, console: Console) -> None:
    console.print("evaluating, beside the baselines")
    from .stages.evaluation import evaluate
    from .stages.report import write_card

    evaluate(run, data)
    proven = (run.path / "export/parity.json").is_file()
    write_card(run, run.read_json("export/parity.json") if proven else None)


def _export(run: runs.Run, data: Any, console: Console) -> None:
    console.print("exporting, and proving each file in a process of its own")
    from .stages.export import export

    parity = export(run, data)
    if failed := [artifact for artifact in parity["artifacts"].values() if not artifact["passed"]]:
        lines = [f"{a['path']}: {a['reason']} (worst row: {a['worst_row']})" for a in failed]
        raise GateError("the exported files do not give the model's answers:\n" + "\n".join(lines))
