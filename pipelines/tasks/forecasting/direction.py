"""Forecasts whether a series will be above its last known value: naive answers, and scores of probabilities.

The probabilities of having risen are `[n, horizon, targets]`; no change counts as not risen.
"""

from __future__ import annotations

import numpy as np

from .scores import directional
from .windows import Windows

LEAST = 1e-6


def risen(windows: Windows) -> np.ndarray:
    """Whether each step of the future is above the last known one, bool `[n, horizon, targets]`."""
    known = windows.values[windows.starts + windows.window - 1][:, windows.targets]
    return windows.futures() > known[:, None]


def log_loss(came: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The log loss of each probability, in nats."""
    p = np.clip(probabilities, LEAST, 1 - LEAST)
    return -np.where(came, np.log(p), np.log1p(-p))


def scores(came: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Log loss, Brier score (1950), and accuracy and Matthews' correlation of the directions."""
    found = {
        "log_loss": float(log_loss(came, probabilities).mean()),
        "brier": float(np.square(probabilities - came).mean()),
    }
    signs = directional(np.where(came, 1.0, -1.0), np.where(probabilities > 0.5, 1.0, -1.0))
    return found | {"direction_accuracy": signs.accuracy, "direction_mcc": signs.matthews}


def most_frequent(train: Windows, test: Windows) -> np.ndarray:
    """The share of training windows in which each step of each target was above the last known one."""
    return np.repeat(risen(train).mean(axis=0)[None], len(test), axis=0)


def after_the_last(train: Windows, test: Windows) -> np.ndarray:
    """The same shares, separately for windows whose last step rose and windows whose last step did not."""
    answers = most_frequent(train, test)
    last = [_changes(windows)[:, -1] > 0 for windows in (train, test)]
    came = risen(train)
    for target in range(came.shape[2]):
        for rose in (False, True):
            rows = last[0][:, target] == rose
            if rows.any():
                answers[last[1][:, target] == rose, :, target] = came[rows, :, target].mean(axis=0)
    return answers


def logistic(train: Windows, test: Windows) -> np.ndarray:
    """Logistic regressions on the changes within the window, one for each step and all targets together."""
    from sklearn.linear_model import LogisticRegression

    came, answers = risen(train), most_frequent(train, test)
    x, x_test = (_changes(windows).swapaxes(1, 2).reshape(-1, windows.window - 1) for windows in (train, test))
    for step in range(test.horizon):
        y = came[:, step].reshape(-1)
        if 0 < y.sum() < len(y):
            p = LogisticRegression(C=0.1, max_iter=500).fit(x, y).predict_proba(x_test)[:, 1]
            answers[:, step] = p.reshape(len(test), -1)
    return answers


def _changes(windows: Windows) -> np.ndarray:
    """The changes of the targets from step to step within the window, float64 `[n, window - 1, targets]`."""
    return np.diff(windows.inputs()[:, :, list(windows.targets)].astype(np.float64), axis=1)
