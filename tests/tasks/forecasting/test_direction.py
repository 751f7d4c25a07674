"""Directions: what came, naive probabilities by counting, and scores against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, matthews_corrcoef

from keras_recurrent.pipelines.tasks.forecasting import direction
from keras_recurrent.pipelines.tasks.forecasting.windows import Windows


def windows_of(rows=60, seed=0, horizon=2):
    """Windows of four steps over two random walks."""
    values = np.random.default_rng(seed).normal(0.1, 1, (rows, 2)).cumsum(axis=0)
    starts = np.arange(rows - 4 - horizon + 1)
    return Windows(values, starts, np.zeros(len(starts), np.int32), 4, horizon, (0, 1))


def test_what_came_is_beside_the_last_known_value():
    windows = windows_of()
    came = direction.risen(windows)
    for row, step, target in np.ndindex(*came.shape):
        last = windows.values[row + 3, target]
        assert came[row, step, target] == (windows.values[row + 4 + step, target] > last)


def test_no_change_is_no_rise():
    still = Windows(np.ones((6, 1)), np.arange(2), np.zeros(2, np.int32), 4, 1, (0,))
    assert not direction.risen(still).any()


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(3)
    came, p = random.random((40, 2, 1)) < 0.6, random.random((40, 2, 1))
    found = direction.scores(came, p)
    y, flat = came.ravel(), p.ravel()
    assert found["log_loss"] == pytest.approx(log_loss(y, flat))
    assert found["brier"] == pytest.approx(brier_score_loss(y, flat))
    assert found["direction_accuracy"] == pytest.approx(((flat > 0.5) == y).mean())
    assert found["direction_mcc"] == pytest.approx(matthews_corrcoef(y, flat > 0.5))


def test_a_sure_mistake_has_a_finite_loss():
    assert direction.log_loss(np.array([True]), np.array([0.0])) == pytest.approx(-np.log(direction.LEAST))


def test_naive_probabilities_are_counts_of_training():
    train, test = windows_of(seed=1), windows_of(rows=30, seed=2)
    came = direction.risen(train)
    answers = direction.most_frequent(train, test)
    assert answers.shape == (len(test), 2, 2)
    rose = train.values[train.starts + 3] > train.values[train.starts + 2]
    conditional = direction.after_the_last(train, test)
    for row, step, target in np.ndindex(*answers.shape):
        assert answers[row, step, target] == pytest.approx(came[:, step, target].mean())
        now = test.values[row + 3, target] > test.values[row + 2, target]
        alike = rose[:, target] == now
        assert conditional[row, step, target] == pytest.approx(came[alike, step, target].mean())


def test_the_linear_answer_is_logistic_regression_on_changes():
    train, test = windows_of(seed=4), windows_of(rows=30, seed=5)
    x = [np.diff(w.inputs(), axis=1).swapaxes(1, 2).reshape(-1, 3) for w in (train, test)]
    answers = direction.logistic(train, test)
    for step in range(2):
        fitted = LogisticRegression(C=0.1, max_iter=500).fit(x[0], direction.risen(train)[:, step].reshape(-1))
        expected = fitted.predict_proba(x[1])[:, 1].reshape(-1, 2)
        np.testing.assert_allclose(answers[:, step], expected, rtol=1e-6)


def test_where_all_rise_there_is_nothing_to_fit():
    up = Windows(np.arange(20.0)[:, None], np.arange(15), np.zeros(15, np.int32), 4, 1, (0,))
    np.testing.assert_array_equal(direction.logistic(up, up), 1)
