"""Weights of n-grams against scikit-learn on the same n-grams as text, with and without the fold of the text itself."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.svm import LinearSVC

from keras_recurrent.pipelines.export import export_tflite
from keras_recurrent.pipelines.stages.ngram_weights import NgramWeights
from keras_recurrent.pipelines.text import ngrams, tokens

LONGEST = 3


def texts(classes, count=600, seed=0):
    """Short texts whose tokens tell a little of their class; unknown tokens, and texts of one token too."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    rows = [random.integers(1, 9, random.integers(1, 9)) + (random.random() < 0.5) * label for label in labels]
    return [row.astype(np.int32) for row in rows], labels


def grams(row):
    """The n-grams that end at each time step, as text, by length; None where one holds an unknown token."""
    for end in range(1, len(row) + 1):
        parts = [row[max(0, end - length) : end] for length in range(1, LONGEST + 1)]
        yield [
            " ".join(f"t{token}" for token in part) if len(part) == length and min(part) > 1 else None
            for length, part in enumerate(parts, 1)
        ]


def by_scikit_learn(rows, labels, classes, among=slice(None)):
    """A dictionary from each n-gram that two texts hold to its weights, fitted on some of the texts."""
    documents = [[*dict.fromkeys(gram for step in grams(row) for gram in step if gram)] for row in rows]
    vectorizer = CountVectorizer(binary=True, analyzer=lambda held: held, min_df=2)
    matrix = vectorizer.fit_transform(documents).astype(np.float32).toarray()[among]
    columns = []
    for number in range(classes)[1 if classes == 2 else 0 :]:
        positive = labels[among] == number
        inside, outside = 1 + matrix[positive].sum(0), 1 + matrix[~positive].sum(0)
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        columns.append(LinearSVC(C=0.01, random_state=0).fit(matrix * ratio, positive).coef_[0] * ratio)
    return dict(zip(vectorizer.get_feature_names_out(), np.stack(columns, axis=-1), strict=True))


def expected(row, weights, scores):
    nothing = np.zeros(scores)
    return np.array([np.concatenate([weights.get(gram, nothing) for gram in step]) for step in grams(row)])


def check(given, rows, weights, scores):
    """Compares, but for n-grams whose bucket a more frequent one has."""
    lost = count = 0
    for row, ratio in zip(rows, given, strict=True):
        wanted = expected(row, weights, scores)
        assert not ratio[len(row) :].any()
        wrong = np.abs(ratio[: len(row)] - wanted) > 2e-3 * max(np.abs(value).max() for value in weights.values())
        np.testing.assert_array_equal(ratio[: len(row)][wrong], 0)
        lost, count = lost + wrong.sum(), count + (wanted != 0).sum()
    assert lost < 0.15 * count


@pytest.mark.parametrize(("classes", "scores"), [(2, 1), (3, 3)])
def test_a_new_text_gets_the_weights_of_all_texts(classes, scores):
    rows, labels = texts(classes)
    layer = NgramWeights(ngrams.fit(rows, labels, classes, LONGEST))
    weights = by_scikit_learn(rows, labels, classes)
    new, _ = texts(classes, 50, seed=1)
    check(layer(tokens.padded(new)).numpy(), new, weights, scores)
    known = {tuple(row) for row in rows}
    unseen = [row for row in new if tuple(row) not in known]
    assert len(unseen) > 10
    check(layer(tokens.padded(unseen), training=True).numpy(), unseen, weights, scores)


@pytest.mark.parametrize(("classes", "scores"), [(2, 1), (3, 3)])
def test_a_training_text_gets_those_of_the_other_folds(classes, scores, monkeypatch):
    monkeypatch.setattr(ngrams, "RUN", 20)
    rows, labels = texts(classes)
    unique = np.unique([str(row) for row in rows], return_index=True)[1]
    rows, labels = [rows[number] for number in sorted(unique)], labels[sorted(unique)]
    layer = NgramWeights(ngrams.fit(rows, labels, classes, LONGEST))
    fold = 1 + (np.arange(len(rows)) // 20) % ngrams.FOLDS
    for number in (1, ngrams.FOLDS):
        inside = [row for row, of in zip(rows, fold, strict=True) if of == number]
        weights = by_scikit_learn(rows, labels, classes, among=fold != number)
        check(layer(tokens.padded(inside), training=True).numpy(), inside, weights, scores)
        longer = np.pad(tokens.padded(inside), [(0, 0), (0, 9)])
        check(layer(longer, training=True).numpy(), inside, weights, scores)


def test_unknown_ngrams_tell_nothing_whatever_bucket_they_fall_into():
    rows, labels = texts(2)
    layer = NgramWeights(ngrams.fit(rows, labels, 2, LONGEST))
    others = np.random.default_rng(1).integers(30, 30_000, (500, 40))
    np.testing.assert_array_equal(layer(others).numpy(), 0)


@pytest.mark.parametrize("classes", [2, 3])
def test_saved_and_exported_it_gives_the_same(classes, tmp_path):
    rows, labels = texts(classes)
    ids = keras.Input((None,), dtype="int32", name="ids")
    model = keras.Model(ids, NgramWeights(ngrams.fit(rows, labels, classes, LONGEST))(ids))
    model.save(tmp_path / "model.keras")
    export_tflite(model, tmp_path / "model.tflite", signatures="sequence")
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("sequence")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for count in (3, 40):
        batch = tokens.padded(rows[:count])
        wanted = model(batch).numpy()
        assert np.abs(wanted).max() > 0.01
        np.testing.assert_array_equal(again(batch).numpy(), wanted)
        np.testing.assert_allclose(next(iter(run(ids=batch).values())), wanted, atol=1e-6)
