"""Image encoders, which compute the feature map that the caption decoder reads.

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
"""Smallest and largest share of an image that an erased rectangle covers."""


def image_encoder(model: CaptioningModel, side: int) -> keras.Model:
    """Builds the encoder: images `[batch, side, side, 3]` uint8 in, feature maps out, with augmentation in training.

    A network of `keras.applications` takes the weights of its file; a frozen one has no trainable weights.

    Args:
        model: The section `model` of a configuration.
        side: Pixels of each side.

    Raises:
        DataError: If the file of weights is missing, or holds the weights of another network.
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
    """The augmentation layers for images in -1..1, active in training alone; images are mirrored beyond the border."""
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
    """The feature map of a residual network, `[batch, rows, columns, widths[-1]]`.

    Args:
        image: `[batch, rows, columns, 3]`, scaled to -1..1.
        widths: Number of channels in each stage; every stage but the first halves both sides.
        blocks: Number of residual blocks in each stage.
        pooled: Whether pooling halves both sides, as the convolution before it does.
    """
    x = _convolution(STEM, 5, 2)(image)
    if pooled:  # no activation here, since the first block begins with one
        x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            x = _block(x, width, stride=2 if stage and not block else 1)
    return _activated(x)


def _block(x: keras.KerasTensor, width: int, stride: int) -> keras.KerasTensor:
    """x + F(x), where F is two convolutions, each after batch normalization and a ReLU."""
    y = _activated(x)
    shortcut = x if stride == 1 and x.shape[-1] == width else _convolution(width, 1)(_every(stride, y))
    y = _activated(_convolution(width, 3, stride)(y))
    return keras.layers.Add()([shortcut, _convolution(width, 3)(y)])


def _every(stride: int, x: keras.KerasTensor) -> keras.KerasTensor:
    """Every second place of a map. A 1 x 1 convolution with that stride does the same, but with fewer than 16 channels
    its gradient ends the process on some CPUs (oneDNN in TensorFlow 2.21).
    """
    return keras.layers.MaxPooling2D(1, stride)(x) if stride > 1 else x


def _activated(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))


def _convolution(width: int, size: int, stride: int = 1) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        width, size, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )
