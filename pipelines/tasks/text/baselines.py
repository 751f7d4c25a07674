"""Baselines for text classifiers: linear models of n-grams from scikit-learn.

Each baseline is a function that takes the data and returns probabilities for the test split, `[n, classes]`. The inputs
are raw texts (`str`), and `split` cuts one into tokens. The features are the n-grams of the training texts. The
validation split chooses the settings from short lists: the highest accuracy wins, and the lowest log loss breaks ties.
Classes that do not occur in training get probability 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ...core.data import Examples
from ...core.errors import DataError
from ..classification import metrics
from ..classification.data import LabelledData

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Cut: TypeAlias = Callable[[str], list[str]]

STRENGTHS_OF_REGRESSION = (1, 3, 10, 30)
STRENGTHS_OF_MACHINE = (0.01, 0.1, 1)
SHARES = (0.25, 0.5, 1)
MOST_ITERATIONS = 1000
WIDEST_SCALE = 6.0  # bound of the logarithm of the factor


def tfidf_unigrams(data: LabelledData, split: Cut) -> np.ndarray:
    """Logistic regression on the TF-IDF of single tokens, with sublinear counts, one class against the rest."""
    return _regression(data, split, bigrams=False)


def tfidf_bigrams(data: LabelledData, split: Cut) -> np.ndarray:
    """Logistic regression as in `tfidf_unigrams`, on single tokens and pairs of adjacent tokens."""
    return _regression(data, split, bigrams=True)


def nbsvm(data: LabelledData, split: Cut) -> np.ndarray:
    """A support vector machine on the log-count ratios of unigrams and bigrams, one class against the rest.

    The input of the machine (L2 penalty, squared hinge) is r_j for each n-gram j that occurs in a text and 0 for the
    others. Its weights w are interpolated with naive Bayes: w' = (1 - beta) mean|w| + beta w. The paper sets C = 1 and
    beta = 1/4 and takes the mean over a dictionary that includes the words of the test texts; here the validation split
    chooses C and beta.

    The probabilities are the softmax of the decision values times the positive factor with the lowest log loss on the
    validation split, so the most likely class is always the one with the highest decision value.

    Source: Wang, Manning, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL 2012.
    """
    from scipy.special import softmax

    train, validation, test = (matrix.sign() for matrix in counted(data, split, bigrams=True))
    known = np.unique(data.train.labels)
    seen, labels = _labels_seen(data.validation, known)
    answers = []
    for strength in STRENGTHS_OF_MACHINE:
        sides = known if len(known) > 2 else known[1:]  # with two classes, one machine decides for both
        machines = [_machine(train, data.train.labels == side, strength) for side in sides]
        for share in SHARES:
            decisions = _decisions(machines, validation, share)[seen]
            factor = scale(decisions, labels)
            tested = _decisions(machines, test, share)
            answers.append((softmax(factor * decisions, axis=1), softmax(factor * tested, axis=1)))
    return _best(answers, labels, known, data)


def _regression(data: LabelledData, split: Cut, bigrams: bool) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    counts = counted(data, split, bigrams)
    weights = TfidfTransformer(sublinear_tf=True).fit(counts[0])
    train, validation, test = (weights.transform(matrix) for matrix in counts)
    known = np.unique(data.train.labels)
    seen, labels = _labels_seen(data.validation, known)
    answers = []
    for strength in STRENGTHS_OF_REGRESSION:
        model = OneVsRestClassifier(
            LogisticRegression(
                C=strength, solver="liblinear", dual=True, max_iter=MOST_ITERATIONS, tol=1e-2, random_state=0
            )
        )
        model.fit(train, data.train.labels)
        answers.append((model.predict_proba(validation)[seen], model.predict_proba(test)))
    return _best(answers, labels, known, data)


def counted(data: LabelledData, split: Cut, bigrams: bool) -> tuple[csr_matrix, csr_matrix, csr_matrix]:
    """Counts of the n-grams of the training texts in each text of train, validation and test, `[n, n-grams]`.

    The counts equal scikit-learn's CountVectorizer, in half the time.

    Raises:
        DataError: If the training texts have no n-gram.
    """
    numbers: dict[str, int] = defaultdict(count().__next__)
    splits = [
        [_codes(split(text), numbers, bigrams) for text in part.inputs]
        for part in (data.train, data.validation, data.test)
    ]
    known = np.unique(np.concatenate([codes for codes, _ in splits[0]]))
    if not len(known):
        raise DataError("the training texts are all empty: none has a token to count.")
    train, validation, test = (_matrix(texts, known) for texts in splits)
    return train, validation, test


def _codes(tokens: list[str], numbers: dict[str, int], bigrams: bool) -> tuple[np.ndarray, np.ndarray]:
    """The n-grams of a text, each as one integer, and their counts; new tokens are added to `numbers`."""
    single = np.fromiter(map(numbers.__getitem__, tokens), np.int64)
    pairs = (single[:-1] + 1 << 32) + single[1:]
    return np.unique(np.concatenate([single, pairs]) if bigrams else single, return_counts=True)


def _matrix(texts: list[tuple[np.ndarray, np.ndarray]], known: np.ndarray) -> csr_matrix:
    """The counts of the known n-grams, a column for each."""
    from scipy.sparse import csr_matrix

    rows = np.repeat(np.arange(len(texts)), [len(codes) for codes, _ in texts])
    codes, counts = (np.concatenate(parts) for parts in zip(*texts, strict=True))
    columns = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    kept = known[columns] == codes
    shape = (len(texts), len(known))
    return csr_matrix((counts[kept].astype(np.float64), (rows[kept], columns[kept])), shape=shape)


def log_count_ratio(present: csr_matrix, positive: np.ndarray) -> np.ndarray:
    """The log-count ratio of each n-gram between a class and the others: r = log((p / |p|) / (q / |q|)).

    Args:
        present: 1 where an n-gram occurs in a text, `[n, n-grams]`.
        positive: True for the texts of the class, `[n]` bool.

    Returns:
        `[n-grams]`; p is 1 + the number of texts of the class with the n-gram, q the same for the other texts.

    Example:

    >>> from scipy.sparse import csr_matrix
    >>> present = csr_matrix([[1.0, 0.0], [1.0, 1.0]])
    >>> np.exp(log_count_ratio(present, np.array([True, False]))).round(4).tolist()  # (2/3) / (2/4), (1/3) / (2/4)
    [1.3333, 0.6667]
    """
    of_class, of_others = (1 + np.asarray(present[rows].sum(axis=0)).ravel() for rows in (positive, ~positive))
    return np.log(of_class / of_class.sum()) - np.log(of_others / of_others.sum())


def _machine(present: csr_matrix, positive: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The log-count ratios of a class, and the weights and bias of the machine fitted on them."""
    from sklearn.svm import LinearSVC

    ratio = log_count_ratio(present, positive)
    model = LinearSVC(C=strength, tol=0.1, max_iter=MOST_ITERATIONS, random_state=0)
    model.fit(present.multiply(ratio).tocsr(), positive)
    return ratio, model.coef_[0], float(model.intercept_[0])


def _decisions(machines: list[tuple[np.ndarray, np.ndarray, float]], present: csr_matrix, share: float) -> np.ndarray:
    """The decision value of each class, `[n, classes]`; `share` is the weight beta of the machine's own weights."""
    values = [
        present @ (ratio * ((1 - share) * np.abs(weights).mean() + share * weights)) + bias
        for ratio, weights, bias in machines
    ]
    return np.stack(values if len(values) > 1 else [-values[0], values[0]], axis=1)


def scale(decisions: np.ndarray, labels: np.ndarray) -> float:
    """The factor of the decision values with the lowest log loss, with each class counted once more than it occurs.

    The extra count keeps the factor finite if all decisions are right (Platt 1999).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows, classes = decisions.shape
    targets = (rows * np.eye(classes)[labels] + 1) / (rows + classes)

    def loss(logarithm: float) -> float:
        return -float((targets * log_softmax(np.exp(logarithm) * decisions, axis=1)).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-WIDEST_SCALE, WIDEST_SCALE), method="bounded").x))


def _labels_seen(split: Examples, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose class occurs in training, `[n]` bool, and the indices of their classes among the known ones."""
    seen = np.isin(split.labels, known)
    return seen, np.searchsorted(known, split.labels[seen])


def _best(
    answers: list[tuple[np.ndarray, np.ndarray]], labels: np.ndarray, known: np.ndarray, data: LabelledData
) -> np.ndarray:
    """The test answers, for all classes, of the pair of validation and test answers that is best on validation."""

    def badness(answer: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
        scores = metrics.classification(answer[0], labels)
        return -scores["accuracy"], scores["log_loss"]

    probabilities = np.zeros((len(data.test), len(data.classes)))
    probabilities[:, known] = min(answers, key=badness)[1]
    return probabilities
