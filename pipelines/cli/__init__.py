"""The command line: its options, and what each verb does."""

from .commands import app, main, run_pipeline

__all__ = ["app", "main", "run_pipeline"]
