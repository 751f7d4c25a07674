"""The caption decoder: a recurrent network that reads an image, then word after word, and predicts the next word.

It follows Show and Tell (Vinyals et al. 2015, arXiv 1411.4555) or, with attention, Show, Attend and Tell (Xu et al.
2015, arXiv 1502.03044). In both cases the states begin as in Show and Tell, since any cell can read the mean feature as
if it were the first word. Token 0 bounds a caption: it stands before the first word and after the last one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
from keras import ops

from ...core.cell_options import naming_options
from ...core.cells import layer_class
from ...sequences.decoder import over_time
from .applications import is_kept
from .feature_cache import FEATURES
from .image_encoder import image_encoder
from .pretrained import FrozenUntil
from .words import BOUND, UNKNOWN

if TYPE_CHECKING:
    from .config import CaptioningModel

Tensor: TypeAlias = keras.KerasTensor

DECODER = "decoder"


@keras.saving.register_keras_serializable("keras_recurrent")
class CaptionDecoder(keras.layers.Layer):
    """Predicts each next word of a caption from the image and the words before it.

    Let `F [places, channels]` be the feature map, `f` its mean over the places, `E` the embedding, `y` the words::

        h_0, s_0 = cell([W_f f + b_f, 0], 0)
        e_ti = v . tanh(W_a F_i + U_a h_t-1 + b_a);  alpha_t = softmax(e_t)           (Bahdanau et al. 2015)
        z_t = sigma(w_b . h_t-1 + b_b) sum_i alpha_ti F_i                             (gated, Xu et al. 2015, 4.2.1)
        h_t, s_t = cell([E y_t-1, z_t], s_t-1)
        logits_t = E' (E y_t-1 + W_h h_t + W_z z_t) + b                               (tied; else L (...) + b)

    Without attention, z vanishes, and the first input is W_f f + b_f alone.

    Args:
        vocabulary: Number of tokens.
        cell: Name of the cell.
        units: Number of units of the cell.
        embedding: Size of the embedding.
        attention: Number of units of the attention; None reads the image once, before the first word.
        dropout: Dropout rate on the features, on the embeddings and before the logits.
        tied: Whether the output layer shares the embedding (Press & Wolf 2017, arXiv 1608.05859).
        scheduled_sampling: Share of the input words that training replaces by the network's own predictions (Bengio et
            al. 2015, arXiv 1506.03099), made for all time steps at once (Duckworth et al. 2019, arXiv 1906.04331).
        penalty: Weight of the doubly stochastic penalty, the mean over the places of (1 - sum_t alpha_ti)^2 (Xu et al.
            2015, equation 14, where it is their sum).
        word_loss: Weight of a second training loss, which the function `word_loss` computes.
        cell_options: Further arguments of the cell, by name.

    Call arguments:
        features: `[batch, rows, columns, channels]`.
        tokens: `[batch, captions, time]` int32, the words of several captions of each image.

    Returns:
        Logits `[batch, captions, time, vocabulary]`: at `t`, they predict the token at `t` from the tokens before it.
    """

    def __init__(
        self,
        vocabulary: int,
        cell: str,
        units: int,
        embedding: int,
        attention: int | None = None,
        dropout: float = 0.0,
        tied: bool = True,
        scheduled_sampling: float = 0.0,
        penalty: float = 0.0,
        word_loss: float = 0.0,
        cell_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.settings: dict[str, Any] = {
            "vocabulary": vocabulary,
            "cell": cell,
            "units": units,
            "embedding": embedding,
            "attention": attention,
            "dropout": dropout,
            "tied": tied,
            "scheduled_sampling": scheduled_sampling,
            "penalty": penalty,
            "word_loss": word_loss,
            "cell_options": cell_options or {},
        }
        self.units, self.attention, self.tied, self.penalty = units, attention, tied, penalty
        self.vocabulary, self.scheduled_sampling = vocabulary, scheduled_sampling
        same = {"dtype": self.dtype_policy}
        with naming_options(cell, cell_options or {}):
            recurrent = layer_class(cell)(units, return_sequences=True, **(cell_options or {}), **same)
        self.cell = recurrent.cell
        self.embedding = keras.layers.Embedding(vocabulary, embedding, embeddings_initializer="glorot_uniform", **same)
        self.of_image = keras.layers.Dense(embedding, name="of_image", **same)
        self.of_output = keras.layers.Dense(embedding, use_bias=False, name="of_output", **same)
        self.dropout = keras.layers.Dropout(dropout, **same)
        self.seeds = keras.random.SeedGenerator()
        if attention:
            self.of_places = keras.layers.Dense(attention, use_bias=False, name="of_places", **same)
            self.of_last = keras.layers.Dense(attention, name="of_last", **same)
            self.to_energy = keras.layers.Dense(1, use_bias=False, name="to_energy", **same)
            self.gate = keras.layers.Dense(1, activation="sigmoid", name="gate", **same)
            self.of_context = keras.layers.Dense(embedding, use_bias=False, name="of_context", **same)
        else:
            self.recurrent = recurrent  # the cell stays an attribute, whose name identifies its weights in files
        self.word_loss = word_loss
        if word_loss:
            self.of_words = keras.layers.Dense(vocabulary, name="of_words", **same)
        if not tied:
            self.to_logits = keras.layers.Dense(vocabulary, use_bias=False, name="to_logits", **same)

    def build(self, features_shape: tuple, tokens_shape: tuple) -> None:
        """Creates the weights, whose shapes depend on the channels of the features alone."""
        self.channels = features_shape[-1]
        embedding = self.settings["embedding"]
        self.embedding.build((None,))
        self.of_image.build((None, self.channels))
        self.of_output.build((None, self.units))
        self.cell.build((None, embedding + (self.channels if self.attention else 0)))
        if self.attention:
            self.of_places.build((None, None, self.channels))
            self.of_last.build((None, self.units))
            self.to_energy.build((None, None, self.attention))
            self.gate.build((None, self.units))
            self.of_context.build((None, self.channels))
        if self.word_loss:
            self.of_words.build((None, self.channels))
        if not self.tied:
            self.to_logits.build((None, embedding))
        self.bias = self.add_weight(shape=(self.vocabulary,), initializer="zeros", name="bias")

    def begin(self, features: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The states and the memory before the first word, as `sequences.decoder.Decoder` specifies.

        The states are the output after the mean feature and the states of the cell; the memory holds the features and
        their keys for each place, `[batch, places, ...]`, and is empty without attention.
        """
        _, height, width, _ = features.shape
        places = ops.reshape(features, (-1, height * width, self.channels))
        x = self.of_image(ops.mean(places, axis=1))
        if self.attention:
            x = ops.concatenate([x, ops.zeros_like(places[:, 0])], axis=-1)
        h, states = self.cell(x, self.cell.get_initial_state(batch_size=ops.shape(x)[0]))
        return [h, *keras.tree.flatten(states)], [places, self.of_places(places)] if self.attention else []

    def step(self, tokens: Tensor, states: list[Tensor], memory: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Reads one word, as `sequences.decoder.Decoder` specifies."""
        x = self.embedding(tokens)
        (h, *seen), states = self._advance(x, states, memory)
        return self._logits(x, h, seen), states

    def _advance(self, x: Tensor, states: list[Tensor], memory: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """One time step: the output, with attention its context and weights, `[rows, ...]`; and the new states."""
        last, *states = states
        seen = self._attend(last, *memory) if self.attention else []
        h, states = self.cell(ops.concatenate([x, *seen[:1]], axis=-1), states)
        return [h, *seen], [h, *keras.tree.flatten(states)]

    def _attend(self, h: Tensor, places: Tensor, keys: Tensor) -> list[Tensor]:
        """The gated mean of the features, `[rows, channels]`, and its weights, `[rows, places]`."""
        e = self.to_energy(ops.tanh(keys + ops.expand_dims(self.of_last(h), 1)))
        alpha = ops.softmax(ops.squeeze(e, -1), axis=1)
        z = ops.squeeze(ops.matmul(ops.expand_dims(alpha, 1), places), 1)
        return [self.gate(h) * z, alpha]

    def _logits(self, x: Tensor, h: Tensor, seen: list[Tensor], training: bool = False) -> Tensor:
        """Logits of the next token, `[..., vocabulary]` float32."""
        y = x + self.of_output(h)
        if self.attention:
            y = y + self.of_context(seen[0])
        y = self.dropout(y, training=training)
        if self.tied:
            named = ops.matmul(y, ops.transpose(ops.cast(self.embedding.embeddings, y.dtype)))
        else:
            named = self.to_logits(y)
        return ops.cast(named, "float32") + ops.cast(self.bias, "float32")

    def call(self, features: Tensor, tokens: Tensor, training: bool = False) -> Tensor:
        """Reads several captions of each image, and predicts each word from those before it."""
        captions, length = ops.shape(tokens)[1], tokens.shape[2]
        features = self.dropout(features, training=training)
        states, memory = ([ops.repeat(each, captions, axis=0) for each in kept] for kept in self.begin(features))
        if training and self.word_loss:
            self.add_loss(self.word_loss * word_loss(self.of_words(ops.mean(features, axis=(1, 2))), tokens))
        words = ops.reshape(tokens, (-1, length))
        before = ops.pad(words[:, :-1], [[0, 0], [1, 0]], constant_values=BOUND)
        if training and self.scheduled_sampling:
            before = self._partly_own(before, self._named(before, states, memory)[0])
        logits, alphas = self._named(before, states, memory, training)
        if training and self.attention and self.penalty:
            self.add_loss(self.penalty * doubly_stochastic(alphas, is_caption(words)))
        return ops.reshape(logits, (-1, captions, length, self.vocabulary))

    def views(self, features: Tensor, tokens: Tensor) -> Tensor:
        """The attention before each token of one caption of each image, `[batch, time, rows, columns]`."""
        states, memory = self.begin(features)
        before = ops.pad(tokens[:, :-1], [[0, 0], [1, 0]], constant_values=BOUND)
        _, alphas = self._named(before, states, memory)
        return ops.reshape(alphas, (*tokens.shape, *features.shape[1:3]))

    def _named(self, before: Tensor, states: list, memory: list, training: bool = False) -> tuple[Tensor, Tensor]:
        """Logits `[rows, time, vocabulary]`, and the attention weights `[rows, time, places]` or None."""
        x = self.dropout(self.embedding(before), training=training)
        if not self.attention:
            return self._logits(x, self.recurrent(x, initial_state=states[1:], training=training), [], training), None
        sizes = [self.units, self.channels, memory[0].shape[1]]
        (h, *seen), _ = over_time(lambda x, states: self._advance(x, states, memory), x, states, sizes)
        return self._logits(x, h, seen, training), seen[1]

    def _partly_own(self, before: Tensor, logits: Tensor) -> Tensor:
        """The input words, some replaced by the predictions for their places."""
        own = ops.cast(ops.argmax(logits[:, :-1], axis=-1), before.dtype)
        own = ops.pad(own, [[0, 0], [1, 0]], constant_values=BOUND)
        replaced = keras.random.uniform(ops.shape(before), seed=self.seeds) < self.scheduled_sampling
        return ops.where(ops.logical_and(replaced, before != BOUND), own, before)

    def compute_output_shape(self, features_shape: tuple, tokens_shape: tuple) -> tuple:
        """`[batch, captions, time, vocabulary]`."""
        return (*tokens_shape, self.vocabulary)

    def get_config(self) -> dict[str, Any]:
        """For serialisation."""
        return super().get_config() | self.settings


def caption_model(
    model: CaptioningModel, vocabulary: int, side: int, length: int, precision: str, steps: int = 0
) -> keras.Model:
    """Builds the trained model: `image` and `tokens` in, logits `[batch, captions, length, vocabulary]` out.

    If the features of the images are kept, the input `features` replaces `image`.

    Args:
        model: The section `model` of a configuration.
        vocabulary: Number of tokens.
        side: Pixels of each side of the images.
        length: Number of tokens of each caption, including the bound at its end.
        precision: Dtype policy, such as `float32`.
        steps: Number of steps in an epoch, which counts the wait of an encoder that learns from a later epoch on.
    """
    tokens = keras.Input((None, length), dtype="int32", name="tokens")
    with in_precision(precision):
        encoder = image_encoder(model, side)
        decoder = CaptionDecoder(
            vocabulary,
            model.cell,
            model.units,
            model.embedding,
            model.attention,
            model.dropout,
            model.tied,
            model.scheduled_sampling,
            model.penalty,
            model.word_loss,
            model.options,
            name=DECODER,
        )
        if is_kept(model):
            features = keras.Input(encoder.output_shape[1:], dtype="float32", name=FEATURES)
            return keras.Model({FEATURES: features, "tokens": tokens}, decoder(features, tokens), name="words")
        image = keras.Input(encoder.input_shape[1:], dtype="uint8", name="image")
        features = encoder(image)
        if model.fine_tune_from:
            features = FrozenUntil(model.fine_tune_from * steps, name="frozen")(features)
        return keras.Model({"image": image, "tokens": tokens}, decoder(features, tokens), name="words")


@contextlib.contextmanager
def in_precision(precision: str) -> Iterator[None]:
    """A context in which layers take a given dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def drawn(tokens: Tensor, count: int, seed: Tensor) -> Tensor:
    """Draws captions of each image, `[batch, count, time]`, with empty rows only where an image has too few.

    Args:
        tokens: `[batch, captions, time]`.
        count: Number of captions to draw for each image.
        seed: `[2]` integers, for the stateless generator.
    """
    import tensorflow as tf

    order = tf.random.stateless_uniform(tf.shape(tokens)[:2], seed) + tf.cast(tokens[:, :, 0] == BOUND, tf.float32)
    return tf.gather(tokens, tf.argsort(order, axis=1)[:, :count], batch_dims=1)


def is_caption(words: Tensor) -> Tensor:
    """1 for every word of captions `[..., time]` and for the bound after the last one, float32.

    An empty row, which pads the captions of an image that has fewer, is 0 throughout.
    """
    real = ops.cast(words != BOUND, "float32")
    return ops.maximum(real, ops.pad(real[..., :-1], [*[[0, 0]] * (len(words.shape) - 1), [1, 0]]))


def word_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of the words that occur in the captions of an image, in nats per word; the mean over the images.

    The target of a word is the share of the captions that hold it; the targets of the bound and the unknown word are 0.

    Args:
        logits: Logit of each word, `[batch, vocabulary]`.
        tokens: `[batch, captions, time]`.
    """
    z = ops.cast(logits, "float32")
    stands = ops.max(ops.one_hot(tokens, z.shape[-1], dtype="float32"), axis=2)
    captions = ops.sum(ops.cast(tokens[:, :, 0] != BOUND, "float32"), axis=1, keepdims=True)
    y = ops.sum(stands, axis=1) / ops.maximum(captions, 1.0)
    y = y * ops.cast(ops.arange(z.shape[-1]) > UNKNOWN, "float32")
    return ops.mean(ops.sum(ops.softplus(z) - y * z, axis=-1) / ops.maximum(ops.sum(y, axis=-1), 1.0))


def doubly_stochastic(alphas: Tensor, real: Tensor) -> Tensor:
    """Mean over captions and places of (1 - sum_t alpha_ti)^2 (Xu et al. 2015, equation 14)."""
    total = ops.sum(ops.cast(alphas, "float32") * ops.expand_dims(real, -1), axis=1)
    there = real[:, :1]
    return ops.sum(there * ops.square(1 - total)) / (ops.sum(there) * alphas.shape[-1])
