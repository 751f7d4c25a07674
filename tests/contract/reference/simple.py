"""Recurrences without gates: one nonlinear map of the input and of what is remembered."""

import numpy as np

from .functions import ACTIVATIONS, over_time, sigmoid


def elman(w, x, states, *, activation="tanh", use_bias=True, irnn=False, **_):
    """Elman 1990, Finding Structure in Time; IRNN, with relu: Le, Jaitly and Hinton 2015, arXiv 1504.00941.

    h = f(W x + U h' + b)
    """
    f = ACTIVATIONS["relu" if irnn else activation]
    b = w["bias"] if use_bias else 0.0

    def step(x, states):
        (h,) = states
        h = f(x @ w["kernel"] + h @ w["recurrent_kernel"] + b)
        return h, [h]

    return over_time(step, x, states)


def jordan(w, x, states, *, activation="tanh", output_activation="tanh", **_):
    """Jordan 1986, Serial Order: what is remembered is the output, n wide, not the m hidden units.

    h = f(W x + U y' + b); y = g(V h + c)
    """
    f, g = ACTIVATIONS[activation], ACTIVATIONS[output_activation]

    def step(x, states):
        (y,) = states
        h = f(x @ w["kernel"] + y @ w["recurrent_kernel"] + w["bias"])
        y = g(h @ w["output_kernel"] + w["output_bias"])
        return y, [y]

    return over_time(step, x, states)


def fast_rnn(w, x, states, **_):
    """Kusupati et al. 2018, FastGRNN, arXiv 1901.02358: a residual connection with two trained scalars.

    h~ = tanh(W x + U h' + b); h = s(alpha) h~ + s(beta) h'
    """

    def step(x, states):
        (h,) = states
        candidate = np.tanh(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        h = sigmoid(w["alpha"]) * candidate + sigmoid(w["beta"]) * h
        return h, [h]

    return over_time(step, x, states)


def antisymmetric_rnn(w, x, states, *, step_size, gamma, **_):
    """Chang et al. 2019, AntisymmetricRNN, arXiv 1902.09689: Euler's method on a stable differential equation.

    h = h' + eps tanh((W - W^T - gamma I) h' + V x + b)

    The matrix stands on the left of the column h', as in the paper; W has the strict upper triangle alone.
    """
    n = w["bias"].shape[0]
    upper = np.zeros((n, n))
    upper[np.triu_indices(n, 1)] = w["recurrent_triangle"]
    matrix = upper - upper.T - gamma * np.eye(n)

    def step(x, states):
        (h,) = states
        memory = np.stack([matrix @ column for column in h])
        h = h + step_size * np.tanh(memory + x @ w["kernel"] + w["bias"])
        return h, [h]

    return over_time(step, x, states)


def ind_rnn(w, x, states, *, activation="relu", **_):
    """Li et al. 2018, IndRNN, arXiv 1803.04831: every unit sees of the memory only its own.

    h = f(W x + u * h' + b)
    """
    f = ACTIVATIONS[activation]

    def step(x, states):
        (h,) = states
        h = f(x @ w["kernel"] + w["recurrent_kernel"] * h + w["bias"])
        return h, [h]

    return over_time(step, x, states)


def echo_state(w, x, states, *, leak=1.0, **_):
    """Jaeger 2001, The "echo state" approach (GMD report 148), leaky integrator units; nothing of it is trained.

    h = (1 - a) h' + a tanh(W x + U h' + b)
    """

    def step(x, states):
        (h,) = states
        h = (1.0 - leak) * h + leak * np.tanh(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        return h, [h]

    return over_time(step, x, states)
