"""Scores of translations by sacreBLEU: corpus BLEU and chrF, each with the signature that a report must state.

Hypotheses and references are plain, detokenized text: sacreBLEU tokenizes them itself, so that the scores are
comparable with published ones. A hypothesis has one reference or more, and their number may vary.

Sources: Papineni, Roukos, Ward, Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation, ACL 2002; Popović,
chrF: Character n-gram F-score for Automatic MT Evaluation, WMT 2015; Popović, chrF++: Words Helping Character N-grams,
WMT 2017; Post, A Call for Clarity in Reporting BLEU Scores, WMT 2018, arXiv 1804.08771 (sacreBLEU).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, get_args

from ..core.errors import DataError

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

Tokenizer = Literal["13a", "intl", "zh", "char", "none"]


def corpus_bleu(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenizer = "13a"
) -> tuple[float, str]:
    """BLEU-4 of a corpus, case-sensitive, with sacreBLEU's default smoothing (`exp`).

    Args:
        hypotheses: One translation for each source.
        references: The reference translations of each source.
        tokenize: Tokenizer of sacreBLEU: `13a` for languages with spaces between words, as in WMT; `intl`, the same
            with the punctuation and symbols of all scripts; `zh` for Chinese; `char` for characters; `none` for text
            that is already tokenized, split at spaces. Tokenizers that sacreBLEU would download, or that need another
            package, are not available.

    Returns:
        The score, 0 to 100, and sacreBLEU's signature. Scores are comparable only if their signatures are equal.

    Raises:
        DataError: If there is no hypothesis, or one has no reference.
        ValueError: If the tokenizer is unknown, or the numbers of hypotheses and references differ.

    Example:

    >>> score, signature = corpus_bleu(["The dog bit the man."], [["The dog had bit the man.", "The dog bit a man."]])
    >>> round(score, 2), signature.partition("|version")[0]
    (70.71, 'nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp')
    """
    from sacrebleu.metrics import BLEU

    if tokenize not in get_args(Tokenizer):
        raise ValueError(f"The tokenizer {tokenize!r} is unknown. Known: {', '.join(get_args(Tokenizer))}.")
    return _scored(BLEU(tokenize=tokenize), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[Sequence[str]], word_order: int = 0) -> tuple[float, str]:
    """chrF2 of a corpus: the F score, beta 2, of character n-grams up to length 6, without white space.

    Args:
        hypotheses: One translation for each source.
        references: The reference translations of each source; the best one counts.
        word_order: Length of the longest word n-grams that count too: 0 for chrF, 2 for chrF++.

    Returns:
        The score, 0 to 100, and sacreBLEU's signature. Scores are comparable only if their signatures are equal.

    Raises:
        DataError: If there is no hypothesis, or one has no reference.
        ValueError: If the numbers of hypotheses and references differ.

    Example:

    >>> score, signature = chrf(["The dog bit the man."], [["The dog had bit the man."]])
    >>> round(score, 2), signature.partition("|version")[0]
    (67.65, 'nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no')
    """
    from sacrebleu.metrics import CHRF

    return _scored(CHRF(word_order=word_order), hypotheses, references)


def _scored(metric: Metric, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, str]:
    """The score and the signature of a sacreBLEU metric."""
    if len(hypotheses) != len(references):
        raise ValueError(f"There are {len(hypotheses)} hypotheses for the references of {len(references)} sources.")
    if not hypotheses:
        raise DataError("There are no translations to score: the split is empty.")
    without = next((number for number, each in enumerate(references) if not each), None)
    if without is not None:
        raise DataError(f"Source {without} (counted from 0) has no reference translation. Leave it out, or add one.")
    streams = [list(stream) for stream in zip_longest(*references)]  # the first reference of each source, the second...
    score = metric.corpus_score(list(hypotheses), streams).score
    return float(score), str(metric.get_signature())
