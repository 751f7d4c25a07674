"""Edit distances and error rates, against jiwer and the whole table in plain Python."""

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sequences.edit_distance import (
    character_error_rate,
    edit_counts,
    edit_distance,
    error_rate,
    word_error_rate,
)

SPACES = " \t\n\u00a0\u3000"


def corpora(alphabet):
    """Pairs of texts, of which some are alike; the references of one corpus are not all empty."""
    text = st.text(alphabet, max_size=20)
    pairs = st.lists(st.tuples(text, text) | text.map(lambda each: (each, f"{each[:6]}b{each[6:]}")), min_size=1)
    return pairs.filter(lambda drawn: any(reference.strip() for _, reference in drawn)).map(
        lambda drawn: [list(side) for side in zip(*drawn, strict=True)]
    )


@given(corpora("ab中 "))
def test_word_error_rate_equals_jiwer(corpus):
    hypotheses, references = corpus
    assert word_error_rate(hypotheses, references) == pytest.approx(jiwer.wer(references, hypotheses), abs=1e-12)


@given(corpora("ab" + SPACES))
def test_any_white_space_separates_words(corpus):
    hypotheses, references = ([" ".join(text.split()) for text in side] for side in corpus)
    assert word_error_rate(*corpus) == pytest.approx(jiwer.wer(references, hypotheses), abs=1e-12)


@given(corpora("abé" + SPACES))
def test_character_error_rate_equals_jiwer(corpus):
    hypotheses, references = corpus
    expected = jiwer.cer(references, hypotheses)
    assert character_error_rate(hypotheses, references) == pytest.approx(expected, abs=1e-12)


def by_table(one, other):
    """The fewest edits, and the most hits among alignments with as few."""
    best = {(0, 0): (0, 0)}
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            ways = []
            if i and j:
                same = one[i - 1] == other[j - 1]
                edits, misses = best[i - 1, j - 1]
                ways.append((edits + (not same), misses - same))
            for before in ((i - 1, j), (i, j - 1)):
                if before in best:
                    ways.append((best[before][0] + 1, best[before][1]))
            best.setdefault((i, j), min(ways, default=None))
    edits, misses = best[len(one), len(other)]
    return edits, -misses


SEQUENCES = st.lists(st.integers(0, 3), max_size=9)


@given(SEQUENCES, SEQUENCES)
def test_counts_equal_the_whole_table(hypothesis, reference):
    counts = edit_counts(hypothesis, reference)
    edits, hits = by_table(hypothesis, reference)
    assert counts["hits"] == hits
    assert counts["substitutions"] + counts["insertions"] + counts["deletions"] == edits
    assert counts["hits"] + counts["substitutions"] + counts["deletions"] == len(reference)
    assert counts["hits"] + counts["substitutions"] + counts["insertions"] == len(hypothesis)
    assert min(counts.values()) >= 0
    assert edit_distance(reference, hypothesis) == edits


def test_long_sequences_equal_jiwer():
    rng = np.random.default_rng(0)
    one, other = (rng.choice(list("abcdef"), size).tolist() for size in (1500, 1700))
    found = jiwer.process_words(" ".join(one), " ".join(other))
    assert edit_distance(one, other) == found.substitutions + found.insertions + found.deletions


def test_what_cannot_be_scored_is_refused():
    for rate in (word_error_rate, character_error_rate):
        with pytest.raises(DataError, match="references are empty"):
            rate(["a", "b"], ["", " \t"])
    with pytest.raises(ValueError, match="1 hypotheses for 2 references"):
        error_rate([["a"]], [["a"], ["b"]])
