"""A user's request to a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core import catalogue

if TYPE_CHECKING:
    from ..core.config import Config

OUTPUT = Path("saved_models")


@dataclass(frozen=True)
class Request:
    """The pipeline that a user chose, and the changes to its default configuration."""

    pipeline: str
    preset: str | None = None
    file: Path | None = None
    assignments: tuple[str, ...] = ()
    output: Path = OUTPUT
    name: str | None = None
    resume: bool = False

    def resolve(self, *more: str) -> Config:
        """The resolved configuration, with further assignments on top."""
        from ..core.settings import resolve

        schema = catalogue.load(self.pipeline).config
        return resolve(schema, self.pipeline, self.preset, self.file, [*self.assignments, *more])
