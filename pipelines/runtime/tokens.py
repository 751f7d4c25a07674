"""Splits texts into tokens in plain Python; `sequences/text_to_ids.py` does the same in TensorFlow."""

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
"""Replacement for unreadable characters and token of an empty text; no vocabulary contains it."""
LINE_BREAK = re.compile(r"<br[ \t\r\n]*/?>")  # \s differs in TensorFlow's regular expressions
BYTES = tuple(f"<0x{number:02X}>" for number in range(256))
"""The tokens of the 256 bytes, in SentencePiece's notation."""
INSIDE = "##"
"""Prefix of each piece that does not begin its word."""
LONGEST_WORD = 100
"""Most characters in a word that is split into pieces; a longer word is unknown, as in BERT's tokenizer."""


def words(text: str) -> list[str]:
    """The words and single symbols of a text, in lower case.

    A word is a run of letters, marks, digits and apostrophes of any script; every other symbol is its own token. HTML
    line breaks count as spaces.

    >>> words("I'm NOT amused!<br />真的 👍🏽")
    ["i'm", 'not', 'amused', '!', '真的', '👍', '🏽']
    """
    return _clean(text).translate(APART).split()


def characters(text: str) -> list[str]:
    """The characters of a text, in lower case; any run of white space becomes one space.

    >>> characters("不 好")
    ['不', ' ', '好']
    """
    return list(" ".join(_clean(text).translate(SPACED).split()))


def encoded_bytes(text: str) -> list[str]:
    """The tokens of the UTF-8 bytes of an unchanged text.

    >>> encoded_bytes("A好")
    ['<0x41>', '<0xE5>', '<0xA5>', '<0xBD>']
    """
    return [BYTES[number] for number in as_bytes(text)]


def as_bytes(text: str) -> bytes:
    """Encodes a text in UTF-8; lone surrogates, which UTF-8 cannot represent, become `?`."""
    return text.encode("utf-8", "replace")


def pieces(word: str, known: Container[str]) -> list[str]:
    """The pieces of a word by greedy longest match; empty if a part is unknown.

    The first piece is the longest known prefix of the word, the next the longest known prefix of the rest, and so on.
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
    """Joins tokens to one text; bytes that are not valid UTF-8 become U+FFFD.

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
    """The last or the first `length` tokens of a text, or their ids.

    >>> ends(["a", "b", "c"], 2, "right")
    ['b', 'c']
    """
    return text[-length:] if keep == "right" else text[:length]


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of unequal length as one array, padded with zeros at the end.

    >>> padded([np.array([3, 4, 5]), np.array([6])])
    array([[3, 4, 5],
           [6, 0, 0]])
    """
    width = max((len(row) for row in rows), default=0)
    return np.stack([np.pad(row, (0, width - len(row))) for row in rows])


def _clean(text: str) -> str:
    return LINE_BREAK.sub(" ", text.lower()).replace("\u2019", "'")


class _Spaced(dict):
    """A table for `str.translate`: turns white space and control characters into spaces, and puts spaces around symbols
    if `apart`.
    """

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
