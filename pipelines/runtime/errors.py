"""The error about exported files."""


class ArtifactError(ValueError):
    """An exported file, or a file that belongs beside it, is missing, damaged or of the wrong kind."""
