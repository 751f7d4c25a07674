"""The metrics, against scikit-learn, SciPy and the definitions written out."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from keras_recurrent.pipelines.stages import statistics
from keras_recurrent.pipelines.stages.data import Split
from keras_recurrent.pipelines.tasks.classification import metrics, plots
from keras_recurrent.pipelines.tasks.classification.baselines import logistic_regression, most_frequent
from keras_recurrent.pipelines.tasks.classification.data import LabelledData
from keras_recurrent.pipelines.tasks.classification.task import worst_mistakes


@pytest.fixture
def scored():
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 4, 500)
    scores = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[labels]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return probabilities, labels


def test_equals_scikit_learn(scored):
    probabilities, labels = scored
    predicted = probabilities.argmax(1)
    ours = metrics.classification(probabilities, labels)
    assert ours["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert ours["macro_f1"] == pytest.approx(sklearn_metrics.f1_score(labels, predicted, average="macro"))
    assert ours["log_loss"] == pytest.approx(sklearn_metrics.log_loss(labels, probabilities))
    theirs = sklearn_metrics.confusion_matrix(labels, predicted)
    np.testing.assert_array_equal(metrics.confusion(probabilities, labels), theirs)


def test_scores_of_classes_worked_by_hand():
    """Class 3 occurs in neither labels nor answers, class 2 in labels alone."""
    found = metrics.per_class(np.eye(4)[[[0, 0], [1, 1], [0, 1]]], np.array([[0, 0], [1, 0], [2, 1]]))
    np.testing.assert_allclose(found["precision"], [2 / 3, 2 / 3, 0, 0])
    np.testing.assert_allclose(found["recall"], [2 / 3, 1, 0, 0])
    np.testing.assert_allclose(found["f1"], [2 / 3, 4 / 5, 0, 0])
    assert found["support"].tolist() == [3, 2, 1, 0]
    wrong = metrics.per_class(np.eye(2)[[0, 0]], np.array([1, 1]))
    assert str(wrong["support"].tolist()) == "[0, 2]"  # counts stay whole numbers


def test_a_class_that_never_occurs_does_not_count():
    labels = np.array([0, 2, 2, 0])
    probabilities = np.eye(5)[[0, 2, 0, 0]]
    ours = metrics.classification(probabilities, labels)["macro_f1"]
    assert ours == pytest.approx(sklearn_metrics.f1_score(labels, probabilities.argmax(1), average="macro"))


def test_calibration_error_equals_its_definition(scored):
    probabilities, labels = scored
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert metrics.calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-9)


def test_the_reliability_plot_shows_what_the_calibration_error_sums(scored):
    probabilities, labels = scored
    above, below = plots.reliability(probabilities, labels).axes
    confidence, accuracy = above.lines[1].get_data()
    count = np.array([bar.get_height() for bar in below.patches])
    assert count.sum() == 500
    error = np.abs(accuracy - confidence) @ count[count > 0] / 500
    assert error == pytest.approx(metrics.calibration_error(probabilities, labels))


def area(probabilities, positive):
    """Mann and Whitney's U of those of the class, as a share of all pairs with another one."""
    statistic = stats.mannwhitneyu(probabilities[positive], probabilities[~positive]).statistic
    return statistic / (positive.sum() * (~positive).sum())


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("digits", [1, 8])
def test_roc_auc_is_mann_whitneys_u(scored, classes, digits):
    """With one digit there are many ties."""
    probabilities, labels = (array[scored[1] < classes] for array in scored)
    probabilities = (probabilities[:, :classes] / probabilities[:, :classes].sum(1, keepdims=True)).round(digits)
    areas = [area(probabilities[:, name], labels == name) for name in range(classes)]
    expected = areas[1] if classes == 2 else np.mean(areas)
    assert metrics.roc_auc(probabilities, labels)["roc_auc"] == pytest.approx(expected)


def test_roc_auc_leaves_out_what_is_undefined(scored):
    probabilities, labels = scored
    there = labels != 2
    areas = [area(probabilities[there, name], labels[there] == name) for name in (0, 1, 3)]
    assert metrics.roc_auc(probabilities[there], labels[there])["roc_auc"] == pytest.approx(np.mean(areas))
    assert metrics.roc_auc(probabilities[labels == 2], labels[labels == 2]) == {}


def test_paired_test_worked_by_hand():
    """2 against 8: twice the chance of at most 2 heads in 10, (1 + 10 + 45) / 1024."""
    right_a = np.repeat([True, True, False, False], [30, 2, 8, 5])
    right_b = np.repeat([True, False, True, False], [30, 2, 8, 5])
    expected = {"only_model": 2, "only_baseline": 8, "p_value": pytest.approx(2 * 56 / 1024)}
    assert metrics.paired_test(right_a, right_b) == expected
    assert metrics.paired_test(right_a, right_a) == {"only_model": 0, "only_baseline": 0, "p_value": 1.0}


def test_difference_interval_equals_resampled_pairs():
    rng = np.random.default_rng(1)
    right_a = rng.random(400) < 0.8
    right_b = np.where(rng.random(400) < 0.7, right_a, rng.random(400) < 0.6)
    draws = []
    for _ in range(4000):
        rows = rng.integers(0, 400, 400)
        draws.append(right_a[rows].mean() - right_b[rows].mean())
    interval = metrics.difference_interval(right_a, right_b, 4000, seed=3)
    np.testing.assert_allclose(interval, np.quantile(draws, [0.025, 0.975]), atol=0.004)
    np.testing.assert_allclose(
        metrics.difference_interval(right_b, right_a, 4000), -np.array(interval)[::-1], atol=0.004
    )
    assert metrics.difference_interval(right_a, right_a, 100) == [0, 0]
    assert metrics.difference_interval(right_a, right_b, 0) == []


def test_bootstrap_interval_equals_the_binomial_one(scored):
    probabilities, labels = scored
    accuracy = metrics.classification(probabilities, labels)["accuracy"]
    low, high = statistics.intervals(metrics.classification, probabilities, labels, 2000)["accuracy"]
    half = 1.96 * np.sqrt(accuracy * (1 - accuracy) / len(labels))
    assert low == pytest.approx(accuracy - half, abs=0.006)
    assert high == pytest.approx(accuracy + half, abs=0.006)


def test_a_pair_is_right_only_if_both_labels_are():
    probabilities = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.1], [0.2, 0.8]], [[0.3, 0.7], [0.6, 0.4]]])
    labels = np.array([[0, 1], [0, 0], [0, 1]])
    scores = metrics.classification(probabilities, labels)
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["label_accuracy"] == pytest.approx(3 / 6)
    assert worst_mistakes(probabilities, labels, 5) == [2, 1]


def test_baselines_see_training_labels_and_test_inputs_only():
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 300, p=[0.2, 0.5, 0.3])
    inputs = (rng.integers(0, 40, (300, 2, 3)) + 60 * labels[:, None, None]).astype(np.uint8)
    train, test = Split(inputs[:200], labels[:200]), Split(inputs[200:], labels[200:])
    data = LabelledData(train, test, test, ("a", "b", "c"))
    shares = np.bincount(labels[:200]) / 200
    np.testing.assert_allclose(most_frequent(data), np.tile(shares, (100, 1)))
    assert (logistic_regression(data).argmax(1) == labels[200:]).mean() > 0.97
    both = Split(inputs, np.stack([labels, 2 - labels], 1))
    pairs = LabelledData(both[:200], both[200:], both[200:], ("a", "b", "c"), positions=("left", "right"))
    answers = logistic_regression(pairs)
    assert answers.shape == (100, 2, 3)
    assert (answers.argmax(-1) == both.labels[200:]).mean() > 0.97
