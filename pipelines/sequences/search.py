"""Searches for token sequences with any decoder, in one graph: greedy, beam, consensus and sampling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..export import decoding
from .decoder import Decoder, Tensor


@dataclass(frozen=True)
class Search:
    """Settings of a search: greedy (width 1), beam search, or, with a temperature, sampling of tokens.

    `export.decoding` implements the loops and documents each argument.
    """

    width: int = 1
    length_penalty: float = 0.0
    consensus: bool = False
    temperature: float | None = None
    nucleus: float = 1.0
    seed: int = 0


@keras.saving.register_keras_serializable("keras_recurrent")
class SequenceSearch(keras.layers.Layer):
    """Finds sequences with a decoder.

    Args:
        decoder: A built layer that is a `Decoder`.
        length: Largest number of tokens in a sequence.
        search: The arguments of `Search`.
        start: The token before the first one.
        end: The token after the last one, which also pads a sequence.
        forbidden: Tokens that no sequence may contain, such as the token of unknown words.

    Call arguments:
        inputs: The input of `Decoder.begin`, `[batch, ...]`.

    Returns:
        Dict of `tokens`, int32 `[batch, width, length]`, and `scores`, float32 `[batch, width]`, with the best sequence
        first. A score is the log probability after the length penalty (forbidden tokens have probability 0), or the
        agreement with the other sequences. A width of 1 drops the axis of the width.
    """

    def __init__(
        self,
        decoder: Decoder,
        length: int,
        search: dict[str, Any],
        start: int,
        end: int,
        forbidden: Iterable[int] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.decoder, self.length, self.search = decoder, length, Search(**search)
        self.start, self.end, self.forbidden = start, end, tuple(forbidden)

    def call(self, inputs: Any) -> dict[str, Tensor]:
        """Searches until every sequence has ended."""
        search = self.search
        states, memory = self.decoder.begin(inputs)
        if search.width > 1:
            memory = [decoding.repeated(each, search.width) for each in memory]

        def step(tokens: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            logits, states = self.step(tokens, states, memory)
            return tf.nn.log_softmax(logits), states

        rows = tf.shape(keras.tree.flatten(inputs)[0])[0]
        arguments = (step, states, rows, self.start, self.end, self.length)
        if search.temperature is not None:
            tokens, scores = decoding.sample(*arguments, search.temperature, search.nucleus, seed=(search.seed, 0))
        elif search.width == 1:
            tokens, scores = decoding.greedy(*arguments)
        else:
            tokens, scores = decoding.beam(*arguments, search.width, search.length_penalty, search.consensus)
        return {"tokens": tokens, "scores": scores}

    def step(self, tokens: Tensor, states: list[Tensor], memory: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """`Decoder.step`, with the forbidden tokens made impossible."""
        logits, states = self.decoder.step(tokens, states, memory)
        barred = np.isin(np.arange(logits.shape[-1]), self.forbidden)
        return logits + decoding.IMPOSSIBLE * barred.astype("float32"), states

    def compute_output_spec(self, inputs: Any) -> dict[str, keras.KerasTensor]:
        """Shapes and dtypes of the two outputs."""
        rows = keras.tree.flatten(inputs)[0].shape[0]
        beams = (rows, self.search.width) if self.search.width > 1 else (rows,)
        tokens = keras.KerasTensor((*beams, self.length), "int32")
        return {"tokens": tokens, "scores": keras.KerasTensor(beams, "float32")}

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        decoder = keras.saving.serialize_keras_object(self.decoder)
        own = {"decoder": decoder, "length": self.length, "search": asdict(self.search)}
        return super().get_config() | own | {"start": self.start, "end": self.end, "forbidden": [*self.forbidden]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SequenceSearch:
        """The layer, with a decoder whose weights are not loaded yet."""
        return cls(**config | {"decoder": keras.saving.deserialize_keras_object(config["decoder"])})


def single_steps(search: SequenceSearch, inputs: Any, encoded: Any) -> tuple[keras.Model, keras.Model]:
    """Splits a search into the two models that `export.export_decoder` takes.

    Args:
        search: A search that has been called, for its decoder and its forbidden tokens.
        inputs: Inputs of the encoder, as `keras.Model` takes them.
        encoded: Input of the search, computed from `inputs`.

    Returns:
        Tuple `(encode, step)`. `encode` maps the inputs to the states and the memory before the first token; `step`
        maps the last token, the states and the memory to the logits of the next token and the new states.
    """
    states, memory = _Begin(search.decoder, name="begin")(encoded)
    encode = keras.Model(inputs, [*states, *memory], name="encode")
    tokens = keras.Input((), dtype="int32", name="tokens")
    known = [
        keras.Input(each.shape[1:], dtype=each.dtype, name=f"known_{number}")
        for number, each in enumerate([*states, *memory])
    ]
    logits, after = _Step(search, name="next")(tokens, known[: len(states)], known[len(states) :])
    return encode, keras.Model([tokens, *known], [logits, *after], name="step")


class _Begin(keras.layers.Layer):
    """`Decoder.begin` as a layer."""

    def __init__(self, decoder: Decoder, **options: Any) -> None:
        super().__init__(**options)
        self.decoder = decoder

    def call(self, inputs: Any) -> tuple[list[Tensor], list[Tensor]]:
        """States and memory."""
        return self.decoder.begin(inputs)


class _Step(keras.layers.Layer):
    """`SequenceSearch.step` as a layer."""

    def __init__(self, search: SequenceSearch, **options: Any) -> None:
        super().__init__(**options)
        self.search = search

    def call(self, tokens: Tensor, states: list[Tensor], memory: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Logits and states."""
        return self.search.step(tokens, states, memory)
