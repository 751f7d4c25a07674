"""Random changes of training images: by a seed that is given, or by a layer that draws its own."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops


def random_affine(
    images: tf.Tensor, seed: tf.Tensor, rotation: float, zoom: float, shear: float, shift: float
) -> tf.Tensor:
    """Turns, scales, slants and moves each image about its centre, by amounts drawn evenly up to those given.

    The same seed changes the same batch in the same way.

    Args:
        images: `[batch, rows, columns]` of any number type; beyond the border lies 0.
        seed: `[2]` integers.
        rotation: Degrees.
        zoom: Share of the size, for each axis by itself.
        shear: Share of the height.
        shift: Pixels, for each axis by itself.

    Returns:
        `[batch, rows, columns]` of the same type, interpolated bilinearly.
    """
    span = tf.constant([math.radians(rotation), zoom, zoom, shear, shift, shift], tf.float32)
    drawn = tf.random.stateless_uniform((tf.shape(images)[0], 6), seed, -1.0, 1.0) * span
    angle, zoom_x, zoom_y, slant, shift_x, shift_y = tf.unstack(drawn, axis=1)
    images = images[..., tf.newaxis]
    return mapped(images, angle, 1 + zoom_x, 1 + zoom_y, slant, shift_x, shift_y, beyond="CONSTANT")[..., 0]


@keras.saving.register_keras_serializable("keras_recurrent")
class RandomAffine(keras.layers.Layer):
    """Mirrors, turns, scales and moves each image, in training alone, and interpolates once for all of that.

    Beyond the border the image is mirrored. Mirroring and quarter turns alone leave the pixels as they are.

    Args:
        flip: `"none"`, `"horizontal"`, or `"both"` for top and bottom too.
        quarter_turns: Whether images are turned by multiples of 90 degrees.
        rotation: Degrees up to which they are turned besides, each way.
        zoom: Share up to which they are scaled, each way, the same for both axes.
        shift: Share of the side up to which they are moved, each way, for each axis by itself.

    Call arguments:
        images: `[batch, rows, columns, channels]` floating point; with quarter turns as many rows as columns.
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
        """Draws a map for each image."""
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
    """Changes the light that each image was taken in, in training alone.

    The strength of each colour and of all together, the contrast about the mean, and, twice as much, the saturation
    are multiplied, in this order.

    Args:
        amount: Share up to which each of them changes, each way.

    Call arguments:
        images: `[batch, rows, columns, 3]` floating point in -1..1, where they stay.
    """

    def __init__(self, amount: float, **options: Any) -> None:
        super().__init__(**options)
        self.amount, self.seeds = amount, keras.random.SeedGenerator()

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Draws numbers for each image."""
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
    """That of Keras, in training alone: Keras' own also erases where nobody says whether it is training."""

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Makes a rectangle of some images gray."""
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
        angle: `[batch]`, radians.
        zoom_x: `[batch]`; below 0 it mirrors.
        zoom_y: The same.
        slant: `[batch]`.
        shift_x: `[batch]`, pixels.
        shift_y: The same.
        beyond: What lies beyond the border: `"CONSTANT"`, which is 0, or `"REFLECT"`.
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
