"""Handwritten digits read row by row: an image is a sequence, and its last hidden state predicts the digit.

Shapes: an image `[rows, columns]` uint8 (0 background, 255 ink) is a sequence of `rows` time steps with `columns`
features (28 x 28 for MNIST, 8 x 8 for scikit-learn's digits); the model gives probabilities `[10]`. The layout `pixels`
has rows * columns time steps with one feature each, and `permuted` reorders them by one fixed permutation: the two
tests of long memory of Le, Jaitly and Hinton (2015, arXiv 1504.00941). With `pairs`, the model reads two digits side by
side in one pass and predicts both.

Sources: `digits` (scikit-learn, offline), `tfds` (the builder `mnist`), `idx` (the four files of MNIST, or of any data
set in its format with up to ten classes).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from . import cli
from .core.config import DataSection, FullPath, RecurrentModel
from .core.errors import DataError
from .core.pipeline import Findings, Pipeline, Task
from .sources import digits, idx, tfds
from .stages import prediction
from .stages.data import Split
from .tasks.classification import baselines
from .tasks.classification.config import ClassifierConfig
from .tasks.classification.data import LabelledData, hold_out

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from .core.data import Augment
    from .core.pipeline import Run

CLASSES = tuple("0123456789")


class RowsData(DataSection):
    """Where the digits come from, and how an image becomes a sequence."""

    only_for: ClassVar[dict[str, set[str]]] = {
        "path": {"idx"},
        "data_dir": {"tfds"},
        "test": {"digits"},
    }

    source: Literal["digits", "tfds", "idx"] = "digits"
    """Source of the images: scikit-learn's digits, MNIST through TensorFlow Datasets, or idx files."""
    path: FullPath | None = None
    """Folder with the four idx files, gzipped or not."""
    data_dir: FullPath | None = None
    """Folder where TensorFlow Datasets keeps its data; null takes its own default."""
    validation: PositiveInt = 180
    """Number of training images held out for validation, stratified by digit; a tenth of scikit-learn's digits."""
    test: PositiveInt = 360
    """Number of images held out for the test, stratified by digit, where the source has no test split."""
    split_seed: NonNegativeInt = 0
    """Seed of the splits and the pairs. It is separate from training.seed, so that every run has the same test rows."""
    limit: PositiveInt | None = None
    """Number of training images to use, for a short trial; null uses all."""
    layout: Literal["rows", "pixels", "permuted"] = "rows"
    """What a time step is: a row, a pixel, or a pixel in a fixed permuted order."""
    permutation_seed: NonNegativeInt = 0
    """Seed of the fixed permutation."""
    pairs: bool = False
    """Puts two digits side by side, with two labels."""
    pairs_per_image: PositiveInt = 2
    """Number of pairs that each training image joins on the left, and again on the right."""
    rotation: Annotated[float, Field(ge=0, le=45)] = 0.0
    """Largest random rotation of a training image, in degrees each way; 0 leaves images as they are."""
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest random scaling of a training image, as a share of its side, separately for each axis."""
    shear: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest random shear of a training image, as a share of its side."""
    shift: NonNegativeFloat = 0.0
    """Largest random shift of a training image, in pixels each way."""

    @model_validator(mode="after")
    def _idx_has_a_path(self) -> RowsData:
        if self.source == "idx" and self.path is None:
            raise PydanticCustomError("together", "source 'idx' needs data.path, the folder of the four idx files")
        return self


class RowsConfig(ClassifierConfig):
    """The configuration of mnist_rows."""

    data: RowsData = RowsData()
    model: RecurrentModel = RecurrentModel()

    @model_validator(mode="after")
    def _int8_is_short_or_stepped(self) -> RowsConfig:
        long = self.data.layout != "rows" and self.data.source != "digits"
        if "int8" in self.export.quantization and long and self.model.bidirectional:
            text = "export.quantization int8 is for up to 80 time steps, or for a model that reads forwards only"
            raise PydanticCustomError("together", text + "; pixel by pixel there are more: leave out int8")
        return self


def load(config: RowsConfig) -> LabelledData:
    """Loads train, validation and test; the test split is the source's own where it has one."""
    data = config.data
    train, test = _source(data)
    train, validation = hold_out(train, data.validation, data.split_seed, f"data.validation={data.validation}")
    if data.limit:
        train = train[np.random.default_rng(data.split_seed).permutation(len(train))[: data.limit]]
    if not data.pairs:
        return LabelledData(train, validation, test, CLASSES)
    of_train, of_validation, of_test = (np.random.default_rng([data.split_seed, part]) for part in range(3))
    train = pairs(train, of_train, data.pairs_per_image)
    validation, test = pairs(validation, of_validation), pairs(test, of_test)
    return LabelledData(train, validation, test, CLASSES, positions=("left", "right"))


def _source(data: RowsData) -> tuple[Split, Split]:
    """Training and test images of the chosen source."""
    match data.source:
        case "digits":
            return hold_out(Split(*digits.load()), data.test, data.split_seed, f"data.test={data.test}")
        case "tfds":
            parts = tfds.load("mnist", data.data_dir, ("train", "test"))
            train, test = (Split(part["image"][..., 0], part["label"]) for part in parts)
            return train, test
        case "idx":
            assert data.path is not None, "RowsData refuses idx files without a path"
            train, test = (Split(*idx.load(data.path, part, len(CLASSES))) for part in ("train", "t10k"))
            if train.inputs.shape[1:] != test.inputs.shape[1:]:
                raise DataError(
                    f"{data.path}: training images are {train.inputs.shape[1:]}, test images {test.inputs.shape[1:]}."
                )
            return train, test


def pairs(split: Split, rng: np.random.Generator, per_image: int = 1) -> Split:
    """Puts digits side by side: each image stands `per_image` times on the left and as often on the right.

    Args:
        split: n images `[n, rows, columns]`.
        rng: Generator that draws the partners on the right.
        per_image: Number of times that each image stands on each side.

    Returns:
        n * per_image pairs `[n * per_image, rows, 2 * columns]` with labels `[n * per_image, 2]`.
    """
    left = np.tile(np.arange(len(split)), per_image)
    right = np.concatenate([rng.permutation(len(split)) for _ in range(per_image)])
    inputs = np.concatenate([split.inputs[left], split.inputs[right]], axis=2)
    return Split(inputs, np.stack([split.labels[left], split.labels[right]], axis=1))


def build(config: RowsConfig, data: LabelledData, precision: str) -> keras.Model:
    """Builds the model: uint8 images `[batch, rows, columns]` in, probabilities `[batch, (2,) 10]` out."""
    import keras

    from .stages.model import recurrent_stack
    from .tasks.classification.model import classifier

    rows, columns = data.train.inputs.shape[1:]
    images = keras.Input((rows, columns), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255, name="unit_range")(images)
    if config.data.layout != "rows":
        x = keras.layers.Reshape((rows * columns, 1), name="pixel_by_pixel")(x)
    if config.data.layout == "permuted":
        order = np.random.default_rng(config.data.permutation_seed).permutation(rows * columns)
        x = keras.ops.take(x, order.tolist(), axis=1)
    features = recurrent_stack(x, config.model, precision, use_cudnn=not config.training.jit_compile)
    return keras.Model(
        images, classifier(features, classes=len(CLASSES), positions=len(data.positions)), name="mnist_rows"
    )


def augment(config: RowsConfig) -> Augment | None:
    """Applies one random affine map to each digit; in a pair, each digit has its own."""
    data = config.data
    if not (data.rotation or data.zoom or data.shear or data.shift):
        return None
    from .stages.augmentation import random_affine

    def change(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return random_affine(images, seed, data.rotation, data.zoom, data.shear, data.shift)

    def change_halves(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        halves = tf.concat(tf.split(images, 2, axis=2), axis=0)
        return tf.concat(tf.split(change(halves, seed), 2, axis=0), axis=2)

    of_images = change_halves if data.pairs else change
    return lambda images, labels, seed: (of_images(images, seed), labels)


def read_input(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """Reads digits from an image file, an idx file or an `.npy` file, in the form of the training images.

    Args:
        path: The file.
        shape: Shape of one image, `(rows, columns)`.

    Returns:
        Images `[n, rows, columns]` uint8, and what was done to them.
    """
    from .sources import pictures

    if pictures.is_npy(path):
        return pictures.read_npy(path, shape), []
    if idx.is_idx(path):
        return pictures.check_shape(idx.read(path, 3), shape, path), []
    return pictures.read_ink(path, shape)


def about_data(config: RowsConfig) -> str:
    """A sentence on the source of the digits and their layout."""
    origin = {
        "digits": "Scikit-learn's 1,797 handwritten digits (real, 8 x 8 pixels; Alpaydin & Kaynak 1998)",
        "tfds": "MNIST (LeCun, Cortes, Burges 1998) through TensorFlow Datasets",
        "idx": f"The idx files in {config.data.path}",
    }[config.data.source]
    layout = {"rows": "row by row", "pixels": "pixel by pixel", "permuted": "pixel by pixel in a fixed permuted order"}
    pairs = ", two digits side by side" if config.data.pairs else ""
    amounts = {name: getattr(config.data, name) for name in ("rotation", "zoom", "shear", "shift")}
    changes = ", ".join(f"{name} up to {amount:g}" for name, amount in amounts.items() if amount)
    changed = f" Training images are changed at random ({changes})." if changes else ""
    return f"{origin}{pairs}, read {layout[config.data.layout]}.{changed}"


def examine(
    run: Run[RowsConfig, LabelledData], data: LabelledData, probabilities: np.ndarray, worst: list[int]
) -> Findings:
    """Draws the images of the worst mistakes, each with its true and its predicted label."""
    from .tasks.classification.plots import pictures

    def names(labels: np.ndarray) -> str:
        return " ".join(data.classes[label] for label in np.atleast_1d(labels))

    titles = [
        f"#{row}: {names(data.test.labels[row])}, taken for {names(probabilities[row].argmax(-1))}"
        f" ({probabilities[row].max(-1).min():.2f})"
        for row in worst
    ]
    return Findings(figures={"worst_mistakes": pictures(data.test.inputs[worst], titles)})


def task() -> Task:
    """Imports the classification task, and TensorFlow with it."""
    from .tasks.classification.task import CLASSIFICATION

    return CLASSIFICATION


LOADING = """probabilities = runs.open("FOLDER_OF_THIS_FILE").predict(inputs)

import tensorflow as tf                                    # with TensorFlow alone

serve = tf.saved_model.load("export/saved_model/1").signatures["serving_default"]
answers = serve(images=tf.constant(inputs))                # probabilities and labels

from ai_edge_litert.interpreter import Interpreter         # with the TFLite runtime alone

sequence = Interpreter("export/model.tflite").get_signature_runner("sequence")
answers = sequence(images=inputs)                          # probabilities; names are in export/labels.txt"""


PIPELINE = Pipeline(
    name="mnist_rows",
    about="Names the handwritten digit in a small gray picture (or two digits side by side), read row by row.",
    limits=(
        "Knows digits as in its training data: one (or, for pairs, two) centred, bright on dark, upright, of the size "
        "it was trained on. It names a digit for any picture, also for one that shows none."
    ),
    primary=lambda config: "accuracy",
    about_data=about_data,
    loading=LOADING,
    config=RowsConfig,
    load=load,
    build=build,
    augment=augment,
    task=task,
    baselines=lambda config: {
        "most_frequent": baselines.most_frequent,
        "logistic_regression": baselines.logistic_regression,
    },
    examine=examine,
    predict=prediction.of_files(read_input),
)

if __name__ == "__main__":
    cli.run_pipeline("mnist_rows")
