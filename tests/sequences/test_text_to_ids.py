"""Texts as ids in the TensorFlow that goes into a SavedModel: the same as in Python."""

import json
import sys
import time
import unicodedata
from dataclasses import asdict

import keras
import numpy as np
import pytest
import tensorflow as tf
from hard_texts import KNOWN, LEVELS, NEW_CAPITALS, SIDES, SPECIAL, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_recurrent.pipelines.runtime import tokens
from keras_recurrent.pipelines.runtime.vocabulary import Vocabulary, as_read, to_ids
from keras_recurrent.pipelines.sequences.text_to_ids import TextToIds
from keras_recurrent.pipelines.sequences.vocabulary import fit

SECONDS = 60


def read_by_the_layer(given_texts, vocabulary, length=400, keep="right"):
    """The ids that the layer gives, without the zeros at the end."""
    rows = TextToIds(vocabulary, length, keep)(tf.constant(given_texts)).numpy()
    lengths = (rows != 0).sum(axis=1)
    assert all(not row[length:].any() for row, length in zip(rows, lengths, strict=True)), "zeros stand at the end only"
    return [row[:length].tolist() for row, length in zip(rows, lengths, strict=True)]


def read_by_python(given_texts, vocabulary, length=400, keep="right"):
    return [row.tolist() for row in to_ids(given_texts, vocabulary, length, keep)]


def own_vocabulary(given_texts, level):
    """Of every token that Python finds, so that any other one of TensorFlow would get id 1."""
    return fit(given_texts, level, 100_000)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=40)
@given(st.lists(texts, min_size=1, max_size=8), st.integers(1, 9), st.sampled_from(SIDES), st.integers(8, 60))
def test_python_and_tensorflow_read_alike(level, some, length, keep, size):
    vocabulary = fit([*some, "a"], level, size if level == "subword" else 100_000)  # few pieces cut words into many
    for cut in (400, length):
        assert read_by_the_layer(some, vocabulary, cut, keep) == read_by_python(some, vocabulary, cut, keep)


@pytest.mark.parametrize("level", ["word", "character"])
def test_python_and_tensorflow_read_every_character_alike(level):
    """Of ideographs and the like, which fill whole planes, some."""
    codes = [*range(0x3400), *range(0x3400, 0xA000, 97), *range(0xA000, 0xAC00), *range(0xAC00, 0xF900, 97)]
    codes += [*range(0xF900, 0x17000), *range(0x17000, 0x1B000, 97), *range(0x1B000, 0x20000)]
    codes += [*range(0x20000, 0xE0000, 997), *range(0xE0000, 0xE0200), *range(0xF0000, 0x110000, 997)]
    every = map(chr, sorted({*codes} - {*NEW_CAPITALS}))
    some = [f"a{sign}b" for sign in every if unicodedata.category(sign) not in ("Cs", "Cn")]
    assert len(some) > 30_000
    vocabulary = own_vocabulary(some, level)
    assert read_by_the_layer(some, vocabulary) == read_by_python(some, vocabulary)


BY_HAND = {
    "": [],
    " \t\u3000 \u200b": [],
    "\0": [],
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
    assert tokens.words(text) == words
    vocabulary = Vocabulary((*SPECIAL, *sorted({*words})), "word")
    ids = [vocabulary.tokens.index(word) for word in words] or [1]
    assert read_by_python([text], vocabulary) == read_by_the_layer([text], vocabulary) == [ids]


def test_characters_worked_by_hand():
    assert tokens.characters(" It’s <br/> 好\u3000 ") == ["i", "t", "'", "s", " ", "好"]
    assert tokens.characters("\u202e \n") == []
    assert read_by_the_layer(["好 A!", ""], KNOWN["character"]) == [[4, 11, 2, 6], [1]]


def test_pieces_worked_by_hand():
    """Longest first: `n` and `##ot`, not `##o`; a word that is not cut to its end is unknown as a whole."""
    vocabulary = KNOWN["subword"]
    some = ["Not LOVED! I'm 好", "lovedx not", "n", ""]
    expected = [["n", "##ot", "lov", "##ed", "!", "i'm", "好"], ["[UNK]", "n", "##ot"], ["n"], ["[UNK]"]]
    ids = [[vocabulary.tokens.index(token) for token in row] for row in expected]
    assert read_by_the_layer(some, vocabulary) == read_by_python(some, vocabulary) == ids
    assert [vocabulary.split(text) for text in some[:3]] == expected[:3]


def test_bytes_worked_by_hand():
    some = ["A\0", "é", ""]
    expected = [[0x41 + 2, 2], [0xC3 + 2, 0xA9 + 2], [1]]
    assert read_by_the_layer(some, KNOWN["byte"]) == read_by_python(some, KNOWN["byte"]) == expected


@pytest.mark.parametrize("level", LEVELS)
def test_a_text_of_five_megabytes_is_read(level):
    text = ("I'm not 好, I loved it! " * 200_000)[: 5 * 2**20]
    began = time.perf_counter()
    (whole,) = read_by_python([text], KNOWN[level], len(text.encode()))
    assert len(whole) > 1_000_000
    assert read_by_the_layer([text], KNOWN[level], 300, "right") == [whole[-300:]]
    assert read_by_the_layer([text], KNOWN[level], 300, "left") == [whole[:300]]
    assert time.perf_counter() - began < SECONDS


def test_either_end_is_kept():
    text = "a 好 i ! 1"
    assert read_by_the_layer([text], KNOWN["word"], 2, "right") == [[6, 12]]
    assert read_by_the_layer([text], KNOWN["word"], 2, "left") == [[2, 4]]
    assert as_read(text, KNOWN["word"], 2) == ["!", "1"]
    assert as_read(" ", KNOWN["word"], 2) == [tokens.UNREADABLE]


@pytest.mark.parametrize(("longest", "width"), [(1, 8), (8, 8), (9, 16), (32, 32), (33, 64), (64, 64), (65, 128)])
def test_few_lengths_come_out(longest, width):
    rows = TextToIds(KNOWN["word"])(tf.constant(["a", "a " * longest]))
    assert rows.shape == (2, width)
    assert rows.dtype == "int32"


PROGRAM = """
import json, sys
import tensorflow as tf
from keras_recurrent.pipelines.sequences.text_to_ids import characters
read = characters(tf.constant(json.loads(sys.argv[1])))
print(json.dumps([[token.decode() for token in row] for row in read.to_list()]))
"""


@pytest.mark.parametrize("language", ["tr_TR.UTF-8", pytest.param("lt_LT.UTF-8", marks=pytest.mark.slow)])
def test_the_language_of_the_machine_changes_nothing(process, language):
    """Where a process is set to Turkish or Lithuanian, some small letters are others."""
    some = ["TITLE I\u0307", "İĞ", "ÌÍĨĮ J\u0301 Į\u0303", "I\u0300"]
    program = [sys.executable, "-c", PROGRAM]
    done = process(json.dumps(some), program=program, LC_ALL=language, LANG=language)
    assert json.loads(done.stdout) == [tokens.characters(text) for text in some], done.stderr


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("keep", SIDES)
def test_the_layer_is_saved_with_its_vocabulary(tmp_path, level, keep):
    given_texts = keras.Input((), dtype="string")
    own = tokens.BYTES if level == "byte" else ("a", "好", "\\", '"', "[", "é", "##a")
    vocabulary = Vocabulary((*SPECIAL, "[START]", *own), level, start=2)
    model = keras.Model(given_texts, TextToIds(vocabulary, 3, keep)(given_texts))
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    some = tf.constant(['A 好 \\ " É [UNK]', "", "aaaa a a a 好"])
    np.testing.assert_array_equal(loaded(some), model(some))
    layer = loaded.layers[-1]
    assert (layer.vocabulary, layer.length, layer.keep) == (vocabulary, 3, keep)
    assert not loaded.trainable_variables


def test_a_layer_of_before_there_were_special_ids_reads_as_it_did():
    """Its configuration, as files of old runs hold it."""
    words = ["", "[UNK]", "a", "好"]
    settings_of_old = {"name": "ids", "trainable": False, "dtype": "int32", "vocabulary": words}
    layer = keras.saving.deserialize_keras_object(
        {
            "module": "keras_recurrent.pipelines.stages.text",
            "class_name": "TextToIds",
            "registered_name": "keras_recurrent>TextToIds",
            "config": settings_of_old | {"level": "word", "length": 3, "keep": "left"},
        }
    )
    assert layer(tf.constant(["好 a other a", ""])).numpy()[:, :4].tolist() == [[3, 2, 1, 0], [1, 0, 0, 0]]
    assert asdict(layer.vocabulary) == {
        **{"tokens": tuple(words), "level": "word", "padding": 0, "unknown": 1},
        **{"start": None, "end": None},
    }
