"""The command line: its options and its verbs."""

from .commands import app, main, run_pipeline

__all__ = ["app", "main", "run_pipeline"]
