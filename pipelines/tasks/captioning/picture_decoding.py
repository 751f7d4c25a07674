"""Image decoding in TensorFlow, the same in training, in evaluation and in the SavedModel."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

PIXELS = 2**19
"""Largest number of pixels in a prediction batch, so that large images need no more memory than small ones."""


def pictures_together(side: tuple[int, int]) -> int:
    """Number of images of the given rows and columns in a prediction batch.

    >>> [pictures_together((side, side)) for side in (64, 128, 224, 1024)]
    [128, 32, 10, 1]
    """
    return max(1, PIXELS // (side[0] * side[1]))


def to_pixels(content: tf.Tensor, side: tuple[int, int]) -> tf.Tensor:
    """Decodes one JPEG or PNG, a scalar string, to `[rows, columns, 3]` uint8; gray images become RGB.

    An image of another size is resized bilinearly with antialiasing, which may change its aspect ratio.
    """
    pixels = tf.io.decode_image(content, channels=3, expand_animations=False)
    pixels = tf.cond(
        tf.reduce_all(tf.equal(tf.shape(pixels)[:2], side)),
        lambda: pixels,
        lambda: tf.cast(tf.round(tf.image.resize(pixels, side, antialias=True)), tf.uint8),
    )
    pixels.set_shape((*side, 3))
    return pixels


@keras.saving.register_keras_serializable("keras_recurrent")
class DecodePictures(keras.layers.Layer):
    """Decodes images, strings `[batch]`, to `[batch, rows, columns, 3]` uint8.

    Args:
        side: Rows and columns of the result.
    """

    def __init__(self, side: tuple[int, int], **options: Any) -> None:
        super().__init__(**options)
        rows, columns = side  # a list when loaded from a saved model
        self.side = rows, columns

    def call(self, contents: tf.Tensor) -> tf.Tensor:
        """Decodes the images one after the other."""
        return tf.map_fn(lambda each: to_pixels(each, self.side), contents, fn_output_signature=tf.uint8)

    def compute_output_spec(self, contents: keras.KerasTensor) -> keras.KerasTensor:
        """The symbolic output: uint8 pixels."""
        return keras.KerasTensor((contents.shape[0], *self.side, 3), "uint8")

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | {"side": self.side}
