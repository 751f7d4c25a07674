"""Tiny decoders of captions and whole captioners, with random weights, for the tests that share them."""

import keras
import numpy as np

from keras_recurrent.pipelines.runtime.vocabulary import Vocabulary
from keras_recurrent.pipelines.tasks.captioning.image_encoder import ENCODER
from keras_recurrent.pipelines.tasks.captioning.model import CaptionDecoder
from keras_recurrent.pipelines.tasks.captioning.search import Search, captioner
from keras_recurrent.pipelines.tasks.captioning.words import bounded

MAP, SIDE = (2, 3, 5), 6
WORDS = ("", "[UNK]", "a", "boat", "two", "moored", "é", "on", "sea")
BOUNDED = bounded(Vocabulary(WORDS, "word"))
VOCABULARY, LENGTH = len(WORDS), 5


def randomise(made, scale=0.6, seed=0):
    """Gives every trainable weight a random value, biases too: zeros and ones cannot see two gates swapped."""
    random = np.random.default_rng(seed)
    for variable in made.trainable_variables:
        variable.assign(random.normal(0, scale, variable.shape))
    return made


def decoder_of(scale=0.6, seed=0, **changes):
    """A built decoder with random weights."""
    settings = {"vocabulary": VOCABULARY, "cell": "lstm", "units": 6, "embedding": 4, "attention": 3} | changes
    decoder = CaptionDecoder(**settings)
    decoder.build((None, *MAP), (None, None, None))
    return randomise(decoder, scale, seed)


def features_of(count, seed=1):
    """Maps of features."""
    return np.random.default_rng(seed).normal(0, 1, (count, *MAP)).astype("float32")


def captions_of(*shape, seed=2):
    """Captions that have no bound."""
    return np.random.default_rng(seed).integers(1, VOCABULARY, shape).astype("int32")


def encoder_of(seed=3):
    """Pixels `[batch, 6, 6, 3]` as a map of features `[batch, 2, 2, 5]`, in one convolution."""
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    scaled = keras.layers.Rescaling(1 / 60, -2)(image)
    seen = keras.layers.Conv2D(MAP[-1], 3, strides=3, activation="tanh")(scaled)
    return randomise(keras.Model(image, seen, name=ENCODER), 0.3, seed)


def captioner_of(search=Search(), scale=1.5, **changes):  # noqa: B008
    """A whole captioner, whose captions differ from picture to picture."""
    encoder = encoder_of()
    decoder = CaptionDecoder(
        **{"vocabulary": VOCABULARY, "cell": "lstm", "units": 6, "embedding": 4, "attention": 3} | changes,
        name="decoder",
    )
    decoder.build(encoder.output_shape, (None, None, None))
    randomise(decoder, scale)
    decoder.of_output.kernel.assign(3 * decoder.of_output.kernel)  # else the vector of the last word names it again
    return captioner(encoder, decoder, LENGTH, search)


def pictures_of(count, seed=4):
    """Pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3)).astype("uint8")
