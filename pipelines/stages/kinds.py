"""What sets one kind of task apart from another in training, evaluation and export: a module of this folder a kind."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..core.pipeline import Pipeline


def kind_of(pipeline: Pipeline) -> ModuleType:
    """The module of a pipeline's kind, such as `classification`.

    It holds `MONITOR` and `MODE` (the validation score that makes an epoch the best, and whether `max` or `min` is, as
    of the primary metric), `TOGETHER` (validation examples in a batch: fewer, where each needs much memory),
    `ABOUT_METRICS`, and the functions `compiled`, `callbacks` (of the training, given the batches of the validation),
    `score`, `judge`, `tables`, `headline`, `write_saved_model`, `write_tflite`, `expected` (what these files must give)
    and `proof` (what `export.check_export` must know of it).
    """
    return importlib.import_module(f"...tasks.{pipeline.kind}.task", __name__)
