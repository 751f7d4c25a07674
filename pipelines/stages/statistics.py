"""Confidence intervals of scores, and numbers rounded for readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LEVEL = 0.95
TAILS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


def intervals(
    metric: Callable[[np.ndarray, np.ndarray], dict[str, float]],
    probabilities: np.ndarray,
    labels: np.ndarray,
    resamples: int,
    seed: int = 0,
) -> dict[str, list[float]]:
    """95% intervals by the percentile bootstrap over examples (Efron 1979).

    Args:
        metric: Computes scores from probabilities and labels, such as `classification`.
        probabilities: `[n, ..., classes]`.
        labels: `[n, ...]`.
        resamples: Number of times that n examples are drawn with replacement.
        seed: Seed of the draws.

    Returns:
        `{metric: [low, high]}`.
    """
    rng = np.random.default_rng(seed)
    draws: list[dict[str, float]] = []
    for _ in range(resamples):
        rows = rng.integers(0, len(labels), len(labels))
        draws.append(metric(probabilities[rows], labels[rows]))
    return {name: np.quantile([draw[name] for draw in draws], TAILS).tolist() for name in draws[0]} if draws else {}


def rounded(value: Any, digits: int = 6) -> Any:
    """Rounds the numbers in nested dictionaries and lists, for a file that people read."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    if isinstance(value, np.ndarray):
        return rounded(value.tolist(), digits)
    return round(value, digits) + 0.0 if isinstance(value, float) else value  # no -0.0


def chance(p_value: float) -> str:
    """A p-value of `metrics.json`, which keeps six decimals, in the form that tables show.

    >>> chance(0.03125), chance(0.0)
    ('0.031', 'below 1e-6')
    """
    return f"{p_value:.2g}" if p_value else "below 1e-6"
