"""The command `keras-recurrent predict RUN` for files of examples, and the parts that other pipelines share with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
import typer

from ..core import files
from ..core.console import progress, table
from ..core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from ..core.pipeline import Run

    ReadInput = Callable[[Path, tuple[int, ...]], tuple[np.ndarray, list[str]]]

MOST_COLUMNS = 16

To = Annotated[Path | None, typer.Option(help="Write a CSV file instead.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def of_files(read_input: ReadInput) -> Callable[..., None]:
    """The command for pipelines that read examples from files.

    Args:
        read_input: Reads a file, given the shape of one example, and returns inputs `[n, ...]` and notes for the user.
    """

    def predict(
        context: typer.Context,
        inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Files of the pipeline's kind.")],
        to: To = None,
        quiet: Quiet = False,
        as_json: Json = False,
    ) -> None:
        """Predict for files; --json and --to give every probability."""
        refuse_existing(to)
        show(_for_files(context.obj, inputs, read_input, progress(quiet)), ("input", "row"), to, as_json)

    return predict


def _for_files(run: Run, paths: list[Path], read_input: ReadInput, console: Console) -> pd.DataFrame:
    """A table with a row for each example: `input` (the file), `row` in it, and the answers."""
    shape = tuple(run.model.input_shape[1:])
    parts = []
    for path in paths:
        inputs, notes = read_input(path, shape)
        if notes:
            console.print(f"{path}: {', '.join(notes)}", highlight=False, soft_wrap=True)
        parts.append((path, inputs))
    rows = [(str(path), row) for path, inputs in parts for row in range(len(inputs))]
    probabilities = run.predict(np.concatenate([inputs for _, inputs in parts]))
    return answers(pd.DataFrame(rows, columns=["input", "row"]), probabilities, run.names)


def answers(keys: pd.DataFrame, probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Adds `label`, its `probability` and the probability of each class (at each position) to the examples' keys."""
    names = np.array(classes)[probabilities.argmax(-1)].reshape(len(keys), -1)
    rounded = probabilities.astype(float)
    table = keys.copy()
    table["label"] = [" ".join(labels) for labels in names]
    table["probability"] = rounded.max(-1).reshape(len(keys), -1).prod(axis=1).round(6)
    positions = range(1, names.shape[1] + 1)
    of_each = [f"p({name})" if len(positions) == 1 else f"p{i}({name})" for i in positions for name in classes]
    table[of_each] = rounded.reshape(len(keys), -1).round(6)
    return table


def show(answers: pd.DataFrame, keys: tuple[str, ...], to: Path | None, as_json: bool) -> None:
    """Prints the answers as a table or as JSON, or writes them to a CSV file."""
    if to is not None:
        files.write_text(to, answers.to_csv(index=False))
    if as_json:
        typer.echo(json.dumps({"predictions": answers.to_dict("records")}, indent=2, ensure_ascii=False))
    elif to is None:
        shown = answers if len(answers.columns) <= MOST_COLUMNS else answers[[*keys, "label", "probability"]]
        decimals = shown.map(lambda cell: f"{cell:.4f}" if isinstance(cell, float) else cell)
        table(list(shown.columns), decimals.itertuples(index=False))


def refuse_existing(to: Path | None, option: str = "--to") -> None:
    """Raises a UsageError if the file for the answers already exists."""
    if to is not None and to.exists():
        raise UsageError(f"{option} {to} exists and is left as it is; choose another file.")
