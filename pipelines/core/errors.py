"""Errors that a user can cause, each with the exit code that the command line returns for it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PipelineError(Exception):
    """A failed run: the output can't be written, or the loss is no longer a number."""

    exit_code = 1


class DivergenceError(PipelineError):
    """A training whose loss is no longer a number."""


class UsageError(PipelineError):
    """A wrong option, name or configuration."""

    exit_code = 2


class DataError(PipelineError):
    """Input data, a run folder or a checkpoint that is missing or not usable."""

    exit_code = 3


class GateError(PipelineError):
    """An exported artefact whose answers differ from the model's."""

    exit_code = 4


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its name if it has none."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint at the end of a message about a misspelt name: the nearest known name, and all known names.

    >>> did_you_mean("lsmt", ["gru", "lstm"])
    "Did you mean 'lstm'? Known: gru, lstm."
    >>> did_you_mean("xyz", ["gru", "lstm"])
    'Known: gru, lstm.'
    """
    known = sorted(known)
    lowered = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    hint = f"Did you mean {lowered[nearest[0]]!r}? " if nearest else ""
    return f"{hint}Known: {', '.join(known)}." if known else hint.strip()
