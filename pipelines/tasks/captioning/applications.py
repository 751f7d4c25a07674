"""The encoders of `keras.applications` by name: how they scale their inputs, and which files hold their weights."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ...core.errors import DataError, did_you_mean, first_line
from ...sources import tfds

if TYPE_CHECKING:
    from ...core.config import Training

Scaling = Literal["tf", "caffe", "torch", "pixels"]

RESIDUAL = "residual"
FOLDER = "https://storage.googleapis.com/tensorflow/keras-applications/"
KERNELS = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
LARGEST_MOBILE = 224
PLACE, TONE = ("quarter_turns", "rotation", "zoom", "shift"), ("light", "erase")
"""Settings of the random augmentation, in addition to `flip`: where a pixel goes, and what it becomes."""


class Encoder(Protocol):
    """The keys of a section `model` that concern the encoder, without those that `PLACE` and `TONE` name."""

    @property
    def encoder(self) -> str: ...

    @property
    def weights(self) -> Path | Literal["none", "imagenet"]: ...

    @property
    def fine_tune_from(self) -> int | None: ...

    @property
    def flip(self) -> str: ...


@dataclass(frozen=True)
class Application:
    """The properties of a function of `keras.applications`.

    Attributes:
        file: Name of the file with its ImageNet weights without the top, as Keras stores it.
        scaling: Scaling of its inputs: `tf` to -1..1; `caffe` BGR minus the mean of ImageNet; `torch` standardized by
            the mean and standard deviation of ImageNet; `pixels` 0..255, which the network scales itself.
        least: The smallest side of an image, in pixels.
        mobile: Sides that have weights of their own; any other side takes the weights of the largest one.
        usual: The side for which Keras provides the file, in pixels.
    """

    file: str
    scaling: Scaling
    least: int = 32
    mobile: tuple[int, ...] = ()
    usual: int = 224


def _several(name: str, kinds: dict[str, str], file: str, scaling: Scaling) -> dict[str, Application]:
    """Applications whose names and files differ in one part."""
    return {name.format(kind): Application(file.format(part), scaling) for kind, part in kinds.items()}


def _lowered(*kinds: str | int) -> dict[str, str]:
    return {str(kind): str(kind).lower() for kind in kinds}


APPLICATIONS = {
    **_several("ConvNeXt{}", _lowered("Tiny", "Small", "Base", "Large", "XLarge"), "convnext_{}_notop.h5", "pixels"),
    **_several("DenseNet{}", _lowered(121, 169, 201), "densenet{}" + KERNELS, "torch"),
    **_several("EfficientNetB{}", _lowered(*range(8)), "efficientnetb{}_notop.h5", "pixels"),
    **_several(
        "EfficientNetV2{}", _lowered("B0", "B1", "B2", "B3", "S", "M", "L"), "efficientnetv2-{}_notop.h5", "pixels"
    ),
    **_several(
        "MobileNetV3{}", _lowered("Small", "Large"), "weights_mobilenet_v3_{}_224_1.0_float_no_top_v2.h5", "pixels"
    ),
    **_several("ResNet{}", _lowered(50, 101, 152), "resnet{}" + KERNELS, "caffe"),
    **_several("ResNet{}V2", _lowered(50, 101, 152), "resnet{}v2" + KERNELS, "tf"),
    **_several("VGG{}", _lowered(16, 19), "vgg{}" + KERNELS, "caffe"),
    "InceptionResNetV2": Application("inception_resnet_v2" + KERNELS, "tf", least=75),
    "InceptionV3": Application("inception_v3" + KERNELS, "tf", least=75),
    "MobileNet": Application("mobilenet_1_0_{side}_tf_no_top.h5", "tf", mobile=(128, 160, 192, 224)),
    "MobileNetV2": Application(
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{side}_no_top.h5", "tf", mobile=(96, 128, 160, 192, 224)
    ),
    "NASNetLarge": Application("nasnet_large_no_top.h5", "tf", usual=331),
    "NASNetMobile": Application("nasnet_mobile_no_top.h5", "tf"),
    "Xception": Application("xception" + KERNELS, "tf", least=71),
}
"""The applications, by the names that Keras gives them."""


def _known(name: str) -> str:
    known = [RESIDUAL, *APPLICATIONS]
    if name not in known:
        raise PydanticCustomError("encoder", "{hint}", {"hint": did_you_mean(name, known)})
    return name


EncoderName = Annotated[str, AfterValidator(_known)]


def refusal(model: Encoder) -> str | None:
    """Names the settings of a section `model` that contradict each other; None if all agree."""
    if model.encoder == RESIDUAL:
        if model.weights != "none" or model.fine_tune_from != 0:
            return (
                "the residual encoder is trained from scratch, with model.weights=none and model.fine_tune_from=0; "
                "or name one of keras.applications in model.encoder"
            )
    elif model.weights == "none" and model.fine_tune_from != 0:
        return (
            "a frozen encoder with random weights sees nothing of use; give model.weights (imagenet or a file), or "
            "train it from the start with model.fine_tune_from=0"
        )
    return None


def refusal_of_rest(model: Encoder, side: int, training: Training) -> str | None:
    """Names the settings of other sections that an encoder of `keras.applications` rules out; None if all fit."""
    least, begin = APPLICATIONS[model.encoder].least, model.fine_tune_from
    if side < least:
        return f"{model.encoder} takes images of at least {least} pixels a side; data.side is {side}"
    if begin and begin >= training.epochs:
        return (
            f"model.fine_tune_from={begin} never comes in {training.epochs} epochs; "
            "set it to null, by which the encoder stays frozen"
        )
    if begin and training.weight_decay:
        return (
            "training.weight_decay would shrink the weights of the encoder while it is frozen; set it to 0, or "
            "model.fine_tune_from to 0 or null"
        )
    return None


def is_kept(model: Encoder) -> bool:
    """Whether each image keeps the same features throughout training: a frozen encoder and no augmentation."""
    changed = model.flip != "none" or any(getattr(model, name) for name in (*PLACE, *TONE))
    return model.encoder != RESIDUAL and model.fine_tune_from is None and not changed


def weights_file(model: Encoder, side: int) -> Path | None:
    """Finds the file of an encoder's weights, and downloads ImageNet weights that are missing; None for random weights.

    Args:
        model: The section `model` of a configuration.
        side: Pixels of each side of the images.

    Raises:
        DataError: If the file does not exist and can't be downloaded.
    """
    if model.weights == "none":
        return None
    if model.weights != "imagenet":
        if not model.weights.is_file():
            raise DataError(f"model.weights: there is no file {model.weights}. {_wanted(model.encoder)}")
        return model.weights
    name = imagenet_name(model.encoder, side)
    stored = _stored(name)
    if stored is not None:
        return stored
    advice = (
        f"the weights of {model.encoder} on ImageNet are not here: {models_folder() / name} is looked for. Put them "
        f"there, or set model.weights=PATH; they are at {FOLDER.rpartition('tensorflow/')[0]} (keras.applications "
        f"names the address), and Keras downloads them where there is a network."
    )
    if not tfds.reachable([FOLDER]):
        raise DataError(f"{advice} (There is no network here.)")
    try:
        _download(model.encoder, side)
    except Exception as error:  # Keras raises plain exceptions for whatever a download meets
        raise DataError(f"{advice} (The download failed: {first_line(error)})") from error
    found = _stored(name)
    if found is None:
        raise DataError(advice)
    return found


def imagenet_name(encoder: str, side: int) -> str:
    """The name of the file with an encoder's ImageNet weights.

    >>> imagenet_name("MobileNet", 160), imagenet_name("MobileNet", 100), imagenet_name("EfficientNetB3", 300)
    ('mobilenet_1_0_160_tf_no_top.h5', 'mobilenet_1_0_224_tf_no_top.h5', 'efficientnetb3_notop.h5')
    """
    application = APPLICATIONS[encoder]
    return application.file.format(side=side if side in application.mobile else LARGEST_MOBILE)


def models_folder() -> Path:
    """The folder where Keras keeps downloaded weights."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def digest(path: Path) -> str:
    """A hash of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _wanted(encoder: str) -> str:
    return f"It is to hold the weights of keras.applications.{encoder}(include_top=False), as Keras saves them."


def _stored(name: str) -> Path | None:
    """The path of a weights file in the folder of Keras; None if it is missing."""
    path = models_folder() / name
    return path if path.is_file() else None


def _download(encoder: str, side: int) -> None:
    """Lets Keras download the ImageNet weights and verify their checksum."""
    import keras

    application = APPLICATIONS[encoder]
    side = side if side in application.mobile else application.usual
    getattr(keras.applications, encoder)(include_top=False, weights="imagenet", input_shape=(side, side, 3))
