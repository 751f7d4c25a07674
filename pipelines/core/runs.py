"""Run folders: made, opened, resumed; and what can be asked of a finished one from Python.

>>> from keras_recurrent.pipelines import runs
>>> run = runs.open("saved_models/mnist_rows/latest")      # doctest: +SKIP
>>> run.metrics["test"]["accuracy"]                        # doctest: +SKIP
>>> run.predict(images)                                    # doctest: +SKIP
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import re
import shlex
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from . import catalogue, config, files
from .errors import DataError, UsageError, did_you_mean, first_line
from .pipeline import Pipeline

if TYPE_CHECKING:
    import keras

LATEST, COMPARISONS = "latest", "comparisons"
LABELS = Path("export/labels.txt")
PACKAGES = ("keras-recurrent", "tensorflow", "keras", "numpy", "scikit-learn", "ai-edge-litert")


@dataclass(frozen=True)
class Run:
    """A run folder, its pipeline and its configuration."""

    path: Path
    pipeline: Pipeline
    config: config.Config

    @cached_property
    def model(self) -> keras.Model:
        """The trained Keras model: raw inputs in, probabilities out."""
        import keras

        from ... import layers  # noqa: F401, by which Keras knows the layers that the file names

        path = self.path / "model.keras"
        if not path.is_file():
            raise DataError(f"{self.path} holds no trained model yet; finish it with: {self.resume_command}")
        try:
            return keras.saving.load_model(path)
        except Exception as error:  # Keras raises whatever its parts raise on a damaged file
            raise DataError(
                f"{path} is damaged and can't be loaded. Remove it, and make it again from the checkpoints with: "
                f"{self.resume_command}"
            ) from error

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds."""
        return self.read_json("metrics.json")

    @property
    def history(self) -> pd.DataFrame:
        """What history.csv holds: a row an epoch."""
        path = self.path / "history.csv"
        try:
            return pd.read_csv(path)
        except FileNotFoundError:
            raise DataError(f"{path} is missing; finish the run with: {self.resume_command}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is damaged: {first_line(error)}") from None

    def note_start(self, devices: list[str]) -> None:
        """Adds to environment.json that training was begun, or gone on with, here and now."""
        about = self.read_json("environment.json")
        about["starts"] = [*about.get("starts", []), environment() | {"devices": devices}]
        self.write_json("environment.json", about)

    @property
    def primary(self) -> str:
        """The metric that counts."""
        return self.pipeline.primary(self.config)

    def write_names(self, names: tuple[str, ...]) -> None:
        """Writes the names of the model's answers, a line each."""
        files.write_text(self.path / LABELS, "".join(f"{name}\n" for name in names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the model's answers, in their order: classes, or what is forecast."""
        path = self.path / LABELS
        if not path.is_file():
            raise DataError(f"{path} is missing; finish the run with: {self.resume_command}")
        return tuple(path.read_text(encoding="utf-8").splitlines())

    @property
    def resume_command(self) -> str:
        """The command that goes on with this run."""
        if self.path.parent.parent.name == COMPARISONS:
            return f"the command that made it (compare --name {self.path.parent.name}) and --resume"
        output = shlex.quote(str(self.path.parent.parent))
        return f"keras-recurrent run {self.pipeline.name} --output {output} --name {self.path.name} --resume"

    def predict(self, inputs: np.ndarray | dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        """Answers `[n, ...]`, such as probabilities, for raw inputs as in the training data; by name if it has several.

        Args:
            inputs: `[n, ...]`; a list of texts, or of encoded pictures; or arrays by name, if the model has several
                inputs.
        """
        from ..stages.answers import answers

        return answers(self.model, inputs)

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the run."""
        path = self.path / name
        if not path.is_file():
            raise DataError(f"{self.path} has no {name} yet.")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path} is damaged: {error}") from None

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Writes a JSON file of the run, whole."""
        files.write_text(self.path / name, json.dumps(value, indent=2, allow_nan=False) + "\n")


def new_path(pipeline: Pipeline, output: Path, name: str | None = None) -> Path:
    """Where a new run will lie; a name for the present second if none is given.

    Raises:
        UsageError: If a run of that name exists, or the name is no plain folder name.
    """
    parent = output / pipeline.name
    path = unused(parent) if name is None else parent / plain(name)
    refuse_existing(path)
    return path


def plain(name: str) -> str:
    """The name of a run, if it is a plain folder name and means nothing else.

    Raises:
        UsageError: If not.
    """
    if name in (LATEST, COMPARISONS) or not re.fullmatch(r"[\w-][\w.-]*", name):
        raise UsageError(f"--name {name}: is no name for a run; use letters, digits, '-' and '_'.")
    return name


def refuse_existing(path: Path) -> None:
    """Raises a UsageError if there is something at a new run's path."""
    if path.exists():
        raise UsageError(
            f"the run {path} exists and is left as it is. Choose another --name, or go on with it by --resume."
        )


def create(path: Path, pipeline: Pipeline, settings: config.Config) -> Run:
    """Makes the folder of a new run, whole, with its configuration and its environment.

    Raises:
        UsageError: If there is something at that path.
    """
    refuse_existing(path)
    with files.new_folder(path) as temporary:
        (temporary / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n", encoding="utf-8")
        (temporary / "config.yaml").write_text(settings.to_yaml(), encoding="utf-8")
    return Run(path, pipeline, settings)


def unused(parent: Path) -> Path:
    """A path in a folder that does not exist yet, named for the present second."""
    stamp = parent / time.strftime("%Y%m%d-%H%M%S")
    later = (stamp.with_name(f"{stamp.name}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([stamp], later) if not path.exists())


def open(path: str | Path, output: Path = Path("saved_models")) -> Run:
    """Opens a run folder.

    Args:
        path: The folder, or `PIPELINE/NAME` or `PIPELINE/latest` below `output`.
        output: The folder of runs.

    Raises:
        DataError: If there is no such run, or its configuration is missing or damaged.
    """
    folder = _find(Path(path), output)
    settings = folder / "config.yaml"
    if not settings.is_file():
        raise DataError(f"{folder} is no run folder: it has no config.yaml.")
    try:
        written = yaml.safe_load(settings.read_text(encoding="utf-8"))
        pipeline = catalogue.load(written["pipeline"])
        return Run(folder, pipeline, pipeline.config.model_validate(written))
    except (UsageError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise DataError(f"{settings} is damaged: {first_line(error)}") from None


def _find(path: Path, output: Path) -> Path:
    if path.name == LATEST and not path.is_dir():
        for parent in (path.parent, output / path.parent):
            if found := latest(parent):
                return found
        raise DataError(f"there is no run in {output / path.parent} yet.")
    for folder in (path, output / path):
        if folder.is_dir():
            return folder
    known = [f"{run.parent.name}/{run.name}" for run in output.glob("*/*") if (run / "config.yaml").is_file()]
    raise DataError(f"there is no run {path}. {did_you_mean(str(path), known[-20:])}".strip())


def latest(parent: Path) -> Path | None:
    """The run in a folder that was begun last."""
    begun = [settings for settings in parent.glob("*/config.yaml") if not settings.parent.name.startswith(".")]
    return max(begun, key=lambda settings: settings.stat().st_mtime_ns).parent if begun else None


def to_resume(pipeline: Pipeline, output: Path, name: str | None) -> Run:
    """The run that `--resume` goes on with.

    Raises:
        DataError: If there is none.
    """
    parent = output / pipeline.name
    path = latest(parent) if name is None else parent / plain(name)
    if path is None or not path.is_dir():
        raise DataError(f"there is no run {name or LATEST} in {parent} to resume; start one without --resume.")
    return open(path)


def environment() -> dict[str, Any]:
    """What the run was made with: versions, system, the command."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def processor() -> str:
    """The model of this machine's processor."""
    about = Path("/proc/cpuinfo")
    for line in about.read_text(encoding="utf-8").splitlines() if about.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
