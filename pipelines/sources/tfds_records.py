"""Reads records of TensorFlow Datasets one at a time, in any order, for data sets whose images do not fit in memory.

An array_record file supports any order by itself. A TFRecord file is read once to store the position of each record: 12
bytes precede a record (its length and a checksum) and 4 bytes follow it (a checksum).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import DataError, first_line
from . import tfds
from .picture_files import Stored
from .picture_folders import read_span

BEFORE, BEHIND = 12, 4

Read = Callable[[], bytes]


@dataclass(frozen=True)
class Records:
    """The concatenated records of some splits.

    Attributes:
        name: Name of the data set.
        reads: Functions that read one record each.
        fields: Split of each record, followed by the values of the requested fields.
    """

    name: str
    reads: tuple[Read, ...]
    fields: tuple[tuple[Any, ...], ...]

    def pictures(self, rows: Sequence[int]) -> InRecords:
        """The images of some records, named by the first requested field."""
        names = tuple(b"".join(self.fields[row][1]).decode(errors="replace") for row in rows)
        return InRecords(names, tuple(self.reads[row] for row in rows), f"the TFDS data set {self.name!r}")


@dataclass(frozen=True)
class InRecords(Stored):
    """The images in the field `image` of records."""

    reads: tuple[Read, ...]
    source: str

    def place(self, row: int) -> str:
        return f"{self.source}: {self.names[row]}"

    def content(self, row: int) -> bytes:
        try:
            return b"".join(_values(self.reads[row](), "image"))
        except DataError:
            raise
        except Exception as error:  # as in `load`
            raise DataError(f"{self.place(row)} can't be read: {first_line(error)}") from error


def load(name: str, data_dir: Path | None, splits: tuple[str, ...], fields: tuple[str, ...]) -> Records:
    """Reads all records once, and keeps some byte fields of each.

    Args:
        name: Name of the builder.
        data_dir: Folder of prepared data sets; None for the default of TFDS.
        splits: Names of the splits; splits that the data set lacks are skipped.
        fields: Names of fields, such as `image/filename`; a missing field has no values.

    Raises:
        DataError: If the data set is not prepared and can't be downloaded, or can't be read.
    """
    builder = tfds.ready(name, data_dir)
    reads, found = [], []
    try:
        for split in splits:
            if split in builder.info.splits:
                for read, record in _records(builder, split):
                    reads.append(read)
                    found.append((split, *(_values(record, field) for field in fields)))
    except DataError:
        raise
    except Exception as error:  # TFDS raises what its readers raise; a damaged record has no class of its own
        raise DataError(
            f"the TFDS data set {name!r} in {builder.data_path} can't be read: {first_line(error)}"
        ) from error
    return Records(name, tuple(reads), tuple(found))


def _records(builder: Any, split: str) -> Iterator[tuple[Read, bytes]]:
    """Each record of a split, after a function that reads it again."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        source = builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
        for row in range(len(source)):
            yield partial(source.__getitem__, row), source[row]
        return
    for path in builder.info.splits[split].filepaths:
        start = BEFORE
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield partial(read_span, Path(path), start, len(record), str(path)), record
            start += len(record) + BEHIND + BEFORE


def _values(record: bytes, field: str) -> list[bytes]:
    import tensorflow as tf

    return list(tf.train.Example.FromString(record).features.feature[field].bytes_list.value)
