"""Log-count ratios of n-grams against counts in plain dictionaries, with and without the text itself."""

import math
from collections import Counter, defaultdict

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_recurrent.pipelines import ngrams, tokens
from keras_recurrent.pipelines.export import export_tflite
from keras_recurrent.pipelines.stages.log_count_ratios import LeavesOneOut, LogCountRatios, leaving_out

LENGTHS = (1, 2, 3)


def grams(row, length):
    return [tuple(row[end - length : end]) for end in range(length, len(row) + 1) if min(row[end - length : end]) > 1]


def texts(classes, count=150, seed=0):
    """Short texts of few tokens, so that n-grams come back; padding, unknown tokens, and texts of one token too."""
    random = np.random.default_rng(seed)
    rows = [random.integers(1, 9, random.integers(1, 9)).astype(np.int32) for _ in range(count)]
    return rows, random.integers(0, classes, count)


def by_dictionary(rows, labels, classes, places, without=None):
    """The ratios of each time step of each text, `[time, lengths * classes]`, as the definition says it."""
    held, where = defaultdict(Counter), defaultdict(set)
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        for length in LENGTHS:
            for gram in set(grams(row, length)):
                held[gram][label] += 1
                where[gram].add(number // ngrams.PLACE)
    of_class = Counter(labels)
    answers = []
    for number, row in enumerate(rows):
        own = labels[number] if without else None
        answer = np.zeros((len(row), len(LENGTHS), classes))
        for time in range(len(row)):
            for place, length in enumerate(LENGTHS):
                gram = tuple(row[time + 1 - length : time + 1])
                if len(gram) < length or min(gram) < 2 or len(where[gram]) < places:
                    continue
                for kind in range(classes):
                    inside = held[gram][kind] - (kind == own)
                    outside = sum(held[gram].values()) - held[gram][kind] - (own is not None and kind != own)
                    n, others = of_class[kind], len(rows) - of_class[kind]
                    answer[time, place, kind] = math.log((inside + 1) / (n + 2)) - math.log(
                        (outside + 1) / (others + 2)
                    )
        answers.append(answer[..., 1] if classes == 2 else answer.reshape(len(row), -1))
    return answers


def fitted(rows, labels, classes, places, lengths=LENGTHS):
    counts = [ngrams.fit(rows, labels, classes, length, places) for length in lengths]
    return LogCountRatios(counts, np.bincount(labels, minlength=classes))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("places", [1, 3])
@pytest.mark.parametrize("without", [False, True])
def test_ratios_are_those_of_the_definition(classes, places, without):
    rows, labels = texts(classes)
    layer = fitted(rows, labels, classes, places)
    ids = tokens.padded(rows)
    if without:
        with leaving_out(tf.constant(labels)):
            ratios = layer(ids).numpy()
    else:
        ratios = layer(ids).numpy()
    expected = by_dictionary(rows, labels, classes, places, without)
    given = [ratio[: len(row)] for row, ratio in zip(rows, ratios, strict=True)]
    assert not any(ratio[len(row) :].any() for row, ratio in zip(rows, ratios, strict=True))
    given, expected = np.concatenate(given), np.concatenate(expected)
    lost = np.abs(given - expected) > 1e-5
    np.testing.assert_array_equal(given[lost], 0, "a more frequent n-gram has the bucket")
    assert lost[:, : given.shape[1] // 3].sum() == 0, "ids are buckets of their own"
    assert lost.mean() < 0.05
    assert np.abs(expected).mean() > 0.05


def test_unknown_ngrams_tell_nothing_whatever_bucket_they_fall_into():
    rows, labels = texts(2)
    layer = fitted(rows, labels, 2, 1)
    others = np.random.default_rng(1).integers(9, 30_000, (500, 40))
    np.testing.assert_array_equal(layer(others).numpy(), 0)


def test_few_of_many_ngrams_are_lost_to_others_in_their_bucket():
    random = np.random.default_rng(0)
    rows = [random.integers(2, 20_000, 50).astype(np.int32) for _ in range(200)]
    counts = ngrams.fit([*rows, *rows], np.repeat([0, 1], 200), 2, 2, places=1)
    kept = (counts.keys >= 0).sum()
    assert 0.85 * 200 * 49 < kept <= 200 * 49
    assert len(counts.keys) <= 8 * 200 * 49


def test_a_training_step_leaves_each_text_out_and_an_answer_does_not():
    rows, labels = texts(2, count=40)
    ids = keras.Input((None,), dtype="int32", name="ids")
    ratios = fitted(rows, labels, 2, 1, lengths=(1,))(ids)
    score = keras.ops.sum(ratios, axis=(1, 2))
    answers = keras.layers.Softmax()(keras.ops.stack([keras.ops.zeros_like(score), score], axis=-1))
    model = LeavesOneOut(ids, answers)
    model.compile("sgd", "sparse_categorical_crossentropy")
    for without, loss in (
        (True, model.train_on_batch(tokens.padded(rows), labels)),
        (False, model.test_on_batch(tokens.padded(rows), labels)),
    ):
        scores = np.array([ratio[:, 0].sum() for ratio in by_dictionary(rows, labels, 2, 1, without)])
        expected = np.logaddexp(0, np.where(labels == 1, -scores, scores)).mean()
        assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_saved_and_exported_it_gives_the_same(classes, tmp_path):
    rows, labels = texts(classes)
    ids = keras.Input((None,), dtype="int32", name="ids")
    model = LeavesOneOut(ids, fitted(rows, labels, classes, 1)(ids))
    model.save(tmp_path / "model.keras")
    export_tflite(model, tmp_path / "model.tflite", signatures="sequence")
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("sequence")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for count in (3, 40):
        batch = tokens.padded(rows[:count])
        expected = model(batch).numpy()
        np.testing.assert_array_equal(again(batch).numpy(), expected)
        np.testing.assert_allclose(next(iter(run(ids=batch).values())), expected, atol=1e-5)
