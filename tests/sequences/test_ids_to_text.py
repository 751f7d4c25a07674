"""Ids as texts in TensorFlow: the same as in Python, whatever a model may answer."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hard_texts import KNOWN, LEVELS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_recurrent.pipelines.runtime.vocabulary import Vocabulary
from keras_recurrent.pipelines.sequences.ids_to_text import ids_to_text

BOUNDS = ({}, {"start": 0, "end": 0}, {"start": 2, "end": 3}, {"end": 4})
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=60)
@given(st.data(), st.sampled_from(BOUNDS))
def test_python_and_tensorflow_write_alike(level, data, bounds):
    vocabulary = replace(KNOWN[level], **bounds)
    ids = data.draw(arrays.arrays("int32", SHAPES, elements=st.integers(0, len(vocabulary) - 1)))
    found = ids_to_text(vocabulary)(tf.constant(ids)).numpy()
    assert np.shape(found) == ids.shape[:-1]
    rows = ids.reshape(-1, ids.shape[-1]) if ids.size else np.zeros((np.size(found), 0), int)
    assert [text.decode() for text in np.ravel(found)] == [vocabulary.decode(row) for row in rows]


def test_captions_worked_by_hand():
    words = Vocabulary(("", "[UNK]", "two", "boats", "##s"), "word", start=0, end=0)
    ids = tf.constant([[[2, 3, 0, 0], [0, 3, 0, 0]], [[2, 2, 1, 3], [4, 0, 2, 2]]])
    expected = [[b"two boats", b""], [b"two two [UNK] boats", b"##s"]]
    assert ids_to_text(words)(ids).numpy().tolist() == expected
    pieces = replace(words, level="subword")
    assert ids_to_text(pieces)(tf.constant([3, 4, 2, 4, 4])).numpy() == b"boatss twoss"
