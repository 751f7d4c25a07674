"""Defines the errors of this package."""

from ..core.errors import PipelineError


class ExportError(PipelineError):
    """A model cannot be exported, or the converter's result breaks a promise of this package."""


class NotSteppableError(ExportError):
    """A model cannot run one time step at a time."""
