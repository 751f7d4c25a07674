"""Recurrences that come from differential equations with two variables or with an explicit time."""

import numpy as np

from .functions import over_time, parts, sigmoid


def co_rnn(w, x, states, *, step_size, gamma, epsilon, **_):
    """Rusch and Mishra 2021, Coupled Oscillatory RNN, arXiv 2010.00951: the form with explicit damping.

    z = z' + dt (tanh(W x + U y' + V z' + b) - gamma y' - epsilon z'); y = y' + dt z
    """

    def step(x, states):
        y, z = states
        force = np.tanh(x @ w["kernel"] + y @ w["recurrent_kernel"] + z @ w["velocity_kernel"] + w["bias"])
        z = z + step_size * (force - gamma * y - epsilon * z)
        y = y + step_size * z
        return y, [y, z]

    return over_time(step, x, states)


def lem(w, x, states, *, step_size=1.0, **_):
    """Rusch et al. 2022, Long Expressive Memory, arXiv 2110.04744: y sees the new z.

    D1 = dt s(W x + U y' + b); D2 = dt s(W x + U y' + b)
    z = (1 - D1) * z' + D1 * tanh(W x + U y' + b)
    y = (1 - D2) * y' + D2 * tanh(W x + U z + b)
    """

    def step(x, states):
        y, z = states
        x_1, x_2, x_z, x_y = parts(x @ w["kernel"] + w["bias"], 4)
        y_1, y_2, y_z = parts(y @ w["recurrent_kernel"], 3)
        D_1 = step_size * sigmoid(x_1 + y_1)
        D_2 = step_size * sigmoid(x_2 + y_2)
        z = (1.0 - D_1) * z + D_1 * np.tanh(x_z + y_z)
        y = (1.0 - D_2) * y + D_2 * np.tanh(x_y + z @ w["memory_kernel"])
        return y, [y, z]

    return over_time(step, x, states)


def cfc(w, x, states, *, time_column=False, **_):
    """Hasani et al. 2022, Closed-form continuous-time neural networks, arXiv 2106.13898; bounded heads.

    k = 1.7159 tanh(0.666 (W x + U h' + b)); f1, f2, ta, tb affine in k
    t = s(ta dt + tb); h = tanh(f1) * (1 - t) + t * tanh(f2)

    dt, the time since the step before, is the last feature of the input, or 1.
    """

    def step(x, states):
        (h,) = states
        dt = 1.0
        if time_column:
            x, dt = x[:, :-1], x[:, -1:]
        k = x @ w["backbone_kernel"] + h @ w["backbone_recurrent_kernel"] + w["backbone_bias"]
        k = 1.7159 * np.tanh(0.666 * k)
        f_1, f_2, t_a, t_b = parts(k @ w["head_kernel"] + w["head_bias"], 4)
        t = sigmoid(t_a * dt + t_b)
        h = np.tanh(f_1) * (1.0 - t) + t * np.tanh(f_2)
        return h, [h]

    return over_time(step, x, states)
