"""What the cells learn with one budget: the adding problem, copy memory, and digits read pixel by pixel.

    python benchmarks/learning.py [--task adding100|adding400|copy|pixels] [--cells lru,lem] [--steps 2000]

Adding (Hochreiter & Schmidhuber 1997): of T numbers, two are marked, and the answer is their sum; a model that always
answers 1 has a mean squared error of 0.167. Copy memory: the model repeats 10 symbols (of 8 kinds) after 100 blanks;
one that knows nothing of them pays 10 log(8) / 120 = 0.173 nats per position. Pixels: the 8 x 8 digits of
scikit-learn, 64 pixels one by one; the most frequent of ten digits is right for about 0.10. Writes
benchmarks/learning.json, a table and a plot.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from results import write

from keras_recurrent.pipelines.core.cells import CELLS, GATED_CELLS, layer_class

UNITS, BATCH = 64, 32
NAMES = [name for name in CELLS if not name.startswith("keras.")]
AT_400 = ["min_gru", "min_lstm", "lru", "ind_rnn", "lem", "elman", "lstm", "gru", "co_rnn"]
JSON = Path(__file__).with_name("learning.json")
PLOT = Path(__file__).with_name("learning.png")


def adding(steps: int):
    """Batches of the adding problem: a column of numbers, a column that marks two of them; their sum."""

    def draw(rng, count):
        x = np.zeros((count, steps, 2), "float32")
        x[..., 0] = rng.random((count, steps))
        half = steps // 2
        marks = np.stack([rng.integers(0, half, count), rng.integers(half, steps, count)], axis=1)
        for row, pair in enumerate(marks):
            x[row, pair, 1] = 1
        return x, (x[..., 0] * x[..., 1]).sum(1, keepdims=True)

    return draw


def copying(rng, count, blanks=100):
    """Batches of copy memory: 10 symbols, blanks, a mark, and where to repeat them; what stands at every position."""
    symbols = rng.integers(1, 9, (count, 10))
    read = np.zeros((count, blanks + 20), "int32")
    read[:, :10] = symbols
    read[:, blanks + 9] = 9
    answer = np.zeros_like(read)
    answer[:, -10:] = symbols
    return np.eye(10, dtype="float32")[read], answer


def arguments(name: str, task: str, steps: int) -> dict:
    """What is known before training: how long a memory the task needs. Digits need no long one, but every pixel."""
    if name == "ind_rnn":
        return {"steps": steps}
    if name == "lru":
        return {"min_radius": 0.9, "max_radius": 0.999, "max_phase": 0.314}
    if name == "co_rnn" and task == "adding400":
        return {"step_size": 0.06, "gamma": 66.0, "epsilon": 15.0}
    return {"chrono": steps} if name in GATED_CELLS and task != "pixels" else {}


def train(name: str, task: str, budget: int) -> dict:
    """Trains a cell on a task and returns its score, its score every 200 steps, and the seconds it took."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    steps = {"adding100": 100, "adding400": 400, "copy": 120, "pixels": 64}[task]
    inputs = keras.Input((steps, {"copy": 10, "pixels": 1}.get(task, 2)))
    x = keras.layers.Dense(UNITS, "relu")(inputs)
    for level in (1, 2):
        x = layer_class(name)(UNITS, return_sequences=level == 1 or task == "copy", **arguments(name, task, steps))(x)
    model = keras.Model(inputs, keras.layers.Dense({"copy": 9, "pixels": 10}.get(task, 1))(x))
    loss = "mse" if task.startswith("adding") else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, budget)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss, jit_compile=False)
    if task == "pixels":
        draw, test = digits()
    else:
        draw = copying if task == "copy" else adding(steps)
        test = draw(np.random.default_rng(1), 500)
    began, curve = time.perf_counter(), []
    for step in range(1, budget + 1):
        model.train_on_batch(*draw(rng, BATCH))
        if step % 200 == 0 or step == budget:
            predicted = model.predict(test[0], batch_size=250, verbose=0)
            curve.append([step, score(task, predicted, test[1])])
    seconds = time.perf_counter() - began
    return {"score": curve[-1][1], "curve": curve, "seconds": round(seconds, 1), "steps": budget}


def digits():
    """A way to draw batches from the training digits, and the test digits, as 64 pixels in a row."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    x = (data.data / 16).astype("float32")[..., None]
    x_train, x_test, y_train, y_test = train_test_split(x, data.target, test_size=500, random_state=0)

    def draw(rng, count):
        rows = rng.integers(0, len(x_train), count)
        return x_train[rows], y_train[rows]

    return draw, (x_test, y_test)


def score(task: str, predicted: np.ndarray, expected: np.ndarray) -> float:
    """Mean squared error; the share of the 10 symbols that are repeated rightly; accuracy."""
    if task.startswith("adding"):
        return float(np.mean((predicted - expected) ** 2))
    if task == "copy":
        return float(np.mean(predicted[:, -10:, 1:].argmax(-1) + 1 == expected[:, -10:]))
    return float(np.mean(predicted.argmax(-1) == expected))


TASKS = {
    "adding100": ("Adding, T = 100, MSE", NAMES, 1000),
    "adding400": ("Adding, T = 400, MSE", AT_400, 2000),
    "copy": ("Copy memory, T = 100, symbols right", NAMES, 1000),
    "pixels": ("Digits pixel by pixel, accuracy", NAMES, 600),
}


def main() -> None:
    """Trains what is asked for, keeps what was trained before, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=[*TASKS], action="append", help="these tasks only")
    parser.add_argument("--cells", help="these cells only, with commas between")
    parser.add_argument("--steps", type=int, help="training steps, instead of the budget of each task")
    given = parser.parse_args()
    found = json.loads(JSON.read_text()) if JSON.exists() else {}
    for task in given.task or TASKS:
        for name in given.cells.split(",") if given.cells else TASKS[task][1]:
            found.setdefault(task, {})[name] = result = train(name, task, given.steps or TASKS[task][2])
            print(f"{task} {name}: {result['score']:.4f} in {result['seconds']:.0f} s", flush=True)
            JSON.write_text(json.dumps(found) + "\n")
    table(found)
    plot(found)


def table(found: dict) -> None:
    """Writes the scores of every cell."""
    tasks = [task for task in TASKS if task in found]
    lines = ["| cell | " + " | ".join(TASKS[task][0] for task in tasks) + " |", "|---" * (len(tasks) + 1) + "|"]
    for name in [name for name in NAMES if any(name in found[task] for task in tasks)]:
        scores = [found[task].get(name) for task in tasks]
        cells = ["not run" if each is None else f"{each['score']:.4f} ({each['seconds']:.0f} s)" for each in scores]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    budgets = ", ".join(f"{task} {next(iter(found[task].values()))['steps']}" for task in tasks)
    write(
        "Learning",
        "python benchmarks/learning.py",
        f"A dense layer with relu, two layers of the cell, {UNITS} units each, and a dense read-out; batches of "
        f"{BATCH} drawn anew, Adam with a half cosine from 2e-3, one seed, gated cells with "
        f"chrono initialisation for adding and copy. Steps: {budgets}. A model that knows nothing has 0.167 on adding, "
        "0.125 on copy memory and about 0.10 on digits. Other programs ran while the seconds were measured. "
        "Adding and copying are synthetic.\n\n![Scores while training](learning.png)",
        "\n".join(lines),
    )


def plot(found: dict) -> None:
    """Draws the scores of all cells while they were trained, the six best of each task in colour."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    tasks = [task for task in TASKS if task in found]
    figure, axes = plt.subplots(1, len(tasks), figsize=(5 * len(tasks), 4.2), squeeze=False, layout="constrained")
    for axis, task in zip(axes[0], tasks, strict=True):
        best = sorted(found[task], key=lambda name: found[task][name]["score"], reverse=not task.startswith("adding"))
        for rank, name in enumerate(best):
            steps, scores = zip(*found[task][name]["curve"], strict=True)
            shown = rank < 6 or name == "elman"
            axis.plot(steps, scores, label=name if shown else None, alpha=1 if shown else 0.4, zorder=3 if shown else 1,
                      color=None if shown else "lightgray", linestyle="--" if name == "elman" else "-")  # fmt: skip
        axis.set(title=TASKS[task][0], xlabel="training steps", yscale="log" if "adding" in task else "linear")
        axis.legend(fontsize=8)
    figure.savefig(PLOT, dpi=90)


if __name__ == "__main__":
    main()
