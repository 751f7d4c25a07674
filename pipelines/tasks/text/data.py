"""Labelled texts, and what is fitted on the training split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import numpy as np

from ...runtime.vocabulary import Vocabulary
from ...sequences.examples import Texts
from ..classification.data import LabelledData
from . import ngrams


@dataclass(frozen=True)
class LabelledTexts(LabelledData):
    """Splits whose inputs are texts, and what was fitted on the training split."""

    train: Texts
    validation: Texts
    test: Texts
    _: KW_ONLY
    vocabulary: Vocabulary
    vectors: np.ndarray | None = None
    fit_linear: Callable[[], ngrams.Linear | None] = lambda: None

    @cached_property
    def linear(self) -> ngrams.Linear | None:
        """The linear model of n-grams that answers together with the network, or None; fitted on first use."""
        return self.fit_linear()
