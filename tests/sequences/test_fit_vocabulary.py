"""Vocabularies of training texts, of every level."""

import hashlib
import sys
from collections import Counter

import pytest
from hard_texts import SPECIAL, texts
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.runtime import tokens
from keras_recurrent.pipelines.sequences.vocabulary import fit
from keras_recurrent.pipelines.sources import opinions

CUT = {"word": tokens.words, "character": tokens.characters}


def test_a_vocabulary_by_hand():
    some = ["b a a b c", "c d '", "\0 \ufffd", ""]
    assert fit(some, "word", 6).tokens == ("", "[UNK]", "a", "b", "c", "'")
    assert fit(some, "word", 3).tokens == ("", "[UNK]", "a")
    assert fit(some, "word", 9, least=2).tokens == ("", "[UNK]", "a", "b", "c")
    assert fit(["ba ab"], "character", 99).tokens == ("", "[UNK]", "a", "b", " ")
    assert fit(["", " "], "word", 9).tokens == fit(["", " "], "subword", 9).tokens == SPECIAL
    assert fit([["two", "boats"], ["two"]], "word", 9).tokens == ("", "[UNK]", "two", "boats")
    assert fit(some, "byte", 3).tokens == (*SPECIAL, *tokens.BYTES)


@pytest.mark.parametrize("level", ["word", "byte", "subword"])
def test_bounds_have_ids_of_their_own(level):
    found = fit(["a b a"], level, 9, bounds=True)
    assert found.tokens[:4] == ("", "[UNK]", "[START]", "[END]")
    assert (found.padding, found.unknown, found.start, found.end) == (0, 1, 2, 3)
    assert found.decode([found.start, *found.encode("a b"), found.end, found.padding]) == "a b"


@given(st.lists(texts, max_size=8), st.sampled_from([*CUT]), st.integers(3, 40), st.integers(1, 3))
def test_a_vocabulary_holds_the_most_frequent_tokens(some, level, size, least):
    found = fit(some, level, size, least).tokens
    counts = Counter(token for text in some for token in CUT[level](text))
    del counts[tokens.UNREADABLE]
    enough = [token for token in counts if counts[token] >= least]
    assert found == (*SPECIAL, *sorted(enough, key=lambda token: (-counts[token], token))[: size - 2])


FAMOUS = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3


def test_pieces_worked_by_hand():
    """The example of Sennrich et al. 2016 (arXiv 1508.07909): after four merges there are `est` and `low`."""
    first, inside = set("lowernewestwidest"), set("owowerewestidest")
    found = fit(FAMOUS, "subword", 2 + len(first) + len(inside) + 4)
    signs = first | {f"##{sign}" for sign in inside}
    assert signs < set(found.tokens)
    merged = set(found.tokens[2:]) - signs
    assert {"##est", "low"} < merged
    assert len(merged) == 4
    assert found.split("lowest newer") == ["low", "##est", "n", "##e", "##w", "##e", "##r"]


@given(st.lists(texts, max_size=8), st.integers(4, 60))
def test_pieces_are_as_many_as_asked_for_and_spell_every_word_of_known_characters(some, size):
    found = fit(some, "subword", size)
    assert len(found) <= size
    known = {token for token in found.tokens if len(token) == 1}
    words = [word for text in some for word in tokens.words(text) if known.issuperset(word) and len(word) <= 100]
    for word in words:
        assert "".join(piece.removeprefix("##") for piece in found.split(word)) == word
        assert found.decode(found.encode(word)) == word


PROGRAM = """
from keras_recurrent.pipelines.sequences.vocabulary import fit
from keras_recurrent.pipelines.sources import opinions
import hashlib
print(hashlib.sha256("\\n".join(fit(opinions.load(500, "english", 0)[0], "subword", 150).tokens).encode()).hexdigest())
"""


def test_another_process_finds_the_same_pieces(process):
    """The trainer's own numbers follow a hash table that is another in every process."""
    ours = fit(opinions.load(500, "english", 0)[0], "subword", 150).tokens
    done = process(program=[sys.executable, "-c", PROGRAM], RAYON_NUM_THREADS="1")
    assert done.stdout.strip() == hashlib.sha256("\n".join(ours).encode()).hexdigest(), done.stderr


def test_subwords_without_the_library_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r'pip install "keras-recurrent\[subwords\]"'):
        fit(["a"], "subword", 9)
    assert fit(["a"], "word", 9).tokens == (*SPECIAL, "a")
