"""The cells as other packages compute them: values, and gradients with respect to the inputs, in float64.

    python oracles.py in.npz out.npz

A process of its own, for TensorFlow must not be imported before PyTorch. `test_cell_oracles.py` writes the first file:
for every case `case|cell`, `case|options` (JSON), `case|x`, and, with a name or a number at the end,
`case|weight|kernel`, `case|state|0`, `case|upstream|0`. The second has `case|0`, the outputs, from `case|1` on the
final states, and `case|gradient`: of the sum of all their numbers, each times its own in `upstream`.

An oracle has the name of our cell, and says in the first line which other one it is. It takes the weights of our layer
by name, inputs, initial states and the options of the case, and gives outputs and final states.

What is common to those of PyTorch and torchrecurrent: a `weight` is our `kernel` transposed; there are two biases, of
which only the sum counts (but in the GRU): the first is ours, the second 0. What else differs is said with each.
"""

import json
import sys

import numpy as np
import torch
import torchrecurrent
from ncps.torch import CfCCell
from own_process import below
from torch import nn


def elman(w, x, states, activation="tanh", use_bias=True, irnn=False):
    """torch.nn.RNN."""
    layer = nn.RNN(*sizes(w), nonlinearity="relu" if irnn else activation, batch_first=True)
    outputs, h = put(layer, "_l0", **maps(w))(x, states[0][None])
    return outputs, [h[0]]


def jordan(w, x, states, hidden_units=None, output_activation="tanh"):
    """torch.nn.RNNCell and Linear. The memory is the output, so the cell gets it as more inputs, its own state as 0."""
    (features, hidden), units = w["kernel"].shape, len(w["output_bias"])
    cell = put(
        nn.RNNCell(features + units, hidden),
        weight_ih=np.concatenate([w["kernel"], w["recurrent_kernel"]]).T,
        weight_hh=np.zeros((hidden, hidden)),
        bias_ih=w["bias"],
        bias_hh=np.zeros(hidden),
    )
    output = put(nn.Linear(hidden, units), weight=w["output_kernel"].T, bias=w["output_bias"])

    def step(x, y):
        y = getattr(torch, output_activation)(output(cell(torch.cat([x, y], 1))))
        return y, [y]

    return walk(step, x, states)


def lstm(w, x, states):
    """torch.nn.LSTM."""
    layer = put(nn.LSTM(*sizes(w), batch_first=True), "_l0", **maps(w))
    outputs, finals = layer(x, tuple(state[None] for state in states))
    return outputs, [state[0] for state in finals]


def gru(w, x, states, use_bias=True):
    """torch.nn.GRU. Gates r, z, candidate; both biases, as in our `bias`."""
    biases = w.get("bias", np.zeros((2, w["kernel"].shape[1])))
    gates = {name: reordered(w[name], (1, 0, 2)) for name in ("kernel", "recurrent_kernel")}
    arrays = maps(gates) | {"bias_ih": reordered(biases[0], (1, 0, 2)), "bias_hh": reordered(biases[1], (1, 0, 2))}
    outputs, h = put(nn.GRU(*sizes(w), batch_first=True), "_l0", **arrays)(x, states[0][None])
    return outputs, [h[0]]


def ugrnn(w, x, states):
    """torchrecurrent.UGRNNCell. The candidate comes before the gate."""
    gates = {name: reordered(array, (1, 0)) for name, array in w.items()}
    return walk_over_h(put(torchrecurrent.UGRNNCell(*sizes(w)), **maps(gates)), x, states)


def peephole_lstm(w, x, states):
    """torchrecurrent.PeepholeLSTMCell."""
    cell = torchrecurrent.PeepholeLSTMCell(*sizes(w))
    return walk_over_h_and_c(put(cell, **maps(w), weight_ph=w["peephole_kernel"].ravel()), x, states)


def mgu(w, x, states):
    """torchrecurrent.MGUCell."""
    return walk_over_h(put(torchrecurrent.MGUCell(*sizes(w)), **maps(w)), x, states)


def janet(w, x, states, beta=1.0):
    """torchrecurrent.JANETCell. Two states, which stay the same if they begin so; beta is a parameter."""
    cell = put(torchrecurrent.JANETCell(*sizes(w)), **maps(w), beta=beta)
    outputs, finals = walk_over_h_and_c(cell, x, [states[0], states[0]])
    return outputs, finals[:1]


def fast_rnn(w, x, states):
    """torchrecurrent.FastRNNCell."""
    cell = torchrecurrent.FastRNNCell(*sizes(w))
    return walk_over_h(put(cell, **maps(w), alpha=w["alpha"], beta=w["beta"]), x, states)


def fast_grnn(w, x, states):
    """torchrecurrent.FastGRNNCell. The function of its gate is an argument, and tanh without."""
    cell = put(
        torchrecurrent.FastGRNNCell(*sizes(w), nonlinearity="sigmoid"),
        weight_ih=w["kernel"].T,
        weight_hh=w["recurrent_kernel"].T,
        bias_ih=np.concatenate([w["gate_bias"], w["candidate_bias"]]),
        bias_hh=np.zeros(2 * sizes(w)[1]),
        zeta=w["zeta"],
        nu=w["nu"],
    )
    return walk_over_h(cell, x, states)


def antisymmetric_rnn(w, x, states, step_size, gamma):
    """torchrecurrent.AntisymmetricRNNCell. `weight_hh` is the W of the paper, of which only W - W^T counts."""
    features, units = w["kernel"].shape
    triangle = np.zeros((units, units))
    triangle[np.triu_indices(units, 1)] = w["recurrent_triangle"]
    cell = torchrecurrent.AntisymmetricRNNCell(features, units, epsilon=step_size, gamma=gamma)
    return walk_over_h(put(cell, **maps(w | {"recurrent_kernel": triangle.T})), x, states)


def ind_rnn(w, x, states, activation="relu"):
    """torchrecurrent.IndRNNCell. Its activation is tanh if none is given."""
    cell = put(
        torchrecurrent.IndRNNCell(*w["kernel"].shape, nonlinearity=activation),
        weight_ih=w["kernel"].T,
        vector_u=w["recurrent_kernel"],
        bias_ih=w["bias"],
        bias_hh=np.zeros_like(w["bias"]),
    )
    return walk_over_h(cell, x, states)


def co_rnn(w, x, states, step_size, gamma, epsilon):
    """torchrecurrent.coRNNCell. Its c is our z; it damps with the old c, as ours, not with the new one, as it says."""
    cell = put(
        torchrecurrent.coRNNCell(*sizes(w), dt=step_size, gamma=gamma, epsilon=epsilon),
        **maps(w),
        weight_ch=w["velocity_kernel"].T,
        bias_ch=np.zeros_like(w["bias"]),
    )
    return walk_over_h_and_c(cell, x, states)


def lem(w, x, states, step_size):
    """torchrecurrent.LEMCell. Gates D2, D1, z, y. Its y sees the old z:

        y = (1 - D2) * y' + D2 * tanh(W_y x + U_y z' + b_y)

    Called again with the new z in place of the old one, it gives the y of the paper.
    """
    order, units = (1, 0, 2, 3), w["memory_kernel"].shape[0]
    cell = put(
        torchrecurrent.LEMCell(w["kernel"].shape[0], units, dt=step_size),
        weight_ih=reordered(w["kernel"], order).T,
        weight_hh=reordered(w["recurrent_kernel"], order[:3]).T,
        weight_ch=w["memory_kernel"].T,
        bias_ih=reordered(w["bias"], order),
        bias_hh=np.zeros(3 * units),
        bias_ch=np.zeros(units),
    )

    def step(x, y, z):
        _, new_z = cell(x, (y, z))
        new_y, _ = cell(x, (y, new_z))
        return new_y, [new_y, new_z]

    return walk(step, x, states)


def nas_rnn(w, x, states):
    """torchrecurrent.NASCell. Its branch 3 is `relu(x_3 + m_3)`, that of the paper `relu(x_3 * m_3)`.

    So the products are given to it as more inputs, which branch 3 alone sees, and nothing else.
    """
    features, units = sizes(w)
    third = slice(3 * units, 4 * units)
    weights = {"kernel": np.concatenate([w["kernel"], np.zeros((units, 8 * units))])}
    weights |= {"recurrent_kernel": w["recurrent_kernel"].copy(), "bias": w["bias"].copy()}
    for array in weights.values():
        array[..., third] = 0
    weights["kernel"][features:, third] = np.eye(units)
    cell = put(torchrecurrent.NASCell(features + units, units), **maps(weights))
    W_3, U_3, b_3 = (tensor(w[name][..., third]) for name in ("kernel", "recurrent_kernel", "bias"))

    def step(x, h, c):
        h, c = cell(torch.cat([x, (x @ W_3) * (h @ U_3 + b_3)], 1), (h, c))
        return h, [h, c]

    return walk(step, x, states)


def cfc(w, x, states, backbone_units=None, time_column=False):
    """ncps.torch.CfCCell. The backbone is one map of [x, h], the head four; `ncps.keras` and `ncps.tf` have no tanh
    around f1 and f2, and `sigmoid(tb - ta * dt)`.
    """
    (features, hidden), units = w["backbone_kernel"].shape, w["backbone_recurrent_kernel"].shape[0]
    head = {}
    for k, name in enumerate(("ff1", "ff2", "time_a", "time_b")):
        head[f"{name}.weight"] = np.split(w["head_kernel"], 4, axis=1)[k].T
        head[f"{name}.bias"] = np.split(w["head_bias"], 4)[k]
    cell = CfCCell(features, units, backbone_activation="lecun_tanh", backbone_units=hidden, backbone_layers=1)
    backbone = np.concatenate([w["backbone_kernel"], w["backbone_recurrent_kernel"]])
    put(cell, **{"backbone.0.weight": backbone.T, "backbone.0.bias": w["backbone_bias"]}, **head)

    def step(x, h):
        x, times = (x[:, :-1], x[:, -1:]) if time_column else (x, 1.0)
        h, _ = cell(x, h, times)
        return h, [h]

    return walk(step, x, states)


def qrnn(w, x, states, kernel_size=2):
    """torch.nn.Conv1d, after zeros for the time before, and the sum that the recurrence of c amounts to."""
    width = w["bias"].shape[0]
    kernel = w["kernel"].reshape(kernel_size, -1, width).transpose(2, 1, 0)
    convolution = put(nn.Conv1d(x.shape[2], width, kernel_size), weight=kernel, bias=w["bias"])
    padded = nn.functional.pad(x.transpose(1, 2), (kernel_size - 1, 0))
    z, f, o = convolution(padded).transpose(1, 2).chunk(3, 2)
    kept = torch.cumprod(torch.sigmoid(f), 1)
    c = kept * (states[0][:, None] + torch.cumsum((1 - torch.sigmoid(f)) * torch.tanh(z) / kept, 1))
    return torch.sigmoid(o) * c, [c[:, -1]]


def echo_state(w, x, states, leak):
    """torch.nn.RNNCell, of which a part enters the state."""
    cell = put(nn.RNNCell(*sizes(w)), **maps(w))

    def step(x, h):
        h = (1 - leak) * h + leak * cell(x, h)
        return h, [h]

    return walk(step, x, states)


ORACLES = {
    oracle.__name__: oracle
    for oracle in (
        elman,
        jordan,
        lstm,
        gru,
        ugrnn,
        peephole_lstm,
        mgu,
        janet,
        fast_rnn,
        fast_grnn,
        antisymmetric_rnn,
        ind_rnn,
        co_rnn,
        lem,
        nas_rnn,
        cfc,
        qrnn,
        echo_state,
    )
}


def tensor(array):
    """A tensor of float64."""
    return torch.tensor(np.array(array, dtype="float64", order="C"))


def sizes(w):
    """Features and units."""
    return w["kernel"].shape[0], w["recurrent_kernel"].shape[0]


def maps(w):
    """The maps of inputs and state, as PyTorch names them."""
    bias = w.get("bias", np.zeros(w["kernel"].shape[1]))
    return {
        "weight_ih": w["kernel"].T,
        "weight_hh": w["recurrent_kernel"].T,
        "bias_ih": bias,
        "bias_hh": np.zeros_like(bias),
    }


def reordered(array, order):
    """The gates, side by side along the last axis, in another order."""
    gates = np.split(array, len(order), axis=-1)
    return np.concatenate([gates[k] for k in order], axis=-1)


def put(module, suffix="", **arrays):
    """The module in float64, with these parameters; the shapes must be the same."""
    module.double()
    with torch.no_grad():
        for name, array in arrays.items():
            parameter = module.get_parameter(name + suffix)
            assert parameter.shape == np.shape(array), f"{name}: {np.shape(array)} for {tuple(parameter.shape)}"
            parameter.copy_(tensor(array))
    return module


def walk(step, x, states):
    """Runs `step(x_t, *states) -> (output, states)` over time."""
    outputs = []
    for time in range(x.shape[1]):
        output, states = step(x[:, time], *states)
        outputs.append(output)
    return torch.stack(outputs, 1), states


def walk_over_h(cell, x, states):
    """Runs a cell of one state over time."""

    def step(x, h):
        h = cell(x, h)
        return h, [h]

    return walk(step, x, states)


def walk_over_h_and_c(cell, x, states):
    """Runs a cell of two states over time."""

    def step(x, h, c):
        h, c = cell(x, (h, c))
        return h, [h, c]

    return walk(step, x, states)


def main(inputs, outputs):
    """Runs every case on its oracle."""
    torch.set_num_threads(1)
    arrays, results = dict(np.load(inputs)), {}
    for case in dict.fromkeys(key.split("|")[0] for key in arrays):
        given = below(arrays, f"{case}|")
        oracle, options = ORACLES[str(given["cell"])], json.loads(str(given["options"]))
        states, upstream = ([tensor(a) for a in below(given, kind).values()] for kind in ("state|", "upstream|"))
        x = tensor(given["x"]).requires_grad_()
        values, finals = oracle(below(given, "weight|"), x, states, **options)
        (gradient,) = torch.autograd.grad([values, *finals], x, upstream)
        for key, result in {**dict(enumerate([values, *finals])), "gradient": gradient}.items():
            results[f"{case}|{key}"] = result.detach().numpy()
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
