"""The errors of this package."""

from ..core.errors import PipelineError


class ExportError(PipelineError):
    """A model cannot be exported, or what came out of the converter is not what was promised."""


class NotSteppableError(ExportError):
    """A model cannot run one time step at a time."""
