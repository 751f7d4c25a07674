"""Configuration of classifiers."""

from __future__ import annotations

from pydantic import PositiveInt

from ...core.config import ClassifierTraining, Config, Evaluation


class ClassifierEvaluation(Evaluation):
    """How a classifier is scored on the test split."""

    mistakes: PositiveInt = 20
    """Number of the worst mistakes to show."""


class ClassifierConfig(Config):
    """Configuration of a pipeline that classifies, which narrows `data` and `model`."""

    training: ClassifierTraining = ClassifierTraining()
    evaluation: ClassifierEvaluation = ClassifierEvaluation()
