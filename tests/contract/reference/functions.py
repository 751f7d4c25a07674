"""The functions that the equations share, in float64, and the loop over time."""

import numpy as np


def linear(v):
    return v


def relu(v):
    return np.maximum(v, 0.0)


def softplus(v):
    """log(1 + e^v), without overflow."""
    return np.logaddexp(0.0, v)


def log_sigmoid(v):
    return -softplus(-v)


def sigmoid(v):
    """1 / (1 + e^-v), without overflow."""
    return np.exp(log_sigmoid(v))


def hard_sigmoid(v):
    """Keras' piecewise linear form."""
    return np.clip(v / 6.0 + 0.5, 0.0, 1.0)


ACTIVATIONS = {
    "linear": linear,
    "relu": relu,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "softplus": softplus,
    "tanh": np.tanh,
}


def layer_norm(v, gamma, beta, epsilon):
    """Ba, Kiros and Hinton 2016, arXiv 1607.06450: over the last axis, with the biased variance."""
    mean = v.mean(axis=-1, keepdims=True)
    variance = ((v - mean) ** 2).mean(axis=-1, keepdims=True)
    return gamma * (v - mean) / np.sqrt(variance + epsilon) + beta


def parts(v, count):
    """Equal parts of the last axis: the gates of a stacked map."""
    return np.split(v, count, axis=-1)


def over_time(step, x, states):
    """Outputs [B, T, n] and final states of `step(x_t, states) -> (output, states)`, from the first time step on."""
    outputs = []
    for t in range(x.shape[1]):
        output, states = step(x[:, t], states)
        outputs.append(output)
    return np.stack(outputs, axis=1), list(states)
