"""Encoders of images: what a decoder of captions looks at, a map of features.

A residual network that is trained from scratch, with pre-activation blocks (He et al. 2016, Identity Mappings in Deep
Residual Networks, arXiv 1603.05027), or one of `keras.applications`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from ...stages.augmentation import RandomAffine, RandomErasing, RandomLight
from .applications import APPLICATIONS, PLACE, RESIDUAL, weights_file
from .pretrained import Application, ScaleColours

if TYPE_CHECKING:
    from .config import CaptioningModel

ENCODER, STEM = "image_encoder", 32
ERASED = (0.01, 0.15)
"""Share of an image that a rectangle takes which is erased, at least and at most."""


def image_encoder(model: CaptioningModel, side: int) -> keras.Model:
    """From an image, `[batch, side, side, 3]` uint8, to the map of its features; in training it is changed at random.

    One of `keras.applications` has the weights of its file, and no trainable ones if it stays frozen.

    Args:
        model: The section `model` of a configuration.
        side: Pixels of each side.

    Raises:
        DataError: If there is no file of weights, or it holds others.
    """
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1, dtype="float32", name="scaled")(image)
    for layer in augmentation(model):
        x = layer(x)
    if model.encoder == RESIDUAL:
        return keras.Model(image, residual_features(x, model.widths, model.blocks, model.pooled), name=ENCODER)
    x = ScaleColours(APPLICATIONS[model.encoder].scaling, dtype="float32", name="colours")(x)
    file, learns = weights_file(model, side), model.fine_tune_from is not None
    network = Application(model.encoder, side, given=file is not None, trainable=learns, name="network")
    encoder = keras.Model(image, network(x), name=ENCODER)
    if file is not None:
        network.load_file(file)
    return encoder


def augmentation(model: CaptioningModel) -> list[keras.layers.Layer]:
    """Random changes of images that are scaled to -1..1, in training alone; beyond the border they are mirrored."""
    precise: dict[str, Any] = {"dtype": "float32"}
    place: dict[str, Any] = {name: getattr(model, name) for name in PLACE}
    chosen = [
        (model.flip != "none" or any(place.values()), lambda: RandomAffine(model.flip, **place, **precise)),
        (model.light, lambda: RandomLight(model.light, **precise)),
        (model.erase, lambda: RandomErasing((model.erase, model.erase), ERASED, 0.0, (-1, 1), **precise)),
    ]
    return [make() for wanted, make in chosen if wanted]


def residual_features(
    image: keras.KerasTensor, widths: tuple[int, ...], blocks: int, pooled: bool
) -> keras.KerasTensor:
    """The map of a residual network, `[batch, rows, columns, widths[-1]]`.

    Args:
        image: `[batch, rows, columns, 3]`, scaled to -1..1.
        widths: Channels of each stage; every stage but the first halves both sides.
        blocks: Residual blocks in each stage.
        pooled: Whether pooling halves both sides, as the convolution before it does.
    """
    x = _convolution(STEM, 5, 2)(image)
    if pooled:  # not activated before, since the first block begins with that
        x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            x = _block(x, width, stride=2 if stage and not block else 1)
    return _activated(x)


def _block(x: keras.KerasTensor, width: int, stride: int) -> keras.KerasTensor:
    """x + F(x), in which F is two convolutions, each behind a normalisation and a rectifier."""
    y = _activated(x)
    shortcut = x if stride == 1 and x.shape[-1] == width else _convolution(width, 1)(_every(stride, y))
    y = _activated(_convolution(width, 3, stride)(y))
    return keras.layers.Add()([shortcut, _convolution(width, 3)(y)])


def _every(stride: int, x: keras.KerasTensor) -> keras.KerasTensor:
    """Each second place of a map. A convolution of one place with that stride does the same, but the gradient of one
    with fewer than 16 channels ends the process on some CPUs (oneDNN in TensorFlow 2.21).
    """
    return keras.layers.MaxPooling2D(1, stride)(x) if stride > 1 else x


def _activated(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))


def _convolution(width: int, size: int, stride: int = 1) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        width, size, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )
