"""Which combinations of layer, batch, time, mask and quantisation export, and how far the file is from Keras.

    python benchmarks/export_matrix.py

Every file has builtin operations only. Where batch or time is open, it runs with two batch sizes and two lengths.
Writes pipelines/export/README.md.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_recurrent.layers import LRU, MGU, MinGRU
from keras_recurrent.pipelines.export import export_tflite

UNITS, FEATURES, TIME = 64, 6, 12
PAGE = Path(__file__).parents[1] / "pipelines" / "export" / "README.md"

LAYERS = {
    "SimpleRNN": lambda: keras.layers.SimpleRNN(UNITS, return_sequences=True),
    "LSTM": lambda: keras.layers.LSTM(UNITS, return_sequences=True),
    "LSTM, last output": lambda: keras.layers.LSTM(UNITS),
    "GRU": lambda: keras.layers.GRU(UNITS, return_sequences=True),
    "GRU, reset before": lambda: keras.layers.GRU(UNITS, reset_after=False),
    "Bidirectional LSTM": lambda: keras.layers.Bidirectional(keras.layers.LSTM(UNITS)),
    "RNN of stacked cells": lambda: keras.layers.RNN([keras.layers.LSTMCell(UNITS), keras.layers.GRUCell(UNITS)]),
    "keras_recurrent.layers.MGU": lambda: MGU(UNITS, return_sequences=True),
    "keras_recurrent.layers.MinGRU": lambda: MinGRU(UNITS, return_sequences=True),
    "keras_recurrent.layers.LRU": lambda: LRU(UNITS, return_sequences=True),
}
LIMITS = {None: 1e-5, "float16": 5e-3, "dynamic_range": 0.05, "int8": 0.4}
"""The largest difference that passes. The layers are untrained, so their states do not fill the 8 bits."""


class Case(NamedTuple):
    """One combination."""

    batch: int | None
    time: int | None
    masked: bool
    quantization: str | None


CASES = [
    *(
        Case(batch, time, masked, None)
        for batch, time, masked in itertools.product((None, 1), (None, TIME), (False, True))
    ),
    *(Case(None, None, masked, kind) for kind in ("float16", "dynamic_range") for masked in (False, True)),
    Case(None, TIME, False, "int8"),
]


def difference(layer: str, case: Case, folder: Path) -> float:
    """The largest difference between the file and the model, as a fraction of the largest output."""
    keras.utils.set_random_seed(0)
    x = keras.Input(batch_shape=(case.batch, case.time, FEATURES), name="x")
    model = keras.Model(x, LAYERS[layer]()(keras.layers.Masking()(x) if case.masked else x))
    path = folder / "model.tflite"
    data = inputs(40, case.time or TIME, case.masked) if case.quantization == "int8" else None
    export_tflite(model, path, case.quantization, representative_data=data)
    run = Interpreter(str(path), num_threads=1).get_signature_runner("sequence")
    worst = 0.0
    for batch, time in ((2, TIME), (3, 40)):
        given = inputs(case.batch or batch, case.time or time, case.masked)
        for _ in range(2):
            (answer,) = run(x=given).values()
            expected = np.asarray(model(given))
            worst = max(worst, float(np.abs(answer - expected).max() / np.abs(expected).max()))
    return worst


def inputs(batch: int, time: int, masked: bool) -> np.ndarray:
    """Random sequences; if masked, a third of their steps."""
    rng = np.random.default_rng(batch * time)
    drawn = rng.normal(size=(batch, time, FEATURES)).astype("float32")
    return drawn * (rng.random((batch, time, 1)) > 1 / 3).astype("float32") if masked else drawn


def main() -> None:
    """Exports all combinations and writes the page."""
    head = [title(case) for case in CASES]
    lines = ["| layer | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for layer in LAYERS:
            found = [difference(layer, case, Path(folder)) for case in CASES]
            marks = [
                f"{value:.0e}{'' if value <= LIMITS[case.quantization] else ' FAILS'}"
                for value, case in zip(found, CASES, strict=True)
            ]
            lines.append(f"| {layer} | {' | '.join(marks)} |")
            print(lines[-1], flush=True)
    PAGE.write_text(TEXT.format(units=UNITS, features=FEATURES, table="\n".join(lines)), encoding="utf-8")


def title(case: Case) -> str:
    """The title of a column."""
    parts = ["batch 1" if case.batch else None, "fixed time" if case.time else None, "mask" if case.masked else None]
    return ", ".join([part for part in (case.quantization, *parts) if part]) or "all open"


TEXT = """# Export

For each layer, the table gives the largest difference between the file that `export_tflite` writes and the Keras model,
as a fraction of the largest output. The layers have {units} units and {features} features. Where batch or time is open,
the file runs with two batch sizes and two lengths, twice each. All files have builtin operations only.
`python benchmarks/export_matrix.py` writes this page; the slow tests run the same combinations.

{table}
"""

if __name__ == "__main__":
    main()
