"""Dates as numbers."""

from __future__ import annotations

import numpy as np


def minutes(dates: np.ndarray) -> np.ndarray:
    """Whole minutes since 1970-01-01 00:00, rounded down, as int32 in the shape of `dates`.

    Raises:
        ValueError: If a date is missing (NaT) or outside the years -2113 to 6052, like the placeholder 9999-12-31.

    >>> minutes(np.array(["1970-01-02T00:00:59", "1969-12-31T23:59:59"], "datetime64[s]")).tolist()
    [1440, -1]
    """
    since = dates.astype("datetime64[m]").astype(np.int64)
    wrong = since != since.astype(np.int32)
    if wrong.any():
        raise ValueError(f"{dates[wrong][0]} is no date whose minutes since 1970 fit into 32 bits; correct it.")
    return since.astype(np.int32)
