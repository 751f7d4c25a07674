"""Random affine maps, against SciPy's own interpolation."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_recurrent.pipelines.mnist_rows import RowsConfig, RowsData, augment
from keras_recurrent.pipelines.stages.augmentation import random_affine

RNG = np.random.default_rng(0)
IMAGES = np.pad(RNG.integers(0, 256, (6, 12, 10), np.uint8), ((0, 0), (8, 8), (8, 8)))
SEED, LABELS = tf.constant([5, 6], tf.int64), np.arange(32)


def test_equals_scipy():
    rotation, zoom, shear, shift = 20.0, 0.2, 0.15, 2.0
    ours = random_affine(tf.constant(IMAGES, tf.float32), SEED, rotation, zoom, shear, shift).numpy()
    drawn = tf.random.stateless_uniform((6, 6), SEED, -1.0, 1.0).numpy()
    centre = (np.array(IMAGES.shape[1:]) - 1) / 2
    for image, mine, (turn, zoom_x, zoom_y, slant, shift_x, shift_y) in zip(IMAGES, ours, drawn, strict=True):
        angle = np.deg2rad(rotation * turn)
        scale_and_slant = np.array([[1 + zoom * zoom_x, shear * slant], [0, 1 + zoom * zoom_y]])
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ scale_and_slant
        matrix = turned[::-1, ::-1]  # SciPy counts rows first
        offset = centre + shift * np.array([shift_y, shift_x]) - matrix @ centre
        theirs = ndimage.affine_transform(image.astype(float), matrix, offset, order=1, mode="constant")
        np.testing.assert_allclose(mine, theirs, atol=0.02)


def test_same_seed_same_change_and_type_kept():
    first, again = (random_affine(tf.constant(IMAGES), SEED, 10, 0.1, 0.1, 1).numpy() for _ in range(2))
    other = random_affine(tf.constant(IMAGES), SEED + 1, 10, 0.1, 0.1, 1).numpy()
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()
    assert (random_affine(tf.constant(IMAGES), SEED, 0, 0, 0, 0).numpy() == IMAGES).all()


@pytest.mark.parametrize("pairs", [False, True])
def test_in_a_pair_no_digit_leaves_its_half(pairs):
    config = RowsConfig(pipeline="mnist_rows", preset="sample", data=RowsData(pairs=pairs, shift=3))
    images = np.zeros((32, 9, 18), np.uint8)
    images[:, :, :9] = 200
    changed, labels = augment(config)(tf.constant(images), LABELS, SEED)
    np.testing.assert_array_equal(labels, LABELS)
    changed = changed.numpy()
    crossed = changed[:, :, 9:].any()
    assert crossed != pairs


def test_no_augmentation_without_an_amount():
    assert augment(RowsConfig(pipeline="mnist_rows", preset="sample", data=RowsData())) is None
