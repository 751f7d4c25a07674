"""Finds the image files of a folder or a tar by the names in a list of captions."""

from __future__ import annotations

import os
import tarfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError, first_line
from .picture_files import Stored

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2")
PACKED = (".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PACKED_STARTS = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


@dataclass(frozen=True)
class InFolder(Stored):
    """Image files below a folder, with names relative to it."""

    root: Path

    def place(self, row: int) -> str:
        return str(self.root / self.names[row])

    def content(self, row: int) -> bytes:
        try:
            return (self.root / self.names[row]).read_bytes()
        except OSError as error:
            raise DataError(f"{self.place(row)} can't be read: {error.strerror or error}.") from None

    def take(self, rows: Sequence[int]) -> InFolder:
        """The images of some rows."""
        return InFolder(tuple(self.names[row] for row in rows), self.root)


@dataclass(frozen=True)
class InTar(Stored):
    """Members of an uncompressed tar, with the offset and the number of bytes of each."""

    path: Path
    spans: tuple[tuple[int, int], ...]

    def place(self, row: int) -> str:
        return f"{self.path}: {self.names[row]}"

    def content(self, row: int) -> bytes:
        start, size = self.spans[row]
        return read_span(self.path, start, size, self.place(row))

    def take(self, rows: Sequence[int]) -> InTar:
        """The images of some rows."""
        return InTar(tuple(self.names[row] for row in rows), self.path, tuple(self.spans[row] for row in rows))


class Finder:
    """Finds files by name, where paths may begin at different folders (`1.jpg` for `images/1.jpg`).

    >>> find = Finder(["images/1.jpg", "a/2.jpg", "b/2.jpg"])
    >>> find("1.jpg"), find("./images/1.jpg"), find("data/images/1.jpg"), find("others/1.jpg")
    ([0], [0], [0], [])
    >>> find("b/2.jpg"), find("2.jpg")
    ([2], [1, 2])
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._known: dict[str, list[tuple[int, str]]] = {}
        for row, name in enumerate(names):
            key = _key(name)
            self._known.setdefault(key.rpartition("/")[2], []).append((row, key))

    def __call__(self, name: str) -> list[int]:
        """The rows of the matching names; more than one if the name is ambiguous."""
        wanted = _key(name)
        known = self._known.get(wanted.rpartition("/")[2], [])
        return [row for row, key in known if key == wanted] or [
            row for row, key in known if key.endswith(f"/{wanted}") or wanted.endswith(f"/{key}")
        ]


def open_pictures(path: Path) -> tuple[InFolder | InTar, tuple[str, ...]]:
    """All files of a folder and its subfolders, or of a tar: either `path` itself, or the only tar in the folder.

    Returns:
        The files sorted by name, not all of which need to be images; and notes for the user.

    Raises:
        DataError: If there are no images, the folder holds several tars, or the tar is empty, compressed or damaged.
    """
    path = Path(path)
    if path.is_file():
        return _tar(path), ()
    if not path.is_dir():
        raise DataError(f"{path}: there is no such folder or file. Set data.path to a folder of pictures, or to a tar.")
    names = _files(path)
    tars = [name for name in names if "/" not in name and name.lower().endswith(".tar")]
    if any(is_picture(name) for name in names):
        notes = (f"{', '.join(tars)} beside the pictures is not read",) if tars else ()
        return InFolder(tuple(names), path), notes
    if len(tars) > 1:
        raise DataError(f"{path} holds several tars ({', '.join(tars)}); set data.path to the one with the pictures.")
    if tars:
        return _tar(path / tars[0]), ()
    packed = next((name for name in names if name.lower().endswith(PACKED)), None)
    if packed:
        raise DataError(_unpack(path / packed))
    raise DataError(f"{path} holds no pictures ({', '.join(SUFFIXES)}), and no .tar of them.")


def is_picture(name: str) -> bool:
    """Whether a file is an image, by the ending of its name."""
    return name.lower().endswith(SUFFIXES)


def read_span(path: Path, start: int, size: int, place: str) -> bytes:
    """Reads `size` bytes of a file from `start`; opens the file for each call, so that threads share nothing.

    Raises:
        DataError: If the file can't be read or has fewer bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            content = os.pread(descriptor, size, start)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError(f"{place} can't be read: {error.strerror or error}.") from None
    if len(content) < size:
        raise DataError(f"{place} is cut off: {len(content):,} of {size:,} bytes are there.")
    return content


def _key(name: str) -> str:
    """A file name in the form for comparison: accents composed, without empty parts and `.`."""
    return "/".join(part for part in unicodedata.normalize("NFC", name).split("/") if part not in ("", "."))


def _files(root: Path) -> list[str]:
    """The names of all files below a folder except hidden ones; follows links."""
    names, seen = [], set()

    def stop(error: OSError) -> None:
        raise DataError(f"{error.filename} can't be read: {error.strerror or error}.")

    for folder, folders, files in os.walk(root, onerror=stop, followlinks=True):
        there = os.stat(folder)
        if (there.st_dev, there.st_ino) in seen:
            folders.clear()
            continue
        seen.add((there.st_dev, there.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        part = Path(folder).relative_to(root)
        names += [(part / name).as_posix() for name in files if not name.startswith(".")]
    return sorted(names)


def _tar(path: Path) -> InTar:
    members: dict[str, tuple[int, int]] = {}
    try:
        with path.open("rb") as stream:
            packed = stream.read(8).startswith(PACKED_STARTS)
        if packed:
            raise DataError(_unpack(path))
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isreg() and not member.issparse() and not Path(member.name).name.startswith("."):
                    members[member.name] = member.offset_data, member.size
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(
            f"{path} is no tar, or is damaged: {first_line(error)}. Set data.path to a folder of pictures, "
            "or to a .tar that is not compressed."
        ) from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None
    if not members:
        raise DataError(f"{path} holds no files.")
    names = sorted(members)
    return InTar(tuple(names), path, tuple(members[name] for name in names))


def _unpack(path: Path) -> str:
    return f"{path} is compressed, so that single pictures can't be read from it: unpack it, and set data.path to that."
