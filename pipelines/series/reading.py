"""Reads CSV files as the configuration of a forecasting pipeline says: in training, and again in `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..sources import series
from .features import NOT_NEGATIVE, OF_POSITIVE

if TYPE_CHECKING:
    from ..stock_forecast import SeriesSection


def load(data: SeriesSection, path: Path) -> series.Series:
    """Series from CSV files, read as the configuration says; columns that nothing needs are left unread."""
    of = {kinds: [f.column for f in data.features if f.kind in kinds] for kinds in (OF_POSITIVE, NOT_NEGATIVE)}
    targets = data.targets or ()
    positive = dict.fromkeys([*(targets if data.target != "level" else ()), *of[OF_POSITIVE], *data.positive])
    not_negative = [c for c in dict.fromkeys([*of[NOT_NEGATIVE], *data.not_negative]) if c not in positive]
    needed = dict.fromkeys([*targets, *(f.column for f in data.features if f.column), *positive, *not_negative])
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
        positive=tuple(positive),
        not_negative=tuple(not_negative),
    )
