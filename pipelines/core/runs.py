"""Creates, opens and resumes run folders."""

from __future__ import annotations

import itertools
import json
import re
import time
from pathlib import Path

import yaml

from . import catalogue, config, files
from .environment import environment
from .errors import DataError, UsageError, did_you_mean, first_line
from .pipeline import COMPARISONS, Pipeline, Run

LATEST = "latest"


def new_path(pipeline: Pipeline, output: Path, name: str | None = None) -> Path:
    """The path of a new run; without a name, the run is named after the current second.

    Raises:
        UsageError: If a run with that name exists, or the name is not a plain folder name.
    """
    parent = output / pipeline.name
    path = unused(parent) if name is None else parent / plain(name)
    refuse_existing(path)
    return path


def plain(name: str) -> str:
    """Checks that the name of a run is a plain folder name without another meaning, and returns it.

    Raises:
        UsageError: If it is not.
    """
    if name in (LATEST, COMPARISONS) or not re.fullmatch(r"[\w-][\w.-]*", name):
        raise UsageError(f"--name {name} can't name a run; use letters, digits, '-' and '_'.")
    return name


def refuse_existing(path: Path) -> None:
    """Raises a UsageError if the path of a new run already exists."""
    if path.exists():
        raise UsageError(
            f"the run {path} exists and is left as it is. Choose another --name, or go on with it by --resume."
        )


def create(path: Path, pipeline: Pipeline, settings: config.Config) -> Run:
    """Creates the folder of a new run, whole, with its configuration and its environment.

    Raises:
        UsageError: If the path already exists.
    """
    refuse_existing(path)
    with files.new_folder(path) as temporary:
        (temporary / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n", encoding="utf-8")
        (temporary / "config.yaml").write_text(settings.to_yaml(), encoding="utf-8")
    return Run(path, pipeline, settings)


def unused(parent: Path) -> Path:
    """An unused path in a folder, named after the current second."""
    stamp = parent / time.strftime("%Y%m%d-%H%M%S")
    later = (stamp.with_name(f"{stamp.name}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([stamp], later) if not path.exists())


def open(path: str | Path, output: Path = Path("saved_models")) -> Run:
    """Opens a run folder.

    Args:
        path: The folder, or `PIPELINE/NAME` or `PIPELINE/latest` below `output`.
        output: The folder that contains the runs.

    Raises:
        DataError: If the run does not exist, or its configuration is missing or damaged.
    """
    folder = _find(Path(path), output)
    settings = folder / "config.yaml"
    if not settings.is_file():
        raise DataError(f"{folder} is not a run folder: it has no config.yaml.")
    try:
        written = yaml.safe_load(settings.read_text(encoding="utf-8"))
        pipeline = catalogue.load(written["pipeline"])
        return Run(folder, pipeline, pipeline.config.model_validate(written))
    except (UsageError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise DataError(f"{settings} is damaged: {first_line(error)}") from None


def _find(path: Path, output: Path) -> Path:
    first, *rest = path.parts or ("",)
    places = (path, output / path, output / Path(catalogue.canonical(first), *rest))
    if path.name == LATEST and not path.is_dir():
        for place in places:
            if found := latest(place.parent):
                return found
        raise DataError(f"there is no run in {places[-1].parent} yet.")
    for folder in places:
        if folder.is_dir():
            return folder
    known = [f"{run.parent.name}/{run.name}" for run in output.glob("*/*") if (run / "config.yaml").is_file()]
    raise DataError(f"there is no run {path}. {did_you_mean(str(path), known[-20:])}".strip())


def latest(parent: Path) -> Path | None:
    """The most recently started run in a folder."""
    begun = [settings for settings in parent.glob("*/config.yaml") if not settings.parent.name.startswith(".")]
    return max(begun, key=lambda settings: settings.stat().st_mtime_ns).parent if begun else None


def to_resume(pipeline: Pipeline, output: Path, name: str | None) -> Run:
    """The run that `--resume` continues.

    Raises:
        DataError: If none exists.
    """
    parent = output / pipeline.name
    path = latest(parent) if name is None else parent / plain(name)
    if path is None or not path.is_dir():
        raise DataError(f"there is no run {name or LATEST} in {parent} to resume; start one without --resume.")
    return open(path)
