"""Baselines for classifiers.

Each baseline is a function that takes the data and returns probabilities for the test split,
`[n, (positions,) classes]`.
"""

from __future__ import annotations

import numpy as np

from .data import LabelledData

MOST_ITERATIONS = 1000


def most_frequent(data: LabelledData) -> np.ndarray:
    """The most frequent class of the training split at every row, with the classes' shares as probabilities."""
    shares = np.stack(
        [
            np.bincount(labels, minlength=len(data.classes)) / len(data.train)
            for labels in data.train.labels.reshape(len(data.train), -1).T
        ]
    )
    return _each_position([np.tile(share, (len(data.test), 1)) for share in shares])


def logistic_regression(data: LabelledData) -> np.ndarray:
    """Multinomial logistic regression on the raw input values, scaled to 0..1, with scikit-learn's L2 penalty."""
    from sklearn.linear_model import LogisticRegression

    train, test = (split.inputs.reshape(len(split), -1).astype(np.float32) / 255 for split in (data.train, data.test))
    answers = []
    for labels in data.train.labels.reshape(len(data.train), -1).T:
        model = LogisticRegression(max_iter=MOST_ITERATIONS, tol=1e-3).fit(train, labels)
        probabilities = np.zeros((len(test), len(data.classes)))
        probabilities[:, model.classes_] = model.predict_proba(test)
        answers.append(probabilities)
    return _each_position(answers)


def _each_position(answers: list[np.ndarray]) -> np.ndarray:
    return answers[0] if len(answers) == 1 else np.stack(answers, axis=1)
