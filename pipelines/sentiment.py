"""Text classification, such as sentiment: recurrent layers read a text from the first to the last token.

Shapes: a text (UTF-8) becomes the ids of its tokens, such as words, `[time]` int32. Recurrent layers read their
embeddings, and the last output, or all outputs pooled over time, gives probabilities `[classes]`. A recurrent network
can learn order and scope, which a bag of words can't represent: "I did not like it, I loved it".

Sources: `sample` (synthetic sentences of a stated grammar), `csv`, `tsv`, `jsonl` (any file with a text and a label
column), `folder` (one file a text, one folder a class, as in aclImdb), `tfds` (the builder `imdb_reviews`). Labels may
be of any kind and number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import cli
from .core.errors import DataError, UsageError, did_you_mean
from .core.pipeline import Pipeline, Task
from .runtime.text import READING
from .runtime.vocabulary import Vocabulary, to_ids
from .sequences import vocabulary as vocabularies
from .sequences.examples import Texts
from .sources import opinions, texts, tfds, vectors
from .tasks.classification import baselines
from .tasks.classification.data import hold_out
from .tasks.text import baselines as of_texts
from .tasks.text import findings, ngrams, prediction
from .tasks.text.config import TextConfig, TextData
from .tasks.text.data import LabelledTexts

if TYPE_CHECKING:
    import keras

    from .core.pipeline import Run

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


def load(config: TextConfig) -> LabelledTexts:
    """Loads train, validation and test, and fits the vocabulary on the training texts."""
    data = config.data
    source = _source(data)
    classes = sorted(set(source.labels), key=_natural)
    train, validation, test = _splits(data, source, classes)
    notes = list(source.notes)
    if repeated := texts.duplicates(train.inputs, test.inputs):
        notes.append(f"{repeated:,} of {len(test):,} test texts also stand in training; they are kept and scored")
    if data.limit:
        train = train[np.random.default_rng(data.split_seed).permutation(len(train))[: data.limit]]
    vocabulary = vocabularies.fit(train.inputs, data.level, data.vocabulary)
    if not any((vocabulary.encode(text) != vocabulary.unknown).any() for text in train.inputs):
        raise DataError(
            f"no training text holds any of the {len(vocabulary)} tokens of the vocabulary, since the texts are all "
            "empty or hold white space alone, or data.vocabulary is too small; there is nothing to read."
        )
    of_file = None
    if data.embeddings:
        of_file, found = vectors.load(data.embeddings, vocabulary.tokens, config.model.embedding, config.training.seed)
        notes.append(f"{found:,} of {len(vocabulary):,} tokens have a vector in {data.embeddings}")
    return LabelledTexts(
        train,
        validation,
        test,
        tuple(classes),
        notes=tuple(notes),
        vocabulary=vocabulary,
        vectors=of_file,
        fit_linear=partial(_linear, config, train, vocabulary, len(classes)),
    )


def _linear(config: TextConfig, train: Texts, vocabulary: Vocabulary, classes: int) -> ngrams.Linear | None:
    if config.model.ngrams is None:
        return None
    data = config.data
    rows = to_ids(train.inputs, vocabulary, data.length, data.keep)
    return ngrams.fit(rows, train.labels, classes, config.model.ngrams)


def _source(data: TextData) -> texts.Texts:
    """Loads texts, labels and, where the source has them, splits."""
    match data.source:
        case "sample":
            return texts.Texts(*opinions.load(data.count, data.language, data.split_seed), splits=None, notes=())
        case "folder":
            return texts.load_folder(_path(data, "the folder of the classes"), data.encoding)
        case "tfds":
            names = ("train", "test")
            parts = tfds.load("imdb_reviews", data.data_dir, names)
            return texts.Texts(
                [text.decode() for part in parts for text in part["text"]],
                [("negative", "positive")[label] for part in parts for label in part["label"]],
                [name for name, part in zip(names, parts, strict=True) for _ in part["label"]],
                notes=(),
            )
        case form:
            columns = (data.text_column, data.label_column, data.split_column)
            return texts.load(_path(data, f"the {form} file"), *columns, data.encoding, form)


def _path(data: TextData, what: str) -> Path:
    if data.path is None:
        raise UsageError(f"data: source {data.source!r} needs data.path, {what}: --set data.path=PATH.")
    return data.path


def _natural(label: str) -> tuple[bool, float, str]:
    """A sort key: numbers by size, before words in alphabetical order."""
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    return (True, 0.0, label) if math.isnan(number) else (False, number, label)


def _splits(data: TextData, source: texts.Texts, classes: list[str]) -> tuple[Texts, Texts, Texts]:
    numbers = {name: number for number, name in enumerate(classes)}
    everything = Texts(np.array(source.texts, dtype=object), np.array([numbers[label] for label in source.labels]))
    if source.splits is None:
        train, test = _hold_out(data, everything, data.test, key="data.test")
        return *_validation(data, train), test
    rows = {split: np.flatnonzero(np.isin(source.splits, names)) for split, names in SPLITS.items()}
    known = [name for names in SPLITS.values() for name in names]
    if unknown := sorted(set(source.splits) - set(known)):
        raise DataError(f"{data.path}: the split {unknown[0]!r} means nothing here. {did_you_mean(unknown[0], known)}")
    if missing := [split for split in ("train", "test") if not len(rows[split])]:
        raise DataError(f"{data.path}: no text belongs to the split {' or '.join(missing)}.")
    train, test = everything[rows["train"]], everything[rows["test"]]
    if len(rows["validation"]):
        return train, everything[rows["validation"]], test
    return *_validation(data, train), test


def _validation(data: TextData, train: Texts) -> tuple[Texts, Texts]:
    return _hold_out(data, train, data.validation, key="data.validation")


def _hold_out(data: TextData, split: Texts, share: float, key: str) -> tuple[Texts, Texts]:
    """Splits off a share of the texts, in runs of neighbouring texts."""
    if data.neighbours == 1:
        return hold_out(split, round(share * len(split)), data.split_seed, f"{key}={share:g}")
    runs = np.arange(len(split)) // data.neighbours
    chosen = np.random.default_rng(data.split_seed).permutation(runs.max() + 1)[: round(share * (runs.max() + 1))]
    held_out = np.isin(runs, chosen)
    if held_out.all() or not held_out.any():
        raise UsageError(f"{key}={share:g} of {len(split):,} texts can't be held out in runs of {data.neighbours}.")
    return split[~held_out], split[held_out]


def build(config: TextConfig, data: LabelledTexts, precision: str) -> keras.Model:
    """Builds the model: token ids `[batch, time]`, padded with 0, in; probabilities `[batch, classes]` out."""
    import keras

    from .tasks.classification.model import classifier
    from .tasks.text.model import convolved, text_features
    from .tasks.text.ngram_scores import NgramScores

    ids = keras.Input((None,), dtype="int32", name="ids")
    use_cudnn = not config.training.jit_compile
    vocabulary = len(data.vocabulary)
    features = [text_features(ids, config.model, vocabulary, precision, use_cudnn, data.vectors)]
    if config.model.convolution:
        features.append(convolved(ids, config.model, vocabulary, precision))
    classes = len(data.classes)
    beside = [NgramScores(classes, data.linear, name="ngrams")(ids)] if data.linear else []
    return keras.Model(ids, classifier(*features, classes=classes, beside=beside), name="sentiment")


def preprocessor(config: TextConfig, data: LabelledTexts) -> keras.Model:
    """Builds the preprocessor: texts `[batch]` in, token ids `[batch, time]` out."""
    import keras

    from .sequences.text_to_ids import TextToIds

    of_texts = keras.Input((), dtype="string", name="texts")
    layer = TextToIds(data.vocabulary, config.data.length, config.data.keep, name="ids")
    return keras.Model(of_texts, layer(of_texts))


def write_beside(run: Run[TextConfig, LabelledTexts], folder: Path) -> None:
    """Writes `vocabulary.txt`, one token a line by id, and `text.json`, how a text becomes ids."""
    from .stages.preprocessing import halves

    front, _ = halves(run.model)
    assert front is not None, "a model of texts turns them into ids"
    layer = front.layers[-1]
    layer.vocabulary.write(folder, READING, length=layer.length, keep=layer.keep)


def chosen_baselines(config: TextConfig) -> dict[str, Callable[[LabelledTexts], np.ndarray]]:
    """The most frequent class, and linear models of n-grams of the model's tokens."""
    return {
        "most_frequent": baselines.most_frequent,
        "tfidf_unigrams": lambda data: of_texts.tfidf_unigrams(data, data.vocabulary.split),
        "tfidf_bigrams": lambda data: of_texts.tfidf_bigrams(data, data.vocabulary.split),
        "nbsvm": lambda data: of_texts.nbsvm(data, data.vocabulary.split),
    }


def about_data(config: TextConfig) -> str:
    """A sentence on the source of the texts."""
    data = config.data
    origin = {
        "sample": f"SYNTHETIC sentences in {data.language.capitalize()} of a stated grammar (sources/opinions.py), in "
        "which single words and pairs of words tell nothing",
        "tfds": "The Large Movie Review Dataset (Maas et al. 2011) through TensorFlow Datasets",
    }.get(data.source, f"The texts in {data.path}")
    return f"{origin}, read {data.level} by {data.level}, the {data.keep}most {data.length:,} of each."


def task() -> Task:
    """Imports the text classification task, and TensorFlow with it."""
    from .tasks.text.task import TEXT_CLASSIFICATION

    return TEXT_CLASSIFICATION


LOADING = """probabilities = runs.open("FOLDER_OF_THIS_FILE").predict(["a text", "another"])

import tensorflow as tf                                    # with TensorFlow alone

serve = tf.saved_model.load("export/saved_model/1").signatures["serving_default"]
answers = serve(texts=tf.constant(["a text", "another"]))  # probabilities and labels

from keras_recurrent.pipelines.runtime import TextClassifier   # with NumPy and the TFLite runtime alone

TextClassifier("export/model.tflite").label(["a text", "another"])"""

PIPELINE = Pipeline(
    name="sentiment",
    aliases=("text_classification",),
    about="Names the opinion in a text, or any other class that labelled texts were given for.",
    limits=(
        "Knows the words, the language and the kind of texts of its training data; it names a class for any text, also "
        "for one that holds none of them. Irony and knowledge of the world are beyond it."
    ),
    primary=lambda config: "accuracy",
    about_data=about_data,
    loading=LOADING,
    config=TextConfig,
    load=load,
    build=build,
    task=task,
    baselines=chosen_baselines,
    examine=findings.examine,
    predict=prediction.predict,
    preprocessor=preprocessor,
    write_beside=write_beside,
)

if __name__ == "__main__":
    cli.run_pipeline("sentiment")
