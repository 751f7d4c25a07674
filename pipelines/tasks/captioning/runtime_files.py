"""The files beside a captioner's TFLite files, which turn their tokens into captions."""

from __future__ import annotations

from pathlib import Path

from ...core.pipeline import Run
from ...runtime.captions import SETTINGS
from . import words
from .config import CaptioningConfig
from .examples import CaptionData


def write_beside(run: Run[CaptioningConfig, CaptionData], folder: Path) -> None:
    """Writes `vocabulary.txt`, one token a line by id, and `captions.json`, how tokens become a caption."""
    words.of_run(run).write(folder, SETTINGS, side=run.config.data.side)
