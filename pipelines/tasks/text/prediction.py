"""`predict` for texts from the command line or from a file of any length."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from ...core import files
from ...core.console import progress
from ...core.errors import UsageError
from ...sources import text_rows, texts
from ...sources.treatments import Treatments
from ...stages import prediction
from . import explanation

if TYPE_CHECKING:
    from rich.console import Console

    from ...core.pipeline import Run
    from ..classification.data import LabelledData
    from .config import TextConfig

CHUNK = 4096
ADDED = ("predicted", "probability")


def predict(
    context: typer.Context,
    given: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="Texts, in quotes.")] = None,
    file: Annotated[Path | None, typer.Option(help="Score a .csv, .tsv or .jsonl file instead.")] = None,
    column: Annotated[str | None, typer.Option(help="Its column with the texts; as in training if left out.")] = None,
    encoding: Annotated[str, typer.Option(help="Of the file.")] = "utf-8",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what the recurrent network looks at, token by token.")
    ] = False,
    to: prediction.To = None,
    quiet: prediction.Quiet = False,
    as_json: prediction.Json = False,
) -> None:
    """Name the classes of texts given in quotes or in a file."""
    run: Run[TextConfig, LabelledData] = context.obj
    given = [texts.SURROGATES.sub("\ufffd", text) for text in given or []]
    if bool(given) == bool(file):
        raise UsageError('give texts in quotes, such as "I liked it", or --file FILE.')
    prediction.refuse_existing(to)
    if file is not None:
        if to is None or explain or as_json:
            raise UsageError("--file FILE goes with --to FILE.csv, and with neither --explain nor --json.")
        usual: str = getattr(run.config.data, "text_column", "text")
        return score_file(run, file, column or usual, encoding, to, progress(quiet))
    read = explanation.weights(run, given) if explain else []
    answers = prediction.answers(pd.DataFrame({"text": given}), run.predict(given), run.names)
    if explain:
        answers["tokens"] = [
            " ".join(f"{word}:{weight:.2f}" for word, weight in zip(*each, strict=True)) for each in read
        ]
    prediction.show(answers, ("text",), to, as_json)


def score_file(
    run: Run[TextConfig, LabelledData], source: Path, column: str, encoding: str, to: Path, console: Console
) -> None:
    """Writes every row of a file with its class added; memory holds a few thousand rows at a time.

    The new columns are `predicted`, `probability`, and `p(CLASS)` for each class. A first pass over the file finds
    broken rows early, and every column, because the rows of a .jsonl file may have different ones.
    """
    added = (*ADDED, *(f"p({name})" for name in run.names))
    columns = {name: None for _, row in texts.rows(source, column, encoding) for name in row}
    if taken := [name for name in columns if name in added]:
        raise UsageError(f"--file has a column {taken[0]!r} already, which the answers would replace; rename it.")
    treatments = Treatments(texts.SENTENCES)
    rows = texts.rows(source, column, encoding, treatments=treatments)
    with files.whole(to) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*columns, *added], lineterminator="\n")
        writer.writeheader()
        done = 0
        with console.status("scoring") as status:
            for scored in _scored(run, rows, column):
                writer.writerows(scored)
                done += len(scored)
                status.update(f"scored {done:,} rows")
    for note in treatments.notes():
        console.print(f"{source}: {note}.", highlight=False, markup=False, soft_wrap=True)
    console.print(f"{done:,} rows scored in {to}", highlight=False, soft_wrap=True)


def _scored(
    run: Run[TextConfig, LabelledData], rows: Iterator[tuple[int, dict[str, Any]]], column: str
) -> Iterator[list[dict[str, Any]]]:
    """The rows with their answers, a few thousand at a time."""
    while held := [row for _, row in islice(rows, CHUNK)]:
        probabilities = run.predict([row[column] for row in held])
        found = prediction.answers(pd.DataFrame(index=range(len(held))), probabilities, run.names)
        found = found.rename(columns={"label": "predicted"}).to_dict("records")
        yield [
            {name: _cell(value) for name, value in row.items()} | answer
            for row, answer in zip(held, found, strict=True)
        ]


def _cell(value: Any) -> str | None:
    """A JSON value as a CSV cell: strings and numbers as written, nothing for null, and the rest as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A JSON value with its numbers parsed, which `text_rows` keeps as written."""
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case text_rows.Number():
            return json.loads(value)
        case _:
            return value
