"""Data sets of TensorFlow Datasets, prepared already or downloaded when the network is there."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

NETWORK_SECONDS = 2.0


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
    """Whether the host of the data set's files accepts a connection, within `NETWORK_SECONDS`."""
    hosts = {urlparse(url).hostname for url in builder.url_infos}
    answered = threading.Event()

    def knock(host: str) -> None:
        try:
            socket.create_connection((host, 443), timeout=NETWORK_SECONDS).close()
            answered.set()
        except OSError:
            pass

    threads = [threading.Thread(target=knock, args=(host,), daemon=True) for host in hosts if host]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NETWORK_SECONDS)
    return answered.is_set()


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().partition("\n")[0]
