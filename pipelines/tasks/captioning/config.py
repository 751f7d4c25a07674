"""The configuration of captions."""

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
    """Where the pictures come from, and how a caption becomes a sequence."""

    only_for: ClassVar[dict[str, set[str]]] = {
        "path": {"json"},
        "captions": {"json"},
        "data_dir": {"tfds"},
        "count": {"sample"},
        "validation": {"json"},
        "test": {"json"},
    }

    source: Literal["sample", "json", "tfds"] = "sample"
    """Drawn scenes; pictures with a list of captions; or COCO by TensorFlow Datasets."""
    path: FullPath | None = None
    """Folder of the pictures, or a tar of them, or a folder that holds the tar."""
    captions: FullPath | None = None
    """The list of captions; null looks for it beside the pictures."""
    data_dir: FullPath | None = None
    """Folder of TensorFlow Datasets; null for its own default."""
    count: Annotated[int, Field(ge=100)] = 3600
    """How many scenes are drawn."""
    validation: Share = 0.1
    """Share of the pictures held out for validation, where the list of captions names no splits."""
    test: Share = 0.1
    """Share of the pictures held out for the test, where the list of captions names no splits."""
    split_seed: NonNegativeInt = 0
    """Of the splits and of the drawn scenes; apart from training.seed, so that every run is scored on the same ones."""
    limit: PositiveInt | None = None
    """Use that many training pictures only (a short trial); null for all."""
    side: Side = 64
    """Pixels of each side of what the model sees; pictures of another size are resized."""
    level: Literal["word", "character"] = "word"
    """What a token is: a word, or a character."""
    vocabulary: Annotated[int, Field(ge=3)] = 10_000
    """How many tokens are known, the most frequent ones of the training captions; all others are one."""
    least: PositiveInt = 1
    """A token that is known stands in the training captions that often."""
    length: PositiveInt = 30
    """The most tokens of a caption; of a longer one the first are learned."""
    per_picture: PositiveInt = 5
    """The most captions of one picture that are learned, the first ones; it is scored against all of them."""
    cache: FullPath | None = None
    """Folder in which the features of pictures are kept if their encoder stays frozen and no picture is changed at
    random; null for `keras_recurrent/features` in the user's cache (XDG_CACHE_HOME, or ~/.cache)."""


class CaptioningModel(Section):
    """The encoder of pictures, the decoder of captions, and the search."""

    encoder: applications.EncoderName = "residual"
    """What looks at the picture: `residual`, a network that is trained from scratch, or one of `keras.applications` as
    Keras spells it, such as MobileNetV2, EfficientNetB0 or ResNet50."""
    weights: Literal["none", "imagenet"] | FullPath = "none"
    """Of one of `keras.applications`: drawn at random (`none`), those that Keras has (`imagenet`), or a file of weights
    without the top (include_top=False), as Keras saves them."""
    fine_tune_from: NonNegativeInt | None = 0
    """Epoch, counted from 0, from which the encoder is trained too; null keeps it frozen. The statistics of its batch
    normalisation stay those of given weights. Its first steps are larger than later ones, as those of Adam are whose
    gradients were 0 for long, so a later epoch wants a small learning rate by then."""
    widths: tuple[PositiveInt, ...] = (32, 64, 128)
    """Channels of the stages of the residual encoder; the map has 1/4 of the side, halved for each further stage."""
    blocks: PositiveInt = 1
    """Residual blocks in each stage."""
    pooled: bool = True
    """Whether the residual encoder halves the sides by pooling before its first stage; for small pictures rather not,
    the sides of the map are then twice as long."""
    flip: Literal["none", "horizontal", "both"] = "none"
    """Random mirroring of training pictures, where no caption tells left from right, or also top from bottom."""
    quarter_turns: bool = False
    """Random turns of training pictures by multiples of 90 degrees, where no caption tells what is upright."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Random turns of training pictures, up to so many degrees each way."""
    zoom: Rate = 0.0
    """Random scaling of training pictures, up to this share each way."""
    shift: Rate = 0.0
    """Random moves of training pictures, up to this share of the side."""
    light: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Random change of the light of training pictures: of the strength of each colour, of brightness and contrast, up
    to this share each, and of saturation, up to twice of it."""
    erase: Rate = 0.0
    """Share of the training pictures in which a rectangle is made gray, so that no single thing tells what they show
    (Zhong et al. 2017, arXiv 1708.04896)."""
    cell: CellName = "lstm"
    """Which recurrent cell writes."""
    units: PositiveInt = 256
    """Its units."""
    options: CellOptions = {}
    """Further arguments of that cell, such as {zoneout: 0.1}; initializers, regularizers, constraints and activations
    go by their names in Keras. Empty by default: what the cell's own defaults are."""
    embedding: PositiveInt = 256
    """Numbers that stand for a token."""
    attention: PositiveInt | None = 128
    """Units of the additive attention over the map of features before each word (Xu et al. 2015, arXiv 1502.03044);
    null reads the picture once, as if it were the first word (Vinyals et al. 2015, arXiv 1411.4555)."""
    penalty: NonNegativeFloat = 0.0
    """Weight of the doubly stochastic penalty, by which every place is to be looked at (Xu et al. 2015, 4.2.1)."""
    word_loss: NonNegativeFloat = 0.0
    """Weight of a second task in training: which words the captions hold, named from the mean of the features (as Fang
    et al. 2015, arXiv 1411.4952, detect words first). It teaches an encoder that begins from scratch."""
    dropout: Rate = 0.3
    """Rate on the features, on the vectors of the tokens and before they are named."""
    tied: bool = True
    """Whether tokens are named by the vectors that they are read by (Press & Wolf 2017, arXiv 1608.05859)."""
    scheduled_sampling: Rate = 0.0
    """Share of the tokens that are read, in training, as the model would have named them (Bengio et al. 2015, arXiv
    1506.03099)."""
    beam: Annotated[int, Field(ge=1, le=20)] = 3
    """Width of the beam; 1 searches greedily."""
    length_penalty: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Beams are compared by the logarithm of their probability, divided by their length to this power."""
    consensus: bool = False
    """Beams are compared by how well each agrees with all of them in words and n-grams, weighted by their probabilities
    (minimum Bayes risk: Kumar & Byrne 2004), instead of by their own probability and length."""

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
    """So many captions of each picture are learned in an epoch, drawn anew in each; null for all that it has."""


class CaptioningEvaluation(Evaluation):
    """How the model is scored on the test split."""

    shown: NonNegativeInt = 12
    """How many of the best and of the worst captions the page shows."""


class CaptioningConfig(Config):
    """The configuration of captioning."""

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
