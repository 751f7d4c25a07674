"""Texts as tokens and ids: the same in Python and in the TensorFlow that goes into a SavedModel."""

import json
import sys
import time
import unicodedata
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.runtime import tokens
from keras_recurrent.pipelines.sequences.text_to_ids import TextToIds

LEVELS, SIDES = ("word", "character"), ("left", "right")
KNOWN = [*tokens.RESERVED, "a", "i'm", "好", "'", "!", "👍", "i", "ı", "é", " ", "1"]
SECONDS = 60

NEW_CAPITALS = [0x2C2F, 0xA7C0, 0xA7D0, 0xA7D6, 0xA7D8, *range(0x10570, 0x10596)]
"""Of Unicode 14, whose small letters Python knows and TensorFlow does not."""
characters = st.characters(exclude_categories=["Cs", "Cn"], exclude_characters=map(chr, NEW_CAPITALS))
SPACES = ["", " ", "\0", "\r", "\x85", "\u2028", "\u202e", "\ufeff", "\u200d"]
BREAKS = ["<br />", "<BR>", "<br\t/>", "<br\n>", "<br\x0b/>", "<br\xa0/>"]
WORDS = ["I'm", "’", "''", "ΟΔΟΣ", "ΑΣ.", "İ", "ẞ", "Ǆ", "e\u0301", "👩‍👩‍👧", "👍🏽", "不好", "[UNK]", "\ufffd"]
pieces = st.sampled_from([*SPACES, *BREAKS, *WORDS])
texts = st.lists(st.one_of(pieces, st.text(characters, max_size=6)), max_size=6).map("".join)


def read_by_the_layer(given_texts, level, length=400, keep="right", vocabulary=KNOWN):
    """The ids that the layer gives, without the zeros at the end."""
    rows = TextToIds(vocabulary, level, length, keep)(tf.constant(given_texts)).numpy()
    lengths = (rows != 0).sum(axis=1)
    assert all(not row[length:].any() for row, length in zip(rows, lengths, strict=True)), "zeros stand at the end only"
    return [row[:length].tolist() for row, length in zip(rows, lengths, strict=True)]


def read_by_python(given_texts, level, length=400, keep="right", vocabulary=KNOWN):
    return [row.tolist() for row in tokens.to_ids(given_texts, vocabulary, level, length, keep)]


def own_vocabulary(given_texts, level):
    """Of every token that Python finds, so that any other one of TensorFlow would get id 1."""
    return tokens.fit_vocabulary(given_texts, level, 100_000)


@pytest.mark.parametrize("level", LEVELS)
@given(st.lists(texts, min_size=1, max_size=8), st.integers(1, 9), st.sampled_from(SIDES))
def test_python_and_tensorflow_read_alike(level, some, length, keep):
    vocabulary = own_vocabulary([*some, "a"], level)
    for cut in (400, length):
        ours = read_by_python(some, level, cut, keep, vocabulary)
        assert read_by_the_layer(some, level, cut, keep, vocabulary) == ours


@pytest.mark.parametrize("level", LEVELS)
def test_python_and_tensorflow_read_every_character_alike(level):
    """Of ideographs and the like, which fill whole planes, some."""
    codes = [*range(0x3400), *range(0x3400, 0xA000, 97), *range(0xA000, 0xAC00), *range(0xAC00, 0xF900, 97)]
    codes += [*range(0xF900, 0x17000), *range(0x17000, 0x1B000, 97), *range(0x1B000, 0x20000)]
    codes += [*range(0x20000, 0xE0000, 997), *range(0xE0000, 0xE0200), *range(0xF0000, 0x110000, 997)]
    every = map(chr, sorted({*codes} - {*NEW_CAPITALS}))
    some = [f"a{sign}b" for sign in every if unicodedata.category(sign) not in ("Cs", "Cn")]
    assert len(some) > 30_000
    vocabulary = own_vocabulary(some, level)
    assert read_by_the_layer(some, level, vocabulary=vocabulary) == read_by_python(some, level, vocabulary=vocabulary)


BY_HAND = {
    "": ["\ufffd"],
    " \t\u3000 \u200b": ["\ufffd"],
    "\0": ["\ufffd"],
    "a\0b": ["a", "b"],
    "It’s GOOD, isn't it?": ["it's", "good", ",", "isn't", "it", "?"],
    "one<br /><br>two<BR/>three": ["one", "two", "three"],
    "שלום, عالم!": ["שלום", ",", "عالم", "!"],
    "\u202eabc\u202c": ["abc"],
    "ΟΔΟΣ ΣΑΣ": ["οδος", "σας"],
    "不好，真的": ["不好", "，", "真的"],
    "👍🏽👍": ["👍", "🏽", "👍"],
    "3.5/10": ["3", ".", "5", "/", "10"],
    "cafe\u0301": ["cafe\u0301"],
    "a\u2028b\x85c\rd": ["a", "b", "c", "d"],
}


@pytest.mark.parametrize("text", BY_HAND, ids=ascii)
def test_words_worked_by_hand(text):
    words = BY_HAND[text]
    assert tokens.tokens(text) == words
    vocabulary = [*tokens.RESERVED, *sorted({*words} - {tokens.NOTHING})]
    ids = [1 if word == tokens.NOTHING else vocabulary.index(word) for word in words]
    assert read_by_python([text], "word", vocabulary=vocabulary) == [ids]
    assert read_by_the_layer([text], "word", vocabulary=[*vocabulary, "other"]) == [ids]


def test_characters_worked_by_hand():
    assert tokens.tokens(" It’s <br/> 好\u3000 ", "character") == ["i", "t", "'", "s", " ", "好"]
    assert tokens.tokens("\u202e \n", "character") == [tokens.NOTHING]
    assert read_by_the_layer(["好 A!", ""], "character") == [[4, 11, 2, 6], [1]]


@pytest.mark.parametrize("level", LEVELS)
def test_a_text_of_five_megabytes_is_read(level):
    text = ("I'm not 好, I loved it! " * 200_000)[: 5 * 2**20]
    began = time.perf_counter()
    (whole,) = read_by_python([text], level, len(text))
    assert len(whole) > 1_000_000
    assert read_by_the_layer([text], level, 300, "right") == [whole[-300:]]
    assert read_by_the_layer([text], level, 300, "left") == [whole[:300]]
    assert time.perf_counter() - began < SECONDS


def test_either_end_is_kept():
    text = "a 好 i ! 1"
    assert read_by_the_layer([text], "word", 2, "right") == [[6, 12]]
    assert read_by_the_layer([text], "word", 2, "left") == [[2, 4]]


@pytest.mark.parametrize(("longest", "width"), [(1, 8), (8, 8), (9, 16), (32, 32), (33, 64), (64, 64), (65, 128)])
def test_few_lengths_come_out(longest, width):
    rows = TextToIds(KNOWN)(tf.constant(["a", "a " * longest]))
    assert rows.shape == (2, width)
    assert rows.dtype == "int32"


PROGRAM = """
import json, sys
import tensorflow as tf
from keras_recurrent.pipelines.runtime import tokens
from keras_recurrent.pipelines.sequences.text_to_ids import TextToIds
texts = json.loads(sys.argv[1])
read = TextToIds(tokens.fit_vocabulary(texts, "character", 1000), "character")._tokens(tf.constant(texts))
print(json.dumps([[token.decode() for token in row] for row in read.to_list()]))
"""


@pytest.mark.parametrize("language", ["tr_TR.UTF-8", pytest.param("lt_LT.UTF-8", marks=pytest.mark.slow)])
def test_the_language_of_the_machine_changes_nothing(process, language):
    """Where a process is set to Turkish or Lithuanian, some small letters are others."""
    some = ["TITLE I\u0307", "İĞ", "ÌÍĨĮ J\u0301 Į\u0303", "I\u0300"]
    program = [sys.executable, "-c", PROGRAM]
    done = process(json.dumps(some), program=program, LC_ALL=language, LANG=language)
    assert json.loads(done.stdout) == [tokens.tokens(text, "character") for text in some], done.stderr


def test_a_vocabulary_by_hand():
    some = ["b a a b c", "c d '", "\0 \ufffd", ""]
    assert tokens.fit_vocabulary(some, "word", 6) == ("", "[UNK]", "a", "b", "c", "'")
    assert tokens.fit_vocabulary(some, "word", 3) == ("", "[UNK]", "a")
    assert tokens.fit_vocabulary(["ba ab"], "character", 99) == ("", "[UNK]", "a", "b", " ")
    assert tokens.fit_vocabulary(["", " "], "word", 9) == tokens.RESERVED


@given(st.lists(texts, max_size=8), st.sampled_from(LEVELS), st.integers(3, 40))
def test_a_vocabulary_holds_the_most_frequent_tokens(some, level, size):
    found = tokens.fit_vocabulary(some, level, size)
    counts = Counter(token for text in some for token in tokens.tokens(text, level))
    del counts[tokens.NOTHING]
    assert found[:2] == ("", "[UNK]")
    assert len(found) == min(size, len(counts) + 2) == len(set(found))
    left_out = set(counts) - set(found)
    assert all(counts[kept] >= counts[other] for kept in found[2:] for other in left_out)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("keep", SIDES)
def test_the_layer_is_saved_with_its_vocabulary(tmp_path, level, keep):
    given_texts = keras.Input((), dtype="string")
    vocabulary = ["", "[UNK]", "a", "好", "\\", '"', "[", "é"]
    model = keras.Model(given_texts, TextToIds(vocabulary, level, 3, keep)(given_texts))
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    some = tf.constant(['A 好 \\ " É [UNK]', "", "a a a a 好"])
    np.testing.assert_array_equal(loaded(some), model(some))
    layer = loaded.layers[-1]
    assert (layer.vocabulary, layer.level, layer.length, layer.keep) == (vocabulary, level, 3, keep)
    assert not loaded.trainable_variables


@given(st.lists(texts, min_size=1), st.sampled_from(LEVELS), st.sampled_from(SIDES))
def test_what_was_written_is_read(tmp_path_factory, some, level, keep):
    folder = tmp_path_factory.mktemp("export")
    vocabulary = tokens.fit_vocabulary(some, level, 1000)
    tokens.write(folder, vocabulary, level, 7, keep)
    assert tokens.read(folder) == (list(vocabulary), {"level": level, "length": 7, "keep": keep})


@pytest.mark.parametrize("odd", ["\r", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", " ", "\ufeff", "\xa0"])
def test_any_token_but_a_line_feed_keeps_its_line(tmp_path, odd):
    vocabulary = [*tokens.RESERVED, odd, "a", f"a{odd}", odd * 2]
    tokens.write(tmp_path, vocabulary, "character", 7, "left")
    assert tokens.read(tmp_path)[0] == vocabulary


def test_padding_fills_up_with_zeros():
    rows = [np.array([3, 4, 5], np.int32), np.array([6], np.int32)]
    assert tokens.padded(rows).tolist() == [[3, 4, 5], [6, 0, 0]]
    assert tokens.padded(rows).dtype == np.int32
