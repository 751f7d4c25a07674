"""Loads the daily prices of Google's share from its first day, 2004-08-19, to 2008-10-14, which come with matplotlib.

Source: `goog.npz` of matplotlib's sample data, taken from Yahoo Finance; real data, no network needed.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..core.errors import DataError
from .series import Series


def load() -> Series:
    """Loads 1,047 trading days of one series, `GOOG`, in the form of `series.load` with the columns of Yahoo Finance.

    The index `date` is the day. The prices `Open`, `High`, `Low`, `Close` and `Adj Close` are in US dollars; `Volume`
    is the number of shares traded. `Adj Close` is adjusted for splits and dividends; there were none, so it equals
    `Close`.

    Raises:
        DataError: If the installed matplotlib lacks its sample data.

    Example:

    >>> table = load().tables["GOOG"]
    >>> table.shape, float(table["Close"].iloc[0])
    ((1047, 6), 100.34)
    """
    from matplotlib import cbook

    try:
        archive: Any = cbook.get_sample_data("goog.npz")  # a NumPy archive, which matplotlib's types do not declare
        rows = archive["price_data"]
    except OSError as error:
        raise DataError(
            f"matplotlib's sample data goog.npz can't be read ({error.strerror or error}); install matplotlib with pip."
        ) from None
    index = pd.DatetimeIndex(rows["date"].astype("M8[us]"), name="date")
    columns = {name.replace("_", " ").title(): rows[name].astype(float) for name in rows.dtype.names if name != "date"}
    return Series({"GOOG": pd.DataFrame(columns, index=index)}, ())
