"""The two recurrences with exponential gates of Beck et al. 2024, xLSTM, arXiv 2405.04517.

Both carry m, the logarithm of the scale of the other states, so that no exponential overflows.
"""

import numpy as np

from .functions import log_sigmoid, over_time, parts, sigmoid


def slstm(w, x, states, *, heads=1, **_):
    """sLSTM: R is block-diagonal, so that the units of one head see each other only.

    i~, f~, z~, o~ = W x + R h' + b
    m = max(log s(f~) + m', i~); i = exp(i~ - m); f = exp(log s(f~) + m' - m)
    c = f * c' + i * tanh(z~); n = f * n' + i; h = s(o~) * c / n
    """

    def from_memory(h):
        gates = [[], [], [], []]
        for h_k, kernel in zip(np.split(h, heads, axis=-1), w["recurrent_kernel"], strict=True):
            for gate, of_head in zip(gates, parts(h_k @ kernel, 4), strict=True):
                gate.append(of_head)
        return np.concatenate([of_head for gate in gates for of_head in gate], axis=-1)

    def step(x, states):
        h, c, n, m_before = states
        i, f, z, o = parts(x @ w["kernel"] + from_memory(h) + w["bias"], 4)
        m = np.maximum(log_sigmoid(f) + m_before, i)
        i = np.exp(i - m)
        f = np.exp(log_sigmoid(f) + m_before - m)
        c = f * c + i * np.tanh(z)
        n = f * n + i
        h = sigmoid(o) * c / n
        return h, [h, c, n, m]

    return over_time(step, x, states)


def mlstm(w, x, states, *, heads=1, **_):
    """mLSTM: a matrix C of every head stores pairs of key and value; i and f are one number a head, D its width.

    q, k, v, o~ = W x + b, k divided by sqrt(D); i~, f~ = W x + b
    m = max(log s(f~) + m', i~); i = exp(i~ - m); f = exp(log s(f~) + m' - m)
    C = f C' + i v k^T; n = f n' + i k; h = s(o~) * (C q) / max(|n^T q|, exp(-m))

    C is flattened by head, then by row, which is the entry of v, then by column, which is the entry of k.
    """

    def step(x, states):
        q, k, v, o, i, f = projections(w, x, heads)
        C, n, m_before = by_head(states, heads)
        m = np.maximum(log_sigmoid(f) + m_before, i)
        i = np.exp(i - m)
        f = np.exp(log_sigmoid(f) + m_before - m)
        h = np.empty_like(v)
        for at in np.ndindex(m.shape):  # every sample and head
            C[at] = f[at] * C[at] + i[at] * np.outer(v[at], k[at])
            n[at] = f[at] * n[at] + i[at] * k[at]
            h[at] = C[at] @ q[at] / max(abs(n[at] @ q[at]), np.exp(-m[at]))
        rows = len(x)
        return sigmoid(o) * h.reshape(rows, -1), [C.reshape(rows, -1), n.reshape(rows, -1), m]

    return over_time(step, x, states)


def _unstabilised_mlstm(w, x, states, *, heads=1, **_):
    """The same outputs without m, while no exponential overflows; its states are C exp(m) and n exp(m).

    C = s(f~) C' + exp(i~) v k^T; n = s(f~) n' + exp(i~) k; h = s(o~) * (C q) / max(|n^T q|, 1)
    """
    C, n, m = by_head(states, heads)
    scale = np.exp(m)[..., None]
    start = [(C * scale[..., None]).reshape(len(x), -1), (n * scale).reshape(len(x), -1), np.zeros_like(m)]

    def step(x, states):
        q, k, v, o, i, f = projections(w, x, heads)
        C, n, zero = by_head(states, heads)
        h = np.empty_like(v)
        for at in np.ndindex(zero.shape):
            C[at] = sigmoid(f[at]) * C[at] + np.exp(i[at]) * np.outer(v[at], k[at])
            n[at] = sigmoid(f[at]) * n[at] + np.exp(i[at]) * k[at]
            h[at] = C[at] @ q[at] / max(abs(n[at] @ q[at]), 1.0)
        rows = len(x)
        return sigmoid(o) * h.reshape(rows, -1), [C.reshape(rows, -1), n.reshape(rows, -1), zero]

    return over_time(step, x, start)


def projections(w, x, heads):
    """q, k and v [B, heads, D], o [B, n], i and f [B, heads] before their functions."""
    q, k, v, o = parts(x @ w["kernel"] + w["bias"], 4)
    q, k, v = (part.reshape(len(x), heads, -1) for part in (q, k, v))
    i, f = parts(x @ w["gate_kernel"] + w["gate_bias"], 2)
    return q, k / np.sqrt(k.shape[-1]), v, o, i, f


def by_head(states, heads):
    """Copies of C [B, heads, D, D], n [B, heads, D] and m [B, heads]."""
    C, n, m = states
    rows, D = len(n), n.shape[-1] // heads
    return C.reshape(rows, heads, D, D).copy(), n.reshape(rows, heads, D).copy(), m
