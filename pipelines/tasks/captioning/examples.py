"""Splits of captioned images, which are read from storage batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...core.data import Data, Examples, Order
from ...runtime.vocabulary import Vocabulary
from ...sources.picture_files import Pictures
from .feature_cache import FEATURES, FeatureCache

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    Reader = Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]]

TOKENS = "tokens"
DECODED = 8  # images of a batch that are decoded in parallel


@dataclass(frozen=True)
class CaptionedPictures:
    """A split: stored images and their captions.

    `rows [n]` selects the images; `tokens [n, captions, time]` int32 holds the captions to learn from; `references` all
    captions of each image as words, to score against; `texts` the same captions as they were given; `side` the rows and
    columns that the model reads. `digests` holds a hash of the pixels of each image. If the encoder never changes,
    training reads features from `cache` instead of images.
    """

    order: ClassVar[Order] = "shuffled"
    pictures: Pictures
    rows: np.ndarray
    tokens: np.ndarray
    references: tuple[tuple[tuple[str, ...], ...], ...]
    texts: tuple[tuple[str, ...], ...]
    side: tuple[int, int]
    digests: tuple[str, ...] = ()
    cache: FeatureCache | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: np.ndarray | slice) -> CaptionedPictures:
        numbers = np.arange(len(self))[chosen]
        return replace(
            self,
            rows=self.rows[chosen],
            tokens=self.tokens[chosen],
            references=tuple(self.references[number] for number in numbers),
            texts=tuple(self.texts[number] for number in numbers),
            digests=tuple(self.digests[number] for number in numbers) if self.digests else (),
        )

    @property
    def names(self) -> list[str]:
        """File names of the images."""
        return [self.pictures.names[row] for row in self.rows]

    @property
    def inputs(self) -> np.ndarray:
        """Encoded images, an array of `bytes`."""
        contents = np.empty(len(self), object)
        contents[:] = [self.pictures.encoded(int(row)) for row in self.rows]
        return contents

    def pixels(self) -> np.ndarray:
        """All images as the model reads them, `[n, rows, columns, 3]` uint8."""
        import tensorflow as tf

        from .picture_decoding import to_pixels

        found = np.empty((len(self), *self.side, 3), np.uint8)
        for place, row in enumerate(self.rows):
            found[place] = to_pixels(tf.constant(self.pictures.encoded(int(row))), self.side)
        return found

    @property
    def labels(self) -> np.ndarray:
        """The tokens of the captions."""
        return self.tokens

    def lengths(self) -> None:
        """None: all inputs have the same shape."""

    def preprocessed(self, preprocessor: keras.Model) -> Examples:
        """The split as inputs of the trained part: pixels, or features from the cache."""
        decoded = DecodedPictures(self)
        if self.cache is None:
            return decoded
        return KeptFeatures(self.cache.features(decoded, self.digests), self.tokens)

    def reader(self) -> Reader:
        """The reader of the decoded images."""
        return DecodedPictures(self).reader()


@dataclass(frozen=True)
class DecodedPictures:
    """A split whose inputs are pixels, decoded batch by batch."""

    order: ClassVar[Order] = "shuffled"
    stored: CaptionedPictures

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, chosen: np.ndarray | slice) -> DecodedPictures:
        return DecodedPictures(self.stored[chosen])

    @property
    def inputs(self) -> np.ndarray:
        """Pixels of all images."""
        return self.stored.pixels()

    @property
    def labels(self) -> np.ndarray:
        """The tokens of the captions."""
        return self.stored.tokens

    def lengths(self) -> None:
        """None: all inputs have the same shape."""

    def preprocessed(self, preprocessor: keras.Model) -> Examples:
        """The split itself, which is what the trained part takes."""
        return self

    def reader(self) -> Reader:
        """A function that reads stored images and decodes them."""
        import tensorflow as tf

        from .picture_decoding import to_pixels

        stored, tokens = self.stored, tf.constant(self.stored.tokens)

        def contents(rows: np.ndarray) -> np.ndarray:
            return np.array([stored.pictures.encoded(int(row)) for row in stored.rows[rows]], object)

        def read(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            encoded = tf.numpy_function(contents, [rows], tf.string, stateful=False)
            encoded = tf.ensure_shape(encoded, [None])
            image = tf.map_fn(
                lambda each: to_pixels(each, stored.side),
                encoded,
                fn_output_signature=tf.uint8,
                parallel_iterations=DECODED,
            )
            of_rows = tf.gather(tokens, rows)
            return {"image": image, TOKENS: of_rows}, of_rows

        return read


@dataclass(frozen=True)
class KeptFeatures:
    """A split whose inputs are features `[n, rows, columns, channels]`, read from a file batch by batch."""

    order: ClassVar[Order] = "shuffled"
    features: np.ndarray
    tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, chosen: np.ndarray | slice) -> KeptFeatures:
        return KeptFeatures(self.features[chosen], self.tokens[chosen])

    @property
    def inputs(self) -> np.ndarray:
        """The features of all images."""
        return self.features

    @property
    def labels(self) -> np.ndarray:
        """The tokens of the captions."""
        return self.tokens

    def lengths(self) -> None:
        """None: all inputs have the same shape."""

    def preprocessed(self, preprocessor: keras.Model) -> Examples:
        """The split itself, which is what the trained part takes."""
        return self

    def reader(self) -> Reader:
        """A function that reads features from their file."""
        import tensorflow as tf

        features, tokens = self.features, tf.constant(self.tokens)

        def stored(rows: np.ndarray) -> np.ndarray:
            return features[rows].astype(np.float32)

        def read(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            of_rows = tf.gather(tokens, rows)
            seen = tf.numpy_function(stored, [rows], tf.float32, stateful=False)
            return {FEATURES: tf.ensure_shape(seen, (None, *features.shape[1:])), TOKENS: of_rows}, of_rows

        return read


@dataclass(frozen=True)
class CaptionData(Data):
    """The three splits; `names` holds the tokens of the vocabulary."""

    train: CaptionedPictures
    validation: CaptionedPictures
    test: CaptionedPictures
    _: KW_ONLY
    kind: str
    """The source, such as `sample`."""
    vocabulary: Vocabulary
    """Vocabulary of the training captions; id 0 bounds a caption, id 1 stands for any unknown word."""
