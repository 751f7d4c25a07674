"""Vocabularies of training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

from ..core.errors import UsageError
from ..runtime import tokens
from ..runtime.tokens import TokenLevel
from ..runtime.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary

CUT = {"word": tokens.words, "character": tokens.characters, "subword": tokens.words}
"""What is counted at each level."""


def fit(
    texts: Iterable[str | Sequence[str]], level: TokenLevel, size: int, least: int = 1, bounds: bool = False
) -> Vocabulary:
    """A vocabulary of training texts, after its special tokens.

    Words and characters: the most frequent ones, of equally frequent ones the first by code. Subwords: characters, and
    pieces that are merged from them, the most frequent pair first (byte-pair encoding: Sennrich et al. 2016, arXiv
    1508.07909), by the WordPiece trainer of Hugging Face's tokenizers. Bytes: all 256, whatever the texts.

    Args:
        texts: Each as it is, or as words or characters already.
        level: What a token is.
        size: The most tokens that the vocabulary holds, special ones included; bytes ignore it.
        least: How often a token must stand in the texts; a subword, when it is merged from its parts.
        bounds: Whether `[START]` and `[END]` have ids, 2 and 3.

    Raises:
        UsageError: If subwords are asked for and the package tokenizers is not installed.

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
    """How often each word or character stands in the texts."""
    counts = Counter(token for text in texts for token in (CUT[level](text) if isinstance(text, str) else text))
    del counts[tokens.UNREADABLE]
    return counts


def _ranked(counts: Counter[str], least: int = 1) -> list[str]:
    """The most frequent first, of equally frequent ones the first by code."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [token for token, count in ranked if count >= least]


def _pieces(counts: Counter[str], room: int, least: int) -> list[str]:
    """The pieces that the trainer makes of words, at most `room`.

    A character may take two places, as the beginning of words and inside of them; so at most half as many characters as
    places are known, the most frequent ones, and words with others will be unknown.

    The trainer numbers the characters inside of words in the order of a hash table, which differs from process to
    process, and decides ties by these numbers; passed as special tokens, the characters have fixed ones.
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
