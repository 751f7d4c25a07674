"""How many training texts of each class hold an n-gram, in a table that a graph can hold: what naive Bayes counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FIRST = 2  # ids below are padding and unknown tokens, which tell nothing
PLACE = 50  # neighbouring texts
ROOM = 4  # buckets for each n-gram at least
SPREADING = 648_055  # multiplies one id before the next is added; about 0.618 * 2**20
OTHER_SPREADING, PRIME = 1_640_531_527, 2**31 - 1


@dataclass(frozen=True)
class Counts:
    """How many training texts of each class hold which n-gram, for n-grams of one length.

    A hash table without chains: of two n-grams in one bucket the one that more texts hold stays.
    """

    logs: np.ndarray
    """log(1 + texts), float32 `[buckets, classes]`."""
    keys: np.ndarray
    """A second hash of the n-gram in each bucket, int32 `[buckets]`; -1 in an empty one."""


def fit(rows: Sequence[np.ndarray], labels: np.ndarray, classes: int, length: int, places: int) -> Counts:
    """Counts the n-grams of one length.

    Those that stand in few places of the training split are left out: the names in the reviews of one film tell much of
    each other's labels, and nothing of those of another film.

    Args:
        rows: Ids of the tokens of each training text.
        labels: Its class, `[texts]`.
        classes: How many there are.
        length: Tokens in an n-gram.
        places: In how many runs of `PLACE` neighbouring texts an n-gram must stand.
    """
    grams = [np.unique(_windows(row, length), axis=0) for row in rows]
    owners = np.repeat(labels, [len(each) for each in grams])
    unique, which = np.unique(np.concatenate(grams), axis=0, return_inverse=True)
    counts = np.bincount(which.ravel() * classes + owners, minlength=len(unique) * classes).reshape(-1, classes)
    place = np.repeat(np.arange(len(rows)) // PLACE, [len(each) for each in grams])
    in_places = np.unique(np.stack([which.ravel(), place]), axis=1)[0]
    kept = np.flatnonzero(np.bincount(in_places, minlength=len(unique)) >= min(places, place.max(initial=0) + 1))
    kept = kept[np.argsort(counts[kept].sum(axis=1), kind="stable")]  # so that frequent ones are written last
    buckets = 1 << max(4, int(ROOM * len(kept) - 1).bit_length())
    bucket, key = hashes(list(unique[kept].T.astype(np.int64)), buckets)
    logs, keys = np.zeros((buckets, classes), np.float32), np.full(buckets, -1, np.int32)
    logs[bucket], keys[bucket] = np.log1p(counts[kept]), key
    return Counts(logs, keys)


def _windows(row: np.ndarray, length: int) -> np.ndarray:
    """The n-grams of known tokens in a text, `[n-grams, length]`."""
    if len(row) < length:
        return np.zeros((0, length), row.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(row, length)
    return windows[(windows >= FIRST).all(axis=1)]


def hashes(ids: list[Any], buckets: int) -> tuple[Any, Any]:
    """The bucket and the key of n-grams, from the ids of their tokens, each int64; NumPy arrays or tensors."""
    bucket, key = ids[0] % buckets, ids[0]
    for following in ids[1:]:
        bucket = (bucket * SPREADING + following) % buckets
        key = (key * OTHER_SPREADING + following) % PRIME
    return bucket, key
