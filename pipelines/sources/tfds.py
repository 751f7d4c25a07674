"""Data sets of TensorFlow Datasets, prepared already or downloaded when the network is there."""

from __future__ import annotations

import socket
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import ParseResult, urlparse

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

NETWORK_SECONDS = 2.0
PORTS = {"http": 80, "https": 443}


def load(name: str, data_dir: Path | None, splits: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
    """Loads splits whole, as one dictionary of arrays each.

    Args:
        name: Of the builder, such as `mnist`.
        data_dir: Where data sets are prepared; None for TFDS' own folder.
        splits: Such as `("train", "test")`.

    Raises:
        DataError: If the data set is not prepared and can't be downloaded; it is tried only if the host answers, since
            TFDS itself goes on trying for minutes.
    """
    builder = ready(name, data_dir)
    import tensorflow_datasets as tfds

    try:
        return [dict(tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))) for split in splits]
    except Exception as error:  # TFDS raises what its readers raise; a damaged record has no class of its own
        raise DataError(
            f"the TFDS data set {name!r} in {builder.data_path} can't be read: {_first_line(error)}"
        ) from error


def ready(name: str, data_dir: Path | None) -> tfds.core.DatasetBuilder:
    """The builder of a data set that is prepared, if need be now."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        raise DataError(f"TFDS knows no data set {name!r}.") from None
    except Exception as error:  # a damaged folder raises whatever its parser raises
        raise DataError(f"the TFDS folder {data_dir or ''} can't be used: {_first_line(error)}") from error
    if builder.is_prepared():
        return builder
    advice = (
        f"the TFDS data set {name!r} is not prepared in {builder.data_path}. Set data.data_dir to a folder that holds "
        f'it, or prepare it where there is a network: python -c "import tensorflow_datasets as tfds; '
        f"tfds.load('{name}', data_dir='DIR')\". Or use --preset sample, which needs neither."
    )
    if not _reachable(builder):
        raise DataError(f"{advice} (There is no network here.)")
    try:
        builder.download_and_prepare()
    except Exception as error:  # as above, and every network error there is
        raise DataError(f"{advice} (The download failed: {_first_line(error)})") from error
    return builder


def _reachable(builder: Any) -> bool:
    """Whether a host of the data set's files, or the proxy to it, accepts a connection within `NETWORK_SECONDS`."""
    proxies = urllib.request.getproxies()
    doors = {urlparse(proxies.get(urlparse(url).scheme, url)) for url in builder.url_infos}
    answered = threading.Event()

    def knock(door: ParseResult) -> None:
        try:
            port = door.port or PORTS.get(door.scheme, 443)
            socket.create_connection((door.hostname, port), timeout=NETWORK_SECONDS).close()
            answered.set()
        except OSError:
            pass

    threads = [threading.Thread(target=knock, args=(door,), daemon=True) for door in doors if door.hostname]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NETWORK_SECONDS)
    return answered.is_set()


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().partition("\n")[0]
