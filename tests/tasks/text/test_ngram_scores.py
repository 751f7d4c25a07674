"""A linear model of n-grams inside a network, against scikit-learn on the same n-grams as text."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.svm import LinearSVC

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.export import export_tflite
from keras_recurrent.pipelines.runtime import tokens
from keras_recurrent.pipelines.tasks.text import ngrams
from keras_recurrent.pipelines.tasks.text.ngram_scores import NgramScores

LONGEST, COUNT = 3, 600


def texts(classes, count=COUNT, seed=0):
    """Short texts whose tokens tell a little of their class; unknown tokens, and texts of one token too."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    rows = [random.integers(1, 9, random.integers(1, 9)) + (random.random() < 0.5) * label for label in labels]
    return [row.astype(np.int32) for row in rows], labels


def grams(row):
    """The n-grams of known tokens in a text, as text, once each."""
    held = {
        " ".join(f"t{token}" for token in row[start : start + length])
        for length in range(1, LONGEST + 1)
        for start in range(len(row) - length + 1)
        if min(row[start : start + length]) > 1
    }
    return sorted(held)


def decisions(rows, labels, classes, new):
    """Those of NBSVM for new texts, fitted by scikit-learn: one for each class."""
    vectorizer = CountVectorizer(binary=True, analyzer=lambda row: grams(row), min_df=2).fit(VOCABULARY[classes])
    matrix, others = (vectorizer.transform(each).astype(np.float64).toarray() for each in (rows, new))
    columns = []
    for number in range(classes)[1 if classes == 2 else 0 :]:
        positive = labels == number
        inside, outside = 1 + matrix[positive].sum(0), 1 + matrix[~positive].sum(0)
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        columns.append(
            LinearSVC(C=0.01, random_state=0).fit(matrix * ratio, positive).decision_function(others * ratio)
        )
    values = np.stack(columns, axis=1)
    return np.hstack([-values, values]) if classes == 2 else values


VOCABULARY = {classes: texts(classes)[0] for classes in (2, 3)}


def factor(rows, labels, classes):
    """What makes the likeliest probabilities of decisions for texts outside of each quarter, with one text more."""
    quarter = np.zeros(COUNT, int)
    for number in range(classes):
        of_class = np.flatnonzero(labels == number)
        quarter[of_class] = np.arange(len(of_class)) // -(-len(of_class) // 4)
    values = np.zeros((COUNT, classes))
    for number in range(4):
        inside, outside = np.flatnonzero(quarter == number), np.flatnonzero(quarter != number)
        picked = [rows[row] for row in inside]
        values[inside] = decisions([rows[row] for row in outside], labels[outside], classes, picked)
    wanted = (COUNT * np.eye(classes)[labels] + 1) / (COUNT + classes)
    return minimize_scalar(lambda f: -(wanted * log_softmax(f * values, axis=1)).sum(), bounds=(0.01, 100)).x


@pytest.mark.parametrize("classes", [2, 3])
def test_the_scores_are_those_of_nbsvm(classes):
    rows, labels = texts(classes)
    new, _ = texts(classes, 80, seed=1)
    given = NgramScores(classes, ngrams.fit(rows, labels, classes, LONGEST))(tokens.padded(new)).numpy()
    wanted = factor(rows, labels, classes) * decisions(rows, labels, classes, new)
    exact = np.abs(given - wanted).max(axis=1) < 0.01 * np.abs(wanted).max()
    assert exact.mean() > 0.6  # in the others there is an n-gram whose two buckets are taken
    assert np.corrcoef(given.ravel(), wanted.ravel())[0, 1] > 0.99


def test_an_ngram_counts_once_however_often_a_text_holds_it():
    rows, labels = texts(2)
    layer = NgramScores(2, ngrams.fit(rows, labels, 2, 1))
    once, often = layer(np.array([[5, 6, 0, 0]])), layer(np.array([[5, 6, 5, 5]]))
    np.testing.assert_allclose(once, often, atol=1e-6)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_two_buckets_keep_nearly_all_ngrams(share):
    unique = np.arange(2, 2 + int(share * 1024))[:, None]
    table = ngrams._table(unique, np.arange(len(unique)), np.ones((len(unique), 1)))
    kept = (table.keys >= 0).sum()
    assert kept == (table.weights != 0).sum() > 0.9 * len(unique)
    assert table.keys[ngrams.hashes([unique[-1]], len(table.keys))[0]] == unique[-1, 0]  # the most frequent one


def test_unknown_ngrams_tell_nothing_whatever_bucket_they_fall_into():
    rows, labels = texts(2)
    layer = NgramScores(2, ngrams.fit(rows, labels, 2, LONGEST))
    others = np.random.default_rng(1).integers(30, 30_000, (500, 40))
    nothing = layer(np.zeros((1, 3), np.int32)).numpy()
    np.testing.assert_array_equal(layer(others).numpy(), np.repeat(nothing, 500, axis=0))
    assert np.ptp(layer(tokens.padded(rows)).numpy()[:, 1]) > 0.1


@pytest.mark.parametrize("classes", [2, 3])
def test_saved_and_exported_it_gives_the_same(classes, tmp_path):
    rows, labels = texts(classes)
    ids = keras.Input((None,), dtype="int32", name="ids")
    model = keras.Model(ids, NgramScores(classes, ngrams.fit(rows, labels, classes, LONGEST))(ids))
    model.save(tmp_path / "model.keras")
    export_tflite(model, tmp_path / "model.tflite", signatures="sequence")
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("sequence")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for count in (3, 40):
        batch = tokens.padded(rows[:count])
        wanted = model(batch).numpy()
        assert np.abs(wanted).max() > 0.01
        np.testing.assert_array_equal(again(batch).numpy(), wanted)
        np.testing.assert_allclose(next(iter(run(ids=batch).values())), wanted, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_texts_in_the_order_of_their_classes_are_as_good_as_any(classes):
    rows, labels = texts(classes)
    order = np.argsort(labels, kind="stable")
    in_order = ngrams.fit([rows[row] for row in order], labels[order], classes, LONGEST)
    mixed = ngrams.fit(rows, labels, classes, LONGEST)
    spread = [np.abs(model.tables[0].weights).max() for model in (in_order, mixed)]
    assert 0.7 < spread[0] / spread[1] < 1.4


def test_texts_without_a_common_word_are_refused():
    rows = [np.array([2 * number, 2 * number + 1], np.int32) for number in range(1, 20)]
    with pytest.raises(DataError, match="no word or n-gram stands in two training texts"):
        ngrams.fit(rows, np.arange(19) % 2, 2, LONGEST)
