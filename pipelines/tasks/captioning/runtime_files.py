"""What stands beside the TFLite files of a captioner, and turns their tokens into captions."""

from __future__ import annotations

import json
from pathlib import Path

from ...core.pipeline import Run
from ...runtime.captions import SETTINGS, VOCABULARY
from .config import CaptioningConfig
from .examples import CaptionData


def write_beside(run: Run[CaptioningConfig, CaptionData], folder: Path) -> None:
    """Writes `vocabulary.txt`, a token a line by id, and `captions.json`, how they become a line."""
    lines = "".join(f"{word}\n" for word in run.names)
    (folder / VOCABULARY).write_text(lines, encoding="utf-8", newline="\n")
    settings = {"level": run.config.data.level, "side": run.config.data.side}
    (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")
