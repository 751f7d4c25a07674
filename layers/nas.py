"""The recurrent cell that neural architecture search found."""

from keras import ops

from .recurrence import RecurrentCell, RecurrentLayer, affine, register


@register
class NASRNNCell(RecurrentCell):
    """One time step of `NASRNN`, which gives the equations and arguments."""

    gates = tuple(f"a_{k}" for k in range(8))
    zoneout_states = 2
    compiled_training = True

    @property
    def state_size(self):
        return [self.units, self.units]

    def project(self, inputs):
        return affine(inputs, self.kernel)

    def step(self, projected, h, c):
        m = self.recur(h) + self.bias if self.use_bias else self.recur(h)
        a_0, a_1, a_2, _, a_4, a_5, a_6, a_7 = ops.split(projected + m, 8, axis=-1)
        x_3, m_3 = (ops.split(v, 8, axis=-1)[3] for v in (projected, m))
        l_0 = ops.tanh(ops.sigmoid(a_0) * ops.relu(a_1))
        l_1 = ops.tanh(ops.sigmoid(a_2) + ops.relu(x_3 * m_3))
        l_2 = ops.tanh(ops.tanh(a_4) * ops.sigmoid(a_5))
        l_3 = ops.sigmoid(ops.tanh(a_6) + ops.sigmoid(a_7))
        c = ops.tanh(l_0 + c) * l_1
        h = ops.tanh(c * ops.tanh(l_2 + l_3))
        return h, (h, c)


@register
class NASRNN(RecurrentLayer):
    """The cell that neural architecture search found for language models: a tree with eight branches.

        x_k = W_k x,  m_k = U_k h' + b_k
        a_k = x_k + m_k for k = 0 to 7, but a_3 = x_3 * m_3
        l_0 = tanh(s(a_0) * relu(a_1))
        l_1 = tanh(s(a_2) + relu(a_3))
        l_2 = tanh(tanh(a_4) * s(a_5))
        l_3 = s(tanh(a_6) + s(a_7))
        c = tanh(l_0 + c') * l_1
        h = tanh(c * tanh(l_2 + l_3))

    Zoph & Le 2016, "Neural architecture search with reinforcement learning", arXiv 1611.01578.

    Parameters: `8 n (d + n + 1)` for d features and n units. States: `h` and `c`, `(batch, units)` each.

    Fast path: in a `tf.function` on a CPU, one compiled loop, for training too.

    Choose it for language models where an LSTM with twice the weights and time would be an option.

    Args:
        units: Size of the output.
        **kwargs: Arguments of `RecurrentCell` (`dropout`, `recurrent_dropout`, `zoneout`, initializers ...) and
            `RecurrentLayer` (`return_sequences` ...).

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import NASRNN
    >>> NASRNN(3, return_sequences=True)(np.ones((2, 5, 4))).shape
    TensorShape([2, 5, 3])
    """

    cell_class = NASRNNCell
