"""Reads lists of captions, which assign sentences to image files, in four forms recognised by their content.

- A JSON array of `{"filename", "split", "captions": ["...", ...]}`, where the split is optional; or JSON Lines of these
  objects.
- The JSON of A. Karpathy and L. Fei-Fei, Deep Visual-Semantic Alignments for Generating Image Descriptions, 2015
  (arXiv:1412.2306): `{"images": [{"filename", "split", "sentences": [{"raw"}, ...]}]}`, where "filepath" may name the
  folder.
- The JSON of COCO: X. Chen et al., Microsoft COCO Captions, 2015 (arXiv:1504.00325): `{"images": [{"id",
  "file_name"}], "annotations": [{"image_id", "caption"}]}`.
- The lines of Flickr8k: M. Hodosh, P. Young and J. Hockenmaier, Framing Image Description as a Ranking Task, JAIR 2013:
  `NAME.jpg#0`, a tab and a caption. The `FLICKR_SPLITS` in the same folder, if any, define the splits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import DataError, did_you_mean

NAMES = ("captions.json", "captions.jsonl", "dataset.json", "Flickr8k.token.txt")
PATTERNS = ("*.token.txt", "*.json", "*.jsonl")
SPLITS = {
    "train": ("train", "training", "restval"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
FLICKR_SPLITS = {
    "train": "Flickr_8k.trainImages.txt",
    "validation": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
FORMS = (
    'expected an array of {"filename", "split", "captions": [...]}, JSON Lines of these, the JSON of COCO (with '
    '"images" and "annotations") or of Karpathy ("images" with "sentences"), or lines of NAME.jpg#0, a tab, a caption'
)
NUMBERED = re.compile(r"#\d+$")
KINDS = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "an object"}


@dataclass(frozen=True)
class Entry:
    """The captions of an image as the list gives them.

    Attributes:
        names: Possible names of the image file, the most exact one first.
        captions: Captions, unchanged.
        split: One of `SPLITS`; None if the list has no splits.
        place: Position in the list, such as `entry 3`.
    """

    names: tuple[str, ...]
    captions: tuple[str, ...]
    split: str | None
    place: str


def find(folder: Path) -> Path:
    """Finds the list of captions in a folder.

    Raises:
        DataError: If the folder holds no list or several candidates.
    """
    looked_for = f"{', '.join(NAMES)}, or else a single file {' or '.join(PATTERNS)}"
    found = [folder / name for name in NAMES if (folder / name).is_file()] or sorted(
        {path for pattern in PATTERNS for path in folder.glob(pattern) if not path.name.startswith(".")}
    )
    if not found:
        raise DataError(f"{folder} holds no list of captions ({looked_for}). Set data.captions=FILE.")
    if len(found) > 1:
        several = ", ".join(path.name for path in found)
        raise DataError(f"{folder} holds several lists of captions: {several}. Set data.captions=FILE to one of them.")
    return found[0]


def read(path: Path) -> tuple[list[Entry], tuple[str, ...]]:
    """Reads a list of captions.

    Returns:
        The entries in the order of the list (an image may have several), and notes for the user.

    Raises:
        DataError: If the file can't be read, has an unknown form, or holds an invalid entry.
    """
    text = _text(path)
    if not text.strip():
        raise DataError(f"{path} is empty; {FORMS}.")
    if text.lstrip()[0] not in "[{":
        return _flickr(text, path)
    value = _json(text, path)
    if isinstance(value, dict):
        if "images" not in value:
            raise DataError(f"{path} is of no known form: it has {_few(value)}; {FORMS}.")
        entries = list((_coco if "annotations" in value else _karpathy)(value, path))
    else:
        entries = [_plain(row, f"{place} {number}", path) for place, number, row in value]
    if not entries:
        raise DataError(f"{path} holds no entries.")
    without = next((entry for entry in entries if entry.split is None), None)
    if without and any(entry.split for entry in entries):
        raise DataError(f"{path}, {without.place}: it has no split, and others have; give all of them one, or none.")
    return entries, ()


def split_of(name: Any, place: str) -> str:
    """The split that a name means.

    >>> split_of("Val", "entry 3")
    'validation'

    Raises:
        DataError: If the name is unknown.
    """
    known = {word: split for split, words in SPLITS.items() for word in words}
    if not isinstance(name, str) or name.strip().lower() not in known:
        hint = did_you_mean(name.strip(), known) if isinstance(name, str) else f"Known: {', '.join(sorted(known))}."
        raise DataError(f"{place}: unknown split {name!r}. {hint}")
    return known[name.strip().lower()]


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Set data.captions to the list of captions.") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        broken = content[error.start : error.start + 4].hex(" ")
        raise DataError(f"{path}, line {line}: the bytes {broken} are not UTF-8; save the list as UTF-8.") from None


def _json(text: str, path: Path) -> dict | list[tuple[str, int, Any]]:
    """An object; or the entries of an array or of JSON Lines, each as `("entry" or "line", number, value)`."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" not in text[: error.pos].strip():
            return list(_json_lines(text, path))
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise DataError(f"{place}: broken JSON: {error.msg}.") from None
    except (ValueError, RecursionError) as error:  # a number with thousands of digits, or arrays nested too deeply
        raise DataError(f"{path} can't be read as JSON: {error}.") from None
    if isinstance(value, dict):
        return [("line", 1, value)] if "filename" in value else value
    return [("entry", number, row) for number, row in enumerate(value, 1)]


def _json_lines(text: str, path: Path) -> Iterator[tuple[str, int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield "line", number, json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}, column {error.colno}: broken JSON: {error.msg}.") from None
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number} can't be read as JSON: {error}.") from None


def _plain(row: Any, place: str, path: Path) -> Entry:
    where = f"{path}, {place}"
    name, captions = _field(row, "filename", str, where), _field(row, "captions", list, where)
    split = row.get("split")
    for caption in captions:
        if not isinstance(caption, str):
            raise DataError(f"{where}: a caption is {_kind(caption)}; expected a string.")
    return Entry((name,), tuple(captions), None if split is None else split_of(split, where), place)


def _karpathy(value: dict, path: Path) -> Iterator[Entry]:
    for number, row in enumerate(_field(value, "images", list, path), 1):
        place = f"entry {number}"
        where = f"{path}, {place} of 'images'"
        name, split = _field(row, "filename", str, where), split_of(_field(row, "split", str, where), where)
        captions = [_field(one, "raw", str, f"{where}, a sentence") for one in _field(row, "sentences", list, where)]
        folder = _field(row, "filepath", str, where) if "filepath" in row else ""
        yield Entry((f"{folder}/{name}", name) if folder else (name,), tuple(captions), split, place)


def _coco(value: dict, path: Path) -> Iterator[Entry]:
    names: dict[Any, str] = {}
    for number, row in enumerate(_field(value, "images", list, path), 1):
        where = f"{path}, entry {number} of 'images'"
        key, name = _field(row, "id", int | str, where), _field(row, "file_name", str, where)
        if names.setdefault(key, name) != name:
            raise DataError(f"{where}: the id {key!r} is that of {names[key]} too.")
    found: dict[Any, list[str]] = {key: [] for key in names}
    for number, row in enumerate(_field(value, "annotations", list, path), 1):
        where = f"{path}, entry {number} of 'annotations'"
        key, caption = _field(row, "image_id", int | str, where), _field(row, "caption", str, where)
        if key not in found:
            raise DataError(f"{where}: a caption without a picture: no entry of 'images' has the id {key!r}.")
        found[key].append(caption)
    for key, captions in found.items():
        yield Entry((names[key],), tuple(captions), None, f"id {key!r}")


def _flickr(text: str, path: Path) -> tuple[list[Entry], tuple[str, ...]]:
    found: dict[str, Entry] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            name, tab, caption = line.rstrip("\r").partition("\t")
            if not tab:
                raise DataError(f"{path}, line {number}: no tab between a file name and a caption; {FORMS}.")
            name = NUMBERED.sub("", name.strip())
            before = found.setdefault(name, Entry((name,), (), None, f"line {number}"))
            found[name] = replace(before, captions=(*before.captions, caption))
    there = [name for name in FLICKR_SPLITS.values() if (path.parent / name).is_file()]
    if not there:
        return list(found.values()), ()
    missing = [name for name in FLICKR_SPLITS.values() if name not in there]
    if missing:
        raise DataError(
            f"{path.parent} holds {', '.join(there)}, but not {', '.join(missing)}; give all three or none."
        )
    return _divided(found, path)


def _divided(found: Mapping[str, Entry], path: Path) -> tuple[list[Entry], tuple[str, ...]]:
    """Adds the splits from the files in the folder of the list; leaves out entries that are in no split."""
    splits: dict[str, str] = {}
    for split, file in FLICKR_SPLITS.items():
        for number, line in enumerate(_text(path.parent / file).split("\n"), 1):
            name = line.strip()
            if name and splits.setdefault(name, split) != split:
                where = f"{path.parent / file}, line {number}"
                raise DataError(f"{where}: {name} stands in {FLICKR_SPLITS[splits[name]]} too.")
    entries = [replace(entry, split=splits[name]) for name, entry in found.items() if name in splits]
    if not entries:
        raise DataError(f"{path}: none of its pictures stands in {', '.join(FLICKR_SPLITS.values())}.")
    notes = []
    if len(entries) < len(found):
        left_out = [name for name in found if name not in splits]
        notes.append(f"pictures in none of the split files, which are left out: {len(left_out):,}, first {left_out[0]}")
    if len(entries) < len(splits):
        without = [name for name in splits if name not in found]
        notes.append(f"names in the split files that have no caption: {len(without):,}, first {without[0]}")
    return entries, tuple(notes)


def _field(row: Any, key: str, kind: Any, where: str | Path) -> Any:
    """A value of an object, checked for its type."""
    if not isinstance(row, dict):
        raise DataError(f"{where} is {_kind(row)}; expected an object with {key!r}.")
    if key not in row:
        raise DataError(f"{where}: no {key!r}. {did_you_mean(key, row)}".rstrip())
    if not isinstance(row[key], kind) or isinstance(row[key], bool):
        expected = KINDS.get(kind, "a number or a string")
        raise DataError(f"{where}: {key!r} is {_kind(row[key])}; expected {expected}.")
    return row[key]


def _kind(value: Any) -> str:
    return "null" if value is None else KINDS[type(value)]


def _few(value: dict) -> str:
    """The first keys of an object."""
    names = list(map(repr, value))
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "nothing in it"
