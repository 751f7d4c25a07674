"""Pictures with captions, as the stages take them: pictures are read when they are needed, batch by batch."""

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
DECODED = 8  # pictures of a batch at once


@dataclass(frozen=True)
class CaptionedPictures:
    """A split: pictures as they are stored, and their captions.

    `rows [n]` are those of the pictures; `tokens [n, captions, time]` int32 the captions that are learned from;
    `references` all captions of each picture in words, as they are scored against; `texts` the same as they were given;
    `side` the rows and columns that the model sees. `digests` are of the pixels of each picture, and `cache` is where
    the features are kept that training reads instead of them, if their encoder never changes.
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
        """File names."""
        return [self.pictures.names[row] for row in self.rows]

    @property
    def inputs(self) -> np.ndarray:
        """Encoded pictures, an array of `bytes`."""
        contents = np.empty(len(self), object)
        contents[:] = [self.pictures.encoded(int(row)) for row in self.rows]
        return contents

    def pixels(self) -> np.ndarray:
        """What the model sees of all pictures, `[n, rows, columns, 3]` uint8."""
        import tensorflow as tf

        from .picture_decoding import to_pixels

        found = np.empty((len(self), *self.side, 3), np.uint8)
        for place, row in enumerate(self.rows):
            found[place] = to_pixels(tf.constant(self.pictures.encoded(int(row))), self.side)
        return found

    @property
    def labels(self) -> np.ndarray:
        """The tokens."""
        return self.tokens

    def lengths(self) -> None:
        """All have the same length."""

    def preprocessed(self, preprocessor: keras.Model) -> Examples:
        """The split as the trained part takes it."""
        decoded = DecodedPictures(self)
        if self.cache is None:
            return decoded
        return KeptFeatures(self.cache.features(decoded, self.digests), self.tokens)

    def reader(self) -> Reader:
        """That of the decoded pictures."""
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
        """Pixels of all pictures."""
        return self.stored.pixels()

    @property
    def labels(self) -> np.ndarray:
        """The tokens."""
        return self.stored.tokens

    def lengths(self) -> None:
        """All have the same length."""

    def preprocessed(self, preprocessor: keras.Model) -> Examples:
        """They are what the trained part takes."""
        return self

    def reader(self) -> Reader:
        """Reads pictures from where they are stored, and decodes them."""
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
        """The features of all pictures."""
        return self.features

    @property
    def labels(self) -> np.ndarray:
        """The tokens."""
        return self.tokens

    def lengths(self) -> None:
        """All have the same length."""

    def preprocessed(self, preprocessor: keras.Model) -> Examples:
        """They are what the trained part takes."""
        return self

    def reader(self) -> Reader:
        """Reads features from their file."""
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
    """The splits. The names of the answers are the tokens of the vocabulary."""

    train: CaptionedPictures
    validation: CaptionedPictures
    test: CaptionedPictures
    _: KW_ONLY
    kind: str
    """The source, such as `sample`."""
    vocabulary: Vocabulary
    """Fitted on the training captions; id 0 is the bound, 1 any word that is not known."""
