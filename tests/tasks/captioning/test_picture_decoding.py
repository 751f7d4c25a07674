"""Encoded pictures as pixels, beside Pillow; in models, kept files and a SavedModel."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_recurrent.pipelines.tasks.captioning.picture_decoding import DecodePictures, to_pixels

SIDE = (10, 12)


def smooth(rows, columns, channels=3):
    """Waves that differ in every channel and direction: JPEG keeps them, noise it would not."""
    y, x = np.mgrid[:rows, :columns] / 10
    waves = [np.sin(x + channel) + np.cos(2 * y - channel) for channel in range(channels)]
    pixels = (128 + 60 * np.stack(waves, axis=-1)).astype("uint8")
    return pixels if channels == 3 else pixels[..., 0]


def encoded(pixels, form="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def as_pillow_sees(content, side):
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    if picture.size != side[::-1]:
        picture = picture.resize(side[::-1], Image.Resampling.BILINEAR)
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("size", [SIDE, (40, 30), (7, 5), (12, 10), (1, 1)])
@pytest.mark.parametrize(
    ("form", "options", "levels"), [("PNG", {}, 1), ("JPEG", {"quality": 95, "subsampling": 0}, 4)]
)
def test_pixels_are_those_that_pillow_sees(form, options, levels, size, channels):
    content = encoded(smooth(*size, channels), form, **options)
    found = to_pixels(tf.constant(content), SIDE).numpy()
    assert found.shape == (*SIDE, 3)
    assert found.dtype == np.uint8
    expected = as_pillow_sees(content, SIDE)
    assert np.abs(found - expected).max() <= (0 if form == "PNG" and size == SIDE else levels)
    if size != (1, 1):
        assert np.ptp(expected) > 50


def test_a_progressive_jpeg_is_read():
    content = encoded(smooth(*SIDE), "JPEG", progressive=True, quality=95)
    found = to_pixels(tf.constant(content), SIDE).numpy()
    assert np.abs(found - as_pillow_sees(content, SIDE)).max() <= 10


def test_bright_edges_stay_within_a_byte():
    edges = (255 * (np.indices((33, 47)).sum(axis=0) % 2)).astype("uint8")
    found = to_pixels(tf.constant(encoded(np.stack([edges, 255 - edges, 0 * edges + 255], axis=-1))), SIDE).numpy()
    assert (found[..., 2] == 255).all()
    assert np.abs(found[..., :2].astype(int) - 128).max() <= 40


CONTENTS = [encoded(smooth(*SIDE)), encoded(smooth(40, 30, 1), "JPEG"), encoded(smooth(1, 1))]


def model_of():
    contents = keras.Input((), dtype="string", name="pictures")
    return keras.Model(contents, DecodePictures(SIDE, name="pixels")(contents))


def test_a_model_decodes_each_picture_as_it_is_decoded_alone(tmp_path):
    model = model_of()
    assert model.output.shape == (None, *SIDE, 3)
    assert model.output.dtype == "uint8"
    expected = np.stack([to_pixels(tf.constant(content), SIDE) for content in CONTENTS])
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        np.testing.assert_array_equal(each(tf.constant(CONTENTS)), expected)
        np.testing.assert_array_equal(each.predict_on_batch(tf.constant(CONTENTS)), expected)


def test_a_saved_model_decodes_too(tmp_path):
    model = model_of()
    signature = [tf.TensorSpec([None], tf.string, name="pictures")]
    serve = tf.function(lambda pictures: {"pixels": model(pictures)}, input_signature=signature)
    holder = tf.Module()
    holder.model = model
    tf.saved_model.save(holder, tmp_path / "saved", signatures=serve.get_concrete_function())
    loaded = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"]
    for count in (3, 1, 0):
        pixels = loaded(pictures=tf.constant(CONTENTS[:count], tf.string))["pixels"]
        np.testing.assert_array_equal(pixels, model(tf.constant(CONTENTS))[:count])
