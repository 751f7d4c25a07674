"""Speed of exported TensorFlow Lite files, against Keras' own loop converted at a fixed batch of 1, and onnxruntime.

    python benchmarks/export_speed.py [--repeats 15]

One thread, batch 1, 28 features, 128 units; the files take turns. PyTorch's LSTM and GRU are exported to ONNX at the
same fixed shape. Needs the extra `bench`. Writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import torch  # isort: skip  (before TensorFlow, or its threads stall)

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from results import write

from keras_recurrent.layers import paths
from keras_recurrent.pipelines.core.cells import layer_class
from keras_recurrent.pipelines.export import export_tflite

FEATURES, UNITS = 28, 128
LENGTHS = (28, 200, 1000)
CELLS = ("keras.lstm", "keras.gru", "lstm", "min_gru", "min_lstm", "lru", "rg_lru")
IN_PYTORCH = {"keras.lstm": torch.nn.LSTM, "keras.gru": torch.nn.GRU}


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="invocations that are counted")
    repeats = parser.parse_args().repeats
    lines = [
        "| layer | outputs | time steps | ours, ms | stock, ms | onnxruntime, ms | ours / stock | ours / onnxruntime "
        "| bytes / weights | conversion, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name in CELLS:
            for all_outputs in (True, False):
                for length in LENGTHS:
                    lines.append(row(Path(folder), name, all_outputs, length, repeats))
                    print(lines[-1], flush=True)
    write(
        "Exported files",
        "python benchmarks/export_speed.py",
        f"Batch 1, {FEATURES} features, {UNITS} units, one thread, medians of {repeats}. Our file has a dynamic "
        "batch and time. Stock is Keras' own loop, converted by TensorFlow Lite at a fixed batch of 1 and a fixed "
        f"time. onnxruntime {onnxruntime.__version__} runs the layer of PyTorch {torch.__version__}, exported at the "
        "same fixed shape.",
        "\n".join(lines),
    )


def row(folder: Path, name: str, all_outputs: bool, length: int, repeats: int) -> str:
    """The table row of one layer."""
    x = keras.Input((None, FEATURES), name="x")
    layer = layer_class(name)(UNITS, return_sequences=all_outputs)
    model = keras.Model(x, layer(x))
    began = time.perf_counter()
    export_tflite(model, folder / "ours.tflite", signatures="sequence")
    seconds = time.perf_counter() - began
    stock(layer, length, folder)
    given = np.random.default_rng(0).normal(size=(1, length, FEATURES)).astype("float32")
    runs = {which: invoker(folder / f"{which}.tflite", given) for which in ("ours", "stock")}
    if name in IN_PYTORCH:
        runs["onnx"] = in_onnxruntime(IN_PYTORCH[name], all_outputs, given, folder / "pytorch.onnx")
    took = medians(runs, repeats)
    weights = sum(np.asarray(weight).nbytes for weight in layer.weights)
    size = (folder / "ours.tflite").stat().st_size / weights
    outputs = "all" if all_outputs else "last"
    ours, stock_, onnx = took["ours"], took["stock"], took.get("onnx")
    beside_onnx = f"{ours / onnx:.2f}" if onnx else ""
    return (
        f"| {name} | {outputs} | {length} | {ours:.3f} | {stock_:.3f} | {f'{onnx:.3f}' if onnx else ''} "
        f"| {ours / stock_:.2f} | {beside_onnx} | {size:.2f} | {seconds:.1f} |"
    )


def stock(layer: keras.layers.Layer, length: int, folder: Path) -> None:
    """Keras' own loop, converted as it is."""
    fixed = keras.Input(batch_shape=(1, length, FEATURES), name="x")
    with paths.use("loop"):
        model = keras.Model(fixed, layer(fixed))
        function = tf.function(lambda x: model(x, training=False), autograph=False)
        concrete = function.get_concrete_function(tf.TensorSpec(fixed.shape, tf.float32, name="x"))
    module = tf.Module()
    module.held = [weight.value for weight in layer.weights]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    (folder / "stock.tflite").write_bytes(converter.convert())


def invoker(path: Path, given: np.ndarray):
    """A function that invokes a file."""
    interpreter = Interpreter(str(path), num_threads=1)
    (detail,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(detail["index"], given.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(detail["index"], given)
    return interpreter.invoke


class Layer(torch.nn.Module):
    """A recurrent layer of PyTorch with the outputs that are asked for, and no states."""

    def __init__(self, layer: torch.nn.Module, all_outputs: bool):
        super().__init__()
        self.layer, self.all_outputs = layer, all_outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.layer(x)
        return outputs if self.all_outputs else outputs[:, -1]


def in_onnxruntime(kind: type[torch.nn.Module], all_outputs: bool, given: np.ndarray, path: Path):
    """A function that runs a layer of PyTorch in onnxruntime."""
    layer = Layer(kind(FEATURES, UNITS, batch_first=True), all_outputs).eval()
    torch.onnx.export(layer, (torch.tensor(given),), path, input_names=["x"], dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": given})


def medians(functions: dict, repeats: int) -> dict:
    """Median milliseconds of each, called in turn in a new order each time."""
    times: dict = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repeats):
        for name in random.sample([*functions], len(functions)):
            began = time.perf_counter()
            functions[name]()
            times[name].append(time.perf_counter() - began)
    return {name: 1000 * statistics.median(each) for name, each in times.items()}


if __name__ == "__main__":
    main()
