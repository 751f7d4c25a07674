"""Memory and time of training on a folder of many series; batches gather their windows when they need them.

    python benchmarks/many_series.py [--series 500] [--rows 1250] [--epochs 3]

Writes random walks as CSV files into a temporary folder. One process makes a whole run of `stock_forecast` on
them (training, evaluation against the baselines, export, proof) and reads its peak memory. Another times epochs through
the input pipeline and `fit` on the same windows as arrays in memory, in turn, and writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SETTINGS = {
    "data.source": "csv",
    "data.horizon": 5,
    "data.window": 60,
    "data.features": "[{kind: log_return, column: Close}, {kind: moving_deviation, column: Close, steps: 20}]",
    "data.targets": "[Close]",
    "data.target": "log_return",
    "model.cell": "keras.gru",
    "model.units": 32,
    "model.output": "quantiles",
    "training.epochs": 1,
    "training.batch_size": 256,
    "evaluation.bootstrap": 200,
    "evaluation.theta_seconds": 10,
}


def main() -> None:
    """Measures in processes of their own, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=500, help="files")
    parser.add_argument("--rows", type=int, default=1250, help="of each")
    parser.add_argument("--epochs", type=int, default=3, help="epochs each way")
    parser.add_argument("--measure", choices=("memory", "time"), help="in this process, on --folder")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.measure:
        measured = memory(options.folder) if options.measure == "memory" else seconds(options.folder, options.epochs)
        print(json.dumps(measured))
        return
    with tempfile.TemporaryDirectory() as folder:
        walks(Path(folder), options.series, options.rows)
        found = {}
        for measure in ("memory", "time"):
            command = [sys.executable, __file__, "--measure", measure, "--folder", folder]
            done = subprocess.run(
                [*command, "--epochs", str(options.epochs)], capture_output=True, text=True, check=True
            )
            found |= json.loads(done.stdout.splitlines()[-1])
    from results import write

    base = found["arrays in memory"]
    lines = ["| way | seconds per epoch | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {found[name]:.1f} | {found[name] / base:.2f} |" for name in ("arrays in memory", "windows")]
    write(
        "Many series",
        "python benchmarks/many_series.py",
        f"{options.series} series of {options.rows:,} rows, {found['windows in training']:,} training windows of 60 "
        f"steps, GRU of 32 units, batches of 256; median of {options.epochs} interleaved epochs each way, compilation "
        f"excluded. A whole run (one epoch, evaluation, export, proof) took {found['seconds']:.0f} s; the peak "
        f"memory of the process that trains was {found['gigabytes']:.2f} GB, and the libraries alone take "
        f"{found['libraries']:.2f} GB.",
        "\n".join(lines),
    )


def walks(folder: Path, series: int, rows: int) -> None:
    """Random walks of prices, one file each."""
    random = np.random.default_rng(0)
    dates = pd.bdate_range("2015-01-01", periods=rows, name="Date")
    for number in range(series):
        prices = 100 * np.exp(np.cumsum(random.normal(0, 0.02, rows)))
        pd.DataFrame({"Close": prices.round(4)}, index=dates).to_csv(folder / f"S{number:03d}.csv")


def assignments(folder: Path) -> list[str]:
    """The settings, for `--set`."""
    return [f"{key}={value}" for key, value in (SETTINGS | {"data.path": folder}).items()]


def memory(folder: Path) -> dict[str, float]:
    """Peak memory of a run, in GB (10^9 bytes), and of the libraries alone."""
    import tensorflow as tf

    from keras_recurrent.pipelines.cli.request import Request
    from keras_recurrent.pipelines.cli.verbs import run
    from keras_recurrent.pipelines.core.console import progress

    tf.add(1.0, 1.0)
    libraries = peak()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as output:
        run(Request("stock_forecast", None, None, tuple(assignments(folder)), Path(output)), progress(quiet=True))
    return {"gigabytes": peak(), "libraries": libraries, "seconds": time.perf_counter() - began}


def peak() -> float:
    """Peak memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def seconds(folder: Path, epochs: int) -> dict[str, float]:
    """Median seconds of an epoch, in each way."""
    from keras_recurrent.pipelines import stock_forecast
    from keras_recurrent.pipelines.cli.request import Request
    from keras_recurrent.pipelines.stages.data import training_batches
    from keras_recurrent.pipelines.tasks.forecasting.task import compiled

    config = Request("stock_forecast", None, None, tuple(assignments(folder))).resolve()
    data = stock_forecast.load(config)
    batch = config.training.batch_size
    model = stock_forecast.build(config, data, "float32")
    model.compile("adam", **compiled(config))
    inputs, labels = data.train.inputs, data.train.labels
    steps = -(-len(labels) // batch)

    def windows(epoch: int) -> None:
        model.fit(training_batches(data.train, batch, 0, range(epoch, epoch + 1)), steps_per_epoch=steps, verbose=0)

    ways = {"arrays in memory": lambda epoch: model.fit(inputs, labels, batch, verbose=0), "windows": windows}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for epoch in range(epochs + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way(epoch)
            if epoch:  # the first one compiles
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()} | {"windows in training": len(labels)}


if __name__ == "__main__":
    main()
