"""Writes files and folders whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from .errors import PipelineError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of `path`; when the block succeeds, renames the result to `path`.

    A new file replaces an older one in one step. An older folder is moved aside first, so that a kill leaves the old
    or the new one under some name, never half of one. The next write removes what a kill left under the temporary name.

    Raises:
        PipelineError: If the file system refuses (a full disk, a read-only or missing folder).
    """
    temporary = path.with_name(f".partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(temporary)
        yield temporary
        if temporary.is_dir() and path.exists():
            aside = path.with_name(f".old.{path.name}")
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(path, aside)
            os.replace(temporary, path)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove(temporary)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder, which becomes `path` when the block succeeds; never replaces another folder.

    Raises:
        PipelineError: If the file system refuses, or `path` exists by now.
    """
    temporary = path.with_name(f".partial.{uuid.uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole, in UTF-8."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def cannot_write(path: Path, error: OSError) -> PipelineError:
    """An error that names the path that could not be written, the reason, and the remedy."""
    reason = error.strerror or str(error) or type(error).__name__
    return PipelineError(
        f"can't write {path}: {reason}. Free some space, or write elsewhere (--output DIR; --to FILE)."
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
