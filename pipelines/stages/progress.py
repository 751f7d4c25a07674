"""Shows the progress of training: a bar with the remaining time on a terminal, and one line per epoch."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class ShowProgress(keras.callbacks.Callback):
    """Writes a line per epoch to a console, and shows a bar if the console is a terminal.

    Args:
        console: The console on stderr.
        steps: Number of steps in an epoch.
        epochs: Total number of epochs.
        done: Number of epochs completed before.
    """

    def __init__(self, console: Console, steps: int, epochs: int, done: int = 0) -> None:
        super().__init__()
        self.console, self.steps, self.epochs, self.done = console, steps, epochs, done
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Starts the bar."""
        self.task = self.bar.add_task("training", total=self.steps * self.epochs, completed=self.steps * self.done)
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Shows the number of the epoch."""
        self.began = time.perf_counter()
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Advances the bar."""
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the line of the epoch."""
        scores = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")
        seconds = time.perf_counter() - self.began
        self.console.print(
            f"epoch {epoch + 1}/{self.epochs}  {scores}  {seconds:.1f} s", highlight=False, soft_wrap=True
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Removes the bar."""
        self.close()

    def close(self) -> None:
        """Stops the bar, also after an error in training."""
        self.bar.stop()
