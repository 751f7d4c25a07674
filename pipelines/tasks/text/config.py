"""The configuration of text classifiers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from ...core.config import DataSection, FullPath, Rate, RecurrentModel
from ...runtime.tokens import Side, TokenLevel
from ..classification.config import ClassifierConfig, ClassifierEvaluation

FILES = ("csv", "tsv", "jsonl")


Share = Annotated[float, Field(gt=0, lt=1)]


class TextData(DataSection):
    """Where the texts come from, and how a text becomes a sequence."""

    only_for: ClassVar[dict[str, set[str]]] = {
        "path": {*FILES, "folder"},
        "encoding": {*FILES, "folder"},
        "text_column": {*FILES},
        "label_column": {*FILES},
        "split_column": {*FILES},
        "data_dir": {"tfds"},
        "language": {"sample"},
        "count": {"sample"},
    }

    source: Literal["sample", "csv", "tsv", "jsonl", "folder", "tfds"] = "sample"
    """Synthetic sentences; a file of that format, gzipped or not; a folder for each class; or the IMDB reviews by
    TensorFlow Datasets."""
    path: FullPath | None = None
    """The file, or the folder."""
    text_column: str = "text"
    """Column with the texts."""
    label_column: str = "label"
    """Column with the classes, of any kind and number."""
    split_column: str | None = None
    """Column that says train, validation or test; null holds out a test split."""
    encoding: str = "utf-8"
    """Of the files."""
    data_dir: FullPath | None = None
    """Folder of TensorFlow Datasets; null for its own default."""
    language: Literal["english", "chinese"] = "english"
    """Of the synthetic sentences."""
    count: Annotated[int, Field(ge=100)] = 5000
    """How many synthetic sentences."""
    validation: Share = 0.1
    """Share of the training texts held out for validation, where the source has no such split."""
    test: Share = 0.2
    """Share of the texts held out for the test, where the source has no such split."""
    split_seed: NonNegativeInt = 0
    """Of the splits and of the synthetic sentences; apart from training.seed, so that every run is scored on the same
    texts."""
    neighbours: PositiveInt = 1
    """So many neighbouring texts of the source go to the same split, where one is held out: as many as may be by one
    author or about one thing, since a random split would score what is known of them."""
    limit: PositiveInt | None = None
    """Use that many training texts only (a short trial); null for all."""
    level: TokenLevel = "word"
    """What a token is: a word (or a single sign); a character, for writing without spaces and for misspelling; a byte
    (UTF-8); or a subword, a piece of words that is frequent in the training texts, so that rare words are read too."""
    vocabulary: Annotated[int, Field(ge=3)] = 30_000
    """How many tokens are known, the most frequent ones of the training texts; all others are one. Bytes are all
    known."""
    length: PositiveInt = 400
    """How many tokens of a longer text are read."""
    keep: Side = "right"
    """Which end of a longer text is read: the right one, where a review comes to its verdict, or the left one."""
    embeddings: FullPath | None = None
    """Text file of pre-trained word vectors (GloVe or fastText) to begin with; model.embedding must be their size."""


class TextModel(RecurrentModel):
    """Embedded tokens, stacked recurrent layers, and one vector of them for the whole text."""

    embedding: PositiveInt = 128
    """Numbers that stand for a token."""
    region: PositiveInt | None = None
    """One-hot convolution before the recurrence: so many adjacent tokens together give a vector of `embedding` numbers,
    through a rectifier (Johnson & Zhang 2015, arXiv 1412.1058); null embeds each token by itself."""
    embedding_dropout: Rate = 0.0
    """Rate on the numbers that stand for a token."""
    word_dropout: Rate = 0.0
    """Rate at which whole tokens are left out in training."""
    pooling: Literal["last", "max", "mean", "max_mean", "attention"] = "last"
    """What stands for the text: the last output, the largest over time, the mean, both, or a mean with learned weights
    (Yang et al. 2016, Hierarchical Attention Networks, NAACL)."""
    final_dropout: Rate = 0.0
    """Rate before the classifier."""

    convolution: PositiveInt | None = None
    """A second network without a recurrence: one-hot convolution over so many adjacent tokens, and the largest value of
    each filter over time. It learns by itself, and the answer is the geometric mean of all there are; null has none."""
    filters: PositiveInt = 256
    """Of that convolution, if there is one."""
    ngrams: Annotated[int, Field(ge=1, le=5)] | None = None
    """A linear model (NBSVM, Wang & Manning 2012) of the n-grams of up to so many tokens beside the network, fitted
    before it, with a part in the geometric mean; null has none."""


class TextEvaluation(ClassifierEvaluation):
    """How the model is scored on the test split."""

    trace: bool = False
    """Draws for some short texts how the answer evolves from token to token."""


class TextConfig(ClassifierConfig):
    """The configuration of a pipeline that classifies texts."""

    data: TextData = TextData()
    model: TextModel = TextModel()
    evaluation: TextEvaluation = TextEvaluation()

    @model_validator(mode="after")
    def _options_fit(self) -> TextConfig:
        if self.data.embeddings and self.model.region:
            text = "data.embeddings are vectors of single tokens; leave out model.region"
            raise PydanticCustomError("together", text)
        if "int8" in self.export.quantization:
            text = "export.quantization int8 is for fixed lengths, and texts have none; leave it out"
            raise PydanticCustomError("together", text)
        return self
