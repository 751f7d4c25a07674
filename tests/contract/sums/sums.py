"""The sum of a sequence of numbers: a task that no other pipeline has.

Shapes: numbers `[time, 1]` float32 in, their sum `[1]` out. Source: `drawn`, synthetic.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import typer
from pydantic import PositiveInt

from . import cli
from .core.config import Config, DataSection, RecurrentModel
from .core.data import Data
from .core.pipeline import Findings, Pipeline, Task
from .stages.data import Split

if TYPE_CHECKING:
    import keras


class SumsData(DataSection):
    """The numbers."""

    source: Literal["drawn"] = "drawn"
    """Drawn evenly from 0 to 1."""
    count: PositiveInt = 600
    """How many sequences are drawn."""


class SumsConfig(Config):
    """The configuration of sums."""

    data: SumsData = SumsData()
    model: RecurrentModel = RecurrentModel(units=8)


def load(config: SumsConfig) -> Data:
    """Two thirds for training, a sixth each for validation and test."""
    numbers = np.random.default_rng(0).random((config.data.count, 6, 1), np.float32)
    drawn, sixth = Split(numbers, numbers.sum(axis=1)), config.data.count // 6
    return Data(drawn[: 4 * sixth], drawn[4 * sixth : 5 * sixth], drawn[5 * sixth :], ("sum",))


def build(config: SumsConfig, data: Data, precision: str) -> keras.Model:
    """Numbers `[batch, time, 1]` in, sums `[batch, 1]` out."""
    import keras

    from .stages.model import recurrent_stack
    from .tasks.sums.task import Double

    numbers = keras.Input((6, 1), name="numbers")
    features = recurrent_stack(numbers, config.model, precision)
    return keras.Model(numbers, Double(name="sum")(keras.layers.Dense(1)(features)))


def task() -> Task:
    """What sets it apart from other tasks."""
    from .tasks.sums.task import SUMS

    return SUMS


def predict(context: typer.Context, numbers: list[float]) -> None:
    """Adds six numbers."""
    typer.echo(float(context.obj.predict(np.array(numbers, np.float32).reshape(1, 6, 1))[0, 0]))


def write_beside(run: object, folder: Path) -> None:
    """Says what the numbers are."""
    (folder / "about.txt").write_text("sums\n")


PIPELINE = Pipeline(
    name="sums",
    about="Adds the numbers of a sequence, an exercise.",
    limits="Knows sequences of six numbers between 0 and 1.",
    primary=lambda config: "mse",
    about_data=lambda config: "SYNTHETIC numbers.",
    loading='runs.open("FOLDER_OF_THIS_FILE").predict(inputs)',
    config=SumsConfig,
    load=load,
    build=build,
    task=task,
    baselines=lambda config: {"mean": lambda data: np.full_like(data.test.labels, data.train.labels.mean())},
    examine=lambda run, data, answers: Findings(),
    predict=predict,
    write_beside=write_beside,
)

if __name__ == "__main__":
    cli.run_pipeline("sums")
