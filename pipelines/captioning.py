"""Image captioning: an encoder reads an image, and a recurrent decoder writes a sentence about it, word after word.

Shapes: an image `[rows, columns, 3]` uint8 becomes a feature map `[rows / 16, columns / 16, channels]`. The decoder
reads the mean of the map, then each word `[]` int32 and, with attention, the places of the map that matter at that time
step, and predicts the next word `[vocabulary]`. Greedy search and beam search are parts of the graph.

Sources: `sample` (synthetic scenes), `json` (a folder or tar of images and a list of captions, including the formats of
Karpathy, COCO and Flickr8k), `tfds` (the builder `coco_captions`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from . import cli
from .core.errors import DataError, UsageError
from .core.pipeline import Pipeline, Task
from .sequences import vocabulary as vocabularies
from .sources import captioned, picture_files, scenes
from .tasks.captioning import (
    applications,
    baselines,
    feature_cache,
    findings,
    prediction,
    runtime_files,
    selection,
    words,
)
from .tasks.captioning.config import CaptioningConfig, CaptioningData
from .tasks.captioning.examples import TOKENS, CaptionData, CaptionedPictures

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from .core.data import Augment


def load(config: CaptioningConfig) -> CaptionData:
    """Loads the three splits, reads every image once, and fits the vocabulary on the training captions."""
    data = config.data
    if config.model.encoder != applications.RESIDUAL:
        applications.weights_file(config.model, data.side)  # a missing file must fail before all images are read
    source = _source(data)
    survey = picture_files.survey(source.pictures)
    splits = np.array(source.splits if source.splits is not None else selection.hold_out(data, len(source)))
    notes = [*source.notes, *survey.notes()]
    for split in ("validation", "test"):
        if repeated := captioned.also_in_training(survey.digests, splits, split):
            first, twin = (source.pictures.names[row] for row in repeated[0])
            of = f"{len(repeated):,} of {int((splits == split).sum()):,} {split} pictures also stand in training"
            notes.append(f"{of} (found by their pixels; {first} is {twin}); they are kept and scored")
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
    of_train = (each for row in train for each in found[row])
    vocabulary = words.bounded(vocabularies.fit(of_train, data.level, data.vocabulary, data.least))
    known = [selection.learnable(of_picture, set(vocabulary.tokens)) for of_picture in found]
    if not any(known[row] for row in train):
        raise DataError("the training captions hold no word that stands in them often enough; see data.least.")
    notes += selection.treatments(data, found, known, train)
    train = np.array([row for row in train if known[row]])
    rows = [train, *(np.flatnonzero(splits == split) for split in ("validation", "test"))]
    cache = _cache(config)
    if cache is not None:
        count = len(rows[0]) + len(rows[1])
        notes.append(f"the features of {count:,} pictures are computed once, and kept in {cache.folder}")
    longest = max(len(caption) for row in train for caption in known[row])
    most = min(data.per_picture, max(len(known[row]) for row in train))
    training, validation, test = (
        CaptionedPictures(
            source.pictures,
            of_split,
            words.to_array([known[row] for row in of_split], vocabulary, most, min(longest, data.length)),
            tuple(selection.scored(source.captions[row]) for row in of_split),
            tuple(source.captions[row] for row in of_split),
            (data.side, data.side),
            tuple(survey.digests[row] for row in of_split),
            kept,
        )
        for of_split, kept in zip(rows, (cache, cache, None), strict=True)  # the test split is read as pixels alone
    )
    return CaptionData(
        training, validation, test, vocabulary.tokens, notes=tuple(notes), kind=data.source, vocabulary=vocabulary
    )


def _cache(config: CaptioningConfig) -> feature_cache.FeatureCache | None:
    """The cache of features, if each image keeps the same features throughout training."""
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
    """Builds the trained model: an image and the tokens of its captions in, the logits of each token out.

    If the features of the images are kept, they replace the images as inputs.
    """
    from .tasks.captioning.model import caption_model

    count, _, length = data.train.tokens.shape
    steps = math.ceil(count / config.training.batch_size)
    return caption_model(config.model, len(data.vocabulary), config.data.side, length, precision, steps)


def augment(config: CaptioningConfig) -> Augment | None:
    """Draws some captions of each image; the model itself augments the image."""
    captions = config.training.captions
    if captions is None:
        return None
    from .tasks.captioning.model import drawn

    def draw(inputs: dict[str, tf.Tensor], tokens: tf.Tensor, seed: tf.Tensor) -> tuple[dict, tf.Tensor]:
        chosen = drawn(tokens, captions, seed)
        return inputs | {TOKENS: chosen}, chosen

    return draw


def preprocessor(config: CaptioningConfig, data: CaptionData) -> keras.Model:
    """Builds the preprocessor: encoded images `[batch]` in, pixels `[batch, rows, columns, 3]` out."""
    import keras

    from .tasks.captioning.picture_decoding import DecodePictures

    contents = keras.Input((), dtype="string", name="pictures")
    return keras.Model(contents, DecodePictures(data.train.side, name="pixels")(contents))


def finish(config: CaptioningConfig, data: CaptionData, trained: keras.Model) -> keras.Model:
    """Builds the model that writes captions by itself: pixels in, tokens and their scores out."""
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
    """The most frequent caption; the task adds captions of the nearest images, which need the trained encoder."""
    return {"most_frequent": lambda data: [baselines.most_frequent(data.train.references)] * len(data.test)}


def about_data(config: CaptioningConfig) -> str:
    """A sentence on the source of the images."""
    origin = {
        "sample": "SYNTHETIC scenes, drawn and described by a stated rule (sources/scenes.py), a sixth of them of "
        "combinations that are in the test split alone",
        "tfds": "COCO's captions (Chen et al. 2015, arXiv 1504.00325) through TensorFlow Datasets",
    }.get(config.data.source, f"The pictures in {config.data.path}")
    side = config.data.side
    return f"{origin}, seen at {side} x {side} pixels, written {config.data.level} by {config.data.level}."


def task() -> Task[CaptioningConfig, CaptionData]:
    """Imports the captioning task, and TensorFlow with it."""
    from .tasks.captioning.task import CAPTIONING

    return CAPTIONING


LOADING = """answers = runs.open("FOLDER_OF_THIS_FILE").predict([open("photo.jpg", "rb").read()])   # tokens and scores

import tensorflow as tf                                    # with TensorFlow alone: upright RGB or gray JPEG or PNG

loaded = tf.saved_model.load("export/saved_model/1")
serve = loaded.signatures["serving_default"]               # a beam; or "greedy"
serve(pictures=tf.constant([open("photo.jpg", "rb").read()]))["captions"]

from keras_recurrent.pipelines.runtime import Captioner     # with NumPy and the TFLite runtime alone

Captioner("export/model.tflite").captions(pixels)          # uint8 [n, rows, columns, 3]; or .read("photo.jpg")"""

PIPELINE = Pipeline(
    name="captioning",
    about="Writes a sentence that says what a picture shows.",
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
    task=task,
    baselines=chosen_baselines,
    examine=findings.examine,
    predict=prediction.predict,
    augment=augment,
    preprocessor=preprocessor,
    finish=finish,
    write_beside=runtime_files.write_beside,
)

if __name__ == "__main__":
    cli.run_pipeline("captioning")
