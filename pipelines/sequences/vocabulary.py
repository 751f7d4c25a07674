"""Builds vocabularies from training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

from ..core.errors import UsageError
from ..runtime import tokens
from ..runtime.tokens import TokenLevel
from ..runtime.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary

CUT = {"word": tokens.words, "character": tokens.characters, "subword": tokens.words}
"""The function that splits a text into the tokens to count, for each level."""


def fit(
    texts: Iterable[str | Sequence[str]], level: TokenLevel, size: int, least: int = 1, bounds: bool = False
) -> Vocabulary:
    """Builds a vocabulary from training texts; the special tokens come first.

    Words and characters: the most frequent ones; ties are ordered by code point. Subwords: characters, and pieces
    merged from them, the most frequent pair first (byte-pair encoding: Sennrich et al. 2016, arXiv 1508.07909), by the
    WordPiece trainer of Hugging Face's tokenizers. Bytes: all 256, for any texts.

    Args:
        texts: Raw texts, or texts already split into words or characters.
        level: Kind of the tokens.
        size: Largest number of tokens in the vocabulary, including the special ones; bytes ignore it.
        least: Smallest number of occurrences of a token in the texts; for a subword, at its merge.
        bounds: Whether to include `[START]` and `[END]`, with ids 2 and 3.

    Raises:
        UsageError: If the level is `subword` and the package tokenizers is not installed.

    Example:

    >>> fit(["a b a", "c b a"], "word", size=4).tokens
    ('', '[UNK]', 'a', 'b')
    """
    special = (PADDING, UNKNOWN, START, END) if bounds else (PADDING, UNKNOWN)
    room = size - len(special)
    found: Sequence[str]
    match level:
        case "byte":
            found = tokens.BYTES
        case "subword":
            found = _pieces(_counted(texts, level), room, least)
        case _:
            found = _ranked(_counted(texts, level), least)[:room]
    start, end = (special.index(START), special.index(END)) if bounds else (None, None)
    return Vocabulary((*special, *found), level, start=start, end=end)


def _counted(texts: Iterable[str | Sequence[str]], level: TokenLevel) -> Counter[str]:
    """Counts each word or character in the texts."""
    counts = Counter(token for text in texts for token in (CUT[level](text) if isinstance(text, str) else text))
    del counts[tokens.UNREADABLE]
    return counts


def _ranked(counts: Counter[str], least: int = 1) -> list[str]:
    """Tokens with at least `least` occurrences, the most frequent first; ties are ordered by code point."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [token for token, count in ranked if count >= least]


def _pieces(counts: Counter[str], room: int, least: int) -> list[str]:
    """The pieces that the trainer learns from words, at most `room`.

    A character may take two places, at the beginning of words and inside them. The alphabet therefore contains at most
    `room // 2` characters, the most frequent ones; words with other characters stay unknown.

    The trainer numbers the characters inside words in the order of a hash table, which differs from process to process,
    and breaks ties by these numbers; passing the characters as special tokens fixes their numbers.
    """
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    except ModuleNotFoundError:
        raise UsageError(
            'data.level=subword needs the package tokenizers: pip install "keras-recurrent[subwords]".'
        ) from None
    of_characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            of_characters[character] += count
    alphabet = {*_ranked(of_characters)[: room // 2]}
    usable = {
        word: count for word, count in counts.items() if len(word) <= tokens.LONGEST_WORD and alphabet.issuperset(word)
    }
    inside = sorted({f"{tokens.INSIDE}{character}" for word in usable for character in word[1:]})
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(
        vocab_size=room,
        min_frequency=least,
        special_tokens=inside,
        continuing_subword_prefix=tokens.INSIDE,
        show_progress=False,
    )
    lines: Iterator[str] = (" ".join(repeat(word, count)) for word, count in usable.items())
    tokenizer.train_from_iterator(lines, trainer)
    made = tokenizer.get_vocab()
    return sorted(made, key=made.__getitem__)
