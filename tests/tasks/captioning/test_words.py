"""Captions as words and as numbers, there and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.tasks.captioning.words import (
    BOUND,
    UNKNOWN,
    fit_vocabulary,
    from_ids,
    sentence,
    to_ids,
    words,
)

VOCABULARY = ("", "[UNK]", "a", "boat", "two", "é")
KNOWN = st.lists(st.sampled_from(VOCABULARY[2:]), max_size=7)


@given(st.lists(st.lists(KNOWN, max_size=4), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 8))
def test_captions_come_back_from_their_numbers(captions, beside, length):
    ids = to_ids(captions, VOCABULARY, beside, length)
    assert ids.shape == (len(captions), beside, length + 1)
    assert ids.dtype == np.int32
    assert (ids[..., -1] == BOUND).all()
    for of_image, rows in zip(captions, ids, strict=True):
        kept = [caption[:length] for caption in of_image[:beside]]
        assert from_ids(rows, VOCABULARY) == kept + [[]] * (beside - len(kept))


def test_numbers_by_hand():
    ids = to_ids([[["two", "boats", "a"], ["é"]], [["a"] * 9]], VOCABULARY, 3, 3)
    expected = [[[4, UNKNOWN, 2, 0], [5, 0, 0, 0], [0, 0, 0, 0]], [[2, 2, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]]
    np.testing.assert_array_equal(ids, expected)
    assert from_ids(np.array([[3, 0, 4, 2], [2, 3, 4, 5]]), VOCABULARY) == [["boat"], ["a", "boat", "two", "é"]]
    assert from_ids(np.zeros((0, 4), int), VOCABULARY) == []


def test_words_are_what_the_metrics_count():
    assert words("A man's dog -- it's 2 years old!") == ["a", "man's", "dog", "it's", "2", "years", "old"]
    assert words("... !? -- ' 👍") == []
    assert words("") == words(" \n", "character") == []
    assert words("两只船，在港口。") == ["两只船", "在港口"]


def test_characters_keep_signs_and_spaces():
    found = words("  Two\tboats. ", "character")
    assert found == list("two boats.")
    assert sentence(found, "character") == "two boats."
    assert words("...", "character") == list("...")
    assert sentence([]) == sentence([], "character") == ""


@given(st.text())
def test_a_line_of_words_has_the_same_words(text):
    for level in ("word", "character"):
        found = words(text, level)
        assert words(sentence(found, level), level) == found
        assert BOUND not in to_ids([[found]], ("", "[UNK]", *sorted(set(found))), 1, len(found) + 1)[0, 0, : len(found)]


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), max_size=6), st.integers(3, 8), st.integers(1, 4))
def test_the_vocabulary_holds_the_most_frequent_words(captions, size, least):
    everything = [word for caption in captions for word in caption]
    bound, unknown, *found = fit_vocabulary(captions, size, least)
    assert (bound, unknown) == ("", "[UNK]")
    enough = [word for word in set(everything) if everything.count(word) >= least]
    assert found == sorted(enough, key=lambda word: (-everything.count(word), word))[: size - 2]
