"""Recurrences with gates that see the input and what is remembered."""

import numpy as np

from .functions import ACTIVATIONS, layer_norm, over_time, parts, relu, sigmoid


def lstm(w, x, states, *, activation="tanh", recurrent_activation="sigmoid", use_bias=True, **_):
    """Hochreiter and Schmidhuber 1997, Long Short-Term Memory; forget gate: Gers, Schmidhuber and Cummins 2000.

    i, f, o = s(W x + U h' + b); g = tanh(W x + U h' + b)
    c = f * c' + i * g; h = o * tanh(c)
    """
    tanh, s = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    b = w["bias"] if use_bias else 0.0

    def step(x, states):
        h, c = states
        i, f, g, o = parts(x @ w["kernel"] + h @ w["recurrent_kernel"] + b, 4)
        c = s(f) * c + s(i) * tanh(g)
        h = s(o) * tanh(c)
        return h, [h, c]

    return over_time(step, x, states)


def gru(w, x, states, *, activation="tanh", recurrent_activation="sigmoid", use_bias=True, reset_after=True, **_):
    """Cho et al. 2014, Learning Phrase Representations, arXiv 1406.1078; its two places of the reset gate.

    z, r = s(W x + U h' + b)
    after:  h~ = tanh(W x + b + r * (U h' + b2)), and a second bias of z and r too
    before: h~ = tanh(W x + U (r * h') + b)
    h = z * h' + (1 - z) * h~
    """
    tanh, s = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    n = w["recurrent_kernel"].shape[0]
    U_z, U_r, U_h = parts(w["recurrent_kernel"], 3)
    zero = np.zeros((2, 3 * n) if reset_after else 3 * n)
    bias = w["bias"] if use_bias else zero
    input_bias, recurrent_bias = bias if reset_after else (bias, zero)
    b2_z, b2_r, b2_h = parts(recurrent_bias, 3)

    def step(x, states):
        (h,) = states
        x_z, x_r, x_h = parts(x @ w["kernel"] + input_bias, 3)
        z = s(x_z + h @ U_z + b2_z)
        r = s(x_r + h @ U_r + b2_r)
        candidate = tanh(x_h + r * (h @ U_h + b2_h)) if reset_after else tanh(x_h + (r * h) @ U_h)
        h = z * h + (1.0 - z) * candidate
        return h, [h]

    return over_time(step, x, states)


def ugrnn(w, x, states, **_):
    """Collins, Sohl-Dickstein and Sussillo 2016, Capacity and Trainability, arXiv 1611.09913: one gate.

    g = s(W x + U h' + b); h = g * h' + (1 - g) * tanh(W x + U h' + b)
    """

    def step(x, states):
        (h,) = states
        g, candidate = parts(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 2)
        g = sigmoid(g)
        h = g * h + (1.0 - g) * np.tanh(candidate)
        return h, [h]

    return over_time(step, x, states)


def peephole_lstm(w, x, states, **_):
    """Gers, Schraudolph and Schmidhuber 2002, Learning Precise Timing with LSTM: the gates see the memory cell.

    i, f = s(W x + U h' + p * c' + b); g = tanh(W x + U h' + b); c = f * c' + i * g
    o = s(W x + U h' + p * c + b), which sees the new c; h = o * tanh(c)
    """
    p_i, p_f, p_o = w["peephole_kernel"]

    def step(x, states):
        h, c = states
        i, f, g, o = parts(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4)
        i = sigmoid(i + p_i * c)
        f = sigmoid(f + p_f * c)
        c = f * c + i * np.tanh(g)
        o = sigmoid(o + p_o * c)
        h = o * np.tanh(c)
        return h, [h, c]

    return over_time(step, x, states)


def layer_norm_lstm(w, x, states, *, epsilon=1e-5, **_):
    """Ba, Kiros and Hinton 2016, Layer Normalization, arXiv 1607.06450; c is carried as it is, not normalised.

    a = LN(W x) + LN(U h') + b, each over all four gates jointly
    c = f * c' + i * g; h = o * tanh(LN(c))
    """

    def step(x, states):
        h, c = states
        from_input = layer_norm(x @ w["kernel"], w["kernel_gamma"], w["kernel_beta"], epsilon)
        from_memory = layer_norm(h @ w["recurrent_kernel"], w["recurrent_gamma"], w["recurrent_beta"], epsilon)
        i, f, g, o = parts(from_input + from_memory + w["bias"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(layer_norm(c, w["state_gamma"], w["state_beta"], epsilon))
        return h, [h, c]

    return over_time(step, x, states)


def layer_norm_gru(w, x, states, *, epsilon=1e-5, **_):
    """Ba, Kiros and Hinton 2016, Layer Normalization, arXiv 1607.06450.

    z, r = s(LN(W x) + LN(U h') + b), each LN over both gates jointly
    h~ = tanh(LN(W x + b) + r * LN(U h')); h = z * h' + (1 - z) * h~
    """
    n = w["recurrent_kernel"].shape[0]
    W_zr, W_h = w["kernel"][:, : 2 * n], w["kernel"][:, 2 * n :]
    U_zr, U_h = w["recurrent_kernel"][:, : 2 * n], w["recurrent_kernel"][:, 2 * n :]
    b_zr, b_h = w["bias"][: 2 * n], w["bias"][2 * n :]

    def norm(v, name):
        return layer_norm(v, w[f"{name}_gamma"], w[f"{name}_beta"], epsilon)

    def step(x, states):
        (h,) = states
        gates = norm(x @ W_zr, "gate_kernel") + norm(h @ U_zr, "gate_recurrent") + b_zr
        z, r = parts(sigmoid(gates), 2)
        candidate = np.tanh(norm(x @ W_h + b_h, "candidate_kernel") + r * norm(h @ U_h, "candidate_recurrent"))
        h = z * h + (1.0 - z) * candidate
        return h, [h]

    return over_time(step, x, states)


def mgu(w, x, states, **_):
    """Zhou et al. 2016, Minimal Gated Unit, arXiv 1603.09420.

    f = s(W x + U h' + b); h = (1 - f) * h' + f * tanh(W x + U (f * h') + b)
    """
    U_f, U_h = parts(w["recurrent_kernel"], 2)

    def step(x, states):
        (h,) = states
        x_f, x_h = parts(x @ w["kernel"] + w["bias"], 2)
        f = sigmoid(x_f + h @ U_f)
        h = (1.0 - f) * h + f * np.tanh(x_h + (f * h) @ U_h)
        return h, [h]

    return over_time(step, x, states)


def janet(w, x, states, *, beta=1.0, **_):
    """Van der Westhuizen and Lasenby 2018, The unreasonable effectiveness of the forget gate, arXiv 1804.04849.

    a = W x + U h' + b; h = s(a) * h' + (1 - s(a - beta)) * tanh(W x + U h' + b)
    """

    def step(x, states):
        (h,) = states
        a, candidate = parts(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 2)
        h = sigmoid(a) * h + (1.0 - sigmoid(a - beta)) * np.tanh(candidate)
        return h, [h]

    return over_time(step, x, states)


def fast_grnn(w, x, states, **_):
    """Kusupati et al. 2018, FastGRNN, arXiv 1901.02358: gate and candidate share their matrices.

    a = W x + U h'; z = s(a + b_z); h~ = tanh(a + b_h)
    h = (s(zeta) (1 - z) + s(nu)) * h~ + z * h'
    """

    def step(x, states):
        (h,) = states
        a = x @ w["kernel"] + h @ w["recurrent_kernel"]
        z = sigmoid(a + w["gate_bias"])
        candidate = np.tanh(a + w["candidate_bias"])
        h = (sigmoid(w["zeta"]) * (1.0 - z) + sigmoid(w["nu"])) * candidate + z * h
        return h, [h]

    return over_time(step, x, states)


def nas_rnn(w, x, states, **_):
    """Zoph and Le 2016, Neural Architecture Search with Reinforcement Learning, arXiv 1611.01578.

    x_k = W_k x, m_k = U_k h' + b_k; a_k = x_k + m_k for k = 0 to 7, but a_3 = x_3 * m_3
    with s, relu, s, relu, tanh, s, tanh, s of a_0 to a_7:
    l_0 = tanh(a_0 * a_1); l_1 = tanh(a_2 + a_3); l_2 = tanh(a_4 * a_5); l_3 = s(a_6 + a_7)
    c = tanh(l_0 + c') * l_1; h = tanh(c * tanh(l_2 + l_3))
    """

    def step(x, states):
        h, c = states
        x_k = parts(x @ w["kernel"], 8)
        m_k = parts(h @ w["recurrent_kernel"] + w["bias"], 8)
        a_0 = sigmoid(x_k[0] + m_k[0])
        a_1 = relu(x_k[1] + m_k[1])
        a_2 = sigmoid(x_k[2] + m_k[2])
        a_3 = relu(x_k[3] * m_k[3])
        a_4 = np.tanh(x_k[4] + m_k[4])
        a_5 = sigmoid(x_k[5] + m_k[5])
        a_6 = np.tanh(x_k[6] + m_k[6])
        a_7 = sigmoid(x_k[7] + m_k[7])
        l_0 = np.tanh(a_0 * a_1)
        l_1 = np.tanh(a_2 + a_3)
        l_2 = np.tanh(a_4 * a_5)
        l_3 = sigmoid(a_6 + a_7)
        c = np.tanh(l_0 + c) * l_1
        h = np.tanh(c * np.tanh(l_2 + l_3))
        return h, [h, c]

    return over_time(step, x, states)
