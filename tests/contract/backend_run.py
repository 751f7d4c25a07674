"""What every cell gives on the backend of Keras that `KERAS_BACKEND` names: values, and gradients for the weights.

    KERAS_BACKEND=tensorflow python backend_run.py first.npz
    KERAS_BACKEND=jax python backend_run.py first.npz second.npz

A process of its own, for a process has one backend. Results are under `case|way|number`, for the ways of `ways`: first
the outputs, then the final states, then the gradients of a weighted sum of all these, in the order of the trainable
weights. If one fails, `case|way|error` is what Python said. A file also has the weights and the initial states,
`case|weight|name` and `case|state|number`, which a later run takes from it.
"""

import contextlib
import math
import sys
import traceback

import keras
import numpy as np
from cell_cases import CASES, ids, to_numpy
from keras import ops
from own_process import below

from keras_recurrent.layers import paths
from keras_recurrent.pipelines.core.cells import WITHOUT_RECURRENT_KERNEL

MASK = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0], [1, 1, 0, 1, 1, 1]], bool)
RATE = 0.3


def main(*files):
    """Runs every case in every way."""
    given = dict(np.load(files[0])) if len(files) > 1 else None
    results = {}
    for case in CASES:
        weights, states = built(case, given)
        results |= {f"{ids(case)}|weight|{name}": array for name, array in weights.items()}
        results |= {f"{ids(case)}|state|{k}": state for k, state in enumerate(states)}
        for way, (path, rates, call) in ways(case).items():
            try:
                arrays = run(case, weights, states, path, rates, call)
            except Exception:
                results[f"{ids(case)}|{way}|error"] = traceback.format_exc()
            else:
                results |= {f"{ids(case)}|{way}|{k}": array for k, array in enumerate(arrays)}
    np.savez(files[-1], **results, tensorflow="tensorflow" in sys.modules)


def built(case, given):
    """Weights by name and initial states: those of the file, or random weights and the states after some steps."""
    if given is not None:
        return below(given, f"{ids(case)}|weight|"), list(below(given, f"{ids(case)}|state|").values())
    layer = case.built(return_state=True)
    _, *states = to_numpy(layer(case.inputs(time=3, seed=5)))
    return {weight.name: to_numpy(weight.value) for weight in layer.weights}, states


def ways(case):
    """In which ways a case is run: path or None, arguments of the layer, arguments of the call."""
    cell = case.layer().cell
    rates = {"dropout": RATE, "zoneout": RATE if cell.zoneout_states else 0.0}
    rates["recurrent_dropout"] = 0.0 if case.name in WITHOUT_RECURRENT_KERNEL else RATE
    found = {
        "plain": (None, {}, {}),
        "masked": (None, {}, {"mask": MASK}),
        "training": (None, rates, {"training": True}),
    }
    return found | ({"parallel": ("parallel", {}, {})} if hasattr(cell, "parallel") else {})


def run(case, weights, states, path, rates, call):
    """Outputs, final states and gradients, in one list."""
    layer = case.built(return_sequences=True, return_state=True, **rates)
    for weight in layer.weights:
        weight.assign(weights[weight.name])
    x = ops.convert_to_tensor(case.inputs(time=MASK.shape[1]))
    states = [ops.convert_to_tensor(state) for state in states]
    with paths.use(path) if path else contextlib.nullcontext():
        results, gradients = GRADIENTS[keras.backend.backend()](layer, x, initial_state=states, **call)
    return to_numpy([*results, *gradients])


def loss(results):
    """The sum of all numbers, each times a number of its own."""
    total = 0.0
    for each in results:
        factors = np.cos(np.arange(math.prod(each.shape), dtype="float32")).reshape(each.shape)
        total = total + ops.sum(each * ops.convert_to_tensor(factors))
    return total


def on_tensorflow(layer, *args, **call):
    """Results and gradients, eagerly."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        results = layer(*args, **call)
        total = loss(results)
    return results, tape.gradient(total, [weight.value for weight in layer.trainable_weights])


def on_jax(layer, *args, **call):
    """Results and gradients, compiled."""
    import jax

    def total_and_results(trained, others):
        results, _ = layer.stateless_call(trained, others, *args, **call)
        return loss(results), results

    variables = layer.trainable_variables, layer.non_trainable_variables
    values = [[variable.value for variable in each] for each in variables]
    (_, results), gradients = jax.jit(jax.value_and_grad(total_and_results, has_aux=True))(*values)
    return results, gradients


def on_torch(layer, *args, **call):
    """Results and gradients."""
    results = layer(*args, **call)
    if layer.trainable_weights:
        loss(results).backward()
    return results, [weight.value.grad for weight in layer.trainable_weights]


GRADIENTS = {"tensorflow": on_tensorflow, "jax": on_jax, "torch": on_torch}

if __name__ == "__main__":
    main(*sys.argv[1:])
