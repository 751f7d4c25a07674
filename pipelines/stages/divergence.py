"""Stops a training whose loss is no longer a number."""

from __future__ import annotations

import math
from typing import Any

import keras

from ..core.config import Training
from ..core.errors import DivergenceError


class StopOnNaN(keras.callbacks.Callback):
    """Raises an error as soon as the loss is NaN or infinite; the files of earlier epochs stay.

    Raises:
        DivergenceError: If the loss is not finite; names the step, the epoch, and what to try.
    """

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training, self.epoch = training, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stores the number of the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the loss."""
        self._check(float((logs or {}).get("loss", 0.0)), f"at step {batch + 1} of epoch {self.epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the validation loss, which shows the effect of the last step."""
        self._check(float((logs or {}).get("val_loss", 0.0)), f"on the validation split after epoch {epoch + 1}")

    def _check(self, loss: float, where: str) -> None:
        if math.isfinite(loss):
            return
        advice = [f"a lower training.learning_rate (now {self.training.learning_rate:g})"]
        if self.training.clip_norm is None or self.training.clip_norm > 1:
            advice.append(f"training.clip_norm=1 (now {_yaml(self.training.clip_norm)})")
        if self.training.precision != "float32":
            advice.append(f"training.precision=float32 (now {self.training.precision})")
        kept = f" The {self.epoch} epoch(s) before it are kept in the run's history.csv and checkpoints."
        raise DivergenceError(
            f"the loss became {loss} {where}. Try, in a new run, {', or '.join(advice)}.{kept if self.epoch else ''}"
        )


def _yaml(value: float | None) -> str:
    return "null" if value is None else f"{value:g}"
