"""What stands beside the TFLite files of a captioner, and turns their tokens into captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.runs import Run

VOCABULARY, SETTINGS = "vocabulary.txt", "captions.json"


def write_beside(run: Run, folder: Path) -> None:
    """Writes `vocabulary.txt`, a token a line by number, and `captions.json`, how they become a line."""
    lines = "".join(f"{word}\n" for word in run.names)
    (folder / VOCABULARY).write_text(lines, encoding="utf-8", newline="\n")
    settings = {"level": run.config.data.level, "side": run.config.data.side}
    (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """The vocabulary and the settings, as `write_beside` left them."""
    vocabulary = (folder / VOCABULARY).read_bytes().decode("utf-8").split("\n")[:-1]
    return vocabulary, json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
