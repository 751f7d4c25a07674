"""Sequences of open length that come in few lengths take the compiled loop, and give what Keras' loop gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_recurrent.layers import SRU, LayerNormLSTM, MinGRU, paths, tensorflow_loop


def answers(layer, x, mask, few):
    """Outputs and gradients from a graph that knows neither the batch nor the length."""
    specs = [tf.TensorSpec((None, None, x[0].shape[-1])), tf.TensorSpec((None, None), tf.bool)]

    @tf.function(input_signature=specs, autograph=False)
    def run(sequence, here):
        with tf.GradientTape() as tape:
            tape.watch(sequence)
            outputs = layer(sequence, mask=here, training=True)
            loss = tf.reduce_sum(outputs * tf.cos(outputs))
        return outputs, tape.gradient(loss, [sequence, *[weight.value for weight in layer.trainable_weights]])

    def all_lengths():
        return [tf.nest.map_structure(np.asarray, run(each, here)) for each, here in zip(x, mask, strict=True)]

    if not few:
        return all_lengths()
    with paths.few_lengths():
        return all_lengths()


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in (LayerNormLSTM, SRU)]


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("kind", [MinGRU, *SLOW])
def test_few_lengths_are_compiled_and_give_the_same(kind, return_sequences, monkeypatch):
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    x = [random.normal(size=(batch, time, 6)).astype("float32") for batch, time in ((5, 8), (3, 16), (5, 8))]
    mask = [random.random(each.shape[:2]) < 0.8 for each in x]
    layer = kind(6, return_sequences=return_sequences)
    layer.build((None, None, 6))
    taken = []
    compiled = tensorflow_loop.run
    monkeypatch.setattr(tensorflow_loop, "run", lambda *arguments: taken.append(1) or compiled(*arguments))
    expected = answers(layer, x, mask, few=False)
    assert not taken, "of open length, each length would be compiled anew"
    given = answers(layer, x, mask, few=True)
    assert taken
    for got, wanted in zip(given, expected, strict=True):
        for one, other in zip(tf.nest.flatten(got), tf.nest.flatten(wanted), strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_model_is_fitted_and_asked_at_several_lengths():
    x = keras.Input((None, 4))
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.Bidirectional(MinGRU(8))(x)))
    model.compile("adam", "mse")
    batches = [(np.ones((4, time, 4), "float32"), np.ones((4, 1))) for time in (8, 16, 8)]
    data = tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature=(tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, 1)))
    )
    before = model.predict(batches[0][0], verbose=0)
    with paths.few_lengths():
        model.fit(data, verbose=0, epochs=3)
        after = model.predict(batches[0][0], verbose=0)
    assert ((after - 1) ** 2).mean() < ((before - 1) ** 2).mean()
