"""Configuration of text classifiers."""

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
    """Source of the texts: synthetic sentences (sample); a file of the named format, gzipped or not; a folder for each
    class; or the IMDB reviews from TensorFlow Datasets (tfds)."""
    path: FullPath | None = None
    """Path of the file or folder."""
    text_column: str = "text"
    """Column with the texts."""
    label_column: str = "label"
    """Column with the classes; any values, and any number of classes."""
    split_column: str | None = None
    """Column that says train, validation or test; null holds out a test split."""
    encoding: str = "utf-8"
    """Text encoding of the files."""
    data_dir: FullPath | None = None
    """Folder that TensorFlow Datasets reads and writes; null takes its own default."""
    language: Literal["english", "chinese"] = "english"
    """Language of the synthetic sentences."""
    count: Annotated[int, Field(ge=100)] = 5000
    """Number of synthetic sentences."""
    validation: Share = 0.1
    """Share of the training texts to hold out for validation if the source has no validation split."""
    test: Share = 0.2
    """Share of the texts to hold out for the test if the source has no test split."""
    split_seed: NonNegativeInt = 0
    """Seed of the splits and the synthetic sentences; it is separate from training.seed, so that every run is scored on
    the same texts."""
    neighbours: PositiveInt = 1
    """Number of consecutive texts of the source that a held-out split keeps together. Set it to as many as may share an
    author or a subject: a random split would put some of them into training and overstate the score."""
    limit: PositiveInt | None = None
    """Number of training texts to use, for a short trial; null uses all."""
    level: TokenLevel = "word"
    """Kind of token: a word (or a single punctuation mark or symbol); a character, which suits scripts without spaces
    and misspelled texts; a UTF-8 byte; or a subword, a part of words that is frequent in the training texts, so that
    the model can read rare words too."""
    vocabulary: Annotated[int, Field(ge=3)] = 30_000
    """Size of the vocabulary: it holds the most frequent tokens of the training texts, and one token stands for all
    others. With bytes it holds every byte."""
    length: PositiveInt = 400
    """Greatest number of tokens that the model reads of a text."""
    keep: Side = "right"
    """End of a longer text that the model reads: the right one, where a review states its verdict, or the left one."""
    embeddings: FullPath | None = None
    """Text file of pre-trained word vectors (GloVe or fastText) that initialize the embedding; model.embedding must
    equal their size."""


class TextModel(RecurrentModel):
    """Embedding, stacked recurrent layers, and pooling to one vector for the whole text."""

    embedding: PositiveInt = 128
    """Size of the embedding of a token."""
    region: PositiveInt | None = None
    """Width in tokens of a one-hot convolution before the recurrence, which turns that many adjacent tokens into a
    vector of size `embedding` through a rectifier (Johnson & Zhang 2015, arXiv 1412.1058); null embeds each token by
    itself."""
    embedding_dropout: Rate = 0.0
    """Dropout rate of the values of the embeddings."""
    word_dropout: Rate = 0.0
    """Dropout rate of whole tokens: training sets the embedding of a dropped token to 0."""
    pooling: Literal["last", "max", "mean", "max_mean", "attention"] = "last"
    """Pooling of the outputs over time into one vector: the last output, the maximum, the mean, maximum and mean
    together, or a mean with learned weights (Yang et al. 2016, Hierarchical Attention Networks, NAACL)."""
    final_dropout: Rate = 0.0
    """Dropout rate before the classifier."""

    convolution: PositiveInt | None = None
    """Width in tokens of the one-hot convolution of a second network, which has no recurrence and takes the maximum of
    each filter over time. Each network learns by itself, and the answer is their geometric mean; null leaves it out."""
    filters: PositiveInt = 256
    """Number of filters of the second network, if there is one."""
    ngrams: Annotated[int, Field(ge=1, le=5)] | None = None
    """Length in tokens of the longest n-grams of a linear model (NBSVM, Wang & Manning 2012), which is fitted before
    the network is trained and takes part in the geometric mean; null leaves it out."""


class TextEvaluation(ClassifierEvaluation):
    """How the model is scored on the test split."""

    trace: bool = False
    """Whether to draw, for some short texts, how the answer evolves from token to token."""


class TextConfig(ClassifierConfig):
    """Configuration of a pipeline that classifies texts."""

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
