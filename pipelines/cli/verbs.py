"""The verbs of the command line, as functions that Python code can call as well."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from ..core import catalogue, runs, settings
from ..core.config import Config, has_options
from ..core.data import Data
from ..core.errors import GateError, UsageError
from ..core.pipeline import LABELS, Pipeline, Run
from .request import Request

EVALUATED = ("metrics.json", "predictions.csv", "README.md")


def train(request: Request, console: Console) -> Run:
    """Trains a model in a new run folder, or resumes an earlier run."""
    run, data = _begin(request, console)
    _train(run, data, console)
    return run


def run(request: Request, console: Console) -> Run:
    """Trains, evaluates and exports a model; a resumed run continues where it stopped."""
    run, data = _begin(request, console)
    if _is_proven(run):
        console.print(f"{run.path} is finished: trained, evaluated, exported and proven.", soft_wrap=True)
        return run
    _train(run, data, console)
    if not all((run.path / name).is_file() for name in EVALUATED):
        _evaluate(run, data, console)
    _export(run, data, console)
    return run


def evaluate(run: Run, console: Console) -> None:
    """Scores a trained run again."""
    _ = run.model
    _evaluate(run, load(run.pipeline, run.config, console), console)


def export(run: Run, console: Console) -> None:
    """Exports and proves a trained run again."""
    _ = run.model
    _export(run, load(run.pipeline, run.config, console), console)


def load(pipeline: Pipeline, config: Config, console: Console) -> Data:
    """Loads the data of a configuration and prints the notes about it."""
    data = pipeline.load(config)
    for note in data.notes:
        console.print(f"data: {note}.", highlight=False, markup=False, soft_wrap=True)
    return data


def check_options(pipeline: Pipeline, config: Config, data: Data) -> None:
    """Builds the model once if its cell has options, so that a refused option leaves no run folder behind.

    Raises:
        UsageError: If the layer refuses an option.
    """
    if has_options(config):
        pipeline.build(config, data, config.training.precision)


def _begin(request: Request, console: Console) -> tuple[Run, Data]:
    """The run and its data; creates a new run folder last, so that unusable data leaves no folder behind."""
    catalogue.check(request.pipeline, request.preset)
    pipeline = catalogue.load(request.pipeline)
    if request.resume:
        run = runs.to_resume(pipeline, request.output, request.name)
        _same_settings(request, run)
        return run, load(pipeline, run.config, console)
    chosen = request.resolve()
    path = runs.new_path(pipeline, request.output, request.name)
    data = load(pipeline, chosen, console)
    check_options(pipeline, chosen, data)
    if chosen.training.devices is not None:
        from ..stages.training import strategy

        strategy(chosen.training.devices)
    return runs.create(path, pipeline, chosen), data


def _same_settings(request: Request, run: Run) -> None:
    """Refuses options that differ from the settings of the resumed run."""
    written = run.config.model_dump(mode="json")
    typed = settings.typed_layers(request.pipeline, request.file, request.assignments)
    preset = request.preset or typed.preset or run.config.preset
    differing = [] if preset == run.config.preset else [f"--preset {preset} (the run has {run.config.preset})"]
    layers = [settings.from_file(run.path / "config.yaml", typed=False), *typed.layers]
    asked = settings.merge(type(run.config), {}, layers).model_dump(mode="json")
    for path in sorted(typed.keys(type(run.config))):
        value, has = _at(path, asked), _at(path, written)
        if value != has:
            differing.append(f"{'.'.join(path)}={value} (the run has {has})")
    if differing:
        raise UsageError(
            f"--resume goes on with the settings of {run.path}; these differ: {', '.join(differing)}. "
            "Leave them out, or start a new run."
        )


def _at(path: tuple[str, ...], values: Any) -> Any:
    """The value at a path; None below a value without keys."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _is_trained(run: Run) -> bool:
    return all((run.path / name).is_file() for name in ("model.keras", "history.csv", LABELS))


def _is_proven(run: Run) -> bool:
    if not (_is_trained(run) and all((run.path / name).is_file() for name in (*EVALUATED, "export/parity.json"))):
        return False
    artifacts = run.read_json("export/parity.json")["artifacts"].values()
    return all(artifact["passed"] and (run.path / artifact["path"]).exists() for artifact in artifacts)


def _train(run: Run, data: Data, console: Console) -> None:
    if _is_trained(run):
        console.print(f"{run.path} is trained already.", soft_wrap=True)
        return
    console.print(f"training in {run.path}", highlight=False, soft_wrap=True)
    from ..stages.training import train

    train(run, data, console)


def _evaluate(run: Run, data: Data, console: Console) -> None:
    console.print("evaluating, beside the baselines")
    from ..stages.evaluation import evaluate
    from ..stages.report import write_card

    evaluate(run, data)
    proven = (run.path / "export/parity.json").is_file()
    write_card(run, run.read_json("export/parity.json") if proven else None)


def _export(run: Run, data: Data, console: Console) -> None:
    console.print("exporting, and proving each file in a process of its own")
    from ..stages.export import export

    parity = export(run, data)
    if failed := [artifact for artifact in parity["artifacts"].values() if not artifact["passed"]]:
        lines = [f"{a['path']}: {a['reason']} (worst row: {a['worst_row']})" for a in failed]
        raise GateError("the exported files do not give the model's answers:\n" + "\n".join(lines))
