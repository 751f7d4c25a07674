"""The configuration of classifiers."""

from __future__ import annotations

from pydantic import PositiveInt

from ...core.config import ClassifierTraining, Config, Evaluation


class ClassifierEvaluation(Evaluation):
    """How a classifier is scored on the test split."""

    mistakes: PositiveInt = 20
    """How many of the worst mistakes are drawn."""


class ClassifierConfig(Config):
    """The configuration of a pipeline that classifies; it narrows `data` and `model`."""

    training: ClassifierTraining = ClassifierTraining()
    evaluation: ClassifierEvaluation = ClassifierEvaluation()
