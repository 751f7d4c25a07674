"""The interpreter of TensorFlow Lite files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import ArtifactError


def interpreter(path: Path, num_threads: int) -> Any:
    """The interpreter of a file.

    Raises:
        ArtifactError: If the file is missing or is not a TensorFlow Lite file.
    """
    from ai_edge_litert.interpreter import Interpreter

    if not path.is_file():
        raise ArtifactError(f"There is no file {str(path)!r}.")
    try:
        return Interpreter(str(path), num_threads=num_threads)
    except ValueError as error:
        raise ArtifactError(f"{str(path)!r} is not a TensorFlow Lite file: {error}") from error
