"""Sequences as examples: padded, weighted, batched by all of their lengths."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_recurrent.pipelines.sequences.examples import Sequences, Texts
from keras_recurrent.pipelines.sequences.padding import as_objects
from keras_recurrent.pipelines.stages.data import evaluation_batches, training_batches


def ragged(lengths, first=1):
    return as_objects([np.arange(first, first + length, dtype=np.int32) for length in lengths])


def batches_of(split, batch_size=4, epochs=1):
    return list(training_batches(split, batch_size, 0, range(epochs)).as_numpy_iterator())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=30))
def test_every_token_comes_once_and_only_padding_has_no_weight(lengths):
    source, target = ragged([a for a, _ in lengths]), ragged([b for _, b in lengths], first=100)
    split = Sequences({"source": source, "target": target}, target)
    seen = []
    for x, y, weights in batches_of(split):
        assert x["target"].shape == y.shape == weights.shape
        for row in range(len(y)):
            known = weights[row] == 1
            assert (y[row][~known] == 0).all()
            assert (weights[row][~known] == 0).all()
            np.testing.assert_array_equal(x["target"][row], y[row])
            seen.append((tuple(x["source"][row][x["source"][row] > 0]), tuple(y[row][known])))
    assert sorted(seen) == sorted((tuple(s), tuple(t)) for s, t in zip(source, target, strict=True))


def padded_share(split, keys):
    """How many numbers of all batches are padding."""
    zeros = total = 0
    for x, *_ in batches_of(split, 16):
        for key in keys:
            zeros, total = zeros + (x[key] == 0).sum(), total + x[key].size
    return zeros / total


def test_batches_are_made_by_all_lengths():
    """By the first alone, or the second alone, the other would be padded as if examples were drawn at random."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(1, 60, (2, 3000))
    both = {"a": ragged(first), "b": ragged(second)}
    labels = np.zeros(3000, np.int32)
    by_both = padded_share(Sequences(both, labels), both)

    class OneLength(Sequences):
        def lengths(self):
            return super().lengths()[:, 0]

    assert by_both < 0.75 * padded_share(OneLength(both, labels), both)


def test_labels_of_one_number_each_have_no_weights():
    (x, y), *_ = batches_of(Sequences(ragged([3, 1, 2]), np.array([7, 8, 9])))
    assert x.shape == (3, 8)
    assert sorted(y) == [7, 8, 9]


def test_lengths_that_are_the_same_count_once():
    tokens = ragged([3, 1, 2])
    assert Sequences(tokens, ragged([3, 1, 2], 50)).lengths().tolist() == [3, 1, 2]
    assert Sequences({"a": tokens, "b": ragged([1, 1, 4])}, tokens).lengths().tolist() == [[3, 1], [1, 1], [2, 4]]
    assert Sequences(np.zeros((3, 5)), np.zeros(3)).lengths() is None


def test_rows_are_chosen_together():
    split = Sequences({"a": ragged([3, 1, 2])}, ragged([4, 5, 6]), "streams")[np.array([2, 0])]
    assert [len(row) for row in split.inputs["a"]] == [2, 3]
    assert [len(row) for row in split.labels] == [6, 4]
    assert split.order == "streams"


def test_features_of_unequal_length_are_padded_too():
    rows = as_objects([np.ones((length, 2), np.float32) for length in (3, 9)])
    (x, _), *_ = batches_of(Sequences(rows, np.array([0, 1])))
    assert x.shape == (2, 16, 2)
    assert sorted(x.sum(axis=(1, 2))) == [6, 18]


def test_a_loss_and_weighted_metrics_leave_out_the_padding():
    """The loss of a batch equals the mean over its tokens alone, by hand."""
    labels = as_objects([np.array([1, 0, 1], np.int32), np.array([2], np.int32)])
    split = Sequences(ragged([3, 1]), labels)
    tokens = keras.Input((None,), dtype="int32")
    scores = keras.layers.Embedding(10, 3)(tokens)
    model = keras.Model(tokens, scores)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile(loss=loss, weighted_metrics=["sparse_categorical_accuracy"])
    found = model.evaluate(evaluation_batches(split), verbose=0, return_dict=True)
    table = model.get_weights()[0].astype(np.float64)
    logits = np.concatenate([table[row] for row in split.inputs])
    right = np.concatenate(list(labels))
    nats = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), right]
    assert found["loss"] == pytest.approx(nats.mean(), rel=1e-5)
    assert found["sparse_categorical_accuracy"] == pytest.approx((logits.argmax(1) == right).mean())


def test_texts_become_sequences_behind_a_preprocessor():
    class Lengths(keras.layers.Layer):
        """As many ones as a text has characters."""

        def call(self, texts):
            import tensorflow as tf

            return tf.sequence_mask(tf.strings.length(texts), dtype=tf.int32)

        def compute_output_spec(self, texts):
            return keras.KerasTensor((None, None), "int32")

    texts = keras.Input((), dtype="string")
    split = Texts(np.array(["abc", "", "a"], object), np.array([1, 2, 3]))
    encoded = split.preprocessed(keras.Model(texts, Lengths()(texts)))
    assert [len(row) for row in encoded.inputs] == [3, 0, 1]
    assert encoded.labels.tolist() == [1, 2, 3]
