"""Random changes of training images: a function with a given seed, and layers that draw their own."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops


def random_affine(
    images: tf.Tensor, seed: tf.Tensor, rotation: float, zoom: float, shear: float, shift: float
) -> tf.Tensor:
    """Rotates, scales, shears and shifts each image about its centre, by uniformly drawn amounts up to given limits.

    The same seed changes the same batch in the same way.

    Args:
        images: `[batch, rows, columns]` of any numeric dtype; pixels beyond the border are 0.
        seed: `[2]` integers.
        rotation: Largest angle each way, in degrees.
        zoom: Largest change each way, as a share of the size, drawn for each axis separately.
        shear: Largest shear each way, as a share of the height.
        shift: Largest shift each way, in pixels, drawn for each axis separately.

    Returns:
        `[batch, rows, columns]` of the same dtype, interpolated bilinearly.
    """
    span = tf.constant([math.radians(rotation), zoom, zoom, shear, shift, shift], tf.float32)
    drawn = tf.random.stateless_uniform((tf.shape(images)[0], 6), seed, -1.0, 1.0) * span
    angle, zoom_x, zoom_y, slant, shift_x, shift_y = tf.unstack(drawn, axis=1)
    images = images[..., tf.newaxis]
    return mapped(images, angle, 1 + zoom_x, 1 + zoom_y, slant, shift_x, shift_y, beyond="CONSTANT")[..., 0]


@keras.saving.register_keras_serializable("keras_recurrent")
class RandomAffine(keras.layers.Layer):
    """Flips, rotates, scales and shifts each image, only in training, and interpolates only once.

    The image continues as its mirror image beyond the border. Flips and quarter turns alone keep the pixel values.

    Args:
        flip: `"none"`, `"horizontal"`, or `"both"` for horizontal and vertical flips.
        quarter_turns: Whether to rotate images by random multiples of 90 degrees.
        rotation: Largest additional angle each way, in degrees.
        zoom: Largest change of scale each way, as a share, the same for both axes.
        shift: Largest shift each way, as a share of the side, drawn for each axis separately.

    Call arguments:
        images: `[batch, rows, columns, channels]` floating point; quarter turns need as many rows as columns.
    """

    def __init__(
        self,
        flip: str = "none",
        quarter_turns: bool = False,
        rotation: float = 0.0,
        zoom: float = 0.0,
        shift: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.supports_jit = False  # XLA has no kernel for its interpolation
        self.settings: dict[str, Any] = {
            "flip": flip,
            "quarter_turns": quarter_turns,
            "rotation": rotation,
            "zoom": zoom,
            "shift": shift,
        }
        self.seeds = keras.random.SeedGenerator()

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Draws a transform for each image."""
        if not training:
            return images
        chosen, (count, height, width, _) = self.settings, ops.shape(images)
        u = ops.unstack(keras.random.uniform((7, count), -1.0, 1.0, seed=self.seeds), 7)
        mirror_x, mirror_y = (ops.where(each < 0, -1.0, 1.0) for each in u[:2])
        zoom = 1 + chosen["zoom"] * u[2]
        angle = math.radians(chosen["rotation"]) * u[3]
        if chosen["quarter_turns"]:
            angle = angle + math.pi / 2 * ops.floor(2 * u[4])
        return mapped(
            images,
            angle,
            zoom * (mirror_x if chosen["flip"] != "none" else 1.0),
            zoom * (mirror_y if chosen["flip"] == "both" else 1.0),
            ops.zeros_like(angle),
            chosen["shift"] * width * u[5],
            chosen["shift"] * height * u[6],
            beyond="REFLECT",
        )

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | self.settings


@keras.saving.register_keras_serializable("keras_recurrent")
class RandomLight(keras.layers.Layer):
    """Changes the lighting of each image, only in training.

    Scales, in this order, each colour channel, the brightness of all channels, the contrast about the mean, and, twice
    as much, the saturation.

    Args:
        amount: Largest change of each factor, each way, as a share.

    Call arguments:
        images: `[batch, rows, columns, 3]` floating point in -1..1; the result stays in that range.
    """

    def __init__(self, amount: float, **options: Any) -> None:
        super().__init__(**options)
        self.amount, self.seeds = amount, keras.random.SeedGenerator()

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Draws factors for each image."""
        if not training:
            return images
        drawn = keras.random.uniform((ops.shape(images)[0], 1, 1, 6), -1.0, 1.0, seed=self.seeds)
        drawn = ops.cast(self.amount * drawn, images.dtype)
        colours, strength, contrast, saturation = ops.split(drawn, (3, 4, 5), axis=-1)
        x = (images + 1) * (1 + colours) * (1 + strength)
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        x = mean + (1 + contrast) * (x - mean)
        gray = ops.mean(x, axis=-1, keepdims=True)
        return ops.clip(gray + (1 + 2 * saturation) * (x - gray) - 1, -1, 1)

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | {"amount": self.amount}


@keras.saving.register_keras_serializable("keras_recurrent")
class RandomErasing(keras.layers.RandomErasing):
    """`RandomErasing` of Keras, only in training: the original also erases if `training` is not given."""

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Fills a rectangle of some images with gray."""
        return super().call(images, training=training)


def mapped(
    images: tf.Tensor,
    angle: tf.Tensor,
    zoom_x: tf.Tensor,
    zoom_y: tf.Tensor,
    slant: tf.Tensor,
    shift_x: tf.Tensor,
    shift_y: tf.Tensor,
    beyond: str,
) -> tf.Tensor:
    """Images whose pixels come from R(angle) [[zoom_x, slant], [0, zoom_y]] ([x, y] - centre) + centre + shift.

    Args:
        images: `[batch, rows, columns, channels]`, interpolated bilinearly.
        angle: Angles `[batch]`, in radians.
        zoom_x: Horizontal factors `[batch]`; a negative factor flips the image.
        zoom_y: Vertical factors `[batch]`; a negative factor flips the image.
        slant: Shear factors `[batch]`.
        shift_x: Horizontal shifts `[batch]`, in pixels.
        shift_y: Vertical shifts `[batch]`, in pixels.
        beyond: Pixels beyond the border: `"CONSTANT"` for 0, or `"REFLECT"`.
    """
    size = tf.cast(tf.shape(images)[1:3], tf.float32)
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = cos * zoom_x, cos * slant - sin * zoom_y
    d, e = sin * zoom_x, sin * slant + cos * zoom_y
    centre_y, centre_x = (size[0] - 1) / 2, (size[1] - 1) / 2
    c = centre_x + shift_x - a * centre_x - b * centre_y
    f = centre_y + shift_y - d * centre_x - e * centre_y
    zero = tf.zeros_like(a)
    found = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1),
        output_shape=tf.shape(images)[1:3],
        interpolation="BILINEAR",
        fill_mode=beyond,
        fill_value=0.0,
    )
    found.set_shape(images.shape)
    return found
