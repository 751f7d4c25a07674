"""Exported models that read one time step after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArtifactError
from .interpreter import interpreter

STATE = re.compile(r"state_\d+")


class StreamingModel:
    """A TensorFlow Lite file that reads one time step after the other and keeps the hidden states in between.

    Args:
        path: A file with the signature `step`, which `export_tflite` writes for models that can run step by step.
        num_threads: Number of threads that the interpreter may use.

    Raises:
        ArtifactError: If the file is missing, is not a TensorFlow Lite file, or has no signature `step`.

    Example:

    ```python
    model = StreamingModel("model.tflite")
    for sample in sensor:  # shape (features,)
        scores = model.step(sample[None])

    left, right = model.stream(), model.stream()  # independent of each other and of `model`
    ```
    """

    _carried: dict[str, np.ndarray] | None

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        self._interpreter = interpreter(Path(path), num_threads)
        if "step" not in self._interpreter.get_signature_list():
            raise ArtifactError(
                f"{str(path)!r} has no signature 'step'. Export a model that can be stepped: recurrent layers that "
                "read forwards, and no layer that needs the whole sequence."
            )
        self._begin(self._interpreter.get_signature_runner("step"))

    def _begin(self, runner: Any) -> None:
        self._run = runner
        details = runner.get_input_details()
        self._states = {name: detail for name, detail in details.items() if STATE.fullmatch(name)}
        self._inputs = {name: detail for name, detail in details.items() if name not in self._states}
        self.reset()

    def step(self, x: np.ndarray | dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        """The output for one more time step.

        Args:
            x: Array of shape `(batch, ...)` without a time axis, or a dict of arrays if the model has several inputs.
                Each row belongs to its own sequence.

        Returns:
            Array of shape `(batch, ...)`, or a dict of arrays if the model has several outputs.

        Raises:
            ValueError: If an input is missing or unknown, its shape differs from the model's, its batch size differs
                from earlier steps or other inputs, or its dtype cannot represent the values.
        """
        inputs = self._checked(x)
        batch = len(next(iter(inputs.values())))
        carried = self._carried or {
            name: np.zeros((batch, *detail["shape_signature"][1:]), detail["dtype"])
            for name, detail in self._states.items()
        }
        results = self._run(**inputs, **carried)
        self._carried = {name: results.pop(name) for name in self._states}
        return next(iter(results.values())) if len(results) == 1 else results

    def reset(self) -> None:
        """Forgets the states, so that the next step is the first of a sequence."""
        self._carried = None

    def stream(self) -> StreamingModel:
        """A new stream through the same weights, with its own states, at the beginning of a sequence."""
        other = object.__new__(type(self))
        other._interpreter = self._interpreter
        other._begin(self._run)
        return other

    def _checked(self, x: np.ndarray | dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        named = x if isinstance(x, dict) else dict.fromkeys(self._inputs, x) if len(self._inputs) == 1 else {}
        if set(named) != set(self._inputs):
            raise ValueError(f"The model takes a dict of {sorted(self._inputs)}, got {sorted(named) or type(x)}.")
        before = None if self._carried is None else len(next(iter(self._carried.values())))
        inputs: dict[str, np.ndarray] = {}
        for name, detail in self._inputs.items():
            value, shape = np.asarray(named[name]), tuple(detail["shape_signature"])
            known = [size in (-1, got) for size, got in zip(shape, value.shape, strict=False)]
            if value.ndim != len(shape) or not all(known):
                wanted = tuple("batch" if axis == 0 else int(size) for axis, size in enumerate(shape))
                raise ValueError(f"Input {name!r} has shape {value.shape}, expected {wanted}, without an axis of time.")
            others = {len(other) for other in inputs.values()} - {len(value)}
            if before not in (None, len(value)):
                raise ValueError(f"Input {name!r} has a batch of {len(value)}, the steps before had {before}; reset.")
            if others:
                raise ValueError(f"Input {name!r} has a batch of {len(value)}, another input one of {others.pop()}.")
            inputs[name] = value.astype(detail["dtype"])
            if np.issubdtype(detail["dtype"], np.integer) and not np.array_equal(inputs[name], value):
                raise ValueError(f"Input {name!r} takes {np.dtype(detail['dtype'])}; some of the values given are not.")
        return inputs
