"""Classes of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import ArtifactError
from .interpreter import interpreter
from .tokens import padded
from .vocabulary import Vocabulary, to_ids

READING = "text.json"
"""Beside `vocabulary.txt`: what a token is, how many of a text are read, and from which end."""


class TextClassifier:
    """An exported classifier of texts: a TensorFlow Lite file with its vocabulary and its labels beside it.

    Args:
        path: `model.tflite` (or a quantised one) in the folder `export/` of a run, where `vocabulary.txt`, `text.json`
            and `labels.txt` lie too.
        num_threads: How many threads the interpreter may use.

    Raises:
        ArtifactError: If one of the files is missing, or the first is no TensorFlow Lite file.

    Example:

    ```python
    model = TextClassifier("saved_models/sentiment/latest/export/model.tflite")
    model.label(["I hated it.", "I loved it."])  # a name for each
    model.predict(["I hated it.", "I loved it."])  # probabilities [2, classes], in the order of model.classes
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        path = Path(path)
        self._interpreter = interpreter(path, num_threads)
        self.vocabulary, self._reading = Vocabulary.read(path.parent, READING)
        try:
            self.classes = (path.parent / "labels.txt").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ArtifactError(f"labels.txt in {path.parent} is missing or damaged: {error}") from error
        self._run = self._interpreter.get_signature_runner("sequence")

    def predict(self, texts: list[str]) -> np.ndarray:
        """Probabilities `[texts, classes]` float32."""
        if not len(texts):
            return np.zeros((0, len(self.classes)), np.float32)
        ids = to_ids(texts, self.vocabulary, **self._reading)
        return self._run(ids=padded(ids))["probabilities"]

    def label(self, texts: list[str]) -> list[str]:
        """The name of the most probable class of each text."""
        return [self.classes[number] for number in self.predict(texts).argmax(-1)]
