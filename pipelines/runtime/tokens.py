"""Texts as tokens and as numbers, in NumPy alone, as `sequences/text_to_ids.py` does in TensorFlow."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

Level = Literal["word", "character"]
Side = Literal["left", "right"]

PADDING, UNKNOWN = "", "[UNK]"
RESERVED = (PADDING, UNKNOWN)
"""The first entries of every vocabulary: id 0 is padding, id 1 any token that is not in it."""
NOTHING = "\ufffd"
"""The token of a text that has none."""
VOCABULARY, SETTINGS = "vocabulary.txt", "text.json"
LINE_BREAK = re.compile(r"<br[ \t\r\n]*/?>")  # \s is not the same in the regular expressions of TensorFlow


def tokens(text: str, level: Level = "word") -> list[str]:
    """The tokens of a text: words and single signs, or characters; lower case.

    A word is a run of letters, marks, digits and apostrophes of any script; every other sign is a token of its own.
    Line breaks written in HTML count as spaces. A text without any token has one, which no vocabulary holds.

    >>> tokens("I'm NOT amused!<br />真的 👍🏽")
    ["i'm", 'not', 'amused', '!', '真的', '👍', '🏽']
    >>> tokens("不 好", "character")
    ['不', ' ', '好']
    """
    clean = LINE_BREAK.sub(" ", text.lower()).replace("\u2019", "'")
    if level == "character":
        return list(" ".join(clean.translate(SPACED).split())) or [NOTHING]
    return clean.translate(APART).split() or [NOTHING]


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


def fit_vocabulary(texts: Iterable[str], level: Level, size: int) -> tuple[str, ...]:
    """The most frequent tokens of some texts, after the two reserved ones; of equally frequent ones the first by code.

    >>> fit_vocabulary(["a b a", "c b a"], "word", 4)
    ('', '[UNK]', 'a', 'b')
    """
    counts = Counter(token for text in texts for token in tokens(text, level))
    del counts[NOTHING]
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return (*RESERVED, *(token for token, _ in ranked[: size - len(RESERVED)]))


def to_ids(
    texts: Iterable[str], vocabulary: Sequence[str], level: Level, length: int, keep: Side = "right"
) -> list[np.ndarray]:
    """The ids of the tokens of each text, int32 `[tokens]`, at most `length` of them.

    Args:
        texts: Some texts.
        vocabulary: As `fit_vocabulary` gives it.
        level: What a token is.
        length: How many tokens of a longer text are kept.
        keep: Which end of a longer text: of a review the `right` one matters more.
    """
    numbers = {token: number for number, token in enumerate(vocabulary)}
    unknown = numbers[UNKNOWN]
    kept = (ends(tokens(text, level), length, keep) for text in texts)
    return [np.array([numbers.get(token, unknown) for token in text], np.int32) for text in kept]


def ends(text: list[str], length: int, keep: Side) -> list[str]:
    """The last or the first tokens of a text.

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


def write(folder: Path, vocabulary: Sequence[str], level: Level, length: int, keep: Side) -> None:
    """Writes what turns texts into ids: `vocabulary.txt`, a token a line by id, and `text.json`."""
    (folder / VOCABULARY).write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8", newline="\n")
    settings = {"level": level, "length": length, "keep": keep}
    (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """The vocabulary and the other arguments of `to_ids`, as `write` left them."""
    vocabulary = (folder / VOCABULARY).read_bytes().decode("utf-8").split("\n")[:-1]
    return vocabulary, json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
