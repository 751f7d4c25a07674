"""Random changes of training inputs, drawn from a seed that training gives: the same batch, the same change."""

from __future__ import annotations

import math

import tensorflow as tf


def random_affine(
    images: tf.Tensor, seed: tf.Tensor, rotation: float, zoom: float, shear: float, shift: float
) -> tf.Tensor:
    """Turns, scales, slants and moves each image about its centre, by amounts drawn evenly up to those given.

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
    count, size = tf.shape(images)[0], tf.cast(tf.shape(images)[1:3], tf.float32)
    span = tf.constant([math.radians(rotation), zoom, zoom, shear, shift, shift], tf.float32)
    drawn = tf.random.stateless_uniform((count, 6), seed, -1.0, 1.0) * span
    angle, zoom_x, zoom_y, slant, shift_x, shift_y = tf.unstack(drawn, axis=1)
    # where a pixel's value comes from: [x', y'] = R(angle) [[1 + zoom_x, slant], [0, 1 + zoom_y]] ([x, y] - centre)
    #                                              + centre + shift
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = cos * (1 + zoom_x), cos * slant - sin * (1 + zoom_y)
    d, e = sin * (1 + zoom_x), sin * slant + cos * (1 + zoom_y)
    centre_y, centre_x = (size[0] - 1) / 2, (size[1] - 1) / 2
    c = centre_x + shift_x - a * centre_x - b * centre_y
    f = centre_y + shift_y - d * centre_x - e * centre_y
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., tf.newaxis],
        transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1),
        output_shape=tf.shape(images)[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )[..., 0]
