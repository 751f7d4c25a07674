"""Shows which tokens of a text the answer of a recurrent network rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import UsageError
from ...runtime.tokens import padded
from ...runtime.vocabulary import as_read

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from ..classification.data import LabelledData
    from .config import TextConfig

EXPLAINED = ("attention", "max", "max_mean")
BATCH = 64


def weights(run: Run[TextConfig, LabelledData], texts: Sequence[str]) -> list[tuple[list[str], np.ndarray]]:
    """The tokens that the model read of each text, and how much of the answer rests on each; the weights sum to 1.

    With attention pooling, these are the attention weights; with max pooling, the share of the units whose maximum is
    at the token. They leave out the other models that answer with the network (`model.convolution`, `model.ngrams`).

    Raises:
        UsageError: If the model pools in another way, so that all tokens count equally or only the last one counts.
    """
    pooling = run.config.model.pooling
    if pooling not in EXPLAINED:
        raise UsageError(
            f"the model of {run.path} has model.pooling={pooling}, which tells nothing of single tokens; train one "
            f"with model.pooling={' or '.join(EXPLAINED)}."
        )
    import keras

    from ...sequences.examples import Texts
    from ...sequences.padding import as_objects
    from ...stages.preprocessing import halves, preprocessed
    from .model import ATTENTION, SEQUENCE

    preprocessor, model = halves(run.model)
    assert preprocessor is not None, "a text classifier turns texts into ids"
    inner = keras.Model(model.input, model.get_layer(ATTENTION if pooling == "attention" else SEQUENCE).output)
    rows = preprocessed(Texts(as_objects(list(texts)), np.zeros(len(texts))), preprocessor).inputs
    reader = preprocessor.layers[-1]
    explained = []
    for start in range(0, len(rows), BATCH):
        outputs = inner.predict(padded(rows[start : start + BATCH]), verbose=0)
        for row, output, text in zip(rows[start:], outputs, texts[start:], strict=False):
            of_tokens = output[: len(row)]
            share = of_tokens[:, 0] if pooling == "attention" else _shares(of_tokens)
            explained.append((as_read(text, reader.vocabulary, reader.length, reader.keep), share))
    return explained


def _shares(outputs: np.ndarray) -> np.ndarray:
    """The share of the units whose maximum is at each time step, for outputs `[time, units]`."""
    return np.bincount(outputs.argmax(axis=0), minlength=len(outputs)) / outputs.shape[1]
