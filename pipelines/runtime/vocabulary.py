"""The vocabulary of a model: converts texts to ids and ids to texts, in Python and NumPy alone."""

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
REMEMBERED = 2**16  # words whose pieces are cached


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, and the special ids; `sequences.vocabulary.fit` builds a vocabulary from training texts.

    Attributes:
        tokens: The tokens, ordered by id.
        level: Kind of the tokens: `word` (words and single symbols), `character`, `byte` (UTF-8) or `subword` (pieces
            of words; a piece inside a word begins with `##`).
        padding: Id that fills rows of unequal length; always 0, which masks rely on.
        unknown: Id of any token that the vocabulary does not contain.
        start: Id before the first token, if a decoder needs one; else None.
        end: Id after the last token, if a decoder needs one; else None. It may equal the start and the padding.

    Raises:
        ValueError: If a special id belongs to no token, a token occurs twice, the padding is not 0, or a vocabulary of
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
        """The tokens of a text, known or not; a word without known pieces becomes the unknown token."""
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
        """The ids of a text or of tokens, int32 `[tokens]`, without start and end."""
        if isinstance(text, str) and self.level == "byte":
            content = np.frombuffer(as_bytes(text), np.uint8)
            return content + np.int32(len(self) - len(BYTES))
        found = self.split(text) if isinstance(text, str) else text
        return np.array([self._ids.get(token, self.unknown) for token in found], np.int32)

    def named(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """The tokens of ids `[tokens]`, up to the first end or padding and without the start."""
        found = []
        for number in np.asarray(ids).tolist():
            if number in (self.padding, self.end):
                break
            if number != self.start:
                found.append(self.tokens[number])
        return found

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids `[tokens]`, up to the first end or padding: joins words with spaces, characters and bytes
        without.
        """
        return joined(self.named(ids), self.level)

    def about(self) -> dict[str, Any]:
        """The level and the special ids, ready for JSON."""
        return {name: getattr(self, name) for name in ("level", *SPECIAL)}

    def write(self, folder: Path, settings: str = SETTINGS, **further: Any) -> None:
        """Writes `vocabulary.txt`, one token per line in the order of ids, and a JSON file with level and special ids.

        Args:
            folder: Folder of both files.
            settings: Name of the JSON file.
            further: Further entries of the JSON file.
        """
        (folder / TOKENS).write_text("".join(f"{token}\n" for token in self.tokens), encoding="utf-8", newline="\n")
        (folder / settings).write_text(json.dumps(self.about() | further) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, settings: str = SETTINGS) -> tuple[Vocabulary, dict[str, Any]]:
        """Reads a vocabulary that `write` wrote, and the further entries of its JSON file.

        A file without special ids stands for padding 0 and unknown 1.

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
    """The tokens of a text that a model reads: at most `length`; U+FFFD, an unknown token, for a text without tokens.

    Args:
        text: A text.
        vocabulary: Vocabulary that splits the text.
        length: Number of tokens kept of a longer text.
        keep: End of a longer text to keep; `right` by default, since the end of a review matters more.
    """
    return ends(vocabulary.split(text) or [UNREADABLE], length, keep)


def to_ids(texts: Iterable[str], vocabulary: Vocabulary, length: int, keep: Side = "right") -> list[np.ndarray]:
    """The ids of the tokens that `as_read` gives for each text, int32 `[tokens]`."""
    nothing = np.array([vocabulary.unknown], np.int32)
    rows = (ends(vocabulary.encode(text), length, keep) for text in texts)
    return [row if len(row) else nothing for row in rows]
