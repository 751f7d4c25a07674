"""What sets one kind of task apart from another in training, evaluation and export: a module of this folder a kind."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..pipeline import Pipeline


def kind_of(pipeline: Pipeline) -> ModuleType:
    """The module of a pipeline's kind: `classification` is an example of what such a module holds."""
    return importlib.import_module(f".{pipeline.kind}", __package__)
