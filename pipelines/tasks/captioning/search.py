"""Captioners: the image encoder and a search with the decoder, in one graph."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import keras

from ...sequences import search as sequences
from ...sequences.search import Search, SequenceSearch
from .image_encoder import ENCODER
from .model import CaptionDecoder
from .words import BOUND, UNKNOWN

SEARCH = "search"


@keras.saving.register_keras_serializable("keras_recurrent")
class CaptionSearch(SequenceSearch):
    """Searches for captions with a decoder. A caption never holds the unknown word, and may be empty.

    Args:
        decoder: The trained decoder.
        length: Largest number of words in a caption.
        search: Arguments of `Search`.

    Call arguments:
        inputs: Features, `[batch, rows, columns, channels]`.

    Returns:
        The result of `SequenceSearch`; a caption is 0 after its last word.
    """

    def __init__(self, decoder: CaptionDecoder, length: int, search: dict[str, Any], **options: Any) -> None:
        super().__init__(decoder, length, search, BOUND, BOUND, (UNKNOWN,), **options)

    def get_config(self) -> dict[str, Any]:
        """For serialisation, without the tokens that bound a caption, which never change."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in ("start", "end", "forbidden")}


def captioner(encoder: keras.Model, decoder: CaptionDecoder, length: int, search: Search) -> keras.Model:
    """Builds the model from images, as the encoder takes them, to captions."""
    (image,) = encoder.inputs
    found = CaptionSearch(decoder, length, asdict(search), name=SEARCH)(encoder(image))
    return keras.Model(image, found, name="captioner")


def searching_otherwise(model: keras.Model, search: Search) -> keras.Model:
    """Builds a captioner with the same weights and another search."""
    of_model = model.get_layer(SEARCH)
    return captioner(model.get_layer(ENCODER), of_model.decoder, of_model.length, search)


def single_steps(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Splits a captioner into two models for `export.export_decoder`: the encoder of an image, and one decoder step."""
    encoder = model.get_layer(ENCODER)
    return sequences.single_steps(model.get_layer(SEARCH), encoder.inputs, encoder.output)
