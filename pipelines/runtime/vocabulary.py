"""The tokens that a model knows, by id: texts become ids and ids become texts, in Python and NumPy alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .errors import ArtifactError
from .tokens import (
    BYTES,
    UNREADABLE,
    Side,
    TokenLevel,
    as_bytes,
    characters,
    encoded_bytes,
    ends,
    joined,
    pieces,
    words,
)

PADDING, UNKNOWN, START, END = "", "[UNK]", "[START]", "[END]"
TOKENS, SETTINGS = "vocabulary.txt", "vocabulary.json"
SPECIAL = ("padding", "unknown", "start", "end")
REMEMBERED = 2**16  # words with their pieces


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, and which ids are special. `sequences.vocabulary.fit` makes one of training texts.

    Attributes:
        tokens: By id.
        level: What a token is: a `word` (or a single sign), a `character`, a `byte` (UTF-8), or a `subword`: a piece of
            a word; pieces inside of a word begin with `##`.
        padding: Fills up rows of unequal length; always 0, by which masks know it.
        unknown: Any token that the vocabulary does not hold.
        start: Stands before the first token, where a decoder needs that; else None.
        end: Stands after the last token, where a decoder needs that; else None. It may equal the start and the padding.

    Raises:
        ValueError: If the ids are not those of tokens, a token stands twice, the padding is not 0, or a vocabulary of
            bytes does not end with the 256 bytes in their order.

    Example:

    >>> vocabulary = Vocabulary(("", "[UNK]", "two", "boats"), "word")
    >>> vocabulary.encode("Two red boats")
    array([2, 1, 3], dtype=int32)
    >>> vocabulary.decode([2, 3, 0, 0])
    'two boats'
    """

    tokens: tuple[str, ...]
    level: TokenLevel
    padding: int = 0
    unknown: int = 1
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        if self.level not in get_args(TokenLevel):
            raise ValueError(f"the level {self.level!r} is unknown; choose one of {', '.join(get_args(TokenLevel))}.")
        if len(set(self.tokens)) < len(self.tokens):
            raise ValueError(f"the token {Counter(self.tokens).most_common(1)[0][0]!r} stands twice in the vocabulary.")
        special = {name: getattr(self, name) for name in SPECIAL}
        for name, number in special.items():
            if number is not None and number not in range(len(self)):
                raise ValueError(f"{name} is id {number!r}, of {len(self)} tokens.")
        if self.padding != 0:
            raise ValueError(f"padding is id {self.padding}; it must be 0.")
        if self.level == "byte" and self.tokens[-len(BYTES) :] != BYTES:
            raise ValueError("a vocabulary of bytes must end with the 256 bytes in their order.")

    def __len__(self) -> int:
        return len(self.tokens)

    def split(self, text: str) -> list[str]:
        """The tokens of a text, known or not; a word that has no pieces is the unknown token."""
        match self.level:
            case "word":
                return words(text)
            case "character":
                return characters(text)
            case "byte":
                return encoded_bytes(text)
            case "subword":
                return [piece for word in words(text) for piece in self._pieces(word)]

    def encode(self, text: str | Iterable[str]) -> np.ndarray:
        """The ids of a text, or of tokens, int32 `[tokens]`, without start and end."""
        if isinstance(text, str) and self.level == "byte":
            content = np.frombuffer(as_bytes(text), np.uint8)
            return content + np.int32(len(self) - len(BYTES))
        found = self.split(text) if isinstance(text, str) else text
        return np.array([self._ids.get(token, self.unknown) for token in found], np.int32)

    def named(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """The tokens of ids `[tokens]`: those before the first end or padding, without the start."""
        found = []
        for number in np.asarray(ids).tolist():
            if number in (self.padding, self.end):
                break
            if number != self.start:
                found.append(self.tokens[number])
        return found

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids `[tokens]`, as `named` gives them: words between spaces, characters and bytes joined."""
        return joined(self.named(ids), self.level)

    def about(self) -> dict[str, Any]:
        """All but the tokens, as JSON holds it."""
        return {name: getattr(self, name) for name in ("level", *SPECIAL)}

    def write(self, folder: Path, settings: str = SETTINGS, **further: Any) -> None:
        """Writes `vocabulary.txt`, a token a line by id, and a JSON file of the rest.

        Args:
            folder: Where.
            settings: The name of the JSON file.
            further: What else that file holds.
        """
        (folder / TOKENS).write_text("".join(f"{token}\n" for token in self.tokens), encoding="utf-8", newline="\n")
        (folder / settings).write_text(json.dumps(self.about() | further) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, settings: str = SETTINGS) -> tuple[Vocabulary, dict[str, Any]]:
        """A vocabulary that `write` wrote, and what else its JSON file holds.

        Files without special ids are read too: they have padding 0 and unknown 1.

        Raises:
            ArtifactError: If a file is missing or damaged.
        """
        try:
            tokens = (folder / TOKENS).read_bytes().decode("utf-8").split("\n")[:-1]
            known = json.loads((folder / settings).read_text(encoding="utf-8"))
            if "level" not in known:
                raise ValueError(f"{settings} names no level.")
            own = {name: known.pop(name) for name in ("level", *SPECIAL) if name in known}
            return cls(tuple(tokens), **own), known
        except (OSError, ValueError, TypeError) as error:
            raise ArtifactError(f"{TOKENS} and {settings} in {folder} are missing or damaged: {error}") from error

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def _pieces(self) -> Any:
        return lru_cache(REMEMBERED)(lambda word: pieces(word, self._ids) or [self.tokens[self.unknown]])


def as_read(text: str, vocabulary: Vocabulary, length: int, keep: Side = "right") -> list[str]:
    """The tokens that a model reads of a text: `length` at most, and one at least: U+FFFD, which no vocabulary holds.

    Args:
        text: A text.
        vocabulary: What a token is.
        length: How many tokens of a longer text are kept.
        keep: Which end of a longer text: of a review the `right` one matters more.
    """
    return ends(vocabulary.split(text) or [UNREADABLE], length, keep)


def to_ids(texts: Iterable[str], vocabulary: Vocabulary, length: int, keep: Side = "right") -> list[np.ndarray]:
    """The ids of each text as `as_read` cuts it, int32 `[tokens]`."""
    nothing = np.array([vocabulary.unknown], np.int32)
    rows = (ends(vocabulary.encode(text), length, keep) for text in texts)
    return [row if len(row) else nothing for row in rows]
