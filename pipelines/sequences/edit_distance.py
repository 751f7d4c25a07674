"""Edit distances between sequences, and error rates based on them: of words, characters and tokens.

An edit substitutes, inserts or deletes one token. A sequence is a list of tokens, ids or labels (anything hashable), or
a string, whose tokens are its characters (Unicode code points).

The rates equal the results of jiwer 4 where words are separated by spaces. They may exceed 1: a hypothesis can have
more wrong words than the reference has words.

Sources: Levenshtein, Binary Codes Capable of Correcting Deletions, Insertions, and Reversals, 1966; Wagner, Fischer,
The String-to-String Correction Problem, JACM 1974; Morris, Maier, Green, From WER and RIL to MER and WIL, Interspeech
2004 (the word error rate).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ..core.errors import DataError


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The smallest number of edits that turn one sequence into the other.

    Example:

    >>> edit_distance("kitten", "sitting")
    3
    >>> edit_distance(["a", "dog", "runs"], ["a", "big", "dog", "runs"])
    1
    """
    counts = edit_counts(one, other)
    return counts["substitutions"] + counts["insertions"] + counts["deletions"]


def edit_counts(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> dict[str, int]:
    """Counts hits and edits in the alignment of a hypothesis with its reference that needs the fewest edits.

    Several alignments may need equally few edits. The counted alignment has the most hits, that is the fewest
    substitutions, which makes the four numbers unique. jiwer counts another of these alignments, so its numbers may
    differ; the sum of its substitutions, insertions and deletions does not.

    Returns:
        `hits`, `substitutions`, `insertions` (tokens that only the hypothesis has) and `deletions` (tokens that only
        the reference has). Hits, substitutions and deletions add up to the length of the reference.

    Example:

    >>> edit_counts("the cat sat in".split(), "the black cat sat on".split())
    {'hits': 3, 'substitutions': 1, 'insertions': 0, 'deletions': 1}
    """
    edits, substitutions = _fewest(hypothesis, reference)
    lacking = len(reference) - len(hypothesis)  # deletions minus insertions
    deletions = (edits - substitutions + lacking) // 2
    return {
        "hits": len(reference) - substitutions - deletions,
        "substitutions": substitutions,
        "insertions": deletions - lacking,
        "deletions": deletions,
    }


def error_rate(hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]) -> float:
    """The number of edits in the whole corpus, divided by the number of tokens in its references.

    Args:
        hypotheses: The tokens of each hypothesis.
        references: The tokens of each reference.

    Raises:
        DataError: If the references contain no token.
        ValueError: If the numbers of hypotheses and references differ.

    Example:

    >>> error_rate([["a", "b"], []], [["a", "c"], ["d", "e"]])
    0.75
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"There are {len(hypotheses)} hypotheses for {len(references)} references.")
    tokens = sum(map(len, references))
    if not tokens:
        raise DataError("There is nothing to score: the references are empty.")
    return sum(map(edit_distance, hypotheses, references)) / tokens


def word_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Word error rate of a corpus: the `error_rate` of its words.

    Any white space separates words, as in `str.split` (spaces, tabs, line ends, no-break spaces). Case and punctuation
    count: normalize both sides first if they should not. jiwer separates words only at spaces: it reads `"a\\tb"` as
    one word, this function as two.

    Args:
        hypotheses: The recognized texts.
        references: The correct text for each.

    Raises:
        DataError: If the references contain no word.
        ValueError: If the numbers of hypotheses and references differ.

    Example:

    >>> word_error_rate(["the cat sat in"], ["the black cat  sat on"])
    0.4
    """
    return error_rate([text.split() for text in hypotheses], [text.split() for text in references])


def character_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Character error rate of a corpus: the `error_rate` of its characters.

    White space at both ends of a text does not count. Inside a text every white space is a character, as in jiwer.

    Args:
        hypotheses: The recognized texts.
        references: The correct text for each.

    Raises:
        DataError: If the references contain no character.
        ValueError: If the numbers of hypotheses and references differ.

    Example:

    >>> character_error_rate(["a cot "], ["a cat"])
    0.2
    """
    return error_rate([text.strip() for text in hypotheses], [text.strip() for text in references])


def _fewest(one: Sequence[Hashable], other: Sequence[Hashable]) -> tuple[int, int]:
    """The smallest number of edits, and the smallest number of substitutions among alignments with so few edits.

    Computes Wagner and Fischer's table row by row; its cells hold `edits * edit + substitutions`. `edit` exceeds any
    number of substitutions, so the lowest cost has the fewest edits, and among these the fewest substitutions.
    """
    number: dict[Hashable, int] = {}
    rows, columns = (
        np.array([number.setdefault(token, len(number)) for token in sequence], np.int64)
        for sequence in sorted((one, other), key=len)
    )
    edit = len(columns) + 1
    along = edit * np.arange(len(columns) + 1)  # the cost of tokens that only the columns have
    cost = along
    for token in rows:
        below = cost + edit
        np.minimum(below[1:], cost[:-1] + (columns != token) * (edit + 1), out=below[1:])
        cost = np.minimum.accumulate(below - along) + along  # the cheapest path along the row
    edits, substitutions = divmod(int(cost[-1]), edit)
    return edits, substitutions
