"""Recurrences that are linear in what is remembered, or nearly so; here all of them step by step."""

import numpy as np

from .functions import over_time, parts, sigmoid, softplus


def positive(v):
    """Feng et al. 2024, the function g that keeps the memory of minGRU and minLSTM positive."""
    return np.where(v >= 0.0, v + 0.5, sigmoid(v))


def min_gru(w, x, states, **_):
    """Feng et al. 2024, Were RNNs All We Needed?, arXiv 2410.01201.

    z = s(W x + b); h = (1 - z) * h' + z * g(W x + b)
    """

    def step(x, states):
        (h,) = states
        z, candidate = parts(x @ w["kernel"] + w["bias"], 2)
        z = sigmoid(z)
        h = (1.0 - z) * h + z * positive(candidate)
        return h, [h]

    return over_time(step, x, states)


def min_lstm(w, x, states, **_):
    """Feng et al. 2024, Were RNNs All We Needed?, arXiv 2410.01201.

    f, i = s(W x + b); h = f / (f + i) * h' + i / (f + i) * g(W x + b)
    """

    def step(x, states):
        (h,) = states
        f, i, candidate = parts(x @ w["kernel"] + w["bias"], 3)
        f, i = sigmoid(f), sigmoid(i)
        h = f / (f + i) * h + i / (f + i) * positive(candidate)
        return h, [h]

    return over_time(step, x, states)


def sru(w, x, states, *, highway_bias=0.0, **_):
    """Lei et al. 2018, Simple Recurrent Units for Highly Parallelizable Recurrence, arXiv 1709.02755.

    x~ = W x; f = s(W x + v * c' + b); r = s(W x + v * c' + b), both with the old c'
    c = f * c' + (1 - f) * x~; h = r * c + (1 - r) * x^
    x^ = alpha x with alpha = sqrt(1 + 2 exp(initial bias of r)), or W4 x where input and output differ in width
    """
    v_f, v_r = w["recurrent_kernel"]
    b_f, b_r = parts(w["bias"], 2)
    alpha = np.sqrt(1.0 + 2.0 * np.exp(highway_bias))

    def step(x, states):
        (c,) = states
        candidate, f, r = parts(x @ w["kernel"], 3)
        f = sigmoid(f + v_f * c + b_f)
        r = sigmoid(r + v_r * c + b_r)
        c = f * c + (1.0 - f) * candidate
        highway = x @ w["highway_kernel"] if "highway_kernel" in w else alpha * x
        h = r * c + (1.0 - r) * highway
        return h, [c]

    return over_time(step, x, states)


def qrnn(w, x, states, *, kernel_size=2, **_):
    """Bradbury et al. 2016, Quasi-Recurrent Neural Networks, arXiv 1611.01576; fo-pooling.

    z = tanh, f = s, o = s of W [x_(t-k+1) ... x_t] + b; c = f * c' + (1 - f) * z; h = o * c

    The second state, where k > 1, is the k - 1 inputs before, oldest first.
    """

    def step(x, states):
        c, earlier = states if kernel_size > 1 else (states[0], x[:, :0])
        window = np.concatenate([earlier, x], axis=-1)
        z, f, o = parts(window @ w["kernel"] + w["bias"], 3)
        z, f, o = np.tanh(z), sigmoid(f), sigmoid(o)
        c = f * c + (1.0 - f) * z
        return o * c, [c, window[:, x.shape[-1] :]] if kernel_size > 1 else [c]

    return over_time(step, x, states)


def lru(w, x, states, **_):
    """Orvieto et al. 2023, Resurrecting Recurrent Neural Networks for Long Sequences, arXiv 2303.06349.

    h = lambda * h' + gamma * (B x), complex, with lambda = exp(-exp(nu) + i exp(theta)); y = Re(C h) + D x

    The state is the real parts, then the imaginary ones.
    """
    lamda = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"]))
    gamma = np.exp(w["gamma_log"])
    B = w["input_kernel_real"] + 1j * w["input_kernel_imag"]
    C = w["output_kernel_real"] + 1j * w["output_kernel_imag"]
    D = w["skip"]

    def step(x, states):
        real, imaginary = parts(states[0], 2)
        h = real + 1j * imaginary
        h = lamda * h + gamma * (x @ B)
        y = (h @ C).real + (x * D if D.ndim == 1 else x @ D)
        return y, [np.concatenate([h.real, h.imag], axis=-1)]

    return over_time(step, x, states)


def rg_lru(w, x, states, *, blocks=1, **_):
    """De et al. 2024, Griffin, arXiv 2402.19427: the real-gated linear recurrent unit.

    r, i = s(W x + b), W block-diagonal; log a = -8 r softplus(L)
    h = a * h' + sqrt(1 - a^2) * (i * x), and without the root at the very first step

    The states are h and whether the recurrence has started (0 or 1), which tells the very first step.
    """
    b_r, b_i = parts(w["gate_bias"], 2)

    def gates(x):
        r, i = [], []
        for x_k, kernel in zip(np.split(x, blocks, axis=-1), w["gate_kernel"], strict=True):
            r_k, i_k = parts(x_k @ kernel, 2)
            r.append(r_k)
            i.append(i_k)
        return sigmoid(np.concatenate(r, axis=-1) + b_r), sigmoid(np.concatenate(i, axis=-1) + b_i)

    def step(x, states):
        h, started = states
        if "projection" in w:
            x = x @ w["projection"]
        r, i = gates(x)
        a = np.exp(-8.0 * r * softplus(w["recurrent_parameter"]))
        scale = np.where(started > 0.0, np.sqrt(1.0 - a**2), 1.0)
        h = a * h + scale * (i * x)
        return h, [h, np.ones_like(started)]

    return over_time(step, x, states)
