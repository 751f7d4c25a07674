"""Labelled spans of a sequence, and scores of predicted spans.

A label is `O`, outside any span, or a prefix and the kind of the span: `B-PER`. A prefix without a kind is a span of
kind `_`. The prefixes of the two schemes:

- `IOB2`: `B` begins a span, `I` continues it;
- `IOBES`: `B` begins, `I` continues and `E` ends a span of several tokens; `S` is a span of one token.

The reading is strict: only labels that follow their scheme form a span. `I` or `E` without a preceding `B` of the same
kind forms none, and neither does, in IOBES, a `B` without its `E`. The scores equal the results of seqeval 1.2 with
`mode="strict"`.

Sources: Tjong Kim Sang, Veenstra, Representing Text Chunks, EACL 1999, arXiv cs/9907006 (IOB2); Ratinov, Roth, Design
Challenges and Misconceptions in Named Entity Recognition, CoNLL 2009 (IOBES, there BILOU); Tjong Kim Sang, De Meulder,
Introduction to the CoNLL-2003 Shared Task, 2003, arXiv cs/0306050 (F1 of whole spans).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from ..core.errors import DataError
from .token_scores import check_lengths

Scheme = Literal["IOB2", "IOBES"]
Span = tuple[str, int, int]

PREFIXES = {"IOB2": "BIO", "IOBES": "BIESO"}


def spans(labels: Sequence[str], scheme: Scheme) -> list[Span]:
    """The spans of one sequence, in order.

    Args:
        labels: One label per token.
        scheme: `IOB2` or `IOBES`.

    Returns:
        `(kind, start, end)` of each span, which contains the tokens from `start` up to, but not including, `end`.

    Raises:
        DataError: If a label has a prefix that the scheme does not have.
        ValueError: If the scheme is unknown.

    Example:

    >>> spans(["B-PER", "I-PER", "O", "B-LOC", "I-PER"], "IOB2")
    [('PER', 0, 2), ('LOC', 3, 4)]
    >>> spans(["B-PER", "E-PER", "S-LOC", "B-LOC", "O"], "IOBES")
    [('PER', 0, 2), ('LOC', 2, 3)]
    """
    found: list[Span] = []
    begun: tuple[str, int] | None = None
    for place, (prefix, kind) in enumerate([*_parts(labels, scheme), ("O", "")]):
        if begun and (prefix not in "IE" or kind != begun[0]):
            if scheme == "IOB2":  # the scheme has no label for the last token of a span
                found.append((*begun, place))
            begun = None
        if prefix in "BS":
            begun = kind, place
        if begun and prefix in "ES":
            found.append((*begun, place + 1))
            begun = None
    return found


def span_f1(predicted: Sequence[Sequence[str]], actual: Sequence[Sequence[str]], scheme: Scheme) -> dict[str, Any]:
    """Precision, recall and F1 of predicted spans; a span is correct if its kind, start and end are correct.

    Args:
        predicted: The predicted labels of each sequence.
        actual: The actual labels of each sequence.
        scheme: `IOB2` or `IOBES`.

    Returns:
        `precision`, `recall` and `f1` over all spans (micro average; 0 where undefined), `support` (the number of
        actual spans), and `by_kind`, the same four for each kind that occurs.

    Raises:
        DataError: If a label has a prefix that the scheme does not have.
        ValueError: If the scheme is unknown, or the numbers of sequences, or of labels in a sequence, differ.

    Example:

    >>> found = span_f1([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]], "IOB2")
    >>> found["precision"], found["recall"], round(found["f1"], 4), found["support"]
    (0.5, 1.0, 0.6667, 1)
    >>> found["by_kind"]["LOC"]
    {'precision': 0.0, 'recall': 0.0, 'f1': 0.0, 'support': 0}
    """
    check_lengths(predicted, actual)
    ours, theirs = (
        {(number, *span) for number, labels in enumerate(sequences) for span in spans(labels, scheme)}
        for sequences in (predicted, actual)
    )
    right, named, support = (Counter(kind for _, kind, _, _ in each) for each in (ours & theirs, ours, theirs))
    return _scores(right.total(), named.total(), support.total()) | {
        "by_kind": {kind: _scores(right[kind], named[kind], support[kind]) for kind in sorted(named | support)}
    }


def _parts(labels: Sequence[str], scheme: Scheme) -> list[tuple[str, str]]:
    """The prefix and the kind of each label."""
    if scheme not in PREFIXES:
        raise ValueError(f"The scheme {scheme!r} is unknown. Known: {', '.join(PREFIXES)}.")
    parts = []
    for place, label in enumerate(labels):
        prefix, _, kind = label.partition("-")
        if len(prefix) != 1 or prefix not in PREFIXES[scheme]:
            known = ", ".join(f"{each}-KIND" for each in PREFIXES[scheme] if each != "O")
            raise DataError(f"The label {label!r} of token {place} (counted from 0) is not in {scheme}: O, {known}.")
        parts.append((prefix, kind or "_"))
    return parts


def _scores(right: int, named: int, support: int) -> dict[str, float]:
    """The scores from the numbers of correct, predicted and actual spans."""
    return {
        "precision": right / max(named, 1),
        "recall": right / max(support, 1),
        "f1": 2 * right / max(named + support, 1),
        "support": support,
    }
