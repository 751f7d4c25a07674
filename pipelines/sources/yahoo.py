"""Downloads daily prices from Yahoo Finance once, with yfinance, and freezes them as CSV files for repeatable runs.

Yahoo's terms allow personal use only. Yahoo does not make yfinance: https://github.com/ranaroussi/yfinance
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ..core.errors import DataError, UsageError, first_line
from ..core.files import whole, write_text
from . import series

PRICES = ("Open", "High", "Low", "Close", "Adj Close")
VOLUME = "Volume"


def load(tickers: Sequence[str], start: date, end: date, folder: Path, adjusted: bool) -> series.Series:
    """Loads daily prices and volumes from `folder`, or from Yahoo where `folder` lacks them.

    Each download is kept in two files: `TICKER.csv` with the columns of Yahoo, and `TICKER.json` with the date and the
    options of the download. It is never repeated: to renew it, remove both files or choose another folder. Days without
    a price are dropped and noted.

    Args:
        tickers: Symbols in Yahoo's spelling, such as `AAPL`, `^GSPC`, `BTC-USD`.
        start: The first day.
        end: The day after the last one; today at the latest, because the present day is not over.
        folder: Folder of the frozen files; created if necessary.
        adjusted: Whether all prices are adjusted for dividends, as `Adj Close` is. The column `Adj Close` is then left
            out, because it would equal `Close`. Yahoo adjusts all prices for splits.

    Returns:
        A table for each ticker: `Open`, `High`, `Low`, `Close`, `Adj Close` unless adjusted, and `Volume`.

    Raises:
        UsageError: If yfinance is needed and not installed, or a ticker or a date is invalid.
        DataError: If Yahoo has no prices, or the frozen files were made with other options or can't be used.
    """
    if not tickers:
        raise UsageError("no ticker is given; name one or more, such as AAPL.")
    for ticker in tickers:
        if not ticker or ticker.startswith(".") or set(ticker) & set("/\\ "):
            raise UsageError(f"{ticker!r} is no ticker; Yahoo writes such as AAPL, ^GSPC or BTC-USD.")
    today = datetime.now(UTC).date()
    if not start < end <= today:
        raise UsageError(
            f"prices from {start} to {end}: the start must be before the end, and the end {today} at most."
        )
    prices = tuple(name for name in PRICES if not (adjusted and name == "Adj Close"))
    made = {"adjusted": adjusted, "start": start.isoformat(), "end": end.isoformat()}
    folder, tickers = Path(folder), list(dict.fromkeys(tickers))
    for ticker in tickers:
        if (folder / f"{ticker}.csv").exists():
            _check_frozen(folder / f"{ticker}.json", made)
        else:
            _freeze(ticker, (*prices, VOLUME), folder, made)
    files = [folder / f"{ticker}.csv" for ticker in tickers]
    return series.load(files, "Date", (*prices, VOLUME), missing="drop", positive=prices, not_negative=(VOLUME,))


def _check_frozen(path: Path, made: dict[str, Any]) -> None:
    """Refuses prices that were downloaded with other options."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        differ = {key: found[key] for key in made if found[key] != made[key]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} can't be read ({type(error).__name__}), and says how the prices beside it were made; remove both "
            "to download them anew."
        ) from None
    if differ:
        was = ", ".join(f"{key} {value} (asked for: {made[key]})" for key, value in differ.items())
        raise DataError(f"{path}: the frozen prices have {was}; choose another folder, or remove both files.")


def _freeze(ticker: str, columns: tuple[str, ...], folder: Path, made: dict[str, Any]) -> None:
    """Downloads prices; writes the CSV file last, so that its presence marks a complete download."""
    try:
        import yfinance
    except ImportError:
        raise UsageError(
            f'{folder} has no prices of {ticker}, and yfinance is not installed: pip install "keras-recurrent[yahoo]".'
        ) from None
    try:
        table = yfinance.Ticker(ticker).history(
            start=made["start"], end=made["end"], interval="1d", auto_adjust=made["adjusted"], actions=False
        )
    except Exception as error:  # yfinance raises what its network library raises
        raise DataError(f"the prices of {ticker} could not be downloaded: {first_line(error)}") from error
    if table.empty:
        days = f"{made['start']} to {made['end']}"
        raise DataError(f"Yahoo has no prices of {ticker} from {days}; check its spelling and the network.")
    if set(table) != set(columns):  # when yfinance fails to adjust, it logs the failure and returns unadjusted prices
        raise DataError(
            f"yfinance {yfinance.__version__} gives the columns {', '.join(table)} for {ticker}, expected "
            f"{', '.join(columns)}; try again, or another version."
        )
    table.index = table.index.tz_localize(None).rename("Date")  # midnight in the zone of the exchange
    about = made | {"ticker": ticker, "fetched": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(folder / f"{ticker}.json", json.dumps(about | {"yfinance": yfinance.__version__}, indent=2) + "\n")
    with whole(folder / f"{ticker}.csv") as temporary:
        table[list(columns)].to_csv(temporary, date_format="%Y-%m-%d", lineterminator="\n")
