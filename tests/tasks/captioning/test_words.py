"""Captions as words and as ids, there and back."""

import numpy as np
from caption_models import BOUNDED
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.runtime import tokens
from keras_recurrent.pipelines.tasks.captioning.words import BOUND, UNKNOWN, to_array, words

KNOWN = st.lists(st.sampled_from(BOUNDED.tokens[2:]), max_size=7)


@given(st.lists(st.lists(KNOWN, max_size=4), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 8))
def test_captions_come_back_from_their_ids(captions, beside, length):
    ids = to_array(captions, BOUNDED, beside, length)
    assert ids.shape == (len(captions), beside, length + 1)
    assert ids.dtype == np.int32
    assert (ids[..., -1] == BOUND).all()
    for of_image, rows in zip(captions, ids, strict=True):
        kept = [caption[:length] for caption in of_image[:beside]]
        assert [BOUNDED.named(row) for row in rows] == kept + [[]] * (beside - len(kept))


def test_ids_by_hand():
    ids = to_array([[["two", "boats", "a"], ["é"]], [["a"] * 9]], BOUNDED, 3, 3)
    expected = [[[4, UNKNOWN, 2, 0], [6, 0, 0, 0], [0, 0, 0, 0]], [[2, 2, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]]
    np.testing.assert_array_equal(ids, expected)
    assert BOUNDED.decode([3, 0, 4, 2]) == "boat"
    assert BOUNDED.decode([2, 3, 4, 6]) == "a boat two é"


def test_words_are_what_the_metrics_count():
    assert words("A man's dog -- it's 2 years old!") == ["a", "man's", "dog", "it's", "2", "years", "old"]
    assert words("... !? -- ' 👍") == []
    assert words("") == words(" \n", "character") == []
    assert words("两只船，在港口。") == ["两只船", "在港口"]


def test_characters_keep_signs_and_spaces():
    assert words("  Two\tboats. ", "character") == list("two boats.")
    assert words("...", "character") == list("...")
    assert words("a\ufffdb", "character") == list("ab")


@given(st.text())
def test_a_line_of_words_has_the_same_words(text):
    for level in ("word", "character"):
        found = words(text, level)
        assert words(tokens.joined(found, level), level) == found
