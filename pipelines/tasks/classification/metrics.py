"""Classification metrics, with intervals.

Probabilities are `[n, classes]` with labels `[n]`, or `[n, positions, classes]` with labels `[n, positions]`. An
example is right if all its labels are right.
"""

from __future__ import annotations

import numpy as np

from ...stages.statistics import TAILS

BINS = 15


def classification(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The scores of predictions.

    Args:
        probabilities: Probability of each class, along the last axis.
        labels: Right classes, integers.

    Returns:
        `accuracy` (share of examples with all labels right), `macro_f1` (mean over the classes that occur), `log_loss`
        (nats per label), `calibration_error` (see there), and with several positions `label_accuracy` (share of single
        labels that are right).

    Example:

    >>> scores = classification(np.array([[.8, .2], [.4, .6], [.7, .3]]), np.array([0, 1, 1]))
    >>> round(scores["accuracy"], 4), round(scores["log_loss"], 4)
    (0.6667, 0.646)
    """
    flat, targets = probabilities.reshape(-1, probabilities.shape[-1]), labels.reshape(-1)
    right = probabilities.argmax(-1) == labels
    scores = {
        "accuracy": float(right.reshape(len(right), -1).all(axis=1).mean()),
        "macro_f1": macro_f1(confusion(flat, targets)),
        "log_loss": float(-np.log(np.maximum(flat[np.arange(len(flat)), targets], 1e-12)).mean()),
        "calibration_error": calibration_error(flat, targets),
    }
    return scores | ({"label_accuracy": float(right.mean())} if labels.ndim > 1 else {})


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How often each class (row) was taken for each class (column), `[classes, classes]` int64.

    The bootstrap computes this and `macro_f1` once per resample; scikit-learn takes 11 to 21 times as long for them
    (`benchmarks/metrics.py`; 2,000 and 25,000 rows of 10 classes).
    """
    classes = probabilities.shape[-1]
    pairs = labels.reshape(-1) * classes + probabilities.argmax(-1).reshape(-1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def macro_f1(matrix: np.ndarray) -> float:
    """The mean F1 of the classes that occur among the labels or the answers.

    >>> macro_f1(np.array([[3, 0, 0], [0, 2, 0], [0, 0, 0]]))
    1.0
    """
    occurrences = matrix.sum(axis=0) + matrix.sum(axis=1)
    occurs = occurrences > 0
    return float((2 * matrix.diagonal()[occurs] / occurrences[occurs]).mean())


def per_class(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 and support (number of labels) of each class, each `[classes]`; 0 where undefined.

    >>> answers = np.array([[.9, .1], [.7, .3], [.6, .4], [.2, .8]])
    >>> per_class(answers, np.array([0, 0, 1, 1]))["precision"].round(4).tolist()
    [0.6667, 1.0]
    """
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        labels.reshape(-1),
        probabilities.argmax(-1).reshape(-1),
        labels=range(probabilities.shape[-1]),
        zero_division=0,
    )
    counts = support.astype(np.int64)  # scikit-learn gives floats where no answer is right
    return {"precision": precision, "recall": recall, "f1": f1, "support": counts}


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error: the mean distance between confidence and accuracy in equal bins of confidence.

    Source: Naeini, Cooper, Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.

    >>> round(calibration_error(np.array([[.9, .1], [.9, .1]]), np.array([0, 1])), 4)
    0.4
    """
    count, confidence, accuracy = calibration(probabilities, labels)
    return float((count * np.abs(accuracy - confidence)).sum() / len(labels))


def calibration(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of labels, mean confidence and accuracy in equal bins of confidence, each `[bins]`; 0 in empty bins.

    Args:
        probabilities: `[n, classes]`.
        labels: `[n]`.
    """
    confidence, right = probabilities.max(-1), probabilities.argmax(-1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count, sums, hits = (np.bincount(bins, weights, minlength=BINS) for weights in (None, confidence, right))
    return count, sums / np.maximum(count, 1), hits / np.maximum(count, 1)


def roc_auc(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The area under the ROC curve: how often the class is more probable for one of its labels than for another label.

    `classification` leaves this score out, because it sorts the probabilities of every class.

    Args:
        probabilities: Probability of each class, along the last axis.
        labels: Right classes, integers.

    Returns:
        `roc_auc`: with two classes, the area for the second one; with more, the mean over the classes, one against the
        rest. The mean leaves out classes that no label or every label has; if none remains, the score is left out too.

    Example:

    >>> roc_auc(np.array([[.9, .1], [.6, .4], [.7, .3], [.2, .8]]), np.array([0, 0, 1, 1]))
    {'roc_auc': 0.75}
    """
    from sklearn.metrics import roc_auc_score

    flat, targets = probabilities.reshape(-1, probabilities.shape[-1]), labels.reshape(-1)
    scored = [1] if flat.shape[1] == 2 else range(flat.shape[1])
    there = [name for name in scored if 0 < np.count_nonzero(targets == name) < len(targets)]
    areas = [roc_auc_score(targets == name, flat[:, name]) for name in there]
    return {"roc_auc": float(np.mean(areas))} if areas else {}


def paired_test(right_a: np.ndarray, right_b: np.ndarray) -> dict[str, float]:
    """McNemar's exact test of whether a model and a baseline are right equally often on the same examples.

    Source: McNemar, Note on the Sampling Error of the Difference between Correlated Proportions, Psychometrika 1947.

    Args:
        right_a: True where the model is right, `[n]` bool.
        right_b: True where the baseline is right, `[n]` bool.

    Returns:
        `only_model` and `only_baseline` (number of examples that only that one gets right), and `p_value` (two-sided).

    Example:

    >>> right = np.array([True, True, True, False]), np.array([False, False, True, False])
    >>> paired_test(*right)
    {'only_model': 2, 'only_baseline': 0, 'p_value': 0.5}
    """
    from statsmodels.stats.contingency_tables import mcnemar

    only_model, only_baseline = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p_value = mcnemar([[0, only_model], [only_baseline, 0]], exact=True).pvalue  # agreement carries no information
    return {"only_model": only_model, "only_baseline": only_baseline, "p_value": float(p_value)}


def difference_interval(right_a: np.ndarray, right_b: np.ndarray, resamples: int, seed: int = 0) -> list[float]:
    """The 95% interval of the difference in accuracy, a minus b, by the percentile bootstrap over pairs.

    Args:
        right_a: True where a is right, `[n]` bool.
        right_b: True where b is right on the same examples, `[n]` bool.
        resamples: Number of resamples; each draws n pairs with replacement.
        seed: Seed of the draws.

    Returns:
        `[low, high]`; an empty list without resamples.
    """
    gained, lost = (right_a & ~right_b).mean(), (right_b & ~right_a).mean()
    shares = [gained, lost, max(0.0, 1 - gained - lost)]
    draws = np.random.default_rng(seed).multinomial(len(right_a), shares, resamples)
    return np.quantile((draws[:, 0] - draws[:, 1]) / len(right_a), TAILS).tolist() if resamples else []
