"""What a pipeline and a task declare, and what a run of them is."""

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
    """What there is to say about the answers of a model."""

    details: dict[str, Any] = field(default_factory=dict)
    """For metrics.json."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """By name, for the folder of plots and the model's card."""
    pages: dict[str, str] = field(default_factory=dict)
    """HTML by name, for the folder of plots and the model's card."""
    predictions: pd.DataFrame | None = None
    """For predictions.csv: a row for each answer to the test split."""


def no_callbacks(config: Config, data: Data, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
    """The loss and the metrics of validation are enough."""
    return []


def no_headline(scores: Mapping[str, Any]) -> str:
    """Nothing has to stand first."""
    return ""


def what_the_model_gives(run: Run, inputs: Any) -> Any:
    """The exported files give what `predict` gives."""
    return run.predict(inputs)


def no_change(config: Config) -> None:
    """Training inputs are left as they are."""


def as_it_is(config: Config, data: Data, model: keras.Model) -> keras.Model:
    """The model answers as it was trained to."""
    return model


def no_preprocessor(config: Config, data: Data) -> None:
    """The model takes the raw inputs."""


def nothing_beside(run: Run, folder: Path) -> None:
    """The TFLite files need nothing but the labels."""


@dataclass(frozen=True)
class Task(Generic[C, D]):
    """What sets a kind of task apart in training, evaluation and export, as plain functions that the stages call.

    Answers are what the model gives for raw inputs: an array `[n, ...]`, or arrays by name.
    """

    monitor: str
    """The validation score that makes an epoch the best."""
    mode: Literal["max", "min"]
    """Which of it, and of the primary metric, is the best."""
    metrics: Mapping[str, str]
    """What each metric is, by its name, for the model's card."""
    layers: tuple[type[keras.layers.Layer], ...]
    """The layers of its own that its saved models hold."""
    answers: Callable[[keras.Model, Any], Any]
    """What a model, as a run keeps it, answers for raw inputs."""
    compiled: Callable[[C], dict[str, Any]]
    """Loss and metrics of the training, for `compile`."""
    score: Callable[[C, D, Any], dict[str, float]]
    """All metrics of answers for the test split."""
    judge: Callable[[Run[C, D], D, Any, dict[str, Any]], Findings]
    """Compares the model's answers for the test split with those of each baseline; looks at what they come from."""
    tables: Callable[[Mapping[str, Any]], str]
    """For the card, from `metrics.json`: whether differences from the baselines can be chance."""
    write_saved_model: Callable[[Run[C, D], D, Path], None]
    """Writes the SavedModel to a path."""
    write_tflite: Callable[[Run[C, D], Path, str | None, Any], None]
    """Writes the TFLite file to a path, with a quantisation and, for `int8`, some training inputs."""
    proof: Callable[[C], dict[str, Any]]
    """What `export.check_export` must know of the answers."""
    together: int = 256
    """Validation examples in a batch; fewer, where each needs much memory."""
    callbacks: Callable[[C, D, tf.data.Dataset], list[keras.callbacks.Callback]] = no_callbacks
    """Callbacks of the training, given the batches of the validation."""
    headline: Callable[[Mapping[str, Any]], str] = no_headline
    """What must stand first in the card, from `metrics.json`."""
    expected: Callable[[Run[C, D], Any], Any] = what_the_model_gives
    """What the exported files must give for raw inputs."""


@dataclass(frozen=True)
class Pipeline(Generic[C, D]):
    """A data set and a model for a task, from configuration to answers, as plain functions that the stages call."""

    name: str
    """As on the command line: the name of the module."""
    about: str
    """What goes in and what comes out, for the model's card."""
    limits: str
    """Where the model must not be relied on, for the model's card."""
    primary: Callable[[C], str]
    """The metric that counts, one of its task's."""
    about_data: Callable[[C], str]
    """One sentence on the data that a configuration chooses, for the model's card."""
    loading: str
    """How to load the exported files and give them inputs, in Python, for the model's card."""
    config: type[C]
    """The schema of the configuration, with its defaults."""
    load: Callable[[C], D]
    """Loads the three splits."""
    build: Callable[[C, D, str], keras.Model]
    """Builds the model in a precision, such as `float32`: inputs in, what is trained out (such as probabilities)."""
    task: Callable[[], Task[C, D]]
    """Imports its task, and TensorFlow with it."""
    baselines: Callable[[C], dict[str, Callable[[D], Any]]]
    """What the model is compared with: each gives answers for the test split, as the model does."""
    examine: Callable[..., Findings]
    """Looks at the model's answers for the test split; its task's `judge` says what it is given."""
    predict: Callable[..., None]
    """The command `predict` behind RUN, as a function for typer; `context.obj` is the run."""
    aliases: tuple[str, ...] = ()
    """Further names on the command line."""
    augment: Callable[[C], Augment | None] = no_change
    """The random change of a batch of training inputs and labels, if any."""
    preprocessor: Callable[[C, D], keras.Model | None] = no_preprocessor
    """What turns raw inputs into those of `build`, if the model does not take raw ones: it is in model.keras and in the
    SavedModel, and not in the TFLite files."""
    finish: Callable[[C, D, keras.Model], keras.Model] = as_it_is
    """What turns the answers of the trained model, such as standardised numbers, into those of model.keras and the
    exported files, without more weights."""
    write_beside: Callable[[Run[C, D], Path], None] = nothing_beside
    """Writes what the TFLite files need beside them."""


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
            DataError: If it isn't there yet, or is damaged.
        """
        path = self.path / "model.keras"
        if not path.is_file():
            raise DataError(f"{self.path} holds no trained model yet; finish it with: {self.resume_command}")
        try:
            return load_model(path, self.pipeline.task().layers)
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

    def predict(self, inputs: Any) -> Any:
        """Answers `[n, ...]`, such as probabilities, for raw inputs as in the training data; by name if it has several.

        Args:
            inputs: `[n, ...]`; a list of texts, or of encoded pictures; or arrays by name, if the model has several
                inputs.
        """
        return self.pipeline.task().answers(self.model, inputs)

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
