"""Catalogue of the pipelines and presets, read from their files without importing any of them."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from .errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import keras

    from .pipeline import Pipeline

HERE = Path(__file__).parents[1]
DEFAULT_PRESET = "sample"


@cache
def _modules() -> dict[str, ast.Module]:
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("[a-z]*.py"))}
    return {name: tree for name, tree in trees.items() if any(map(_declares_pipeline, tree.body))}


def _declares_pipeline(statement: ast.stmt) -> TypeGuard[ast.Assign]:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "PIPELINE" for target in statement.targets
    )


def names() -> list[str]:
    """The names of the pipelines: modules of the folder `pipelines` that define a top-level `PIPELINE`."""
    return list(_modules())


def aliases(pipeline: str) -> tuple[str, ...]:
    """The aliases that a pipeline's `PIPELINE` declares."""
    (declared,) = filter(_declares_pipeline, _modules()[pipeline].body)
    keywords = declared.value.keywords if isinstance(declared.value, ast.Call) else []
    return next((ast.literal_eval(each.value) for each in keywords if each.arg == "aliases"), ())


def canonical(name: str) -> str:
    """The name of the pipeline with this name or alias; an unknown name stays unchanged."""
    return next((pipeline for pipeline in names() if name in aliases(pipeline)), name)


def summary(pipeline: str) -> str:
    """The first line of a pipeline's docstring."""
    return (ast.get_docstring(_modules()[pipeline]) or "").partition("\n")[0]


def presets(pipeline: str) -> dict[str, Path]:
    """The presets of a pipeline by name."""
    return {path.stem: path for path in sorted((HERE / "presets" / pipeline).glob("*.yaml"))}


def preset_summary(path: Path) -> str:
    """The first line of a preset's header."""
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def check(pipeline: str, preset: str | None = None) -> None:
    """Refuses a pipeline or preset that does not exist.

    Raises:
        UsageError: If it does not exist; the message names the nearest one that does.
    """
    if pipeline not in _modules():
        known = [*names(), *(alias for name in names() for alias in aliases(name))]
        raise UsageError(f"there is no pipeline {pipeline!r}. {did_you_mean(pipeline, known)}")
    if preset is not None and preset not in presets(pipeline):
        raise UsageError(f"{pipeline} has no preset {preset!r}. {did_you_mean(preset, presets(pipeline))}")


def load(pipeline: str) -> Pipeline:
    """Imports a pipeline and returns its declaration."""
    check(pipeline)
    return importlib.import_module(f"{__package__.rpartition('.')[0]}.{pipeline}").PIPELINE


def layers() -> tuple[type[keras.layers.Layer], ...]:
    """The layers of all tasks, to load a `.keras` file of any run; imports TensorFlow and every pipeline."""
    return tuple(dict.fromkeys(layer for name in names() for layer in load(name).task().layers))
