"""Sequences of unequal length and where they part: against loops over lists, and worked examples."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.export.judging import margins, tokens_that_differ
from keras_recurrent.pipelines.export.outputs import read
from keras_recurrent.pipelines.export.partings import differences, first_parting, other_lengths, partings

END = 0
TOKENS = st.lists(st.integers(1, 3), max_size=5)
PAIRS = st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=6)


def arrays(rows, dtype="int32"):
    return [np.array(row, dtype) for row in rows]


def padded(rows, behind):
    """Rows in one array; `behind` fills what the ends leave over, from the first place on."""
    width = max(map(len, rows)) + len(behind)
    return np.array([(row + behind + [9] * width)[:width] for row in rows])


def parting(one, other):
    """Where two lists part, step by step; -1 if nowhere."""
    for step, pair in enumerate(itertools.zip_longest(one, other)):
        if pair[0] != pair[1]:
            return step
    return -1


def outputs(rows, behind):
    """The same sequences in all the ways in which they may be given."""
    lengths = np.array([len(row) for row in rows])
    yield read(arrays(rows), ends_known=True)
    yield read(padded(rows, [behind]), lengths=lengths)
    yield read(padded(rows, [END, behind]), padding=END)
    yield read(arrays([[*row, END] for row in rows]), padding=END)


@given(PAIRS, st.integers(0, 9))
def test_sequences_part_where_lists_do_however_they_are_given(pairs, behind):
    found, wanted = ([*rows] for rows in zip(*pairs, strict=True))
    expected = [parting(one, other) for one, other in pairs]
    for ours, theirs in itertools.product(outputs(found, behind), outputs(wanted, 9 - behind)):
        assert partings(ours, theirs).tolist() == expected
        assert ours.values[0].tolist() == found[0]
        assert other_lengths(ours, theirs).tolist() == [len(one) != len(other) for one, other in pairs]


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=4))
def test_strings_part_at_a_character(pairs):
    found, wanted = zip(*pairs, strict=True)
    ours = read(np.array([text.encode() for text in found], object))
    assert partings(ours, read(list(wanted))).tolist() == [parting(one, other) for one, other in pairs]


@given(PAIRS, st.integers(0, 2**32 - 1))
def test_numbers_are_compared_at_the_steps_that_both_have(pairs, seed):
    random = np.random.default_rng(seed)
    found, wanted = ([random.normal(size=(len(row), 2)) for row in rows] for rows in zip(*pairs, strict=True))
    expected = [
        max((abs(a - b) for x, y in zip(one, other, strict=False) for a, b in zip(x, y, strict=True)), default=0.0)
        for one, other in zip(found, wanted, strict=True)
    ]
    ours, theirs = read(found, ends_known=True), read(wanted, ends_known=True)
    np.testing.assert_allclose(differences(ours, theirs), expected)
    count = len(pairs) - 1
    np.testing.assert_allclose(differences(ours.first(count), theirs.first(count)), expected[:count])


def test_a_beam_holds_several_sequences_a_row():
    wanted = np.array([[[4, 5, END, 1], [4, END, 2, 3]], [[6, 7, 8, 1], [5, END, 9, 9]]])
    found = wanted.copy()
    found[1, 1, 1] = 3
    ours, theirs = read(found, padding=END), read(wanted, padding=END)
    assert partings(ours, theirs).tolist() == [-1, -1, -1, 1]
    assert other_lengths(ours, theirs).tolist() == [False, True]
    assert [tokens.tolist() for tokens in theirs.values[0]] == [[4, 5], [4]]
    assert first_parting(ours, theirs, row=1) == (
        "its sequence 1 (counted from 0): the sequences part at step 1 (counted from 0): 3 instead of the end, "
        "after 5; the one expected ends first"
    )


def test_the_words_of_a_parting():
    names = ["", "a", "dog", "runs", "sleeps"]
    ours, theirs = (read(arrays([[1, 2, token]]), ends_known=True) for token in (3, 4))
    assert first_parting(ours, theirs, 0, names) == (
        "the sequences part at step 2 (counted from 0): 'runs' instead of 'sleeps' (ids 3, 4), after 'a dog'"
    )
    assert first_parting(ours, theirs, 0, names[:4]) == (
        "the sequences part at step 2 (counted from 0): 'runs' instead of 4 (id 3), after 'a dog'"
    )
    ours, theirs = read(["a long sentence."]), read(["a long sentences"])
    assert first_parting(ours, theirs, 0) == (
        "the sequences part at step 15 (counted from 0): '.' instead of 's', after '... sentence'"
    )


@given(st.floats(0, 2e-3), st.integers(0, 2))
def test_tokens_may_part_where_their_scores_are_close_alone(lead, step):
    """Scores 0.5 and 0.5 - lead at one step, 0.9 and 0.1 at all others; the tolerance is 0.001."""
    scores = np.tile([0.9, 0.1], (40, 3, 1))
    scores[7, step] = 0.5, 0.5 - lead
    labels = np.zeros((40, 3), int)
    others = labels.copy()
    others[7, step] = 1
    lengths = np.full(40, 3)
    expected, found = (
        {"labels": read(each, lengths=lengths), "scores": read(scores, lengths=lengths)} for each in (labels, others)
    )
    wrong, ties = tokens_that_differ(found, expected, 1e-3, 1.0, classes=True)
    assert ties == (margins(scores[7, step]) <= 1e-3)
    assert np.flatnonzero(wrong["labels"]).tolist() == ([] if ties else [7])


@pytest.mark.parametrize(
    ("values", "ends", "reason"),
    [
        ([np.zeros((2, 3)), np.zeros((1, 4))], {}, "do not go together"),
        (np.zeros(4), {"lengths": np.ones(4, int)}, "one number a row"),
        (np.zeros(4, int), {"padding": 0}, "one number a row"),
        (np.zeros((4, 3)), {"lengths": np.ones((4, 2), int)}, "12 sequences, and `lengths` are 8"),
        (["a", "b"], {"padding": 0}, "strings, which have their own ends"),
        (arrays([[1, 2], [3]]), {"ends_known": False}, "padded to unequal widths"),
    ],
)
def test_what_is_no_sequence_is_refused(values, ends, reason):
    with pytest.raises(ValueError, match=reason):
        read(values, **ends)
