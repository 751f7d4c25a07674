"""Reads the idx format of MNIST and similar data sets: a magic number, big-endian sizes, then bytes; plain or gzipped.

Format: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, 1998.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ..core.errors import DataError

KINDS = {1: "labels (one dimension)", 3: "images (three dimensions)"}
UNSIGNED_BYTE = 8
GZIP = b"\x1f\x8b"


def load(folder: Path, part: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Loads one part of a data set: images `[n, rows, columns]` uint8 and labels `[n]` int64.

    Args:
        folder: Folder with `<part>-images-idx3-ubyte` and `<part>-labels-idx1-ubyte`, gzipped (`.gz`) or not.
        part: `train` or `t10k`.
        classes: Number of classes; labels must lie in 0..classes-1.

    Raises:
        DataError: If a file is missing, empty, truncated or of the wrong kind, or the two files do not match.
    """
    images_path = find(folder, f"{part}-images", 3)
    labels_path = find(folder, f"{part}-labels", 1)
    images, labels = read(images_path, 3), read(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images):,} images, but {labels_path.name} {len(labels):,} labels: "
            "the two files do not belong together."
        )
    beyond = np.flatnonzero(labels >= classes)
    if beyond.size:
        raise DataError(
            f"{labels_path}: label {labels[beyond[0]]} at row {beyond[0]} is out of range; expected 0 to {classes - 1}."
        )
    return images, labels.astype(np.int64)


def find(folder: Path, stem: str, dimensions: int) -> Path:
    """Finds the file with this name and any of the usual endings.

    Raises:
        DataError: If the folder or the file is missing.
    """
    if not folder.is_dir():
        raise DataError(f"data.path={folder}: there is no such folder; it should hold the four idx files of MNIST.")
    names = [f"{stem}{mark}idx{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"data.path={folder}: {names[0]} is missing (with or without .gz).")


def is_idx(path: Path) -> bool:
    """Whether a file begins with the signature of gzip or of an idx file of unsigned bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(3)
    return start == bytes([0, 0, UNSIGNED_BYTE]) or start[:2] == GZIP


def read(path: Path, dimensions: int) -> np.ndarray:
    """Reads one idx file of unsigned bytes.

    Args:
        path: The file; its content shows whether it is gzipped.
        dimensions: 1 for labels, 3 for images.

    Raises:
        DataError: If the file is empty, truncated or too long, or not an idx file of that kind.
    """
    content = _bytes(path)
    if not content:
        raise DataError(f"{path} is empty.")
    header = 4 + 4 * dimensions
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise DataError(f"{path} is no idx file of unsigned bytes: it begins with {content[:4].hex(' ')}.")
    if content[3] != dimensions:
        raise DataError(f"{path} holds {_kind(content[3])}, expected {_kind(dimensions)}: have two files been swapped?")
    shape = struct.unpack(f">{dimensions}I", content[4:header]) if len(content) >= header else ()
    expected = header + math.prod(shape) if shape else header
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "too long"
        raise DataError(f"{path} is {state}: {len(content):,} bytes, expected {expected:,} by its own header.")
    if 0 in shape:
        raise DataError(f"{path} holds no examples: its header says {' x '.join(map(str, shape))}.")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _kind(dimensions: int) -> str:
    return KINDS.get(dimensions, f"{dimensions} dimensions")


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == GZIP else raw
    except EOFError:
        raise DataError(f"{path} is truncated: its gzip stream ends too early.") from None
    except (OSError, zlib.error) as error:
        raise DataError(f"{path} can't be read: {error}.") from None
