"""What a linear model gives each n-gram for each class, in tables that a graph can hold.

The linear model is NBSVM (S. Wang and C. Manning, Baselines and Bigrams, ACL 2012): a support vector machine on the
log-count ratios of the n-grams that a text holds. For a training text the weights come from a model that has not seen
its fold (stacking; Wolpert, Stacked Generalization, Neural Networks 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

FIRST = 2  # ids below are padding and unknown tokens, which tell nothing
RARE = 2  # n-grams that fewer training texts hold are left out
FOLDS, RUN = 8, 250  # runs of so many neighbouring texts, maybe by one author or about one thing, are in one fold
STRENGTH = 0.01  # of the support vector machine
ROOM = 2  # buckets for each n-gram at least
SPREADING = 648_055  # multiplies one id before the next is added; about 0.618 * 2**20
OTHER_SPREADING, PRIME = 1_640_531_527, 2**31 - 1
TEXTS = 1 << 20  # buckets for training texts
POWERS = np.array(list(accumulate(range(4096), lambda power, _: power * SPREADING % PRIME, initial=1)), np.int64)


@dataclass(frozen=True)
class Table:
    """The weights of n-grams of one length: a hash table without chains; the n-gram of more texts keeps its bucket."""

    weights: np.ndarray
    """What an n-gram adds to the score of each class, float32 `[1 + FOLDS, buckets, scores]`; the first for new texts,
    the others for the training texts of each fold."""
    keys: np.ndarray
    """A second hash of the n-gram in each bucket, int32 `[buckets]`; -1 in an empty one."""


@dataclass(frozen=True)
class Linear:
    """A fitted linear model: a table for each length of n-grams, from 1 on, and the folds of the training texts."""

    tables: tuple[Table, ...]
    folds: np.ndarray
    """The fold of the training text in each bucket, int8 `[TEXTS]`; 0 where there is none."""

    @property
    def scores(self) -> int:
        """How many scores an n-gram has: one for two classes, else one a class."""
        return self.tables[0].weights.shape[-1]


def fit(rows: Sequence[np.ndarray], labels: np.ndarray, classes: int, longest: int) -> Linear:
    """Fits the linear model on all texts, and on those outside of each fold.

    Args:
        rows: Ids of the tokens of each training text.
        labels: Its class, `[texts]`.
        classes: How many there are.
        longest: Up to how many tokens an n-gram has.
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
    fold = 1 + (np.arange(texts) // RUN) % FOLDS
    weights = [_weights(matrix, labels, classes)]
    weights += [_weights(matrix[fold != number], labels[fold != number], classes) for number in range(1, FOLDS + 1)]
    of_length = np.split(np.stack(weights), np.cumsum([len(columns) for columns in kept])[:-1], axis=1)
    frequency = np.split(matrix.sum(axis=0).A1, np.cumsum([len(columns) for columns in kept])[:-1])
    tables = tuple(
        _table(unique[columns], frequent, values)
        for (unique, _, _), columns, frequent, values in zip(counted, kept, frequency, of_length, strict=True)
    )
    folds = np.zeros(TEXTS, np.int8)
    folds[[int(text_hash(row[None].astype(np.int64), np)[0]) for row in rows]] = fold
    return Linear(tables, folds)


def _count(rows: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The n-grams of known tokens, and which of them stands in which text, once each."""
    grams = [np.unique(_windows(row, length), axis=0) for row in rows]
    unique, which = np.unique(np.concatenate(grams), axis=0, return_inverse=True)
    return unique, which.ravel(), np.repeat(np.arange(len(rows)), [len(each) for each in grams])


def _windows(row: np.ndarray, length: int) -> np.ndarray:
    """The n-grams of known tokens in a text, `[n-grams, length]`."""
    if len(row) < length:
        return np.zeros((0, length), row.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(row, length)
    return windows[(windows >= FIRST).all(axis=1)]


def _weights(matrix: Any, labels: np.ndarray, classes: int) -> np.ndarray:
    """The weights of NBSVM, `[n-grams, scores]`: log-count ratio times that of the support vector machine."""
    from sklearn.svm import LinearSVC

    columns = []
    for number in range(classes)[1 if classes == 2 else 0 :]:
        positive = labels == number
        if positive.all() or not positive.any():
            columns.append(np.zeros(matrix.shape[1], np.float32))
            continue
        inside, outside = (1 + matrix[side].sum(axis=0).A1 for side in (positive, ~positive))
        ratios = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        machine = LinearSVC(C=STRENGTH, random_state=0).fit(matrix.multiply(ratios).tocsr(), positive)
        columns.append(machine.coef_[0] * ratios)
    return np.stack(columns, axis=-1).astype(np.float32)


def _table(unique: np.ndarray, frequency: np.ndarray, weights: np.ndarray) -> Table:
    order = np.argsort(frequency, kind="stable")  # so that frequent ones are written last
    buckets = 1 << max(4, int(ROOM * len(unique) - 1).bit_length())
    bucket, key = hashes(list(unique[order].T.astype(np.int64)), buckets)
    values, keys = np.zeros((len(weights), buckets, weights.shape[-1]), np.float32), np.full(buckets, -1, np.int32)
    values[:, bucket], keys[bucket] = weights[:, order], key
    return Table(values, keys)


def hashes(ids: list[Any], buckets: int) -> tuple[Any, Any]:
    """The bucket and the key of n-grams, from the ids of their tokens, each int64; NumPy arrays or tensors."""
    bucket, key = ids[0] % buckets, ids[0]
    for following in ids[1:]:
        bucket = (bucket * SPREADING + following) % buckets
        key = (key * OTHER_SPREADING + following) % PRIME
    return bucket, key


def text_hash(ids: Any, ops: Any) -> Any:
    """The bucket of texts `[texts, time]` int64, whatever zeros stand at their ends; `ops` is NumPy or Keras' own."""
    places = ops.arange(ids.shape[1] if ops is np else ops.shape(ids)[1], dtype="int64")
    return ops.sum(ids * ops.take(POWERS, places % len(POWERS)) % PRIME, axis=1) % PRIME % TEXTS
