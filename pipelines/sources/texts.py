"""Loads labelled texts from the columns of a CSV, TSV or JSON Lines file, or from folders of text files.

The folder layout follows A. Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011 (aclImdb).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from .text_rows import Number, json_kind, lines, read
from .treatments import Treatments

SPLIT_FOLDERS = ("train", "validation", "valid", "val", "dev", "test")
UNLABELLED = "unsup"
MISSING = {"", "nan", "null"}  # labels, in lower case
SURROGATES = re.compile("[\ud800-\udfff]")
KINDS = {str: "text", Number: "number", bool: "boolean"}
SENTENCES = {
    "blank": ("{n} blank line is left out, {place}", "{n} blank lines are left out, first {place}"),
    "empty": ("{n} text is empty, {place}; it is kept", "{n} texts are empty, first {place}; they are kept"),
    "nul": (
        "{n} text holds NUL bytes, {place}; each is replaced by a space",
        "{n} texts hold NUL bytes, first {place}; each byte is replaced by a space",
    ),
    "surrogate": (
        "{n} text holds half of a character (a lone surrogate), {place}; it is replaced by U+FFFD",
        "{n} texts hold halves of characters (lone surrogates), first {place}; each is replaced by U+FFFD",
    ),
    "number": (
        "{n} text is a number or a boolean, {place}; it is taken as it is spelled",
        "{n} texts are numbers or booleans, first {place}; they are taken as they are spelled",
    ),
    "stripped": (
        "{n} label had spaces around it, {place}; they are taken off",
        "{n} labels had spaces around them, first {place}; they are taken off",
    ),
    "other": (
        "{n} file or folder that is no labelled text is left out, {place}",
        "{n} files or folders that are no labelled texts are left out, first {place}",
    ),
}


@dataclass(frozen=True)
class Texts:
    """Texts with their labels, their splits (None if the source has none), and notes on what was changed."""

    texts: list[str]
    labels: list[str]
    splits: list[str] | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


def load(
    path: Path,
    text_column: str = "text",
    label_column: str = "label",
    split_column: str | None = None,
    encoding: str = "utf-8",
    form: str | None = None,
) -> Texts:
    """Loads labelled texts from a file, in the order of the file.

    Args:
        path: A `.csv`, `.tsv` or `.jsonl` file, gzipped (`.gz`) or not.
        text_column: Column of the texts; empty texts are kept.
        label_column: Column of the labels. Any non-empty value is a label and is read as text.
        split_column: Column of the split names; None if the file has none.
        encoding: Text encoding of the file.
        form: `csv`, `tsv` or `jsonl`, which overrides the file's ending; None follows the ending.

    Raises:
        DataError: If the file can't be read whole, a column or a label is missing, or all labels are the same.
    """
    treatments = Treatments(SENTENCES)
    kinds: Counter[type] = Counter()
    texts, labels, splits = [], [], []
    others = {"data.label_column": label_column} | ({"data.split_column": split_column} if split_column else {})
    for line, row in rows(path, text_column, encoding, others, treatments, form):
        texts.append(row[text_column])
        labels.append(_label(row[label_column], "label", path, line, treatments))
        kinds[type(row[label_column])] += 1
        if split_column:
            splits.append(_label(row[split_column], "split", path, line, treatments))
    _check_classes(labels, path)
    return Texts(texts, labels, splits if split_column else None, treatments.notes() + _mixture(kinds))


def rows(
    path: Path,
    text_column: str = "text",
    encoding: str = "utf-8",
    others: Mapping[str, str] | None = None,
    treatments: Treatments | None = None,
    form: str | None = None,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file with the number of the first line of each; holds one row in memory at a time.

    Args:
        path: A `.csv`, `.tsv` or `.jsonl` file, gzipped (`.gz`) or not.
        text_column: Column of the texts.
        encoding: Text encoding of the file.
        others: Other required columns, by the option that names each.
        treatments: Counts the changes to texts.
        form: Format of the file, as in `load`.

    Raises:
        DataError: When reading reaches a row that can't be used.
    """
    path = Path(path)
    treatments = treatments or Treatments(SENTENCES)
    columns = {"data.text_column, --column of predict": text_column} | dict(others or {})

    def blank(line: int) -> None:
        treatments.add("blank", f"at line {line}")

    for line, row in read(path, columns, encoding, blank, form):
        value = row[text_column]
        if isinstance(value, list | dict):
            raise DataError(f"{path}, line {line}: {text_column!r} is {json_kind(value)}; expected a string.")
        row[text_column] = _text(value, f"at line {line}", treatments)
        yield line, row


def load_folder(path: Path, encoding: str = "utf-8") -> Texts:
    """Loads the `.txt` files of a folder with one subfolder for each class, sorted by name.

    Args:
        path: Folder with `train` and `test` (or other `SPLIT_FOLDERS`), each with one folder for each class, such as
            `pos` and `neg`; or a folder with the class folders themselves, without splits. A folder `unsup` is skipped.
        encoding: Text encoding of the files.

    Raises:
        DataError: If the class folders are missing, a class has no texts, or a file can't be read.
    """
    path = Path(path)
    if not path.is_dir():
        problem = " is a file; expected a folder." if path.exists() else ": there is no such folder."
        raise DataError(f"{path}{problem}")
    parts = [name for name in SPLIT_FOLDERS if (path / name).is_dir()]
    treatments = Treatments(SENTENCES)
    unlabelled: list[str] = []
    texts, labels, splits = [], [], []
    if parts:
        _count_others(path, parts, path, treatments)
    for part in parts or [""]:
        for folder in _class_folders(path / part, path, treatments, unlabelled):
            found = [
                _text("".join(lines(file, encoding)), f"in {file.relative_to(path).as_posix()}", treatments)
                for file in _text_files(folder, path, treatments)
            ]
            texts += found
            labels += [folder.name] * len(found)
            splits += [part] * len(found)
    _check_classes(labels, path)
    return Texts(texts, labels, splits if parts else None, treatments.notes() + tuple(unlabelled))


def duplicates(train: Iterable[str], test: Iterable[str]) -> int:
    """Number of test texts that also occur in training, ignoring case and the amount of white space.

    >>> duplicates(["A good film."], ["a  good film. ", "A good book."])
    1
    """
    known = {_plain(text) for text in train}
    return sum(_plain(text) in known for text in test)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _text(value: Any, place: str, treatments: Treatments) -> str:
    """A value as a text: null and NaN become the empty text."""
    if value is None or (isinstance(value, Number) and value == "NaN"):
        text = ""
    else:
        text = _spelling(value)
        if isinstance(value, Number | bool):
            treatments.add("number", place)
    text = writable(text, place, treatments)
    if not text.strip():
        treatments.add("empty", place)
    return text


def writable(text: str, place: str, treatments: Treatments) -> str:
    """A text that can be written to any file: without NUL bytes and lone surrogates."""
    if "\0" in text:
        treatments.add("nul", place)
        text = text.replace("\0", " ")
    if not text.isascii() and SURROGATES.search(text):
        treatments.add("surrogate", place)
        text = SURROGATES.sub("\ufffd", text)
    return text


def _spelling(value: Any) -> str:
    """A value as JSON spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _label(value: Any, name: str, path: Path, line: int, treatments: Treatments) -> str:
    if isinstance(value, list | dict):
        raise DataError(f"{path}, line {line}: the {name} is {json_kind(value)}; expected a string, number or boolean.")
    spelled = "null" if value is None else _spelling(value)
    label = spelled.strip()
    if label.casefold() in MISSING:
        raise DataError(f"{path}, line {line}: the {name} is missing ({spelled!r}); give the row one, or take it out.")
    if "\0" in label or SURROGATES.search(label):
        raise DataError(f"{path}, line {line}: the {name} {label!r} holds NUL bytes or halves of characters.")
    if label != spelled:
        treatments.add("stripped", f"at line {line}")
    return label


def _mixture(kinds: Counter[type]) -> tuple[str, ...]:
    """A note if the labels have different JSON types."""
    if len(kinds) < 2:
        return ()
    counts = ", ".join(
        f"{kinds[kind]:,} {name}{'s' if kinds[kind] > 1 else ''}" for kind, name in KINDS.items() if kinds[kind]
    )
    return (f"labels are of {len(kinds)} kinds: {counts}; all are taken as text",)


def _check_classes(labels: list[str], path: Path) -> None:
    for label in set(labels):
        if len(label.splitlines()) > 1:
            raise DataError(f"{path}: the label {label!r} goes over more than one line; give it a name of one line.")
    if len(set(labels)) == 1:
        raise DataError(
            f"{path}: all {len(labels):,} labels are {labels[0]!r}: of one class there is nothing to learn."
        )


def _sorted(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder} can't be read: {error.strerror or error}.") from None


def _class_folders(folder: Path, root: Path, treatments: Treatments, unlabelled: list[str]) -> list[Path]:
    folders = [entry for entry in _sorted(folder) if entry.is_dir() and not entry.name.startswith(".")]
    _count_others(folder, [entry.name for entry in folders], root, treatments)
    classes = [entry for entry in folders if entry.name != UNLABELLED]
    if not classes:
        raise DataError(f"{folder} holds no class folders; expected such as pos and neg, with one .txt file a text.")
    if len(classes) < len(folders):
        left_out = folder / UNLABELLED
        name, count = left_out.relative_to(root).as_posix(), len(_sorted(left_out))
        unlabelled.append(f"the folder {name} is left out: its {count:,} texts have no labels")
    return classes


def _text_files(folder: Path, root: Path, treatments: Treatments) -> list[Path]:
    files = [entry for entry in _sorted(folder) if entry.suffix.lower() == ".txt"]
    if not files:
        raise DataError(f"{folder} holds no .txt file; each class folder must hold its texts, one file each.")
    _count_others(folder, [file.name for file in files], root, treatments)
    return files


def _count_others(folder: Path, used: list[str], root: Path, treatments: Treatments) -> None:
    """Counts the entries of a folder that are not used."""
    names = set(used)
    for entry in _sorted(folder):
        if entry.name not in names:
            treatments.add("other", f"at {entry.relative_to(root).as_posix()}")
