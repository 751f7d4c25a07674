"""The speed of the recurrent layers, as ratios to the LSTM of Keras and to that of PyTorch, measured in turn.

    python benchmarks/speed.py [--part fused|cells|growth|paths] [--cells gru,lem] [--repeats 9]

Batch 64, 128 units; a training step is forward and backward for all weights, from the output of the last time step.
The functions of a group take turns, and their medians are compared; compilation does not count. Writes sections of
benchmarks/RESULTS.md, and benchmarks/speed.json, from which layers/README.md takes its ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import torch  # isort: skip  # before TensorFlow: the other way round its import fails
import keras
import numpy as np
import tensorflow as tf
from results import write

from keras_recurrent.layers import paths
from keras_recurrent.pipelines.core.cells import CELLS, layer_class

BATCH, UNITS = 64, 128
JSON = Path(__file__).with_name("speed.json")


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*PARTS], help="one part only")
    parser.add_argument("--cells", help="of the part `cells` these only, with commas between")
    parser.add_argument("--repeats", type=int, default=9, help="times that each is measured")
    parser.add_argument("--one", nargs=2, metavar=("CELL", "TIME"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    if given.one:
        print(json.dumps(grown(given.one[0], int(given.one[1]))))
        return
    if given.cells:
        cells(given.repeats, given.cells.split(","))
        return
    for part in [given.part] if given.part else PARTS:
        PARTS[part](given.repeats)


def ways(layer: keras.layers.Layer, x: tf.Tensor) -> dict:
    """A training step and an inference of a Keras layer, as compiled functions."""
    layer.build(x.shape)
    weights = layer.trainable_weights

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x, training=True)))
        return tape.gradient(loss, [weight.value for weight in weights]) if weights else loss

    return {"training": train, "inference": tf.function(lambda: layer(x))}


def torch_ways(module: torch.nn.Module, x: np.ndarray) -> dict:
    """The same of a PyTorch module."""
    x = torch.tensor(x)

    def train():
        module.zero_grad()
        module(x)[0][:, -1].square().sum().backward()

    def infer():
        with torch.no_grad():
            module(x)

    return {"training": train, "inference": infer}


def medians(functions: dict, repeats: int, pause: float = 0.0) -> dict:
    """Median milliseconds of each function, measured in turn, in a new order each time, after two uncounted runs.

    A pause in seconds before each run lets the threads of PyTorch fall asleep, which else slow down what comes next.
    """
    times: dict = {name: [] for name in functions}
    for function in functions.values():
        function()
        function()
    for _ in range(repeats):
        for name in random.sample([*functions], len(functions)):  # what runs before has an influence
            time.sleep(pause)
            began = time.perf_counter()
            functions[name]()
            times[name].append(time.perf_counter() - began)
    return {name: 1000 * statistics.median(each) for name, each in times.items()}


def inputs(time_steps: int, features: int) -> np.ndarray:
    """Random sequences."""
    return np.random.default_rng(0).normal(size=(BATCH, time_steps, features)).astype("float32")


def fused(repeats: int) -> None:
    """Our LSTM and GRU against those of Keras and PyTorch."""
    lines = ["| layer | features | time steps | | ms | / Keras | / PyTorch |", "|---|---|---|---|---|---|---|"]
    theirs = {"lstm": (keras.layers.LSTM, torch.nn.LSTM), "gru": (keras.layers.GRU, torch.nn.GRU)}
    for name, (of_keras, of_torch) in theirs.items():
        for features in (1, 128):
            for steps in (28, 200, 784):
                x = inputs(steps, features)
                sets = {
                    "ours": ways(layer_class(name)(UNITS), tf.constant(x)),
                    "keras": ways(of_keras(UNITS), tf.constant(x)),
                    "torch": torch_ways(of_torch(features, UNITS, batch_first=True), x),
                }
                for mode in ("training", "inference"):
                    took = medians({who: each[mode] for who, each in sets.items()}, repeats, pause=0.3)
                    ratios = [took["ours"] / took[who] for who in ("keras", "torch")]
                    lines.append(
                        f"| {name} | {features} | {steps} | {mode} | {took['ours']:.1f} | "
                        f"{ratios[0]:.2f} | {ratios[1]:.2f} |"
                    )
                    print(lines[-1], file=sys.stderr, flush=True)
    write(
        "LSTM and GRU against Keras and PyTorch",
        "python benchmarks/speed.py --part fused",
        f"Batch {BATCH}, {UNITS} units, {os.cpu_count()} threads, medians of {repeats}; PyTorch {torch.__version__}.",
        "\n".join(lines),
    )


def cells(repeats: int, names: list[str] | None = None) -> None:
    """Every cell against the LSTM of Keras and against ours."""
    every = [name for name in CELLS if not name.startswith("keras.")]
    found = json.loads(JSON.read_text()) if JSON.exists() else {}
    for name in names or every:
        for features, steps in ((1, 784), (128, 200)):
            x = tf.constant(inputs(steps, features))
            sets = {
                "keras": ways(keras.layers.LSTM(UNITS), x),
                "ours": ways(layer_class("lstm")(UNITS), x),
                "cell": ways(layer_class(name)(UNITS), x),
            }
            row = []
            for mode in ("training", "inference"):
                took = medians({who: each[mode] for who, each in sets.items()}, repeats)
                ratios = [took["cell"] / took["keras"], took["cell"] / took["ours"]]
                row += [f"{took['cell']:.1f}", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}"]
                found.setdefault(name, {})[f"{mode} {features} {steps}"] = round(ratios[0], 2)
            found[name][f"row {features} {steps}"] = f"| {name} | {features} | {steps} | {' | '.join(row)} |"
            print(found[name][f"row {features} {steps}"], file=sys.stderr, flush=True)
    JSON.write_text(json.dumps(found, indent=1) + "\n")
    lines = [
        "| cell | features | time steps | training, ms | / Keras LSTM | / our LSTM "
        "| inference, ms | / Keras LSTM | / our LSTM |",
        "|---|---|---|---|---|---|---|---|---|",
        *(found[name][row] for name in every for row in ("row 1 784", "row 128 200")),
    ]
    write(
        "Every cell against the LSTM",
        "python benchmarks/speed.py --part cells",
        f"Batch {BATCH}, {UNITS} units, medians of {repeats}, each cell interleaved with both LSTMs. An echo state "
        "network trains nothing; its training step is its forward pass.",
        "\n".join(lines),
    )


def compiled_or_not(repeats: int) -> None:
    """Training on the compiled path against the loop of Keras, from which `layers.paths.choose` takes its rule."""
    lines = ["| cell | features | time steps | loop, ms | compiled / loop |", "|---|---|---|---|---|"]
    for name in ("lstm", "gru", "ugrnn", "layer_norm_lstm", "slstm", "cfc", "lem", "nas_rnn", "ind_rnn"):
        for features, steps in ((1, 28), (1, 64), (32, 64), (32, 200), (128, 200)):
            x = tf.constant(inputs(steps, features))
            functions = {}
            for path in ("loop", "compiled"):
                functions[path] = ways(layer_class(name)(UNITS), x)["training"]
                with paths.use(path):
                    functions[path]()  # traced on this path, and never again
            took = medians(functions, repeats)
            ratio = took["compiled"] / took["loop"]
            lines.append(f"| {name} | {features} | {steps} | {took['loop']:.1f} | {ratio:.2f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    write(
        "Training compiled or in the loop of Keras",
        "python benchmarks/speed.py --part paths",
        f"Batch {BATCH}, {UNITS} units, medians of {repeats}.",
        "\n".join(lines),
    )


def grown(name: str, steps: int) -> dict:
    """Milliseconds of a training step, and the memory at its peak, in this process."""
    import resource

    x = tf.constant(inputs(steps, 1))
    train = ways(layer_class(name)(UNITS), x)["training"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = medians({name: train}, 5)[name]
    return {"ms": took, "MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def growth(repeats: int) -> None:
    """What doubling the number of time steps costs."""
    lines = ["| cell | time steps | training, ms | per doubling | MB | per doubling |", "|---|---|---|---|---|---|"]
    for name in ("lstm", "gru", "min_gru", "lru", "mlstm"):
        last = None
        for steps in (784, 1568, 3136):
            command = [sys.executable, __file__, "--one", name, str(steps)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            now = json.loads(printed.strip().splitlines()[-1])
            ratios = ["", ""] if last is None else [f"{now[key] / last[key]:.2f}" for key in ("ms", "MB")]
            lines.append(f"| {name} | {steps} | {now['ms']:.0f} | {ratios[0]} | {now['MB']:.0f} | {ratios[1]} |")
            print(lines[-1], file=sys.stderr, flush=True)
            last = now
    write(
        "Growth with the number of time steps",
        "python benchmarks/speed.py --part growth",
        f"Batch {BATCH}, {UNITS} units, one feature; each cell and length runs in its own process. Memory is the peak "
        "that the training steps add, compilation included.",
        "\n".join(lines),
    )


PARTS = {"fused": fused, "cells": cells, "growth": growth, "paths": compiled_or_not}

if __name__ == "__main__":
    main()
