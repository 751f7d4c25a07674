"""Checkpoints from which training continues as if it had never stopped."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..core import files
from ..core.errors import DataError
from .streams import carried

LAST, BEST = "last.npz", "best.npz"


class Checkpoint(keras.callbacks.Callback):
    """Writes the last and the best epoch, and history.csv; continues from the last epoch.

    A checkpoint is one file, written whole: weights, random seeds, the optimizer's state, the states that a model
    carries from batch to batch, the rows of the history and the counters of the other callbacks. Place this callback
    last in the list, so that it sees the final state of the others.

    Args:
        folder: Folder of `last.npz` and `best.npz`.
        history: Path of history.csv.
        monitor: Name in the logs of the score that selects the best epoch; the earlier of two equal epochs wins.
        mode: Whether the `max` or the `min` of the score is the best.
        counters: Attributes to keep for each of the other callbacks.
    """

    def __init__(
        self,
        folder: Path,
        history: Path,
        monitor: str,
        mode: str,
        counters: dict[keras.callbacks.Callback, tuple[str, ...]],
    ) -> None:
        super().__init__()
        self.folder, self.history, self.counters = folder, history, counters
        self.monitor, self.sign = monitor, 1 if mode == "max" else -1
        self.rows: list[dict[str, float]] = []
        self.stopped = False
        self._kept: list[dict[str, Any]] = []

    @property
    def epochs(self) -> int:
        """Number of completed epochs."""
        return len(self.rows)

    def restore(self, model: keras.Model) -> None:
        """Restores a built and compiled model to the end of the last completed epoch, if there is one."""
        path = self.folder / LAST
        if not path.is_file():
            return
        state = read(path)
        read(self.folder / BEST)  # fails now rather than at the end of the training
        assign(_state(model), state["variables"], path)
        self.rows, self.stopped, self._kept = state["rows"], state["stopped"], state["callbacks"]
        self._write_history()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the counters of the other callbacks, which have just reset them."""
        for callback, kept in zip(self.counters, self._kept, strict=False):
            for name, value in kept.items():
                setattr(callback, name, value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch, the best one first: after a kill in between, the epoch is repeated and nothing is lost."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        logs.setdefault("learning_rate", float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))
        row = {"epoch": epoch + 1, **logs, "seconds": round(time.perf_counter() - self._began, 3)}
        best = max((self.sign * earlier[self.monitor] for earlier in self.rows), default=-np.inf)
        self.rows.append(row)
        if self.sign * row[self.monitor] > best:
            write(self.folder / BEST, self.model.weights, {"rows": self.rows})
        kept = [{name: _plain(getattr(c, name)) for name in names} for c, names in self.counters.items()]
        about = {"rows": self.rows, "stopped": bool(self.model.stop_training), "callbacks": kept}
        write(self.folder / LAST, _state(self.model), about)
        self._write_history()

    def _write_history(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        files.write_text(self.history, text.getvalue())


def write(path: Path, variables: Iterable[keras.Variable], about: dict[str, Any]) -> None:
    """Writes the values of variables, in order, and further facts as JSON."""
    arrays = {f"{i:04d}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(variables)}
    with files.whole(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)


def read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint.

    Raises:
        DataError: If it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            about = json.loads(archive["about"].tobytes())
            return about | {"variables": [archive[name] for name in sorted(archive.files) if name != "about"]}
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(
            f"the checkpoint {path} is damaged ({error}). Nothing was changed; start again under another --name."
        ) from None


def assign(variables: list[keras.Variable], values: list[np.ndarray], path: Path) -> None:
    """Assigns the values of a checkpoint to variables.

    Raises:
        DataError: If the checkpoint belongs to another model.
    """
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise DataError(f"the checkpoint {path} is of another model than the run's config.yaml declares.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _state(model: keras.Model) -> list[keras.Variable]:
    """Everything that training changes: weights, random seeds, optimizer state, and states carried over batches."""
    metrics = {id(variable) for variable in model.metrics_variables}
    trained = [v for v in model.variables if id(v) not in metrics]
    return trained + list(model.optimizer.variables) + carried(model)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, np.generic) else value
