"""Models that find captions: the encoder of images, and a search with the decoder, in one graph."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ...export import decoding
from .image_encoder import ENCODER
from .model import CaptionDecoder
from .words import BOUND, UNKNOWN

SEARCH = "search"


@dataclass(frozen=True)
class Search:
    """How a caption is searched for: greedily (width 1), by a beam, or, with a temperature, by drawing words."""

    width: int = 1
    length_penalty: float = 0.0
    consensus: bool = False
    temperature: float | None = None
    nucleus: float = 1.0
    seed: int = 0


@keras.saving.register_keras_serializable("keras_recurrent")
class CaptionSearch(keras.layers.Layer):
    """Finds captions with a decoder. None holds the unknown word; one may be empty.

    Args:
        decoder: The trained decoder.
        length: The most words of a caption.
        search: How to search; what `Search` takes.

    Call arguments:
        features: `[batch, rows, columns, channels]`.

    Returns:
        Dict of `tokens`, int32 `[batch, width, length]`, 0 behind the last word, and `scores`, `[batch, width]`, the
        logarithms of their probabilities (without the unknown word) after the length penalty, or how well they agree
        with each other, the best first; without the axis of the width if that is 1.
    """

    def __init__(self, decoder: CaptionDecoder, length: int, search: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.decoder, self.length, self.search = decoder, length, Search(**search)

    def build(self, features_shape: tuple) -> None:
        """The decoder may be new, as it is when a file is read."""
        if not self.decoder.built:
            self.decoder.build(features_shape, (None, None, None))

    def call(self, features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Searches, until every caption has ended."""
        search = self.search
        states, memory = self.decoder.remember(features)
        if search.width > 1:
            memory = [decoding.repeated(each, search.width) for each in memory]

        def step(tokens: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            logits, states = next_word(self.decoder, tokens, states, memory)
            return tf.nn.log_softmax(logits), states

        arguments = (step, states, tf.shape(features)[0], BOUND, BOUND, self.length)
        if search.temperature is not None:
            tokens, scores = decoding.sample(*arguments, search.temperature, search.nucleus, seed=(search.seed, 0))
        elif search.width == 1:
            tokens, scores = decoding.greedy(*arguments)
        else:
            tokens, scores = decoding.beam(*arguments, search.width, search.length_penalty, search.consensus)
        return {"tokens": tokens, "scores": scores}

    def compute_output_spec(self, features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Shapes of the two outputs."""
        beams = (features.shape[0], self.search.width) if self.search.width > 1 else (features.shape[0],)
        tokens = keras.KerasTensor((*beams, self.length), "int32")
        return {"tokens": tokens, "scores": keras.KerasTensor(beams, "float32")}

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        decoder = keras.saving.serialize_keras_object(self.decoder)
        return super().get_config() | {"decoder": decoder, "length": self.length, "search": asdict(self.search)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CaptionSearch:
        """The layer, with a decoder that is not built yet."""
        return cls(**config | {"decoder": keras.saving.deserialize_keras_object(config["decoder"])})


def next_word(
    decoder: CaptionDecoder, tokens: tf.Tensor, states: list[tf.Tensor], memory: list[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Logits `[rows, vocabulary]` of the word after `tokens [rows]`, and the new states; no word is the unknown one."""
    x = decoder.embedding(tokens)
    states, seen = decoder.advance(x, states, memory)
    logits = decoder.logits(x, states[0], seen)
    unknown = ops.one_hot(UNKNOWN, decoder.vocabulary, dtype="float32")
    return logits + decoding.IMPOSSIBLE * unknown, states


def captioner(encoder: keras.Model, decoder: CaptionDecoder, length: int, search: Search) -> keras.Model:
    """The model from images, as the encoder takes them, to captions."""
    (image,) = encoder.inputs
    found = CaptionSearch(decoder, length, asdict(search), name=SEARCH)(encoder(image))
    return keras.Model(image, found, name="captioner")


def searching_otherwise(model: keras.Model, search: Search) -> keras.Model:
    """A captioner with the same weights and another search."""
    of_model = model.get_layer(SEARCH)
    return captioner(model.get_layer(ENCODER), of_model.decoder, of_model.length, search)


def single_steps(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """A captioner as two models, for `export.export_decoder`: what is known of an image; and one word further."""
    encoder, decoder = model.get_layer(ENCODER), model.get_layer(SEARCH).decoder
    remembered = Remember(decoder, name="remember")(encoder.output)
    first = keras.Model(encoder.inputs, remembered, name="encode")
    tokens = keras.Input((), dtype="int32", name="tokens")
    known = [keras.Input(each.shape[1:], name=f"known_{number}") for number, each in enumerate(remembered)]
    logits, *states = Advance(decoder, name="advance")([tokens, *known])
    return first, keras.Model([tokens, *known], [logits, *states], name="step")


class Remember(keras.layers.Layer):
    """The states and the memory of `CaptionDecoder.remember`, as one list."""

    def __init__(self, decoder: CaptionDecoder, **options: Any) -> None:
        super().__init__(**options)
        self.decoder = decoder

    def call(self, features: keras.KerasTensor) -> list[keras.KerasTensor]:
        """States, then memory."""
        states, memory = self.decoder.remember(features)
        return [*states, *memory]


class Advance(keras.layers.Layer):
    """`next_word` from a list of all that it takes."""

    def __init__(self, decoder: CaptionDecoder, **options: Any) -> None:
        super().__init__(**options)
        self.decoder = decoder

    def call(self, given: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
        """Logits, then the states."""
        tokens, *known = given
        count = len(known) - (2 if self.decoder.attention else 0)
        logits, states = next_word(self.decoder, tokens, known[:count], known[count:])
        return [logits, *states]
