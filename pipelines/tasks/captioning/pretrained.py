"""Encoders of `keras.applications` as layers: scaling of the inputs, the network, and a delay before it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import ops

from ...core.errors import DataError, first_line
from .applications import Scaling

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # statistics of ImageNet's RGB colours in 0..1
MEAN_BGR = (103.939, 116.779, 123.68)  # in 0..255


@keras.saving.register_keras_serializable("keras_recurrent")
class ScaleColours(keras.layers.Layer):
    """Scales images from -1..1, the range after augmentation, to the range that an application expects.

    Args:
        scaling: The scaling, as `applications.Application` names it.
    """

    def __init__(self, scaling: Scaling, **options: Any) -> None:
        super().__init__(**options)
        self.scaling = scaling

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        """Scales images `[batch, rows, columns, 3]` and keeps their shape."""
        match self.scaling:
            case "tf":
                return image
            case "torch":
                mean, deviation = (ops.convert_to_tensor(each, image.dtype) for each in (MEAN, DEVIATION))
                return ((image + 1) / 2 - mean) / deviation
            case "caffe":
                return ops.flip((image + 1) * 127.5, axis=-1) - ops.convert_to_tensor(MEAN_BGR, image.dtype)
        return (image + 1) * 127.5

    def compute_output_shape(self, shape: tuple) -> tuple:
        """The shape of the input."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | {"scaling": self.scaling}


@keras.saving.register_keras_serializable("keras_recurrent")
class Application(keras.layers.Layer):
    """A network of `keras.applications` without its top.

    With given weights it always runs in inference mode, even in training: its batch normalization keeps the statistics
    that belong to the weights, and dropout is off.

    Args:
        application: Name of the function of `keras.applications`.
        side: Pixels of each side of the images.
        given: Whether its weights are given; otherwise it is trained from scratch, including its statistics.

    Call arguments:
        image: `[batch, side, side, 3]`, scaled as the application expects.

    Returns:
        Features `[batch, rows, columns, channels]`.
    """

    def __init__(self, application: str, side: int, given: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.application, self.side, self.given = application, side, given
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            make = getattr(keras.applications, application)
            self.network = make(include_top=False, weights=None, input_shape=(side, side, 3))
            self.network.trainable = self.trainable
        finally:
            keras.config.set_dtype_policy(before)

    def build(self, image_shape: tuple) -> None:
        """Creates nothing, since the network already has its weights."""

    def call(self, image: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Computes the features."""
        return self.network(image, training=training and not self.given)

    def compute_output_shape(self, image_shape: tuple) -> tuple:
        """The output shape of the network."""
        return (image_shape[0], *self.network.output_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | {"application": self.application, "side": self.side, "given": self.given}

    def load_file(self, path: Path) -> None:
        """Loads the network's weights from a file that Keras saved.

        Raises:
            DataError: If the file holds no weights, or the weights of another network.
        """
        try:
            self.network.load_weights(path)
        except Exception as error:  # h5py and Keras raise many kinds of errors on an unsuitable file
            what = f"the weights of keras.applications.{self.application}(include_top=False)"
            raise DataError(f"{path} does not hold {what}, as Keras saves them: {first_line(error)}") from error
        if self.application.startswith("EfficientNetB"):
            _divide_by_deviation(self.network)


def _divide_by_deviation(network: keras.Model) -> None:
    """Makes EfficientNet standardize colours as in its training on ImageNet: divided by their standard deviation.

    The layer expects the variance, but the ImageNet file holds the standard deviation. Keras divides once more by the
    root of the deviation, in a layer that it creates only with `weights="imagenet"`. A variance of 1 was never adapted
    and stays as it is.
    """
    layer = next(each for each in network.layers if isinstance(each, keras.layers.Normalization))
    variance = ops.convert_to_numpy(layer.adapt_variance)
    if (variance != 1).any():
        layer.adapt_variance.assign(variance * DEVIATION)
    layer.finalize_state()


@keras.saving.register_keras_serializable("keras_recurrent")
class FrozenUntil(keras.layers.Layer):
    """Passes features on, but their gradient only from a given training step on: the layers before it learn later.

    A variable among the weights counts the steps, so that a resumed training continues the count. While the gradient is
    0, Adam leaves the weights as they are; weight decay would not.

    Args:
        step: The first step, counted from 0, whose gradient passes.
    """

    def __init__(self, step: int, **options: Any) -> None:
        super().__init__(**options)
        self.step = step

    def build(self, features_shape: tuple) -> None:
        """Creates the counter."""
        self.steps = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="steps",
        )

    def call(self, features: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Passes the features on, and counts the step in training."""
        if not training:
            return features
        learns = self.steps >= self.step
        self.steps.assign_add(1)
        return ops.where(learns, features, ops.stop_gradient(features))

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | {"step": self.step}
