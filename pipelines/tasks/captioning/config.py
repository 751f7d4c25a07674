"""The configuration of image captioning."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from ...core.cell_options import CellOptions
from ...core.cells import CellName
from ...core.config import ClassifierTraining, Config, DataSection, Evaluation, FullPath, Rate, Section
from . import applications

Share = Annotated[float, Field(gt=0, lt=1)]


Side = Annotated[int, Field(ge=32, le=1024)]


class CaptioningData(DataSection):
    """Where the images come from, and how a caption becomes a sequence."""

    only_for: ClassVar[dict[str, set[str]]] = {
        "path": {"json"},
        "captions": {"json"},
        "data_dir": {"tfds"},
        "count": {"sample"},
        "validation": {"json"},
        "test": {"json"},
    }

    source: Literal["sample", "json", "tfds"] = "sample"
    """Source of the images: `sample`, synthetic scenes that need no download, by default; `json`, image files with a
    list of captions; or `tfds`, COCO through TensorFlow Datasets."""
    path: FullPath | None = None
    """Folder of the images, a tar archive of them, or a folder that holds the archive."""
    captions: FullPath | None = None
    """File with the list of captions; null, the default, looks for it in the folder of the images or of the archive."""
    data_dir: FullPath | None = None
    """Folder where TensorFlow Datasets keeps its data; null takes its own default."""
    count: Annotated[int, Field(ge=100)] = 3600
    """Number of synthetic scenes to draw."""
    validation: Share = 0.1
    """Share of the images held out for validation, where the list of captions names no splits."""
    test: Share = 0.1
    """Share of the images held out for the test, where the list of captions names no splits."""
    split_seed: NonNegativeInt = 0
    """Seed of the splits and of the synthetic scenes. It is separate from training.seed, so that every run is scored on
    the same images."""
    limit: PositiveInt | None = None
    """Number of training images to use, for a short trial; null uses all."""
    side: Side = 64
    """Side of the square image that the model reads, in pixels; images of another size are resized."""
    level: Literal["word", "character"] = "word"
    """What a token is: a word or a character."""
    vocabulary: Annotated[int, Field(ge=3)] = 10_000
    """Largest number of tokens in the vocabulary, special ones included. It keeps the most frequent tokens of the
    training captions; one token stands for all others."""
    least: PositiveInt = 1
    """Number of times that a token must occur in the training captions to enter the vocabulary; 1 by default, which
    admits every token."""
    length: PositiveInt = 30
    """Largest number of tokens in a caption; the model learns only the first tokens of a longer one."""
    per_picture: PositiveInt = 5
    """Largest number of captions to learn from for each image, taken from the first on; scores use all captions."""
    cache: FullPath | None = None
    """Folder that keeps the features of the images if their encoder stays frozen and no image is augmented; null takes
    `keras_recurrent/features` in the user's cache (XDG_CACHE_HOME, or ~/.cache)."""


class CaptioningModel(Section):
    """The image encoder, the caption decoder and the search."""

    encoder: applications.EncoderName = "residual"
    """Network that encodes the image: `residual`, which is trained from scratch and needs no download, by default; or a
    network of `keras.applications` as Keras spells it, such as MobileNetV2, EfficientNetB0 or ResNet50."""
    weights: Literal["none", "imagenet"] | FullPath = "none"
    """Initial weights of a network of `keras.applications`: random (`none`), those of Keras (`imagenet`), or a file of
    weights without the top (include_top=False), as Keras saves them."""
    fine_tune_from: NonNegativeInt | None = 0
    """Epoch, counted from 0, from which training updates the encoder too; null keeps it frozen. With given weights, its
    batch normalization keeps the statistics that belong to them. Adam takes larger steps at first where gradients were
    0 for long, so the learning rate should be small when a later epoch begins."""
    widths: tuple[PositiveInt, ...] = (32, 64, 128)
    """Number of channels in each stage of the residual encoder. The feature map has 1/4 of the image's side after the
    first stage, and each further stage halves it."""
    blocks: PositiveInt = 1
    """Number of residual blocks in each stage; 1 by default, the shallowest encoder."""
    pooled: bool = True
    """Halves the sides of the feature map by pooling before the first stage of the residual encoder; turn it off for
    small images, which doubles the sides of the map."""
    flip: Literal["none", "horizontal", "both"] = "none"
    """Random mirroring of training images: `horizontal` if no caption tells left from right, `both` if none tells top
    from bottom either; none by default, since captions may name sides."""
    quarter_turns: bool = False
    """Rotates training images at random by multiples of 90 degrees, for captions that do not depend on what is upright;
    off by default, since captions may name directions."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest random rotation of a training image, in degrees each way; 0 leaves images as they are."""
    zoom: Rate = 0.0
    """Largest random scaling of a training image, as a share of its size each way, the same for both axes."""
    shift: Rate = 0.0
    """Largest random shift of a training image, as a share of its side each way."""
    light: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest random change in the light of a training image: each colour channel, the brightness and the contrast
    change by up to this share, the saturation by up to twice as much."""
    erase: Rate = 0.0
    """Share of the training images in which random erasing turns a rectangle gray, so that the model does not rely on a
    single detail (Zhong et al. 2017, arXiv 1708.04896)."""
    cell: CellName = "lstm"
    """Recurrent cell of the decoder, by name; the LSTM by default, the cell of both papers that `attention` cites."""
    units: PositiveInt = 256
    """Number of units of the cell."""
    options: CellOptions = {}
    """Further arguments of the cell, such as {zoneout: 0.1}; initializers, regularizers, constraints and activations go
    by their names in Keras. Empty by default, which takes the cell's own defaults."""
    embedding: PositiveInt = 256
    """Size of the embedding of a token."""
    attention: PositiveInt | None = 128
    """Number of units of the additive attention over the feature map before each token (Xu et al. 2015, arXiv
    1502.03044); null reads the image once, as if it were the first word (Vinyals et al. 2015, arXiv 1411.4555)."""
    penalty: NonNegativeFloat = 0.0
    """Weight of the doubly stochastic penalty, which makes the attention cover every place of the image (Xu et al.
    2015, section 4.2.1); 0 leaves it out."""
    word_loss: NonNegativeFloat = 0.0
    """Weight of a second training task, which predicts from the mean of the features the words that the captions hold
    (Fang et al. 2015, arXiv 1411.4952, detect words first). It helps to train an encoder from scratch; 0 leaves it
    out."""
    dropout: Rate = 0.3
    """Dropout rate, in [0, 1), on the features, on the embeddings and before the output layer."""
    tied: bool = True
    """Shares the embedding with the output layer (Press & Wolf 2017, arXiv 1608.05859); on by default, since it saves
    the weights of an output matrix."""
    scheduled_sampling: Rate = 0.0
    """Scheduled sampling: share of the input tokens that training replaces by the model's own predictions (Bengio et
    al. 2015, arXiv 1506.03099); 0 reads the given captions as they are."""
    beam: Annotated[int, Field(ge=1, le=20)] = 3
    """Width of the beam search; 1 searches greedily."""
    length_penalty: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Power of the length by which the log probability of a beam is divided before beams are compared; 0 ignores the
    length, larger values favour longer captions."""
    consensus: bool = False
    """Compares beams by how well each agrees with all of them in words and n-grams, weighted by their probabilities
    (minimum Bayes risk: Kumar & Byrne 2004), and not by its own probability and length."""

    @model_validator(mode="after")
    def _options_fit(self) -> CaptioningModel:
        if self.penalty and self.attention is None:
            text = "model.penalty is on the attention, and model.attention is null; leave one of them out"
            raise PydanticCustomError("together", text)
        if self.consensus and self.beam == 1:
            text = "model.consensus is among the captions of a beam, and model.beam is 1; widen it or leave one out"
            raise PydanticCustomError("together", text)
        if error := applications.refusal(self):
            raise PydanticCustomError("together", "{error}", {"error": error})
        return self


class CaptioningTraining(ClassifierTraining):
    """How the model is fitted."""

    captions: PositiveInt | None = None
    """Number of captions of each image to learn in an epoch, drawn anew for every epoch; null, the default, learns
    all."""


class CaptioningEvaluation(Evaluation):
    """How the model is scored on the test split."""

    shown: NonNegativeInt = 12
    """Number of the best captions, and of the worst, that the page shows; 0 leaves the page out."""


class CaptioningConfig(Config):
    """The configuration of the captioning pipeline."""

    data: CaptioningData = CaptioningData()
    model: CaptioningModel = CaptioningModel()
    training: CaptioningTraining = CaptioningTraining()
    evaluation: CaptioningEvaluation = CaptioningEvaluation()

    @model_validator(mode="after")
    def _options_fit(self) -> CaptioningConfig:
        if "int8" in self.export.quantization:
            text = "export.quantization int8 is for models without a search; leave it out"
            raise PydanticCustomError("together", text)
        if self.model.encoder == applications.RESIDUAL:
            few = self.data.side < 2 ** (1 + len(self.model.widths))
            error = "model.widths has so many stages that nothing is left of data.side; leave some out" if few else None
        else:
            error = applications.refusal_of_rest(self.model, self.data.side, self.training)
        if error:
            raise PydanticCustomError("together", "{error}", {"error": error})
        return self
