"""Reads CSV files according to the configuration of a forecasting pipeline, in training and in `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...sources import series
from .features import NOT_NEGATIVE, OF_POSITIVE

if TYPE_CHECKING:
    from .config import SeriesSection


def load(data: SeriesSection, path: Path) -> series.Series:
    """Reads series from CSV files according to the configuration, and only the columns that it needs."""
    targets, above = data.targets or (), dict.fromkeys([*positive(data), *data.positive])
    counts = _columns(data, NOT_NEGATIVE)
    not_negative = [column for column in dict.fromkeys([*counts, *data.not_negative]) if column not in above]
    needed = dict.fromkeys([*targets, *(f.column for f in data.features if f.column), *above, *not_negative])
    return series.load(
        path,
        data.date_column,
        tuple(needed) if targets else None,
        series_column=data.series_column,
        date_format=data.date_format,
        timezone=data.timezone,
        decimal=data.decimal,
        thousands=data.thousands,
        encoding=data.encoding,
        missing=data.missing,
        positive=tuple(above),
        not_negative=tuple(not_negative),
    )


def positive(data: SeriesSection) -> list[str]:
    """Columns whose logarithm is taken."""
    targets = data.targets or () if data.target != "level" else ()
    return [*targets, *_columns(data, OF_POSITIVE)]


def _columns(data: SeriesSection, kinds: tuple[str, ...]) -> list[str]:
    """The columns of the features of some kinds, which all have one."""
    return [feature.column for feature in data.features if feature.kind in kinds and feature.column is not None]
