"""The baselines of texts, against scikit-learn and against the definitions worked by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.runtime.tokens import characters, words
from keras_recurrent.pipelines.sequences.examples import Texts
from keras_recurrent.pipelines.tasks.classification.data import LabelledData
from keras_recurrent.pipelines.tasks.classification.metrics import classification
from keras_recurrent.pipelines.tasks.text import baselines as text_baselines

BASELINES = (text_baselines.tfidf_unigrams, text_baselines.tfidf_bigrams, text_baselines.nbsvm)
OPINIONS = {
    "word": (["bad", "dull", "awful"], ["good", "great", "lovely"], ["fair", "plain", "usual"]),
    "character": (["坏", "差", "烂"], ["好", "棒", "妙"], ["平", "常", "中"]),
}
CUT = {"word": words, "character": characters}
FILLERS = {
    "word": ["the", "film", "was", "seen", "by", "us", "on", "a", "day"],
    "character": list("这部电影我们昨天看了"),
}


def made(level, classes, seed=0, size=180):
    """Texts of fillers and one to three opinions of their class, in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, size)
    texts = []
    for label in labels:
        words = [*rng.choice(FILLERS[level], 6), *rng.choice(OPINIONS[level][label], rng.integers(1, 4))]
        texts.append((" " if level == "word" else "").join(rng.permutation(words)))
    return Texts(np.array(texts, dtype=object), labels)


def data_of(level, classes, names=("a", "b", "c")):
    return LabelledData(*(made(level, classes, seed) for seed in range(3)), names[:classes])


def texts_of(*texts):
    return np.array(texts, dtype=object)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("level", ["word", "character"])
def test_learns_what_the_classes_say(baseline, classes, level):
    data = data_of(level, classes)
    probabilities = baseline(data, CUT[level])
    assert probabilities.shape == (180, classes)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    scores = classification(probabilities, data.test.labels)
    assert scores["accuracy"] > 0.97
    assert scores["log_loss"] < 0.2


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_class_without_training_texts_has_probability_zero(baseline):
    data = data_of("word", 3)
    of_two = LabelledData(data.train[data.train.labels != 1], data.validation, data.test, (*data.classes, "never"))
    probabilities = baseline(of_two, words)
    assert (probabilities[:, [1, 3]] == 0).all()
    others = data.test.labels != 1
    assert (probabilities.argmax(1) == data.test.labels)[others].mean() > 0.97


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("level", ["word", "character"])
def test_empty_texts(baseline, level):
    data = data_of(level, 2)
    nothing = Texts(texts_of("", " \n"), np.array([0, 1]))
    probabilities = baseline(LabelledData(data.train, data.validation, nothing, data.classes), CUT[level])
    np.testing.assert_allclose(probabilities.sum(1), 1)
    with pytest.raises(DataError, match="training texts are all empty: none has a token"):
        baseline(LabelledData(nothing, nothing, data.test, data.classes), CUT[level])


@pytest.mark.parametrize("baseline", BASELINES)
def test_answers_do_not_depend_on_the_labels_of_the_test(baseline):
    data = data_of("word", 2)
    turned = LabelledData(data.train, data.validation, Texts(data.test.inputs, 1 - data.test.labels), data.classes)
    np.testing.assert_array_equal(baseline(data, words), baseline(turned, words))


@pytest.mark.parametrize("bigrams", [False, True])
def test_counts_equal_scikit_learn(bigrams):
    train = texts_of("a b a b", "b, a!", "", "c c c")
    test = texts_of("a b d a b", "d e", "")
    data = LabelledData(
        Texts(train, np.array([0, 1, 0, 1])), Texts(test, np.zeros(3, int)), Texts(test, np.zeros(3, int)), "ab"
    )
    theirs = CountVectorizer(tokenizer=words, token_pattern=None, ngram_range=(1, 1 + bigrams))
    expected = theirs.fit_transform(train).toarray(), theirs.transform(test).toarray()
    ours = [matrix.toarray() for matrix in text_baselines.counted(data, words, bigrams)]
    for part in (0, 1):
        assert ours[part].shape == expected[part].shape
    order = [np.lexsort(np.concatenate(parts)) for parts in ((ours[0], ours[1]), expected)]
    for part in (0, 1):  # the columns are in another order
        np.testing.assert_array_equal(ours[part][:, order[0]], expected[part][:, order[1]])
    np.testing.assert_array_equal(ours[1], ours[2])


def test_log_count_ratio_worked_by_hand():
    """Of the class: {good, film}, {good}; of the others: {bad, film}. So p = 3, 1, 2 of 6 and q = 1, 2, 2 of 5."""
    present = csr_matrix(np.array([[1.0, 0, 1], [1, 0, 0], [0, 1, 1]]))
    expected = np.log([(3 / 6) / (1 / 5), (1 / 6) / (2 / 5), (2 / 6) / (2 / 5)])
    ratio = text_baselines.log_count_ratio(present, np.array([True, True, False]))
    np.testing.assert_allclose(ratio, expected)


def test_weights_are_drawn_towards_naive_bayes():
    present = csr_matrix(np.array([[1.0, 0, 1], [0, 1, 1]]))
    ratio, weights, bias = np.array([2.0, -1.0, 0.5]), np.array([0.9, -0.3, 0.0]), 0.1
    machine = [(ratio, weights, bias)]
    own = np.array([2 * 0.9, -1 * -0.3]) + bias
    bayes = 0.4 * np.array([2 + 0.5, -1 + 0.5]) + bias  # 0.4 is the mean magnitude
    for share in (0, 0.25, 1):
        expected = share * own + (1 - share) * bayes
        decisions = text_baselines._decisions(machine, present, share)
        np.testing.assert_allclose(decisions, np.stack([-expected, expected], 1))


def test_one_machine_decides_for_both_of_two_classes():
    data = data_of("word", 2)
    train, _, test = (matrix.sign() for matrix in text_baselines.counted(data, words, bigrams=True))
    machines = [text_baselines._machine(train, data.train.labels == side, 0.1) for side in (0, 1)]
    for share in (0.25, 1):
        both = text_baselines._decisions(machines, test, share)
        one = text_baselines._decisions(machines[1:], test, share)
        np.testing.assert_allclose(both, one, atol=0.05)  # each was found to a tolerance


def test_probabilities_rise_with_the_decision_values(monkeypatch):
    kept = {}
    decide = text_baselines._decisions

    def spy(machines, present, share):
        return kept.setdefault((id(machines), share, present.shape), decide(machines, present, share))

    monkeypatch.setattr(text_baselines, "_decisions", spy)
    monkeypatch.setattr(text_baselines, "STRENGTHS_OF_MACHINE", (0.1,))
    monkeypatch.setattr(text_baselines, "SHARES", (0.25,))
    data = data_of("word", 2)
    data = LabelledData(data.train, data.validation, data.test[:170], data.classes)
    probabilities = text_baselines.nbsvm(data, words)
    (decisions,) = [values for (_, _, shape), values in kept.items() if shape[0] == 170]
    order = np.argsort(decisions[:, 1])
    assert (np.diff(probabilities[order, 1]) >= 0).all()
    assert (probabilities.argmax(1) == decisions.argmax(1)).all()


def test_the_scale_finds_the_one_that_made_the_labels():
    rng = np.random.default_rng(0)
    decisions = rng.normal(size=(20000, 3))
    chances = np.exp(2.5 * decisions) / np.exp(2.5 * decisions).sum(1, keepdims=True)
    labels = (rng.random((20000, 1)) > chances.cumsum(1)).sum(1)
    assert text_baselines.scale(decisions, labels) == pytest.approx(2.5, rel=0.03)
    assert text_baselines.scale(np.eye(2)[[0, 1]], np.array([0, 1])) == pytest.approx(np.log(3), rel=1e-3)


def test_settings_are_chosen_on_the_validation_split():
    labels, known = np.array([0, 1, 1]), np.array([0, 2])
    right, sure = np.array([[0.6, 0.4], [0.4, 0.6], [0.4, 0.6]]), np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    data = LabelledData(
        Texts(np.empty(2), known), Texts(np.empty(3), known[labels]), Texts(np.empty(1), np.array([0])), "abc"
    )
    answers = [(1 - sure, np.array([[0.1, 0.9]])), (right, np.array([[0.2, 0.8]])), (sure, np.array([[0.3, 0.7]]))]
    np.testing.assert_array_equal(text_baselines._best(answers, labels, known, data), [[0.3, 0, 0.7]])
