"""Texts cut into tokens, in Python alone; `sequences/text_to_ids.py` does the same in TensorFlow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence
from typing import Literal, TypeVar

import numpy as np

TokenLevel = Literal["word", "character", "byte", "subword"]
Side = Literal["left", "right"]
Row = TypeVar("Row", list[str], np.ndarray)

UNREADABLE = "\ufffd"
"""Stands for what could not be read, and for a text without tokens; no vocabulary holds it."""
LINE_BREAK = re.compile(r"<br[ \t\r\n]*/?>")  # \s is not the same in the regular expressions of TensorFlow
BYTES = tuple(f"<0x{number:02X}>" for number in range(256))
"""The tokens of bytes, written as SentencePiece writes them."""
INSIDE = "##"
"""Begins each piece that does not begin its word."""
LONGEST_WORD = 100
"""Characters; a longer word is not cut into pieces and is unknown, as in BERT's tokenizer."""


def words(text: str) -> list[str]:
    """The words and single signs of a text, lower case.

    A word is a run of letters, marks, digits and apostrophes of any script; every other sign is a token of its own.
    Line breaks written in HTML count as spaces.

    >>> words("I'm NOT amused!<br />真的 👍🏽")
    ["i'm", 'not', 'amused', '!', '真的', '👍', '🏽']
    """
    return _clean(text).translate(APART).split()


def characters(text: str) -> list[str]:
    """The characters of a text, lower case; any white space is one space.

    >>> characters("不 好")
    ['不', ' ', '好']
    """
    return list(" ".join(_clean(text).translate(SPACED).split()))


def encoded_bytes(text: str) -> list[str]:
    """The bytes of a text in UTF-8, as it is.

    >>> encoded_bytes("A好")
    ['<0x41>', '<0xE5>', '<0xA5>', '<0xBD>']
    """
    return [BYTES[number] for number in as_bytes(text)]


def as_bytes(text: str) -> bytes:
    """A text in UTF-8; halves of surrogate pairs, which have no place there, become `?`."""
    return text.encode("utf-8", "replace")


def pieces(word: str, known: Container[str]) -> list[str]:
    """The longest known beginning of a word, the longest known one of what is left, and so on; empty if that fails.

    Source: Schuster and Nakajima, Japanese and Korean Voice Search, ICASSP 2012; in this form Devlin et al. 2018, BERT,
    arXiv 1810.04805.

    >>> pieces("unaffable", {"un", "##aff", "##a", "##able"})
    ['un', '##aff', '##able']
    >>> pieces("unfit", {"un", "##aff"})
    []
    """
    found: list[str] = []
    start = 0 if len(word) <= LONGEST_WORD else len(word)
    while start < len(word):
        candidates = ((INSIDE if start else "") + word[start:end] for end in range(len(word), start, -1))
        piece = next((each for each in candidates if each in known), None)
        if piece is None:
            return []
        found.append(piece)
        start += len(piece) - (len(INSIDE) if start else 0)
    return found


def joined(tokens: Sequence[str], level: TokenLevel) -> str:
    """Tokens as one text; bytes that are no UTF-8 become U+FFFD.

    >>> joined(["two", "boats"], "word"), joined(["boat", "##s"], "subword"), joined(["<0xC3>", "<0xA9>"], "byte")
    ('two boats', 'boats', 'é')
    """
    match level:
        case "word":
            return " ".join(tokens)
        case "character":
            return "".join(tokens)
        case "subword":
            return " ".join(tokens).replace(f" {INSIDE}", "")
        case "byte":
            return b"".join(_VALUES.get(token, token.encode()) for token in tokens).decode("utf-8", "replace")


def ends(text: Row, length: int, keep: Side) -> Row:
    """The last or the first tokens of a text, or their ids.

    >>> ends(["a", "b", "c"], 2, "right")
    ['b', 'c']
    """
    return text[-length:] if keep == "right" else text[:length]


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of unequal length as one array, filled up with zeros at the end.

    >>> padded([np.array([3, 4, 5]), np.array([6])])
    array([[3, 4, 5],
           [6, 0, 0]])
    """
    width = max((len(row) for row in rows), default=0)
    return np.stack([np.pad(row, (0, width - len(row))) for row in rows])


def _clean(text: str) -> str:
    return LINE_BREAK.sub(" ", text.lower()).replace("\u2019", "'")


class _Spaced(dict):
    """For `str.translate`: white space and control characters as spaces, and if asked for, signs between spaces."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.apart = apart

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        category = unicodedata.category(sign)
        if category[0] == "Z" or category in ("Cc", "Cf"):
            self[code] = " "
        elif self.apart and sign != "'" and category[0] not in "LMN":
            self[code] = f" {sign} "
        else:
            self[code] = sign
        return self[code]


SPACED, APART = _Spaced(apart=False), _Spaced(apart=True)
_VALUES = {name: bytes([number]) for number, name in enumerate(BYTES)}
