"""The declarations of a task and of a pipeline, and a run of a pipeline."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import pandas as pd

from . import files
from .config import Config
from .data import Data
from .environment import environment
from .errors import DataError, first_line
from .loading import load_model

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    from matplotlib.figure import Figure

    from .data import Augment

C = TypeVar("C", bound=Config)
D = TypeVar("D", bound=Data)

COMPARISONS = "comparisons"
LABELS = Path("export/labels.txt")


@dataclass(frozen=True)
class Findings:
    """Findings about the answers of a model."""

    details: dict[str, Any] = field(default_factory=dict)
    """Entries for metrics.json."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """Figures by name, for the folder of plots and the model's card."""
    pages: dict[str, str] = field(default_factory=dict)
    """HTML pages by name, for the folder of plots and the model's card."""
    predictions: pd.DataFrame | None = None
    """The table for predictions.csv: a row for each answer to the test split."""


def no_callbacks(config: Config, data: Data, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
    """No callbacks: the loss and the metrics of validation are enough."""
    return []


def no_headline(scores: Mapping[str, Any]) -> str:
    """No headline: the card needs no warning at its top."""
    return ""


def what_the_model_gives(run: Run, inputs: Any) -> Any:
    """The answers of `predict`, which the exported files give too."""
    return run.predict(inputs)


def no_change(config: Config) -> None:
    """No augmentation: training inputs stay unchanged."""


def as_it_is(config: Config, data: Data, model: keras.Model) -> keras.Model:
    """The trained model, unchanged."""
    return model


def no_preprocessor(config: Config, data: Data) -> None:
    """No preprocessor: the model takes the raw inputs."""


def nothing_beside(run: Run, folder: Path) -> None:
    """No further files: the TFLite files need only the labels."""


@dataclass(frozen=True)
class Task(Generic[C, D]):
    """The training, evaluation and export of one kind of task, as plain functions that the stages call.

    Answers are the model's outputs for raw inputs: an array `[n, ...]`, or named arrays.
    """

    monitor: str
    """The validation score that selects the best epoch."""
    mode: Literal["max", "min"]
    """Whether the highest or the lowest value of `monitor`, and of the primary metric, is the best."""
    metrics: Mapping[str, str]
    """Explanation of each metric, by its name, for the model's card."""
    layers: tuple[type[keras.layers.Layer], ...]
    """The task's own layers that its saved models contain."""
    answers: Callable[[keras.Model, Any], Any]
    """Computes the answers of a model, as a run keeps it, for raw inputs."""
    compiled: Callable[[C], dict[str, Any]]
    """Gives the training loss and metrics, as arguments of `compile`."""
    score: Callable[[C, D, Any], dict[str, float]]
    """Computes all metrics of answers for the test split."""
    judge: Callable[[Run[C, D], D, Any, dict[str, Any]], Findings]
    """Compares the model's answers for the test split with the answers of each baseline, and examines their origin."""
    tables: Callable[[Mapping[str, Any]], str]
    """Writes the tables of the card from `metrics.json`: whether differences from the baselines can be chance."""
    write_saved_model: Callable[[Run[C, D], D, Path], None]
    """Writes the SavedModel to a path."""
    write_tflite: Callable[[Run[C, D], Path, str | None, Any], None]
    """Writes the TFLite file to a path, given a quantisation and, for `int8`, some training inputs."""
    proof: Callable[[C], dict[str, Any]]
    """Gives the arguments that describe the answers to `export.check_export`."""
    together: int = 256
    """Number of validation examples in a batch; lower it where each example needs much memory."""
    callbacks: Callable[[C, D, tf.data.Dataset], list[keras.callbacks.Callback]] = no_callbacks
    """Gives further callbacks of the training, from the validation batches."""
    headline: Callable[[Mapping[str, Any]], str] = no_headline
    """Writes the text that must come first in the card, from `metrics.json`."""
    expected: Callable[[Run[C, D], Any], Any] = what_the_model_gives
    """Computes the answers that the exported files must give for raw inputs."""


@dataclass(frozen=True)
class Pipeline(Generic[C, D]):
    """A data set and a model for a task, from the configuration to the answers, as plain functions for the stages."""

    name: str
    """Name on the command line, which is the name of the module."""
    about: str
    """Inputs and outputs of the model in words, for the model's card."""
    limits: str
    """Limits beyond which nobody should rely on the model, for the model's card."""
    primary: Callable[[C], str]
    """Names the primary metric, one of the task's metrics."""
    about_data: Callable[[C], str]
    """Writes one sentence on the data that a configuration chooses, for the model's card."""
    loading: str
    """Python code that loads the exported files and passes them inputs, for the model's card."""
    config: type[C]
    """The schema of the configuration, with its defaults."""
    load: Callable[[C], D]
    """Loads the three splits."""
    build: Callable[[C, D, str], keras.Model]
    """Builds the model in a precision, such as `float32`; its outputs, such as probabilities, are what is trained."""
    task: Callable[[], Task[C, D]]
    """Imports the task of the pipeline, and TensorFlow with it."""
    baselines: Callable[[C], dict[str, Callable[[D], Any]]]
    """Gives the baselines by name; each computes answers for the test split, as the model does."""
    examine: Callable[..., Findings]
    """Examines the model's answers for the test split; the task's `judge` defines its arguments."""
    predict: Callable[..., None]
    """The command `predict RUN`, as a function for typer; `context.obj` is the run."""
    aliases: tuple[str, ...] = ()
    """Alternative names on the command line."""
    augment: Callable[[C], Augment | None] = no_change
    """Gives the random augmentation of a batch of training inputs and labels, if any."""
    preprocessor: Callable[[C, D], keras.Model | None] = no_preprocessor
    """Gives the model that turns raw inputs into the inputs of `build`, if those are not raw; model.keras and the
    SavedModel include it, the TFLite files do not."""
    finish: Callable[[C, D, keras.Model], keras.Model] = as_it_is
    """Turns the outputs of the trained model, such as standardised numbers, into the answers of model.keras and the
    exported files, without adding weights."""
    write_beside: Callable[[Run[C, D], Path], None] = nothing_beside
    """Writes the files that must lie beside the TFLite files."""


@dataclass(frozen=True)
class Run(Generic[C, D]):
    """A run folder, its pipeline and its configuration."""

    path: Path
    pipeline: Pipeline[C, D]
    config: C

    @cached_property
    def model(self) -> keras.Model:
        """The trained Keras model, from raw inputs to answers.

        Raises:
            DataError: If it does not exist yet, or is damaged.
        """
        path = self.path / "model.keras"
        if not path.is_file():
            raise DataError(f"{self.path} holds no trained model yet; finish it with: {self.resume_command}")
        try:
            return load_model(path, self.pipeline.task().layers)
        except Exception as error:  # on a damaged file, Keras raises any error of its parts
            raise DataError(
                f"{path} is damaged and can't be loaded. Remove it, and make it again from the checkpoints with: "
                f"{self.resume_command}"
            ) from error

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json."""
        return self.read_json("metrics.json")

    @property
    def history(self) -> pd.DataFrame:
        """The table in history.csv, one row per epoch."""
        path = self.path / "history.csv"
        try:
            return pd.read_csv(path)
        except FileNotFoundError:
            raise DataError(f"{path} is missing; finish the run with: {self.resume_command}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is damaged: {first_line(error)}") from None

    def note_start(self, devices: list[str]) -> None:
        """Adds the current start, or resumption, of the training to environment.json."""
        about = self.read_json("environment.json")
        about["starts"] = [*about.get("starts", []), environment() | {"devices": devices}]
        self.write_json("environment.json", about)

    @property
    def primary(self) -> str:
        """The name of the primary metric."""
        return self.pipeline.primary(self.config)

    def write_names(self, names: tuple[str, ...]) -> None:
        """Writes the names of the model's answers, one per line."""
        files.write_text(self.path / LABELS, "".join(f"{name}\n" for name in names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the model's answers, in their order: classes, or the series to forecast."""
        path = self.path / LABELS
        if not path.is_file():
            raise DataError(f"{path} is missing; finish the run with: {self.resume_command}")
        return tuple(path.read_text(encoding="utf-8").splitlines())

    @property
    def resume_command(self) -> str:
        """The command that resumes this run."""
        if self.path.parent.parent.name == COMPARISONS:
            return f"the command that made it (compare --name {self.path.parent.name}) and --resume"
        output = shlex.quote(str(self.path.parent.parent))
        return f"keras-recurrent run {self.pipeline.name} --output {output} --name {self.path.name} --resume"

    def predict(self, inputs: Any) -> Any:
        """Answers `[n, ...]`, such as probabilities, for raw inputs as in the training data; a dict of several by name.

        Args:
            inputs: `[n, ...]`; a list of texts or of encoded images; or named arrays, if the model has several inputs.
        """
        return self.pipeline.task().answers(self.model, inputs)

    def read_json(self, name: str) -> dict[str, Any]:
        """Reads a JSON file of the run."""
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
