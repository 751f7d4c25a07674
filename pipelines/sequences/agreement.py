"""Agreement of sentences with their references (BLEU, CIDEr-D, ROUGE-L), and diversity of sentences.

A sentence is a list of tokens; captions are scored as words in lower case without punctuation. There are `n`
candidates; each has one reference or more. An empty candidate agrees with nothing.

The scores equal the results of pycocoevalcap for the same tokens, down to its constants, including the factor 10 of
CIDEr-D. For translations use sacreBLEU instead, see `translation_scores`. METEOR is missing: it needs Java, and word
lists and tables of paraphrases that can't be shipped.

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

from ..core.errors import DataError
from ..stages import statistics

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Tokens = Sequence[str]

ORDERS = 4  # n-grams have one to four tokens
TINY, SMALL = 1e-15, 1e-9  # BLEU adds them to its numerators and denominators, so that 0 / 0 is nearly 0
SIGMA = 6.0  # tokens: the standard deviation of CIDEr-D's Gaussian over the difference in length
SCALE = 10.0  # CIDEr-D ranges from 0 to it
BETA = 1.2  # weight of recall against precision in ROUGE-L


def scores(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """All scores of a corpus, from `agreement` and `diversity`.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.
    """
    return agreement(candidates, references) | diversity(candidates)


def agreement(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> dict[str, float]:
    """`bleu_1` to `bleu_4` of the corpus, and `cider_d` and `rouge_l` as means over candidates.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.
    """
    return _summary(*_by_candidate(candidates, references))


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[float, float, float, float]:
    """BLEU-1 to BLEU-4 of the corpus, each 0 to 1.

    The brevity penalty uses the reference of the closest length for each candidate.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.

    Example:

    >>> [round(score, 4) for score in bleu([["a", "dog", "runs"]], [[["a", "dog", "runs", "fast"], ["dogs"]]])]
    [0.7165, 0.7165, 0.7165, 0.0227]
    """
    return tuple(bleu_of(bleu_statistics(candidates, references).sum(0)).tolist())


def bleu_statistics(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """The counts that BLEU needs from each candidate; their sum gives the counts of the corpus.

    Returns:
        `[n, 10]` int64. The columns hold the length of the candidate, the length of its reference of the closest length
        (the shorter of two equally close ones), the number of its n-grams of one, two, three and four tokens, and how
        many of these match. An n-gram matches at most as often as it occurs in the reference that has it most often.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.
    """
    owner = _owners(candidates, references)
    length = np.array([len(candidate) for candidate in candidates])
    closest = [
        min((abs(len(reference) - len(candidate)), len(reference)) for reference in its_references)[1]
        for candidate, its_references in zip(candidates, references, strict=True)
    ]
    possible = [np.maximum(length - order, 0) for order in range(ORDERS)]
    matches = []
    for ours, theirs in _counts(candidates, references):
        shared = ours[owner].minimum(theirs).tocoo()
        keys = owner[shared.row] * ours.shape[1] + shared.col
        keys, place = np.unique(keys, return_inverse=True)  # one for each n-gram of a candidate
        most = np.zeros(len(keys), np.int64)
        np.maximum.at(most, place, shared.data)
        matches.append(np.bincount(keys // ours.shape[1], most, minlength=len(candidates)))
    return np.stack([length, closest, *possible, *matches], axis=1).astype(np.int64)


def bleu_of(statistics: np.ndarray) -> np.ndarray:
    """BLEU-1 to BLEU-4, `[..., 4]`, from the counts of `bleu_statistics`, `[..., 10]`: its rows or their sum."""
    length, closest = statistics[..., :1], statistics[..., 1:2]
    possible, matches = statistics[..., 2 : 2 + ORDERS], statistics[..., 2 + ORDERS :]
    precisions = ((matches + TINY) / (possible + SMALL)).cumprod(-1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (length + TINY) / (closest + SMALL)
    return precisions * np.exp(np.minimum(1 - 1 / ratio, 0))


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """CIDEr-D of each candidate, 0 to 10: agreement with its references in the n-grams that few examples share.

    The weight of an n-gram is its count times log(n / df), where df is the number of candidates that have a reference
    with the n-gram (at least 1). The scores therefore depend on the whole corpus, and a corpus of one candidate scores
    0. For each order, the similarity to a reference is the cosine of the two vectors of weights; in the dot product,
    the candidate's weights are clipped to the reference's. A factor exp(-d^2 / (2 * 6^2)) penalizes a difference of d
    tokens in length. The score is 10 times the mean over orders and references.

    Returns:
        `[n]` float64; the score of the corpus is the mean.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.
    """
    owner, n = _owners(candidates, references), len(candidates)
    similarity = np.zeros(len(owner))
    for ours, theirs in _counts(candidates, references):
        row = np.repeat(np.arange(len(owner)), np.diff(theirs.indptr))
        occurs = np.unique(owner[row] * theirs.shape[1] + theirs.indices)  # an n-gram counts once for a candidate
        frequency = np.bincount(occurs % theirs.shape[1], minlength=theirs.shape[1])
        weight = np.log(n) - np.log(np.maximum(frequency, 1))
        ours, theirs = _scaled(ours, weight), _scaled(theirs, weight)
        norms = _norms(ours)[owner] * _norms(theirs)
        similarity += ours[owner].minimum(theirs).multiply(theirs).sum(1) / np.where(norms > 0, norms, 1)
    ours, theirs = (
        np.array([len(caption) for caption in captions]) for captions in (candidates, chain.from_iterable(references))
    )
    similarity *= np.exp(-((ours[owner] - theirs) ** 2) / (2 * SIGMA**2)) / ORDERS
    return SCALE * np.bincount(owner, similarity, minlength=n) / np.bincount(owner, minlength=n)


def rouge_l(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """ROUGE-L of each candidate, 0 to 1: the F score, beta 1.2, of the longest common subsequence.

    Precision and recall each take their highest value over the references, possibly from different ones.

    Returns:
        `[n]` float64; the score of the corpus is the mean.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.

    Example:

    >>> rouge_l([["a", "dog", "runs"]], [[["a", "big", "dog", "runs"], ["runs"]]]).tolist()
    [1.0]
    """
    _owners(candidates, references)
    pairs = zip(candidates, references, strict=True)
    return np.array([_rouge_l(candidate, its_references) for candidate, its_references in pairs])


def diversity(candidates: Sequence[Tokens]) -> dict[str, float]:
    """The diversity of sentences.

    Returns:
        `distinct_captions`, the share of different sentences among all, and `vocabulary_used`, the number of different
        tokens.

    Raises:
        DataError: If there is no candidate.

    Example:

    >>> diversity([["a", "dog"], ["a", "cat"], ["a", "dog"], ["a", "dog"]])
    {'distinct_captions': 0.5, 'vocabulary_used': 3}
    """
    if not candidates:
        raise DataError("There are no sentences to score: the split is empty.")
    different = {tuple(candidate) for candidate in candidates}
    return {
        "distinct_captions": len(different) / len(candidates),
        "vocabulary_used": len(set(chain.from_iterable(different))),
    }


def intervals(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]], resamples: int, seed: int = 0
) -> dict[str, list[float]]:
    """95% intervals of the scores of `agreement`, by the percentile bootstrap over candidates.

    CIDEr-D keeps the document frequencies of the whole corpus: a drawn candidate keeps its score from the full corpus.

    Args:
        candidates: `n` sentences.
        references: The references of each candidate.
        resamples: Number of times that `n` candidates are drawn with replacement.
        seed: Seed of the draws.

    Returns:
        `{score: [low, high]}`; empty without resamples.

    Raises:
        DataError: If there is no candidate, or one has no reference.
        ValueError: If the numbers of candidates and references differ.
    """
    return statistics.intervals(_summary, *_by_candidate(candidates, references), resamples, seed)


def paired(
    of_model: np.ndarray, of_baseline: np.ndarray, resamples: int, seed: int = 0
) -> dict[str, float | list[float]]:
    """Tests whether the scores of a model and of a baseline on the same examples differ by more than chance.

    This is a permutation test: if both are equally good, each difference is as likely to have the opposite sign. The
    p-value is the share of random sign draws whose mean difference lies at least as far from 0 as the observed one; the
    observed difference counts as one of the draws.

    Sources: Fisher, The Design of Experiments, 1935; Phipson, Smyth, Permutation P-values Should Never Be Zero, 2010.

    Args:
        of_model: The model's score for each example, such as CIDEr-D, `[n]`.
        of_baseline: The baseline's scores, `[n]`.
        resamples: Number of times that `n` examples, and `n` signs, are drawn.
        seed: Seed of the draws.

    Returns:
        `difference`, the mean of model minus baseline; `interval`, its 95% interval by the percentile bootstrap over
        examples (empty without resamples); and `p_value`, two-sided (missing without resamples).

    Raises:
        ValueError: If the scores are not two arrays `[n]` of the same length, or are empty.

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


def _by_candidate(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> tuple[np.ndarray, np.ndarray]:
    """The BLEU counts, `[n, 10]`, and the CIDEr-D and ROUGE-L scores, `[n, 2]`, of each candidate."""
    means = np.stack([cider_d(candidates, references), rouge_l(candidates, references)], axis=1)
    return bleu_statistics(candidates, references), means


def _summary(statistics: np.ndarray, by_candidate: np.ndarray) -> dict[str, float]:
    """The scores of the corpus from the result of `_by_candidate`."""
    of_corpus = bleu_of(statistics.sum(0)).tolist()
    cider, rouge = by_candidate.mean(0).tolist()
    return {f"bleu_{order}": score for order, score in enumerate(of_corpus, 1)} | {"cider_d": cider, "rouge_l": rouge}


def _owners(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> np.ndarray:
    """Checks that every candidate has a reference, and returns the candidate of each reference.

    Returns:
        Row numbers of candidates, `[references]`, for the references of all candidates in turn.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates and references of {len(references)} examples must be as many.")
    if not references:
        raise DataError("There are no sentences to score: the split is empty.")
    count = np.array([len(its_references) for its_references in references])
    if not count.all():
        without = count.argmin()
        raise DataError(f"Example {without} (counted from 0) has no reference. Leave it out, or add one.")
    return np.repeat(np.arange(len(references)), count)


def _counts(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[tuple[csr_array, csr_array]]:
    """Counts each n-gram of one to four tokens in each candidate and in each reference.

    Returns:
        For each order the counts of the candidates, `[n, n-grams]` int64, and of all references in turn,
        `[references, n-grams]`; both have the same columns.
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
    """Multiplies each column of a sparse matrix by its weight."""
    return type(matrix)((matrix.data * weight[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape)


def _norms(matrix: csr_array) -> np.ndarray:
    """The Euclidean norm of each row."""
    return np.sqrt(matrix.multiply(matrix).sum(1))


def _rouge_l(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """ROUGE-L of one candidate."""
    common = [_longest_common(candidate, reference) for reference in references]
    precision = max(common) / max(len(candidate), 1)
    recall = max(length / max(len(reference), 1) for length, reference in zip(common, references, strict=True))
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision) if precision else 0.0


def _longest_common(one: Tokens, other: Tokens) -> int:
    """The length of the longest common subsequence.

    The bits of an integer hold one row of the table; a bit is 0 where the row rises.

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
