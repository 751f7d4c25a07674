"""Output of the command line: tables on stdout, and a stderr that carries only our own lines."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 120


def progress(quiet: bool) -> Console:
    """The console for logs and progress: stderr, or silent if `quiet`."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a table on stdout and aligns columns of numbers to the right."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    rows = [["" if cell is None else cell for cell in row] for row in rows]
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) or row[index] == "" for row in rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*[f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in row])
    out = Console()
    (out if out.is_terminal else Console(width=WIDTH)).print(grid, highlight=False)


def keep_stderr_ours() -> None:
    """Reserves stderr for Python and discards the output of native libraries (TensorFlow writes at every log level)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    ours = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = ours
    warnings.simplefilter("ignore")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
