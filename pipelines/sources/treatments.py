"""Counts what was changed or found in data while it was read, and writes a note for each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

NAMED = 3
"""Number of places that a note names."""


class Treatments:
    """Counts treatments of data by kind, and keeps their first places.

    Args:
        sentences: Singular and plural sentence by kind, in the order of the notes. `{n}` stands for the count,
            `{place}` for the first place, `{places}` for the first places and the number of the others.

    Example:

    >>> treatments = Treatments({"blank": ("{n} blank line: {place}", "{n} blank lines: {places}")})
    >>> for line in (3, 5, 8, 9):
    ...     treatments.add("blank", f"line {line}")
    >>> treatments.notes()
    ('4 blank lines: line 3; line 5; line 8; and 1 more',)
    """

    def __init__(self, sentences: Mapping[str, tuple[str, str]]) -> None:
        self._sentences = sentences
        self._counts: Counter[str] = Counter()
        self._places: dict[str, list[str]] = {kind: [] for kind in sentences}

    def add(self, kind: str, place: str) -> None:
        """Counts one treatment at `place`, such as `at line 3`."""
        self._counts[kind] += 1
        if len(self._places[kind]) < NAMED:
            self._places[kind].append(place)

    def notes(self) -> tuple[str, ...]:
        """A note for each kind with a count."""
        return tuple(self._note(kind) for kind in self._sentences if self._counts[kind])

    def _note(self, kind: str) -> str:
        count, places = self._counts[kind], self._places[kind]
        rest = [f"and {count - len(places):,} more"] if count > len(places) else []
        sentence = self._sentences[kind][count > 1]
        return sentence.format(n=f"{count:,}", place=places[0], places="; ".join(places + rest))
