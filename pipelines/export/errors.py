"""The one error of this package."""


class ExportError(RuntimeError):
    """A model cannot be exported, or what came out of the converter is not what was promised."""
