"""A sentence that says what a picture shows: an encoder looks at it, a recurrent decoder writes, word after word.

Shapes: a picture `[rows, columns, 3]` uint8 becomes a map of features `[rows / 16, columns / 16, channels]`; the
decoder reads their mean, then each word `[]` int32 and, with attention, the places of the map that matter now, and
gives the next word `[vocabulary]`. Greedy and beam search are parts of the graph.

Sources: `sample` (drawn scenes, synthetic), `json` (a folder or tar of pictures and a list of captions, also those of
Karpathy, COCO and Flickr8k), `tfds` (the builder `coco_captions`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from . import cli
from .core.cells import CellName
from .core.config import ClassifierTraining, Config, DataSection, Evaluation, FullPath, Rate, Section
from .core.errors import DataError, UsageError
from .core.pipeline import Pipeline
from .runtime import caption_files as runtime_files
from .runtime.tokens import Level
from .sources import captioned, picture_files, scenes
from .tasks.captioning import applications, baselines, feature_cache, findings, prediction, selection, words
from .tasks.captioning.examples import TOKENS, CaptionData, CaptionedPictures

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from .stages.data import Augment

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
    level: Level = "word"
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


def load(config: CaptioningConfig) -> CaptionData:
    """Loads the three splits, reads every picture once, and fits the vocabulary on the training captions."""
    data = config.data
    if config.model.encoder != applications.RESIDUAL:
        applications.weights_file(config.model, data.side)  # better to miss it now than after all pictures were read
    source = _source(data)
    survey = picture_files.survey(source.pictures)
    splits = np.array(source.splits if source.splits is not None else selection.hold_out(data, len(source)))
    notes = [*source.notes, *survey.notes()]
    for split in ("validation", "test"):
        if repeated := captioned.also_in_training(survey.digests, splits, split):
            first, known = (source.pictures.names[row] for row in repeated[0])
            of = f"{len(repeated):,} of {int((splits == split).sum()):,} {split} pictures also stand in training"
            notes.append(f"{of} (found by their pixels; {first} is {known}); they are kept and scored")
    if missing := [split for split in ("train", "validation", "test") if not (splits == split).any()]:
        raise DataError(f"no picture belongs to the split {' or '.join(missing)}; all three are needed.")
    if (splits == "validation").sum() == 1:
        raise DataError(
            "the split validation has one picture; CIDEr-D, by which the best epoch is found, tells captions apart by "
            "how many pictures they fit, so that it needs two at least."
        )
    train = np.flatnonzero(splits == "train")
    if data.limit:
        train = np.sort(np.random.default_rng(data.split_seed).permutation(train)[: data.limit])
    found = [[words.words(text, data.level) for text in texts] for texts in source.captions]
    vocabulary = words.fit_vocabulary((each for row in train for each in found[row]), data.vocabulary, data.least)
    if len(vocabulary) == len(words.RESERVED):
        raise DataError("the training captions hold no word that stands in them often enough; see data.least.")
    known = [selection.learnable(of_picture, set(vocabulary)) for of_picture in found]
    notes += selection.treatments(data, found, known, train)
    train = np.array([row for row in train if known[row]])
    rows = [train, *(np.flatnonzero(splits == split) for split in ("validation", "test"))]
    cache = _cache(config)
    if cache is not None:
        count = len(rows[0]) + len(rows[1])
        notes.append(f"the features of {count:,} pictures are computed once, and kept in {cache.folder}")
    longest = max(len(caption) for row in train for caption in known[row])
    most = min(data.per_picture, max(len(known[row]) for row in train))
    parts = [
        CaptionedPictures(
            source.pictures,
            of_split,
            words.to_ids([known[row] for row in of_split], vocabulary, most, min(longest, data.length)),
            tuple(selection.scored(source.captions[row]) for row in of_split),
            tuple(source.captions[row] for row in of_split),
            (data.side, data.side),
            tuple(survey.digests[row] for row in of_split),
            kept,
        )
        for of_split, kept in zip(rows, (cache, cache, None), strict=True)  # the test split is seen in pixels alone
    ]
    return CaptionData(*parts, vocabulary, notes=tuple(notes), kind=data.source)


def _cache(config: CaptioningConfig) -> feature_cache.FeatureCache | None:
    """Where features are kept, if the encoder gives each picture the same ones throughout the training."""
    if not applications.is_kept(config.model):
        return None
    folder = config.data.cache or feature_cache.default_folder()
    return feature_cache.FeatureCache(folder, config.model, config.data.side)


def _source(data: CaptioningData) -> captioned.Captioned:
    match data.source:
        case "sample":
            contents, captions, splits = scenes.load(data.count, data.side, data.split_seed)
            names = tuple(f"scene_{number}.png" for number in range(len(contents)))
            pictures = picture_files.InMemory(names, tuple(contents))
            return captioned.Captioned(pictures, tuple(captions), tuple(splits), notes=())
        case "tfds":
            return captioned.load_tfds(data.data_dir)
    if data.path is None:
        what = "the folder or tar of the pictures"
        raise UsageError(f"data: source 'json' needs data.path, {what}: --set data.path=PATH.")
    return captioned.load(data.path, data.captions)


def build(config: CaptioningConfig, data: CaptionData, precision: str) -> keras.Model:
    """Builds what is trained: a picture and the tokens of its captions in, the logits of each token out.

    Where the features of pictures are kept, they are its inputs.
    """
    from .tasks.captioning.model import caption_model

    count, _, length = data.train.tokens.shape
    steps = math.ceil(count / config.training.batch_size)
    return caption_model(config.model, len(data.vocabulary), config.data.side, length, precision, steps)


def augment(config: CaptioningConfig) -> Augment | None:
    """Draws some captions of each picture; the picture itself is changed in the model."""
    if config.training.captions is None:
        return None
    from .tasks.captioning.model import drawn

    def draw(inputs: dict[str, tf.Tensor], tokens: tf.Tensor, seed: tf.Tensor) -> tuple[dict, tf.Tensor]:
        chosen = drawn(tokens, config.training.captions, seed)
        return inputs | {TOKENS: chosen}, chosen

    return draw


def encoder(config: CaptioningConfig, data: CaptionData) -> keras.Model:
    """Encoded pictures `[batch]` in, pixels `[batch, rows, columns, 3]` out."""
    import keras

    from .tasks.captioning.picture_decoding import DecodePictures

    contents = keras.Input((), dtype="string", name="pictures")
    return keras.Model(contents, DecodePictures(data.train.side, name="pixels")(contents))


def finish(config: CaptioningConfig, data: CaptionData, trained: keras.Model) -> keras.Model:
    """The model that writes captions by itself: pixels in, tokens and their scores out."""
    from .tasks.captioning.image_encoder import ENCODER, image_encoder
    from .tasks.captioning.model import DECODER
    from .tasks.captioning.search import Search, captioner

    if applications.is_kept(config.model):
        seeing = image_encoder(config.model, config.data.side)
    else:
        seeing = trained.get_layer(ENCODER)
    search = Search(config.model.beam, config.model.length_penalty, config.model.consensus)
    length = data.train.tokens.shape[-1]
    return captioner(seeing, trained.get_layer(DECODER), length, search)


def chosen_baselines(config: CaptioningConfig) -> dict[str, Callable[[CaptionData], list[list[str]]]]:
    """The most frequent caption; that of the nearest picture needs the trained encoder, and is added where it is."""
    return {"most_frequent": lambda data: [baselines.most_frequent(data.train.references)] * len(data.test)}


def about_data(config: CaptioningConfig) -> str:
    """Says where the pictures come from."""
    origin = {
        "sample": "SYNTHETIC scenes, drawn and described by a stated rule (sources/scenes.py), a sixth of them of "
        "combinations that are in the test split alone",
        "tfds": "COCO's captions (Chen et al. 2015, arXiv 1504.00325) through TensorFlow Datasets",
    }.get(config.data.source, f"The pictures in {config.data.path}")
    side = config.data.side
    return f"{origin}, seen at {side} x {side} pixels, written {config.data.level} by {config.data.level}."


LOADING = """answers = runs.open("FOLDER_OF_THIS_FILE").predict([open("photo.jpg", "rb").read()])   # tokens and scores

import tensorflow as tf                                    # with TensorFlow alone: upright RGB or gray JPEG or PNG

loaded = tf.saved_model.load("export/saved_model/1")
serve = loaded.signatures["serving_default"]               # a beam; or "greedy"
serve(pictures=tf.constant([open("photo.jpg", "rb").read()]))["captions"]

from keras_recurrent.pipelines.runtime import Captioner     # with NumPy and the TFLite runtime alone

Captioner("export/model.tflite").captions(pixels)          # uint8 [n, rows, columns, 3]; or .read("photo.jpg")"""

PIPELINE = Pipeline(
    name="captioning",
    task="Writes a sentence that says what a picture shows.",
    limits=(
        "Knows the kinds of pictures and the words of its training captions, and writes a sentence for any picture, "
        "also for one that shows none of them. A fluent caption can be wrong: counts, colours and rare things most."
    ),
    primary=lambda config: "cider_d",
    about_data=about_data,
    loading=LOADING,
    config=CaptioningConfig,
    load=load,
    build=build,
    baselines=chosen_baselines,
    examine=findings.examine,
    predict=prediction.predict,
    kind="captioning",
    augment=augment,
    encoder=encoder,
    finish=finish,
    write_beside=runtime_files.write_beside,
)

if __name__ == "__main__":
    cli.run_pipeline("captioning")
