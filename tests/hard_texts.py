"""Texts that are hard to cut into tokens, and vocabularies for them, for the tests that share them."""

from hypothesis import strategies as st

from keras_recurrent.pipelines.runtime.tokens import BYTES
from keras_recurrent.pipelines.runtime.vocabulary import Vocabulary

LEVELS, SIDES = ("word", "character", "byte", "subword"), ("left", "right")
SPECIAL = ("", "[UNK]")
SIGNS = (*SPECIAL, "a", "i'm", "好", "'", "!", "👍", "i", "ı", "é", " ", "1")
KNOWN = {
    "word": Vocabulary(SIGNS, "word"),
    "character": Vocabulary(SIGNS, "character"),
    "byte": Vocabulary((*SPECIAL, *BYTES), "byte"),
    "subword": Vocabulary((*SIGNS, "n", "l", "lov", "##o", "##ot", "##e", "##ed", "##'m"), "subword"),
}

NEW_CAPITALS = [0x2C2F, 0xA7C0, 0xA7D0, 0xA7D6, 0xA7D8, *range(0x10570, 0x10596)]
"""Of Unicode 14, whose small letters Python knows and TensorFlow does not."""
characters = st.characters(exclude_categories=["Cs", "Cn"], exclude_characters=map(chr, NEW_CAPITALS))
SPACES = ["", " ", "\0", "\r", "\x85", "\u2028", "\u202e", "\ufeff", "\u200d"]
BREAKS = ["<br />", "<BR>", "<br\t/>", "<br\n>", "<br\x0b/>", "<br\xa0/>"]
WORDS = [
    "I'm",
    "’",
    "''",
    "ΟΔΟΣ",
    "ΑΣ.",
    "İ",
    "ẞ",
    "Ǆ",
    "e\u0301",
    "👩‍👩‍👧",
    "👍🏽",
    "不好",
    "[UNK]",
    "##a",
    "\ufffd",
    "ab" * 51,
]
pieces = st.sampled_from([*SPACES, *BREAKS, *WORDS])
texts = st.lists(st.one_of(pieces, st.text(characters, max_size=6)), max_size=6).map("".join)
