"""What sets one kind of task apart from another in training, evaluation and export: a module of this folder a kind."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..pipeline import Pipeline


def kind_of(pipeline: Pipeline) -> ModuleType:
    """The module of a pipeline's kind, such as `classification`.

    It holds `MONITOR` and `MODE` (the validation score that makes an epoch the best, and whether `max` or `min` is, as
    of the primary metric), `CLASSES` (whether answers are classes), `SIGNATURES` (of TFLite files), `LEAST_SIZE` (of
    answers, to which tolerances refer), `ABOUT_METRICS`, and the functions `compiled`, `score`, `judge`, `tables`,
    `headline`, `served`.
    """
    return importlib.import_module(f".{pipeline.kind}", __package__)
