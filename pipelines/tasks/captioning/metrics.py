"""Scores of captions: BLEU, CIDEr-D and ROUGE-L against references, and how varied the captions are.

A caption is a list of tokens (`str`, lower case, without punctuation). Candidates are one caption a picture, `n` of
them; references are one or more captions of each picture, as many as it has. An empty candidate agrees with nothing.

The numbers are those of the scorers in pycocoevalcap, with their particulars, on the same tokens. CIDEr is CIDEr-D,
times 10, as there. METEOR is left out: it needs Java, and word lists and tables of paraphrases that can't be shipped.

Sources: Papineni, Roukos, Ward, Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation, ACL 2002;
Vedantam, Zitnick, Parikh, CIDEr: Consensus-based Image Description Evaluation, 2015, arXiv 1411.5726; Lin, ROUGE: A
Package for Automatic Evaluation of Summaries, 2004.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import DataError
from ...stages import statistics

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Tokens = Sequence[str]

ORDERS = 4  # n-grams of one to four words
TINY, SMALL = 1e-15, 1e-9  # added to the matches of BLEU and to what they are divided by: 0 / 0 is nearly 0
SIGMA = 6.0  # of the Gaussian in CIDEr-D, in words
SCALE = 10.0  # of CIDEr-D
BETA = 1.2  # the weight of recall against precision in ROUGE-L


def scores(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """All scores of a split: those of `agreement` and of `diversity`.

    Raises:
        DataError: If there is no picture, or one has no reference.
    """
    return agreement(candidates, references) | diversity(candidates)


def agreement(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """`bleu_1` to `bleu_4` of the corpus, and `cider_d` and `rouge_l` as means over pictures.

    Raises:
        DataError: If there is no picture, or one has no reference.
    """
    return _summary(*_by_picture(candidates, references))


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[float, float, float, float]:
    """BLEU-1 to BLEU-4 of the corpus, each 0 to 1; the brevity penalty takes the reference of the closest length.

    Raises:
        DataError: If there is no picture, or one has no reference.

    Example:

    >>> [round(score, 4) for score in bleu([["a", "dog", "runs"]], [[["a", "dog", "runs", "fast"], ["dogs"]]])]
    [0.7165, 0.7165, 0.7165, 0.0227]
    """
    return tuple(bleu_of(bleu_statistics(candidates, references).sum(0)).tolist())


def bleu_statistics(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """What BLEU counts in each picture; the sum over pictures is what it counts in the corpus.

    Returns:
        `[n, 10]` int64: the words of the candidate, those of the reference that is closest in length (of equally close
        ones the shorter), the candidate's n-grams of one to four words, and how many of these a reference has. An
        n-gram counts at most as often as it stands in the one reference that has it most often.

    Raises:
        DataError: If there is no picture, or one has no reference.
    """
    picture = _pictures(candidates, references)
    length = np.array([len(candidate) for candidate in candidates])
    closest = [
        min((abs(len(reference) - len(candidate)), len(reference)) for reference in of_picture)[1]
        for candidate, of_picture in zip(candidates, references, strict=True)
    ]
    possible = [np.maximum(length - order, 0) for order in range(ORDERS)]
    matches = []
    for ours, theirs in _counts(candidates, references):
        shared = ours[picture].minimum(theirs).tocoo()
        keys = picture[shared.row] * ours.shape[1] + shared.col
        keys, place = np.unique(keys, return_inverse=True)  # one for each n-gram of a picture
        most = np.zeros(len(keys), np.int64)
        np.maximum.at(most, place, shared.data)
        matches.append(np.bincount(keys // ours.shape[1], most, minlength=len(candidates)))
    return np.stack([length, closest, *possible, *matches], axis=1).astype(np.int64)


def bleu_of(statistics: np.ndarray) -> np.ndarray:
    """BLEU-1 to BLEU-4 from what `bleu_statistics` counts, `[..., 10]` to `[..., 4]`: of rows, or of their sum."""
    length, closest = statistics[..., :1], statistics[..., 1:2]
    possible, matches = statistics[..., 2 : 2 + ORDERS], statistics[..., 2 + ORDERS :]
    precisions = ((matches + TINY) / (possible + SMALL)).cumprod(-1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (length + TINY) / (closest + SMALL)
    return precisions * np.exp(np.minimum(1 - 1 / ratio, 0))


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """CIDEr-D of each picture, 0 to 10: the agreement with its references in the n-grams that few pictures share.

    An n-gram weighs its count times log(n / pictures that have it in a reference), so the scores depend on the whole
    split; n-grams that no reference has count as in one picture, and a split of one picture scores 0. For each order
    the candidate's weights, cut to those of the reference, make a cosine with it. That is multiplied by
    exp(-d^2 / (2 * 6^2)), where d is the difference of the lengths in words. The score is 10 times the mean over orders
    and references.

    Returns:
        `[n]` float64; the score of the corpus is the mean.

    Raises:
        DataError: If there is no picture, or one has no reference.
    """
    picture, n = _pictures(candidates, references), len(candidates)
    similarity = np.zeros(len(picture))
    for ours, theirs in _counts(candidates, references):
        row = np.repeat(np.arange(len(picture)), np.diff(theirs.indptr))
        of_picture = np.unique(picture[row] * theirs.shape[1] + theirs.indices)  # n-grams of all its references
        frequency = np.bincount(of_picture % theirs.shape[1], minlength=theirs.shape[1])
        weight = np.log(n) - np.log(np.maximum(frequency, 1))
        ours, theirs = _scaled(ours, weight), _scaled(theirs, weight)
        norms = _norms(ours)[picture] * _norms(theirs)
        similarity += ours[picture].minimum(theirs).multiply(theirs).sum(1) / np.where(norms > 0, norms, 1)
    ours, theirs = (
        np.array([len(caption) for caption in captions]) for captions in (candidates, chain.from_iterable(references))
    )
    similarity *= np.exp(-((ours[picture] - theirs) ** 2) / (2 * SIGMA**2)) / ORDERS
    return SCALE * np.bincount(picture, similarity, minlength=n) / np.bincount(picture, minlength=n)


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """ROUGE-L of each picture, 0 to 1: the F score, beta 1.2, of the longest common subsequence.

    Precision and recall are each the highest over the references, not always of the same one.

    Returns:
        `[n]` float64; the score of the corpus is the mean.

    Raises:
        DataError: If there is no picture, or one has no reference.

    Example:

    >>> rouge_l([["a", "dog", "runs"]], [[["a", "big", "dog", "runs"], ["runs"]]]).tolist()
    [1.0]
    """
    _pictures(candidates, references)
    pairs = zip(candidates, references, strict=True)
    return np.array([_rouge_l(candidate, of_picture) for candidate, of_picture in pairs])


def diversity(candidates: Sequence[Tokens]) -> dict[str, float]:
    """How varied captions are.

    Returns:
        `distinct_captions` (different captions as a share of all) and `vocabulary_used` (different words).

    Raises:
        DataError: If there is no caption.

    Example:

    >>> diversity([["a", "dog"], ["a", "cat"], ["a", "dog"], ["a", "dog"]])
    {'distinct_captions': 0.5, 'vocabulary_used': 3}
    """
    if not candidates:
        raise DataError("There are no captions to score: the split has no picture.")
    different = {tuple(candidate) for candidate in candidates}
    return {
        "distinct_captions": len(different) / len(candidates),
        "vocabulary_used": len(set(chain.from_iterable(different))),
    }


def intervals(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], resamples: int, seed: int = 0
) -> dict[str, list[float]]:
    """95% intervals of the scores of `agreement`, by the percentile bootstrap over pictures.

    CIDEr-D's document frequencies stay those of the whole split: pictures are drawn with the scores they have there.

    Args:
        candidates: One caption a picture.
        references: Of each picture.
        resamples: How many times n pictures are drawn with replacement.
        seed: Of the draws.

    Returns:
        `{score: [low, high]}`; empty without resamples.

    Raises:
        DataError: If there is no picture, or one has no reference.
    """
    return statistics.intervals(_summary, *_by_picture(candidates, references), resamples, seed)


def paired(
    of_model: np.ndarray, of_baseline: np.ndarray, resamples: int, seed: int = 0
) -> dict[str, float | list[float]]:
    """Whether a model scores higher than a baseline on the same pictures by more than chance.

    The test is a permutation test: if both are equally good, a difference is as likely to have the other sign. The p
    value is the share of draws of signs whose mean is at least as far from 0 as the one found, which counts as a draw.

    Source: Fisher, The Design of Experiments, 1935; Phipson, Smyth, Permutation P-values Should Never Be Zero, 2010.

    Args:
        of_model: A score of each picture, such as CIDEr-D, `[n]`.
        of_baseline: The same of the baseline.
        resamples: How many times n pictures, and n signs, are drawn.
        seed: Of the draws.

    Returns:
        `difference` (the mean of model less baseline), `interval` (95%, by the percentile bootstrap over pictures;
        empty without resamples) and `p_value` (two-sided; not there without resamples).

    Example:

    >>> paired(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0]), resamples=0)
    {'difference': 1.0, 'interval': []}
    """
    if np.ndim(of_model) != 1 or np.shape(of_model) != np.shape(of_baseline) or not len(of_model):
        raise ValueError(f"Scores {np.shape(of_model)} and {np.shape(of_baseline)} must both be [n], n at least 1.")

    def mean(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
        return {"difference": float((ours - theirs).mean())}

    differences, rng = of_model - of_baseline, np.random.default_rng(seed)
    found = mean(of_model, of_baseline)
    low_high = statistics.intervals(mean, of_model, of_baseline, resamples, seed).get("difference", [])
    result = found | {"interval": low_high}
    if not resamples:
        return result
    signs = (rng.integers(0, 2, len(differences)) * 2 - 1 for _ in range(resamples))
    drawn = np.abs([(sign * differences).mean() for sign in signs])
    as_far = int((drawn >= abs(found["difference"]) - 1e-12).sum())  # sums in another order differ in the last digits
    return result | {"p_value": (1 + as_far) / (1 + resamples)}


def _by_picture(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[np.ndarray, np.ndarray]:
    """The counts of BLEU, `[n, 10]`, and CIDEr-D and ROUGE-L, `[n, 2]`."""
    means = np.stack([cider_d(candidates, references), rouge_l(candidates, references)], axis=1)
    return bleu_statistics(candidates, references), means


def _summary(statistics: np.ndarray, by_picture: np.ndarray) -> dict[str, float]:
    """The scores of the pictures that `_by_picture` has counted."""
    of_corpus = bleu_of(statistics.sum(0)).tolist()
    cider, rouge = by_picture.mean(0).tolist()
    return {f"bleu_{order}": score for order, score in enumerate(of_corpus, 1)} | {"cider_d": cider, "rouge_l": rouge}


def _pictures(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """The picture of each reference, one after the other, `[references]`, after a check that all have one."""
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates and references of {len(references)} pictures must be as many.")
    if not references:
        raise DataError("There are no captions to score: the split has no picture.")
    count = np.array([len(of_picture) for of_picture in references])
    if not count.all():
        without = count.argmin()
        raise DataError(f"Picture {without} (counted from 0) has no reference caption. Leave it out, or add one.")
    return np.repeat(np.arange(len(references)), count)


def _counts(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[tuple[csr_array, csr_array]]:
    """How often each n-gram stands in each candidate and in each reference, for n-grams of one word to four.

    Returns:
        Two matrices for each order, `[captions, n-grams]` int64, whose columns are the same n-grams; the references of
        all pictures stand one after the other.
    """
    from scipy.sparse import csr_array

    captions = [*candidates, *chain.from_iterable(references)]
    number: defaultdict[str, int] = defaultdict(lambda: len(number))
    words = np.array([number[word] for caption in captions for word in caption], np.int64)
    lengths = [len(caption) for caption in captions]
    caption, end = np.repeat(np.arange(len(captions)), lengths), np.repeat(np.cumsum(lengths), lengths)
    start, ngram, counts = np.arange(len(words)), np.zeros(len(words), np.int64), []
    for order in range(ORDERS):
        whole = start + order < end[start]
        start, ngram = start[whole], ngram[whole]
        different, ngram = np.unique(ngram * len(number) + words[start + order], return_inverse=True)
        entries = np.ones(len(ngram), np.int64), (caption[start], ngram)
        matrix = csr_array(entries, shape=(len(captions), max(len(different), 1)))
        counts.append((matrix[: len(candidates)], matrix[len(candidates) :]))
    return counts


def _scaled(matrix: csr_array, weight: np.ndarray) -> csr_array:
    """A sparse matrix with each column times its weight."""
    return type(matrix)((matrix.data * weight[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape)


def _norms(matrix: csr_array) -> np.ndarray:
    """The Euclidean length of each row."""
    return np.sqrt(matrix.multiply(matrix).sum(1))


def _rouge_l(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """ROUGE-L of one caption."""
    common = [_longest_common(candidate, reference) for reference in references]
    precision = max(common) / max(len(candidate), 1)
    recall = max(length / max(len(reference), 1) for length, reference in zip(common, references, strict=True))
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision) if precision else 0.0


def _longest_common(one: Tokens, other: Tokens) -> int:
    """The length of the longest common subsequence, with one row of the table held in the bits of a number.

    A bit is 0 where the row rises.

    Source: Hyyrö, Bit-Parallel LCS-length Computation Revisited, AWOCA 2004.
    """
    places: defaultdict[str, int] = defaultdict(int)
    for place, word in enumerate(one):
        places[word] |= 1 << place
    everywhere = row = (1 << len(one)) - 1
    for word in other:
        rising = row & places.get(word, 0)
        row = (row + rising) | (row - rising)
    return len(one) - (row & everywhere).bit_count()
