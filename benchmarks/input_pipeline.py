"""How much longer an epoch takes through the input pipeline than with `fit` on arrays in memory.

    python benchmarks/input_pipeline.py [--epochs 5]

Trains one LSTM of 128 units on 55,000 images of 28 x 28 (random bytes: the time does not depend on what they show), an
epoch each way in turn, and writes the ratio of the medians into benchmarks/RESULTS.md. Compilation is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time

import keras
import numpy as np
from results import write

from keras_recurrent.pipelines.core.config import RecurrentModel, Training
from keras_recurrent.pipelines.mnist_rows import RowsConfig, RowsData, augment, build
from keras_recurrent.pipelines.stages.data import Split, training_batches
from keras_recurrent.pipelines.tasks.classification.data import LabelledData

IMAGES, BATCH = 55_000, 64


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="epochs each way")
    epochs = parser.parse_args().epochs
    rng = np.random.default_rng(0)
    train = Split(rng.integers(0, 256, (IMAGES, 28, 28), np.uint8), rng.integers(0, 10, IMAGES))
    data = LabelledData(train, train[:10], train[:10], tuple("0123456789"))
    config = RowsConfig(pipeline="mnist_rows", preset="benchmark", data=RowsData(), model=RecurrentModel(units=128))
    augmented = config.model_copy(update={"data": RowsData(rotation=10, zoom=0.1, shear=0.1, shift=2)})
    model = build(config, data, Training().precision)
    model.compile("adam", "sparse_categorical_crossentropy")

    def pipeline(chosen: RowsConfig, count: int) -> None:
        batches = training_batches(train[:count], BATCH, 0, range(1), augment(chosen))
        model.fit(batches, steps_per_epoch=-(-count // BATCH), verbose=0)

    ways = {
        "arrays in memory": lambda count: model.fit(train.inputs[:count], train.labels[:count], BATCH, verbose=0),
        "input pipeline": lambda count: pipeline(config, count),
        "input pipeline with augmentation": lambda count: pipeline(augmented, count),
    }
    for way in ways.values():
        way(BATCH * 2)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(epochs):
        for name, way in ways.items():
            began = time.perf_counter()
            way(IMAGES)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    base = medians["arrays in memory"]
    lines = ["| way | seconds per epoch | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {median:.2f} | {median / base:.2f} |" for name, median in medians.items()]
    write(
        "Input pipeline",
        "python benchmarks/input_pipeline.py",
        f"LSTM of 128 units, batch {BATCH}, {IMAGES:,} images of 28 x 28 (random bytes), median of {epochs} "
        f"interleaved epochs each way. Keras {keras.__version__}.",
        "\n".join(lines),
    )


if __name__ == "__main__":
    main()
