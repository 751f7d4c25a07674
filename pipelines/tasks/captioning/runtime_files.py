"""What stands beside the TFLite files of a captioner, and turns their tokens into captions."""

from __future__ import annotations

from pathlib import Path

from ...core.pipeline import Run
from ...runtime.captions import SETTINGS
from . import words
from .config import CaptioningConfig
from .examples import CaptionData


def write_beside(run: Run[CaptioningConfig, CaptionData], folder: Path) -> None:
    """Writes `vocabulary.txt`, a token a line by id, and `captions.json`, how they become a line."""
    words.of_run(run).write(folder, SETTINGS, side=run.config.data.side)
