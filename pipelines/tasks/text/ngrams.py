"""A linear model of n-grams in hash tables that a graph can hold.

It is NBSVM (S. Wang and C. Manning, Baselines and Bigrams, ACL 2012) without its interpolation with naive Bayes: a
support vector machine on the log-count ratios of the n-grams in a text. One factor turns its decision values into
probabilities (Platt 1999); it is found on texts that the machine was not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import DataError
from .baselines import log_count_ratio, scale

FIRST = 2  # smaller ids are padding and unknown tokens, which carry no information
RARE = 2  # the model leaves out n-grams that occur in fewer training texts
FOLDS, RUN = 4, 250  # a fold keeps runs of that many consecutive texts, which may share an author or a subject
STRENGTH = 0.01  # the inverse regularization strength C of the support vector machine
ROOM = 2  # least number of buckets for each n-gram
SPREADING, OTHER_SPREADING, KEY_SPREADING = 648_055, 362_437, 1_640_531_527
"""Multipliers of the polynomial hashes: one for each of the two buckets, and one for the key."""
PRIME = 2**31 - 1


@dataclass(frozen=True)
class Table:
    """The weights of the n-grams of one length: a hash table in which an n-gram lies in one of two buckets.

    The table leaves out an n-gram if n-grams of more texts have taken both buckets.
    """

    weights: np.ndarray
    """Weights that the n-gram of each bucket adds to the scores, float32 `[buckets, scores]`."""
    keys: np.ndarray
    """Third hash of the n-gram in each bucket, int32 `[buckets]`; -1 in an empty bucket."""


@dataclass(frozen=True)
class Linear:
    """A fitted linear model: a table for each length of n-grams, from 1 on, and the bias of the scores.

    With two classes there is a single score, which belongs to the second class, and the first class gets its negative;
    with more classes each has its own score. The softmax of the classes' scores gives probabilities.
    """

    tables: tuple[Table, ...]
    bias: np.ndarray


def fit(rows: Sequence[np.ndarray], labels: np.ndarray, classes: int, longest: int) -> Linear:
    """Fits the linear model.

    Args:
        rows: Token ids of each training text.
        labels: Class of each training text, `[texts]`.
        classes: Number of classes.
        longest: Length in tokens of the longest n-grams.

    Raises:
        DataError: If no n-gram occurs in two texts.
    """
    from scipy.sparse import csr_matrix, hstack

    counted = [_count(rows, length) for length in range(1, longest + 1)]
    texts = len(rows)
    presence = [
        csr_matrix((np.ones(len(which), np.float32), (owners, which)), shape=(texts, len(unique)))
        for unique, which, owners in counted
    ]
    kept = [np.flatnonzero(min(RARE, texts) <= matrix.sum(axis=0).A1) for matrix in presence]
    matrix = hstack([each[:, columns] for each, columns in zip(presence, kept, strict=True)]).tocsr()
    if not matrix.shape[1]:
        raise DataError("no word or n-gram stands in two training texts, so model.ngrams has nothing to learn from.")
    weights, bias = _machine(matrix, labels, classes)
    factor = _factor(matrix, labels, classes)
    ends = np.cumsum([len(columns) for columns in kept])[:-1]
    of_length, frequency = np.split(factor * weights, ends), np.split(matrix.sum(axis=0).A1, ends)
    tables = tuple(
        _table(unique[columns], frequent, values)
        for (unique, _, _), columns, frequent, values in zip(counted, kept, frequency, of_length, strict=True)
    )
    return Linear(tables, (factor * bias).astype(np.float32))


def _count(rows: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The n-grams of known tokens, and pairs of an n-gram and a text in which it occurs, once each."""
    grams = [np.unique(_windows(row, length), axis=0) for row in rows]
    unique, which = np.unique(np.concatenate(grams), axis=0, return_inverse=True)
    return unique, which.ravel(), np.repeat(np.arange(len(rows)), [len(each) for each in grams])


def _windows(row: np.ndarray, length: int) -> np.ndarray:
    """The n-grams of known tokens in a text, `[n-grams, length]`."""
    if len(row) < length:
        return np.zeros((0, length), row.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(row, length)
    return windows[(windows >= FIRST).all(axis=1)]


def _machine(matrix: Any, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The weights of NBSVM, `[n-grams, scores]`, each a log-count ratio times the machine's weight, and the biases."""
    from sklearn.svm import LinearSVC

    sides = range(classes)[1 if classes == 2 else 0 :]
    weights, bias = np.zeros((matrix.shape[1], len(sides))), np.full(len(sides), -1.0)
    for column, number in enumerate(sides):
        positive = labels == number
        if positive.any() and not positive.all():
            ratios = log_count_ratio(matrix, positive)
            machine = LinearSVC(C=STRENGTH, random_state=0).fit(matrix.multiply(ratios).tocsr(), positive)
            weights[:, column], bias[column] = machine.coef_[0] * ratios, machine.intercept_[0]
    return weights, bias


def _factor(matrix: Any, labels: np.ndarray, classes: int) -> float:
    """The factor that turns decision values into probabilities, found on texts that the machines were not fitted on."""
    fold = _folds(labels)
    decisions = np.zeros((len(labels), classes))
    for number in np.unique(fold):
        inside = fold == number
        weights, bias = _machine(matrix[~inside], labels[~inside], classes)
        decisions[inside] = of_classes(matrix[inside] @ weights + bias, classes, np)
    return scale(decisions, labels)


def _folds(labels: np.ndarray) -> np.ndarray:
    """The fold of each text: every fold has a part of each class, and neighbours within a class stay together."""
    fold = np.zeros(len(labels), int)
    for number in np.unique(labels):
        rows = np.flatnonzero(labels == number)
        run = min(RUN, -(-len(rows) // FOLDS))
        fold[rows] = np.arange(len(rows)) // run % FOLDS
    return fold


def of_classes(scores: Any, classes: int, library: Any) -> Any:
    """The scores of all classes, `[texts, classes]`; the library is NumPy or `keras.ops`."""
    return library.concatenate([-scores, scores], axis=-1) if classes == 2 else scores


def _table(unique: np.ndarray, frequency: np.ndarray, weights: np.ndarray) -> Table:
    buckets = 1 << max(4, int(ROOM * len(unique) - 1).bit_length())
    values, keys = np.zeros((buckets, weights.shape[-1]), np.float32), np.full(buckets, -1, np.int32)
    *choices, key = hashes(list(unique.T.astype(np.int64)), buckets)
    waiting = np.argsort(-frequency, kind="stable")  # frequent n-grams choose first
    for bucket in choices:
        free = waiting[keys[bucket[waiting]] < 0]
        placed = free[np.unique(bucket[free], return_index=True)[1]]
        values[bucket[placed]], keys[bucket[placed]] = weights[placed], key[placed]
        waiting = waiting[~np.isin(waiting, placed)]
    return Table(values, keys)


def hashes(ids: list[Any], buckets: int) -> tuple[Any, Any, Any]:
    """Both buckets and the key of n-grams from their token ids, each int64; NumPy arrays or tensors."""
    first = second = key = ids[0]
    for following in ids[1:]:
        first = (first * SPREADING + following) % PRIME
        second = (second * OTHER_SPREADING + following) % PRIME
        key = (key * KEY_SPREADING + following) % PRIME
    return first % buckets, second * OTHER_SPREADING % PRIME % buckets, key
