"""What a pipeline declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .config import Config

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from matplotlib.figure import Figure

    from ..stages.data import Augment, Data
    from .runs import Run


@dataclass(frozen=True)
class Findings:
    """What a pipeline has to say about the answers of a model, beyond the scores."""

    details: dict[str, Any] = field(default_factory=dict)
    """For metrics.json."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """By name, for the folder of plots and the model's card."""
    pages: dict[str, str] = field(default_factory=dict)
    """HTML by name, for the folder of plots and the model's card."""
    predictions: pd.DataFrame | None = None
    """For predictions.csv: a row for each answer to the test split."""


def no_change(config: Config) -> None:
    """Training inputs are left as they are."""


def as_it_is(config: Config, data: Data, model: keras.Model) -> keras.Model:
    """The model answers as it was trained to."""
    return model


def no_encoder(config: Config, data: Data) -> None:
    """The model takes the raw inputs."""


@dataclass(frozen=True)
class Pipeline:
    """A task, from configuration to answers, as plain functions that the stages call."""

    name: str
    """As on the command line: the name of the module."""
    task: str
    """What goes in and what comes out, for the model's card."""
    limits: str
    """Where the model must not be relied on, for the model's card."""
    primary: Callable[[Config], str]
    """The metric that counts, of those that its kind has."""
    about_data: Callable[[Config], str]
    """One sentence on the data that a configuration chooses, for the model's card."""
    loading: str
    """How to load the exported files and give them inputs, in Python, for the model's card."""
    config: type[Config]
    """The schema of the configuration, with its defaults."""
    load: Callable[[Config], Data]
    """Loads the three splits."""
    build: Callable[[Config, Data, str], keras.Model]
    """Builds the model in a precision, such as `float32`: inputs in, what is trained out (such as probabilities)."""
    baselines: Callable[[Config], dict[str, Callable[[Data], np.ndarray]]]
    """What the model is compared with: each gives answers for the test split, as the model does."""
    examine: Callable[..., Findings]
    """Looks at the model's answers for the test split; its kind says what it is given."""
    predict: Callable[..., None]
    """The command `predict` behind RUN, as a function for typer; `context.obj` is the run."""
    kind: str = "classification"
    """The module of `stages/` that holds what sets this kind of task apart, `classification` or `forecasting`."""
    augment: Callable[[Config], Augment | None] = no_change
    """The random change of a batch of training inputs and labels, if any."""
    encoder: Callable[[Config, Data], keras.Model | None] = no_encoder
    """What turns raw inputs into those of `build`, if the model does not take raw ones: it is in model.keras and in the
    SavedModel, and not in the TFLite files."""
    finish: Callable[[Config, Data, keras.Model], keras.Model] = as_it_is
    """What turns the answers of the trained model, such as standardised numbers, into those of model.keras and the
    exported files, without more weights."""
    write_beside: Callable[[Run, Path], None] = lambda run, folder: None
    """Writes what the TFLite files need beside them."""
