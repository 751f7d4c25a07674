"""What a pipeline declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .config import Config

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    from .stages.data import Augment, Data


@dataclass(frozen=True)
class Pipeline:
    """A task, from configuration to answers, as plain functions that the stages call."""

    name: str
    """As on the command line: the name of the module."""
    task: str
    """What goes in and what comes out, for the model's card."""
    limits: str
    """Where the model must not be relied on, for the model's card."""
    primary: str
    """The metric that counts; higher is better."""
    about_data: Callable[[Config], str]
    """One sentence on the data that a configuration chooses, for the model's card."""
    config: type[Config]
    """The schema of the configuration, with its defaults."""
    load: Callable[[Config], Data]
    """Loads the three splits."""
    build: Callable[[Config, Data, str], keras.Model]
    """Builds the model in a precision, such as `float32`: raw inputs in, probabilities out."""
    augment: Callable[[Config], Augment | None]
    """The random change of training inputs, if any."""
    baselines: dict[str, Callable[[Data], np.ndarray]]
    """What the model is compared with: each gives probabilities for the test split."""
    draw_mistakes: Callable[[Data, np.ndarray, list[int]], Figure]
    """Draws the examples of the test split whose rows are given, with what the model took them for."""
    read_input: Callable[[Path, tuple[int, ...]], tuple[np.ndarray, list[str]]]
    """Reads a file for `predict`, given the shape of one example: inputs `[n, ...]`, and notes for the user."""
