"""An encoder and a decoder of tokens, for the tests of the search in exported files."""

import keras
import numpy as np
from export_models import randomise
from keras import layers

from keras_recurrent.layers import MGU

KINDS, START, END, LENGTH = 11, 1, 2, 9


def models(column=False):
    """An encoder of tokens, and one step of a decoder that attends to what was encoded."""
    source = keras.Input((None,), dtype="int32", name="source")
    memory, state = layers.GRU(8, return_sequences=True, return_state=True)(layers.Embedding(KINDS, 6)(source))
    encoder = keras.Model(source, [state, memory])

    token = keras.Input((1,) if column else (), dtype="int32", name="token")
    before, attended = keras.Input((8,), name="before"), keras.Input((None, 8), name="memory")
    embedded = layers.Embedding(KINDS, 6)(token if column else layers.Reshape((1,))(token))
    hidden, after = MGU(8, return_sequences=True, return_state=True)(embedded, initial_state=[before])
    context = layers.AdditiveAttention()([hidden, attended])
    logits = layers.Dense(KINDS, name="logits")(layers.Concatenate()([hidden, context]))
    decoder = keras.Model([token, before, attended], [logits if column else layers.Flatten()(logits), after])
    return randomise(encoder, 3), sharper(randomise(decoder, 4))


def sharper(decoder):
    """The same decoder with larger weights, so that the search has something to choose, and that ends sometimes."""
    for variable in decoder.trainable_variables:
        variable.assign(2.5 * variable)
    bias = decoder.get_layer("logits").bias
    bias.assign(2.0 * np.eye(KINDS)[END])
    return decoder
