"""Loads data sets of TensorFlow Datasets (TFDS), and downloads them first where they are not prepared."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import numpy as np

from ..core.errors import DataError, first_line

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

NETWORK_SECONDS = 2.0
PORTS = {"http": 80, "https": 443}


def load(name: str, data_dir: Path | None, splits: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
    """Loads whole splits, each as one dictionary of arrays.

    Args:
        name: Name of the builder, such as `mnist`.
        data_dir: Folder of prepared data sets; None for the default of TFDS.
        splits: Names of the splits, such as `("train", "test")`.

    Raises:
        DataError: If the data set is not prepared and can't be downloaded. The download starts only if a host answers,
            because TFDS itself retries for minutes.
    """
    builder = ready(name, data_dir)
    import tensorflow_datasets as tfds

    try:
        return [dict(tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))) for split in splits]
    except Exception as error:  # TFDS raises what its readers raise; a damaged record has no class of its own
        raise DataError(
            f"the TFDS data set {name!r} in {builder.data_path} can't be read: {first_line(error)}"
        ) from error


def ready(name: str, data_dir: Path | None) -> tfds.core.DatasetBuilder:
    """The builder of a data set; prepares the data set first if necessary."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        raise DataError(f"TFDS knows no data set {name!r}.") from None
    except Exception as error:  # a damaged folder raises whatever its parser raises
        raise DataError(f"the TFDS folder {data_dir or ''} can't be used: {first_line(error)}") from error
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
    except Exception as error:  # as above, or any network error
        raise DataError(f"{advice} (The download failed: {first_line(error)})") from error
    return builder


def _reachable(builder: Any) -> bool:
    """Whether a host that serves the files of the data set can be reached."""
    return reachable(builder.url_infos)


def reachable(addresses: Iterable[str]) -> bool:
    """Whether the host of any of these URLs, or its proxy, accepts a connection within `NETWORK_SECONDS`."""
    proxies = urllib.request.getproxies()
    urls = [urlparse(address) for address in addresses]
    doors = [urlparse(proxies[url.scheme]) if url.scheme in proxies else url for url in urls]
    answered = threading.Event()

    def knock(host: str, port: int) -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), timeout=NETWORK_SECONDS).close()
            answered.set()

    hosts = {(door.hostname, door.port or PORTS.get(door.scheme, 443)) for door in doors if door.hostname}
    threads = [threading.Thread(target=knock, args=address, daemon=True) for address in hosts]
    deadline = time.monotonic() + NETWORK_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return answered.is_set()
