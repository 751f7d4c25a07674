"""A vocabulary in Python and NumPy alone: ids and back, pieces of words, and the files beside an export."""

import json

import numpy as np
import pytest
from hard_texts import KNOWN, LEVELS, SPECIAL, texts
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from keras_recurrent.pipelines.runtime import ArtifactError, tokens
from keras_recurrent.pipelines.runtime.vocabulary import Vocabulary

LETTERS = "ab好\U00010428\u0301"
PIECES = st.sets(
    st.tuples(st.sampled_from(["", "##"]), st.text(LETTERS, min_size=1, max_size=4)).map("".join), max_size=20
)


def tokenizer_of(vocabulary):
    """The library's own, with the same pieces."""
    ids = {piece: number for number, piece in enumerate(vocabulary.tokens)}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=tokens.LONGEST_WORD))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.decoder = decoders.WordPiece(cleanup=False)
    return made


@given(PIECES, st.lists(st.text(LETTERS, min_size=1, max_size=8), max_size=8), st.integers(99, 102))
def test_words_are_cut_as_the_library_cuts_them(known, words, long):
    vocabulary = Vocabulary((*SPECIAL, *sorted(known)), "subword")
    line = " ".join([*words, "a" * long])
    expected = tokenizer_of(vocabulary).encode(line)
    assert vocabulary.split(line) == expected.tokens
    assert vocabulary.encode(line).tolist() == expected.ids


@given(PIECES, st.data())
def test_pieces_are_joined_as_the_library_joins_them(known, data):
    vocabulary = Vocabulary((*SPECIAL, *sorted(known)), "subword")
    ids = data.draw(st.lists(st.integers(1, len(vocabulary) - 1), max_size=12))
    assert vocabulary.decode(ids) == tokenizer_of(vocabulary).decode(ids, skip_special_tokens=False)


@given(texts)
def test_known_texts_come_back(text):
    found = {level: Vocabulary((*SPECIAL, *sorted({*cut(text)})), level) for level, cut in CUT.items()}
    found["byte"] = KNOWN["byte"]
    back = {level: vocabulary.decode(vocabulary.encode(text)) for level, vocabulary in found.items()}
    assert back == {
        "word": " ".join(tokens.words(text)),
        "character": "".join(tokens.characters(text)),
        "byte": text,
    }


CUT = {"word": tokens.words, "character": tokens.characters}


@pytest.mark.parametrize("level", LEVELS)
@given(text=texts)
def test_a_text_and_its_tokens_have_the_same_ids(level, text):
    vocabulary = KNOWN[level]
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, vocabulary.encode(vocabulary.split(text)))


def test_special_ids_bound_what_is_named():
    words = Vocabulary(("", "[UNK]", "[START]", "[END]", "two", "boats"), "word", start=2, end=3)
    assert words.encode("two red boats").tolist() == [4, 1, 5]
    assert words.named([2, 4, 5, 3, 4]) == ["two", "boats"]
    assert words.named([4, 0, 5]) == ["two"]
    assert words.decode(np.array([2, 4, 1, 4])) == "two [UNK] two"
    assert words.decode([]) == words.decode([3, 4]) == ""


def test_bytes_that_are_no_text_and_halves_of_pairs():
    vocabulary = KNOWN["byte"]
    assert vocabulary.decode([0xC3 + 2, 0x41 + 2, 1]) == "\ufffdA[UNK]"
    assert vocabulary.encode("\ud800a").tolist() == [ord("?") + 2, ord("a") + 2]
    assert vocabulary.split("é") == ["<0xC3>", "<0xA9>"]


WRONG = {
    "twice": ((*SPECIAL, "a", "a"), "word", {}, "'a' stands twice"),
    "no level": (SPECIAL, "sentence", {}, "level 'sentence' is unknown"),
    "no such id": (SPECIAL, "word", {"end": 2}, "end is id 2, of 2 tokens"),
    "padding": (SPECIAL, "word", {"padding": 1}, "padding is id 1"),
    "bytes": ((*SPECIAL, *tokens.BYTES[::-1]), "byte", {}, "256 bytes in their order"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_vocabulary_is_refused(name):
    known, level, special, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        Vocabulary(known, level, **special)


ODD = ["\r", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", " ", "\ufeff", "\xa0"]


def test_what_was_written_is_read(tmp_path):
    """Any token but a line feed keeps its line."""
    known = Vocabulary((*SPECIAL, "[START]", *ODD, *(f"a{odd}" for odd in ODD), "好"), "character", start=2, end=0)
    known.write(tmp_path)
    assert Vocabulary.read(tmp_path) == (known, {})
    KNOWN["byte"].write(tmp_path, "text.json", length=7)
    assert Vocabulary.read(tmp_path, "text.json") == (KNOWN["byte"], {"length": 7})


def test_files_of_before_there_were_special_ids_are_read(tmp_path):
    (tmp_path / "vocabulary.txt").write_bytes("\n[UNK]\na\n好\n".encode())
    (tmp_path / "text.json").write_text('{"level": "word", "length": 7, "keep": "left"}\n')
    found, further = Vocabulary.read(tmp_path, "text.json")
    assert found == Vocabulary(("", "[UNK]", "a", "好"), "word", padding=0, unknown=1, start=None, end=None)
    assert further == {"length": 7, "keep": "left"}


@pytest.mark.parametrize("content", ["{", "[1]", "{}", '{"level": "sentence"}', '{"level": "word", "end": 99}', None])
def test_damaged_files_are_told(tmp_path, content):
    KNOWN["word"].write(tmp_path)
    (tmp_path / "vocabulary.json").unlink()
    if content is not None:
        (tmp_path / "vocabulary.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"vocabulary\.txt and vocabulary\.json in .* are missing or damaged"):
        Vocabulary.read(tmp_path)


def test_the_files_say_all_that_another_program_needs(tmp_path):
    Vocabulary(("", "[UNK]", "a"), "word", end=0).write(tmp_path, side=64)
    assert (tmp_path / "vocabulary.txt").read_bytes() == b"\n[UNK]\na\n"
    assert json.loads((tmp_path / "vocabulary.json").read_text()) == {
        **{"level": "word", "padding": 0, "unknown": 1, "start": None, "end": 0},
        "side": 64,
    }


def test_padding_fills_up_with_zeros():
    rows = [np.array([3, 4, 5], np.int32), np.array([6], np.int32)]
    assert tokens.padded(rows).tolist() == [[3, 4, 5], [6, 0, 0]]
    assert tokens.padded(rows).dtype == np.int32
