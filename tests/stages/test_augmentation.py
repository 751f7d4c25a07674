"""Random affine maps, against SciPy's own interpolation and the symmetries of the square."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_recurrent.pipelines.mnist_rows import RowsConfig, RowsData, augment
from keras_recurrent.pipelines.stages.augmentation import (
    RandomAffine,
    RandomErasing,
    RandomLight,
    mapped,
    random_affine,
)

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


PICTURES = RNG.uniform(-1, 1, (64, 9, 9, 3)).astype("float32")


def symmetries(picture):
    """The eight of a square, by how it is mirrored and turned."""
    return {
        (mirrored, turns): np.rot90(picture[:, ::-1] if mirrored else picture, turns)
        for mirrored in (False, True)
        for turns in range(4)
    }


def drawn_symmetries(**chosen):
    keras.utils.set_random_seed(0)
    changed = RandomAffine(**chosen)(PICTURES, training=True).numpy()
    found = set()
    for before, after in zip(PICTURES, changed, strict=True):
        distance = {name: np.abs(each - after).max() for name, each in symmetries(before).items()}
        name = min(distance, key=distance.get)
        assert distance[name] < 1e-3
        found.add(name)
    return found


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {(False, 0)}),
        ({"flip": "horizontal"}, {(False, 0), (True, 0)}),
        ({"flip": "both"}, {(False, 0), (True, 0), (False, 2), (True, 2)}),
        ({"quarter_turns": True}, {(False, turns) for turns in range(4)}),
        ({"flip": "both", "quarter_turns": True}, {(m, turns) for m in (False, True) for turns in range(4)}),
    ],
)
def test_mirrored_and_turned_pictures_keep_their_pixels(chosen, expected):
    assert drawn_symmetries(**chosen) == expected


@pytest.mark.parametrize(("chosen", "most"), [({"shift": 0.2}, 0.2), ({"zoom": 0.1}, 0.1), ({"rotation": 30}, 0.52)])
def test_no_picture_is_changed_by_more_than_was_said(chosen, most):
    """A ramp tells where each pixel came from, and its middle has no border that is mirrored."""
    keras.utils.set_random_seed(0)
    side = 101
    ramp = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1) / side
    changed = RandomAffine(**chosen)(np.repeat(ramp[None].astype("float32"), 500, 0), training=True).numpy()
    middle, right = changed[:, 50, 50], changed[:, 50, 60] - changed[:, 50, 50]
    moved = middle - 50 / side
    scaled, turned = np.hypot(*right.T) * side / 10 - 1, np.arctan2(right[:, 1], right[:, 0])
    amounts = {"shift": moved, "zoom": scaled, "rotation": turned}
    for name, found in amounts.items():
        reached = np.abs(found).max()
        assert (0.95 * most < reached < 1.02 * most) if name in chosen else reached < 1e-3


def test_beyond_the_border_pictures_are_mirrored():
    zero, one = tf.zeros(1), tf.ones(1)
    moved = mapped(tf.constant(PICTURES[:1]), zero, one, one, zero, 3 * one, zero, beyond="REFLECT")[0]
    np.testing.assert_allclose(moved, np.pad(PICTURES[0], ((0, 0), (0, 3), (0, 0)), "symmetric")[:, 3:], atol=1e-6)


def test_pictures_are_left_alone_outside_training_and_the_layer_can_be_kept():
    for layer in (RandomAffine("both", True, 10, 0.1, 0.1), RandomLight(0.3), RandomErasing(1.0)):
        np.testing.assert_array_equal(layer(PICTURES), PICTURES)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()


def test_shapes_are_known_in_a_graph():
    """Layers behind it, such as `RandomErasing` of Keras, need the sides."""
    layer = RandomAffine(shift=0.1)
    traced = tf.function(lambda x: layer(x, training=True))
    found = traced.get_concrete_function(tf.TensorSpec((None, 9, 9, 3)))
    assert found.structured_outputs.shape.as_list() == [None, 9, 9, 3]


def test_light_changes_colours_brightness_contrast_and_saturation(monkeypatch):
    drawn = RNG.uniform(-1, 1, (64, 1, 1, 6)).astype("float32")

    def uniform(shape, low, high, seed):
        assert (low, high) == (-1, 1)
        return tf.ensure_shape(drawn, shape)

    monkeypatch.setattr(keras.random, "uniform", uniform)
    found = RandomLight(0.3)(PICTURES, training=True)
    for before, after, (*colours, strength, contrast, saturation) in zip(PICTURES, found, drawn[:, 0, 0], strict=True):
        x = (np.float64(before) + 1) * [(1 + 0.3 * each) * (1 + 0.3 * strength) for each in colours]
        x = x.mean() + (1 + 0.3 * contrast) * (x - x.mean())
        gray = x.mean(axis=-1, keepdims=True)
        x = gray + (1 + 0.6 * saturation) * (x - gray)
        np.testing.assert_allclose(after, np.clip(x - 1, -1, 1), atol=1e-5)
