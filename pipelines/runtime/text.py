"""Classes of texts from exported files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import ArtifactError
from .interpreter import interpreter
from .tokens import padded
from .vocabulary import Vocabulary, to_ids

READING = "text.json"
"""The file beside `vocabulary.txt` that gives the level of the tokens, how many of them a model reads of a text, and
from which end."""


class TextClassifier:
    """An exported text classifier: a TensorFlow Lite file with its vocabulary and its labels beside it.

    Args:
        path: `model.tflite` (or a quantised file) in the folder `export/` of a run, which also contains
            `vocabulary.txt`, `text.json` and `labels.txt`.
        num_threads: Number of threads that the interpreter may use.

    Raises:
        ArtifactError: If one of the files is missing, or the first is not a TensorFlow Lite file.

    Example:

    ```python
    model = TextClassifier("saved_models/sentiment/latest/export/model.tflite")
    model.label(["I hated it.", "I loved it."])  # one class name for each text
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
        """The probability of each class for each text, float32 `[texts, classes]`."""
        if not len(texts):
            return np.zeros((0, len(self.classes)), np.float32)
        ids = to_ids(texts, self.vocabulary, **self._reading)
        return self._run(ids=padded(ids))["probabilities"]

    def label(self, texts: list[str]) -> list[str]:
        """The name of the most probable class of each text."""
        return [self.classes[number] for number in self.predict(texts).argmax(-1)]
