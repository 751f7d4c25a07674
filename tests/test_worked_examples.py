"""Worked examples: recurrent networks so small that pencil and paper give their outputs, and the layers must agree.

Everywhere the hidden state is h = f(W x + U h'), with the h' of the time step before and h' = 0 before the first one.
A layer multiplies from the right, x W, so that it is given the transposed matrices.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_recurrent.layers import Elman


def elman(W, U, activation="linear", dtype="float32"):
    """An Elman layer without bias that returns the hidden state of every time step."""
    W, U = np.array(W, dtype), np.array(U, dtype)
    units, features = W.shape
    layer = Elman(units, activation=activation, use_bias=False, return_sequences=True, dtype=dtype)
    layer.build((None, None, features))
    layer.set_weights([W.T, U.T])
    return layer


def dense(V):
    """A read-out y = V h without bias."""
    V = np.array(V, "float32")
    layer = keras.layers.Dense(V.shape[0], use_bias=False)
    layer.build((None, None, V.shape[1]))
    layer.set_weights([V.T])
    return layer


class TestTwoUnitsWithAllWeightsOne:
    """Linear activation, two units, and every weight is 1, those of the read-out too.

    The inputs are [1, 1], [1, 1], [2, 2]. Both units compute the same:
        step 1: 1 + 1 + 0 + 0 = 2
        step 2: 1 + 1 + 2 + 2 = 6
        step 3: 2 + 2 + 6 + 6 = 16
    and the read-out adds them: 4, 12, 32. The first two inputs are equal, their outputs are not: that is the memory.
    """

    ones = ((1, 1), (1, 1))
    inputs = np.array([[[1, 1], [1, 1], [2, 2]]], "float32")

    def test_hidden_states(self):
        hidden = elman(W=self.ones, U=self.ones)(self.inputs)
        np.testing.assert_array_equal(hidden, [[[2, 2], [6, 6], [16, 16]]])

    def test_outputs(self):
        model = keras.Sequential([elman(W=self.ones, U=self.ones), dense(V=self.ones)])
        np.testing.assert_array_equal(model(self.inputs), [[[4, 4], [12, 12], [32, 32]]])

    def test_outputs_when_the_inputs_come_one_at_a_time(self):
        layer, h, outputs = elman(W=self.ones, U=self.ones), tf.zeros((1, 2)), []
        for x in np.split(self.inputs, 3, axis=1):
            h = layer(x, initial_state=[h])[:, -1]
            outputs.append(dense(V=self.ones)(h))
        np.testing.assert_array_equal(outputs, [[[4, 4]], [[12, 12]], [[32, 32]]])


class TestThreeUnitsSixFeatures:
    """Relu, three units, six features, no bias. The first time step, W x, as h' = 0:

    unit 1: (1, 1, 0, 1, 0, 1) . (0, 1, 0, 1, 0, 1) = 3
    unit 2: (0, 0, 0, 0, 1, 1) . (0, 1, 0, 1, 0, 1) = 1
    unit 3: (2, 1, 1, 1, 2, 3) . (0, 1, 0, 1, 0, 1) = 5

    The second adds U h': unit 1 sees itself, (1, 0, 0) . (3, 1, 5) = 3; unit 2 sees all, 9; unit 3 sees unit 1, 6.
    """

    W = ((1, 1, 0, 1, 0, 1), (0, 0, 0, 0, 1, 1), (2, 1, 1, 1, 2, 3))
    U = ((1, 0, 0), (1, 1, 1), (2, 0, 0))
    series = np.array([[[0, 1, 0, 1, 0, 1], [0, 2, 1, 3, 0, 0], [1, 1, 2, 1, 0, 0]]], "float32")

    def test_hidden_states(self):
        hidden = elman(self.W, self.U, activation="relu")(self.series)
        np.testing.assert_array_equal(hidden, [[[3, 1, 5], [8, 9, 12], [11, 29, 22]]])

    @pytest.mark.parametrize(("steps", "recurrent", "flattened"), [(3, 27, 54), (1000, 27, 18_000)])
    def test_a_recurrent_layer_needs_no_more_weights_for_a_longer_series(self, steps, recurrent, flattened):
        series = keras.Input((steps, 6))
        over_time = keras.Model(series, Elman(3, use_bias=False)(series))
        at_once = keras.Model(series, keras.layers.Dense(3, use_bias=False)(keras.layers.Flatten()(series)))
        assert over_time.count_params() == recurrent
        assert at_once.count_params() == flattened


@pytest.mark.parametrize(("w", "figure"), [(1.01, "20751.6"), (0.99, "4.36e-05")])
class TestOneUnitOverAThousandSteps:
    """One linear unit, h = x + w h', and the only input that is not 0 is a 1 at the first of 1,000 time steps.

    From then on every step multiplies by w: what is left at the end is w^999. A weight of 1.01 has made the 1 explode,
    a weight of 0.99 has made it vanish; and so has the gradient, which training needs to learn from the first step.
    """

    def one_then_zeros(self):
        inputs = np.zeros((1, 1000, 1))
        inputs[0, 0, 0] = 1
        return tf.constant(inputs)

    def test_output(self, w, figure):
        (output,) = np.ravel(elman([[1]], [[w]], dtype="float64")(self.one_then_zeros())[:, -1])
        assert output == pytest.approx(w**999, rel=1e-12)
        assert f"{output:.{6 if w > 1 else 3}g}" == figure

    def test_gradient(self, w, figure):
        inputs, layer = self.one_then_zeros(), elman([[1]], [[w]], dtype="float64")
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(inputs)[:, -1]
        gradient = tape.gradient(output, inputs)[0, :, 0]
        assert float(gradient[0]) == pytest.approx(w**999, rel=1e-12)
        assert float(gradient[-1]) == 1
