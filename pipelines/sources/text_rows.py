"""Reads the rows of CSV, TSV and JSON Lines files, gzipped or not, and holds one row in memory at a time.

Formats: RFC 4180 (CSV; TSV uses tabs instead of commas) with the column names in the first line; jsonlines.org.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..core.errors import DataError, did_you_mean

DELIMITERS = {".csv": ",", ".tsv": "\t"}
ENDINGS = "expected .csv, .tsv or .jsonl, each also with .gz"
GZIP = b"\x1f\x8b"
LONGEST_FIELD = 2**28  # characters; an unclosed quote turns the rest of the file into one field
BYTE_ORDER_MARK = "\ufeff"
OPTION = "data.encoding (--encoding of predict)"
MARK = "keras_recurrent.mark"
MARKED = re.compile("[\udc00-\udcff]+")


class Number(str):
    """A JSON number as spelled in the file: 1 and 1.0 stay different."""


DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Number)


def read(
    path: Path, columns: Mapping[str, str], encoding: str, blank: Callable[[int], None], form: str | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file, each with the number of its first line.

    Args:
        path: A `.csv`, `.tsv` or `.jsonl` file, gzipped or not.
        columns: Columns that every row must have, by the option that names each: `{"data.text_column": "text"}`.
        encoding: Text encoding of the file.
        blank: Receives the number of each blank line; blank lines are skipped.
        form: `csv`, `tsv` or `jsonl`, which overrides the file's ending; None follows the ending.

    Yields:
        Pairs of the line number and the row. Values from CSV and TSV are strings; values from JSON keep their JSON
        type, with a `Number` for a number.

    Raises:
        DataError: If the file is missing, empty or damaged, or lacks a column.
    """
    ending = f".{form}" if form else Path(path.name.lower().removesuffix(".gz")).suffix
    _check_file(path)
    if ending == ".jsonl":
        yield from _json_rows(path, columns, encoding, blank)
    elif ending in DELIMITERS:
        yield from csv_rows(path, columns, encoding, blank, DELIMITERS[ending])
    else:
        raise DataError(f"{path} has an unknown ending; {ENDINGS}.")


def lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a text file, gzipped or not, with their line endings and without a byte order mark.

    Raises:
        DataError: If the file can't be read or can't be decoded with that encoding.
    """
    _check_encoding(encoding)
    number = 0
    try:
        with _opened(path) as stream, io.TextIOWrapper(stream, encoding, errors=MARK, newline="") as text:
            for number, line in enumerate(text, 1):
                if not line.isascii():
                    _check_bytes(line, f"{path}, line {number}", encoding)
                yield line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
    except EOFError:
        raise DataError(f"{path} is truncated: its gzip stream ends too early.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: its gzip stream can't be read ({error}).") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None
    except UnicodeError as error:
        raise DataError(f"{path}, line {number + 1} is not {encoding} ({error}); set {OPTION}.") from None


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder; expected a file ({ENDINGS}).")
        if not path.exists():
            raise DataError(f"{path}: there is no such file.")
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None


def _check_encoding(encoding: str) -> None:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding)
    except (LookupError, ValueError):
        raise DataError(
            f"{encoding!r} is no text encoding that Python knows; such are utf-8, utf-16, cp1252, big5. Set {OPTION}."
        ) from None


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """The bytes of a file, decompressed if they begin with the gzip signature."""
    with path.open("rb") as stream:
        start = stream.read(2)
    if start == GZIP:
        return gzip.open(path)
    if start and path.suffix.lower() == ".gz":
        raise DataError(f"{path} is no gzip file: it begins with {start.hex(' ')}. If it is plain text, take .gz off.")
    return path.open("rb")


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Replaces each byte that can't be decoded by a lone surrogate, which no encoding produces otherwise."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARK, _mark)


def _check_bytes(line: str, place: str, encoding: str) -> None:
    """Refuses a line that holds surrogates from `_mark`, and names the bytes."""
    if broken := MARKED.search(line):
        found = bytes(ord(mark) - 0xDC00 for mark in broken[0])
        likely = "utf-16" if found[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "cp1252"
        raise DataError(
            f"{place}: the bytes {found[:8].hex(' ')} (at character {broken.start() + 1:,}) are not {encoding}; "
            f"set {OPTION} to the file's own encoding, such as {likely}."
        )


def csv_rows(
    path: Path, columns: Mapping[str, str], encoding: str, blank: Callable[[int], None], delimiter: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a CSV file in the form of `read`, for any file name and any delimiter."""
    reader = csv.reader(lines(path, encoding), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows = 0
    while True:
        number = reader.line_num + 1
        fields = _next_fields(reader, f"{path}, line {number}")
        if fields is None:
            break
        if not fields:
            blank(number)
        elif not header:
            header = _header(fields, f"{path}, line {number}", columns, delimiter)
        elif len(fields) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(fields)} fields, expected {len(header)} as in the header "
                f"({', '.join(header)}). A text that holds {_name(delimiter)} must stand in double quotes."
            )
        else:
            rows += 1
            yield number, dict(zip(header, fields, strict=True))
    if not rows:
        content = f"holds a header ({', '.join(header)}), but no rows" if header else "is empty"
        raise DataError(f"{path} {content}.")


def _next_fields(reader: Any, place: str) -> list[str] | None:
    """The next row; None at the end. The csv module has one field limit for all readers, so it is restored at once."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        return next(reader, None)
    except csv.Error as error:
        raise DataError(
            f"{place}: broken quotes ({error}, at line {reader.line_num}). "
            "A field that begins with a quote ends with one, and each quote within it is doubled."
        ) from None
    finally:
        csv.field_size_limit(before)


def _header(fields: list[str], place: str, columns: Mapping[str, str], delimiter: str) -> list[str]:
    names = [name.strip() for name in fields]
    if any("\0" in name for name in names):
        raise DataError(f"{place}: the header holds NUL bytes; if the file is UTF-16, set {OPTION} to utf-16.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(f"{place}: the header names the column {twice[0]!r} twice.")
    other = next((mark for mark in ";\t," if mark in names[0]), "") if len(names) == 1 else ""
    hint = f" Are the columns parted by {_name(other)}? Expected {_name(delimiter)}." if other else ""
    _check_columns(names, columns, place, hint)
    return names


def _name(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}[delimiter]


def _check_columns(names: list[str], columns: Mapping[str, str], place: str, hint: str = "") -> None:
    for key, column in columns.items():
        if column not in names:
            raise DataError(f"{place}: no column {column!r} ({key}). {did_you_mean(column, names)}{hint}")


def _json_rows(
    path: Path, columns: Mapping[str, str], encoding: str, blank: Callable[[int], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    number = rows = 0
    for number, line in enumerate(lines(path, encoding), 1):
        place = f"{path}, line {number}"
        if not line.strip():
            blank(number)
            continue
        row = _json(line.rstrip(), place)
        if not isinstance(row, dict):
            example = ", ".join(f'"{column}": ...' for column in columns.values())
            raise DataError(f"{place} holds {json_kind(row)}; expected one object a line, such as {{{example}}}.")
        _check_columns(list(row), columns, place)
        rows += 1
        yield number, row
    if not rows:
        raise DataError(f"{path} holds nothing but blank lines." if number else f"{path} is empty.")


def _json(line: str, place: str) -> Any:
    try:
        return DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}, column {error.pos + 1}: broken JSON: {error.msg}.") from None
    except RecursionError:
        raise DataError(f"{place}: JSON nested too deeply.") from None


def json_kind(value: Any) -> str:
    """The JSON name of a value's type, with its article."""
    if value is None:
        return "null"
    kinds = {Number: "a number", bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
    return kinds[type(value)]
