"""The commands; imports neither TensorFlow nor Keras until a verb needs them, so that help appears at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..core import catalogue
from ..core.errors import PipelineError, UsageError
from .request import OUTPUT, Request

if TYPE_CHECKING:
    from ..core.pipeline import Run

UsageMistake: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
INTERRUPTED = 130
DEBUG = "--debug"
OF_A_PIPELINE = ("run", "train", "show", "compare")
debugging = False


class Verbs(TyperGroup):
    """Turns an error into one readable message and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a verb."""
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            if debugging:
                raise
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            typer.echo("interrupted; what was finished is kept, and --resume goes on with it.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # the reader of our output, such as `head`, has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, UsageMistake):
            raise
        except Exception as error:
            if debugging:
                raise
            *_, last_line = ["", *str(error).strip().splitlines()]
            typer.echo(f"error: {type(error).__name__}: {last_line.strip()} (--debug shows where)", err=True)
            raise typer.Exit(1) from error


class BehindRun(TyperCommand):
    """Passes `--` and everything after it to the command of the run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments before `--`."""
        end = args.index("--") if "--" in args else len(args)
        super().parse_args(ctx, args[:end])
        ctx.args += args[end:]
        return ctx.args


app = typer.Typer(
    cls=Verbs,
    help="Recurrent networks from data to a proven, exported model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

PipelineName = Annotated[str, typer.Argument(metavar="PIPELINE", help="One of 'keras-recurrent list'.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, PIPELINE/NAME, or PIPELINE/latest.")]
Preset = Annotated[str | None, typer.Option(help="Named settings; 'sample' if none is given.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file of settings over the preset's.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Strongest; repeat.")]
Output = Annotated[Path, typer.Option(help="The folder of runs.")]
Name = Annotated[str | None, typer.Option(help="Of the run's folder; a time stamp if none is given.")]
Seed = Annotated[int | None, typer.Option(help="Short for --set training.seed=N.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with --name, or with the latest run.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.callback()
def _options(debug: Annotated[bool, typer.Option(DEBUG, help="Show tracebacks and native logs.")] = False) -> None:
    """Recurrent networks from data to a proven, exported model."""
    global debugging
    debugging = debug


@app.command("list")
def list_pipelines(as_json: Json = False) -> None:
    """List the pipelines and their presets."""
    from ..core.console import table

    about: dict[str, dict[str, Any]] = {
        name: {
            "aliases": list(catalogue.aliases(name)),
            "summary": catalogue.summary(name),
            "presets": {preset: catalogue.preset_summary(path) for preset, path in catalogue.presets(name).items()},
        }
        for name in catalogue.names()
    }
    if as_json:
        return _print_json(about)
    for name, pipeline in about.items():
        also = f" (also {', '.join(pipeline['aliases'])})" if pipeline["aliases"] else ""
        typer.echo(f"{name}{also}: {pipeline['summary']}")
        table(["  preset", ""], [(f"  {preset}", text) for preset, text in pipeline["presets"].items()])


@app.command()
def show(
    pipeline: PipelineName,
    preset: Preset = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    seed: Seed = None,
    schema: Annotated[bool, typer.Option("--schema", help="The JSON schema of the configuration instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show the resolved configuration as YAML; runs nothing."""
    request = _request(pipeline, preset, config, assignments, seed)
    if schema:
        return _print_json(catalogue.load(request.pipeline).config.model_json_schema())
    settings = request.resolve()
    if as_json:
        return _print_json(settings.model_dump(mode="json"))
    typer.echo(settings.to_yaml(), nl=False)


def _starts(verb: str) -> Callable[..., None]:
    """The command of a verb that creates or resumes a run."""

    def command(
        pipeline: PipelineName,
        preset: Preset = None,
        config: ConfigFile = None,
        assignments: Assignments = None,
        output: Output = OUTPUT,
        name: Name = None,
        seed: Seed = None,
        resume: Resume = False,
        quiet: Quiet = False,
        as_json: Json = False,
    ) -> None:
        request = _request(pipeline, preset, config, assignments, seed, output, name, resume)
        from ..core.console import progress
        from . import verbs

        _print_run(getattr(verbs, verb)(request, progress(quiet)), as_json)

    return command


def _repeats(verb: str) -> Callable[..., None]:
    """The command of a verb that repeats one stage of a trained run."""

    def command(path: RunPath, output: Output = OUTPUT, quiet: Quiet = False, as_json: Json = False) -> None:
        from ..core import runs
        from ..core.console import progress
        from . import verbs

        run = runs.open(path, output)
        getattr(verbs, verb)(run, progress(quiet))
        _print_run(run, as_json)

    return command


app.command("run", help="Train, evaluate beside the baselines, export, prove.")(_starts("run"))
app.command("train", help="Train only.")(_starts("train"))
app.command("evaluate", help="Score a trained run on the test split, beside the baselines.")(_repeats("evaluate"))
app.command("export", help="Export a trained run to SavedModel and TFLite, and prove it.")(_repeats("export"))


@app.command(
    cls=BehindRun,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
def predict(
    context: typer.Context,
    path: Annotated[Path | None, typer.Argument(metavar="RUN [INPUT...]", help="'predict RUN --help' tells.")] = None,
    output: Output = OUTPUT,
) -> None:
    """Predict with a trained run, for inputs that its pipeline takes: RUN comes first, then INPUT and options."""
    if path is None or str(path) == "--help":
        return typer.echo(context.get_help())
    if str(path).startswith("-"):
        raise UsageError(f"predict takes RUN first, and {path} after it: keras-recurrent predict RUN ...")
    from ..core import runs

    run = runs.open(path, output)
    own = typer.Typer(add_completion=False, rich_markup_mode=None)
    own.command()(run.pipeline.predict)
    command = typer.main.get_command(own)
    command.main(context.args, prog_name=f"keras-recurrent predict {path}", standalone_mode=False, obj=run)


@app.command()
def compare(
    pipeline: PipelineName,
    cells: Annotated[str, typer.Option(help="Such as 'lstm,bidirectional:gru,lru:{min_radius: 0.9}'.")],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each cell.")] = 3,
    preset: Preset = None,
    config: ConfigFile = None,
    assignments: Assignments = None,
    output: Output = OUTPUT,
    name: Name = None,
    seed: Seed = None,
    resume: Resume = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train each cell with several seeds, and compare the scores in one table."""
    request = _request(pipeline, preset, config, assignments, seed, output, name, resume)
    from ..core.console import progress, table
    from . import comparison

    chosen = comparison.split(cells)
    if not chosen:
        raise UsageError("--cells: name at least one cell.")
    done = comparison.compare(request, chosen, seeds, progress(quiet))
    if as_json:
        return _print_json(
            {"path": str(done.path), "cells": done.table.to_dict("records"), "baselines": {done.metric: done.baselines}}
        )
    rows = [
        tuple(round(cell, 4) if isinstance(cell, float) else cell for cell in row[1:])
        for row in done.table.itertuples()
    ]
    blank = [None] * (len(done.table.columns) - 3)
    rows += [(f"({baseline})", None, round(score, 4), *blank) for baseline, score in done.baselines.items()]
    table(list(done.table.columns), rows)
    typer.echo(f"\n{done.path}: compare.csv, compare.png, and the runs")


@app.command()
def convert(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras", help="A model that Keras 3 saved.")],
    to: Annotated[str, typer.Option(help="tflite or saved_model.")] = "tflite",
    quantization: Annotated[str | None, typer.Option(help="dynamic_range, float16 or int8.")] = None,
    output: Annotated[Path | None, typer.Option(help="The file or folder to write; else beside MODEL.keras.")] = None,
    data: Annotated[Path | None, typer.Option(help="Examples, .npy or .npz, instead of random ones.")] = None,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Load files that run code, as Lambda layers do.")] = False,
    as_json: Json = False,
) -> None:
    """Convert any .keras file to TFLite (builtin operations only) or SavedModel, and prove it."""
    from ..core.console import table
    from . import conversion

    entry = conversion.convert(model, to, quantization, output, data, unsafe)
    if as_json:
        return _print_json(entry)
    row: tuple[Any, ...] = (entry["path"], entry["bytes"], _number(entry["max_abs_diff"], ".1e"))
    row += (_number(entry["milliseconds_per_example"], ".3f"), len(entry["operations"] or []) or "TensorFlow's")
    table(["file", "bytes", "largest difference", "ms/example", "builtin operations"], [row])


def _request(
    pipeline: str,
    preset: str | None,
    file: Path | None,
    assignments: list[str] | None,
    seed: int | None,
    output: Path = OUTPUT,
    name: str | None = None,
    resume: bool = False,
) -> Request:
    """Refuses a misspelt pipeline or preset at once, and collects the options."""
    pipeline = catalogue.canonical(pipeline)
    catalogue.check(pipeline, preset)
    with_seed = [*(assignments or []), *([f"training.seed={seed}"] if seed is not None else [])]
    return Request(pipeline, preset, file, tuple(with_seed), output, name, resume)


def _print_run(run: Run, as_json: bool) -> None:
    """Prints the scores next to the baselines' scores, and the exported files, as far as they exist."""
    from ..core.console import table

    scores = run.read_json("metrics.json") if (run.path / "metrics.json").is_file() else None
    parity = run.read_json("export/parity.json") if (run.path / "export/parity.json").is_file() else None
    if as_json:
        return _print_json({"run": str(run.path), "metrics": scores, "parity": parity})
    if scores:
        names = [*scores["baselines"]]
        columns = ["test", "model", "95% interval", *(name.replace("_", " ") for name in names)]
        rows = []
        for metric, value in scores["test"].items():
            interval = " - ".join(f"{bound:.4f}" for bound in scores["intervals"].get(metric, []))
            beside = [_number(scores["baselines"][name].get(metric), ".4f") for name in names]
            rows.append((metric, f"{value:.4f}", interval, *beside))
        table(columns, rows)
        verdict = "better" if scores["beats_baselines"] else "NOT better"
        typer.echo(f"{verdict} than every baseline by {scores['primary']}\n")
    if parity:
        rows = [
            (
                artifact["path"],
                artifact["bytes"],
                _number(artifact["max_abs_diff"], ".1e"),
                _number((artifact["test"] or {}).get(scores["primary"] if scores else "accuracy"), ".4f"),
                _number(artifact["milliseconds_per_example"], ".3f"),
                "proven" if artifact["passed"] else "FAILED",
            )
            for artifact in parity["artifacts"].values()
        ]
        table(["file", "bytes", "largest difference", "test score", "ms/example", ""], rows)
        typer.echo()
    typer.echo(f"run folder: {run.path}")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def run_pipeline(name: str) -> None:
    """Runs `python -m keras_recurrent.pipelines.NAME [VERB] [options]`; VERB defaults to `run`."""
    arguments = [argument for argument in sys.argv[1:] if argument != DEBUG]
    verb, rest = (arguments[0], arguments[1:]) if arguments and not arguments[0].startswith("-") else ("run", arguments)
    main([verb, *([name] if verb in OF_A_PIPELINE else []), *rest], debug=DEBUG in sys.argv)


def main(arguments: list[str] | None = None, debug: bool = False) -> None:
    """Runs the command line and ends the process with its exit code; accepts `--debug` at any position."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = debug or DEBUG in arguments
    if not debug:
        from ..core.console import keep_stderr_ours

        keep_stderr_ours()
    arguments = [argument for argument in arguments if argument != DEBUG]
    app([DEBUG, *arguments] if debug else arguments, prog_name="keras-recurrent")
