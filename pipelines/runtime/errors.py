"""What goes wrong with exported files."""


class ArtifactError(ValueError):
    """An exported file, or what belongs beside it, is missing, damaged, or another than it should be."""
