"""How much faster training on texts is with batches of similar length than with padding to the longest.

    python benchmarks/bucketing.py --path imdb50k.csv.gz [--texts 6000] [--epochs 4] [--seeds 5]

Trains the recurrent network of the preset `imdb` from the same weights on a part of the training texts in both ways: in
the batches that training makes, and with the same texts padded to the length that the preset allows. Epochs take
turns. Writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from results import write
from scipy import stats

from keras_recurrent.layers import paths
from keras_recurrent.pipelines import sentiment
from keras_recurrent.pipelines.cli.request import Request
from keras_recurrent.pipelines.sequences.examples import Sequences
from keras_recurrent.pipelines.stages.data import evaluation_batches, training_batches
from keras_recurrent.pipelines.stages.preprocessing import preprocessed
from keras_recurrent.pipelines.stages.training import optimizer
from keras_recurrent.pipelines.tasks.classification.task import accuracy


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, required=True, help="the reviews, with the columns text, label and split")
    parser.add_argument("--texts", type=int, default=6000, help="training texts")
    parser.add_argument("--epochs", type=int, default=4, help="of each training, at least 2")
    parser.add_argument("--seeds", type=int, default=5, help="trainings in each way, at least 2")
    options = parser.parse_args()
    given = (f"data.path={options.path.absolute()}", f"data.limit={options.texts}", "model.ngrams=null")
    config = Request("sentiment", "imdb", assignments=given).resolve()
    data = sentiment.load(config)
    preprocessor = sentiment.preprocessor(config, data)
    train, validation = preprocessed(data.train, preprocessor), preprocessed(data.validation, preprocessor)
    ways = {"similar lengths": train, "padded to the longest": to_the_longest(train, config.data.length)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    scores: dict[str, list[float]] = {way: [] for way in ways}
    for seed in range(options.seeds):
        models = {way: compiled(config, data, seed) for way in ways}
        for epoch in range(options.epochs):
            for way, split in ways.items():
                batches = training_batches(split, config.training.batch_size, seed, range(epoch, epoch + 1))
                began = time.perf_counter()
                with paths.few_lengths():
                    models[way].fit(batches, verbose=0)
                if epoch:  # the first one compiles
                    seconds[way].append(time.perf_counter() - began)
        for way, model in models.items():
            scores[way].append(model.evaluate(evaluation_batches(validation), verbose=0)[1])
    difference = np.subtract(*scores.values())
    interval = stats.t.interval(0.95, len(difference) - 1, difference.mean(), stats.sem(difference))
    medians = {way: statistics.median(each) for way, each in seconds.items()}
    rows = [f"| {way} | {medians[way]:.1f} | {np.mean(scores[way]):.4f} |" for way in ways]
    ratio = medians["padded to the longest"] / medians["similar lengths"]
    write(
        "Batches of similar length",
        "python benchmarks/bucketing.py --path imdb50k.csv.gz",
        f"Sentiment on {options.texts:,} IMDB reviews of up to {config.data.length} tokens (mean "
        f"{np.mean([len(row) for row in train.inputs]):.0f}), the network of the preset imdb; medians of "
        f"{options.epochs - 1} epochs in turn with {options.seeds} seeds each, compilation excluded; mean accuracy on "
        f"{len(validation):,} validation reviews after {options.epochs} epochs. Padding to the longest takes "
        f"{ratio:.2f} times as long. The accuracy with similar lengths minus that with padding is "
        f"{difference.mean():+.4f} (95% interval over the seeds, paired: {interval[0]:+.4f} to {interval[1]:+.4f}).",
        "\n".join(["| batches | seconds per epoch | validation accuracy |", "|---|---|---|", *rows]),
    )


def to_the_longest(split: Sequences, length: int) -> Sequences:
    """The same sequences, all of one length."""
    rows = np.zeros((len(split), length), np.int32)
    for row, ids in zip(rows, split.inputs, strict=True):
        row[: len(ids)] = ids
    return Sequences(rows, split.labels)


def compiled(config: sentiment.TextConfig, data: sentiment.LabelledTexts, seed: int) -> keras.Model:
    """The model of the preset, with a constant learning rate."""
    keras.utils.set_random_seed(seed)
    model = sentiment.build(config, data, "float32")
    settings = config.training.model_copy(update={"schedule": "constant", "warmup_epochs": 0.0, "learning_rate": 1e-3})
    steps = -(-len(data.train) // settings.batch_size)
    model.compile(optimizer(settings, steps), loss="sparse_categorical_crossentropy", metrics=[accuracy])
    return model


if __name__ == "__main__":
    main()
