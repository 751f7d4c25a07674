"""How much faster training on texts is in batches of similar length than padded to the longest.

    python benchmarks/bucketing.py --path imdb50k.csv.gz [--texts 4000] [--rounds 3]

The preset `imdb`, two epochs each on the first training texts: batches as they are made for training, and the same
texts padded to the length that the preset allows. Writes benchmarks/RESULTS.md.
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

from keras_recurrent.layers import paths
from keras_recurrent.pipelines import sentiment
from keras_recurrent.pipelines.request import Request
from keras_recurrent.pipelines.stages.classification import accuracy
from keras_recurrent.pipelines.stages.data import Split, evaluation_batches, training_batches
from keras_recurrent.pipelines.stages.encoding import encoded
from keras_recurrent.pipelines.stages.training import optimizer


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, required=True, help="the reviews, with the columns text, label and split")
    parser.add_argument("--texts", type=int, default=4000, help="training texts")
    parser.add_argument("--rounds", type=int, default=3, help="times that each way is trained for an epoch, in turn")
    options = parser.parse_args()
    given = (f"data.path={options.path.absolute()}", f"data.limit={options.texts}")
    config = Request("sentiment", "imdb", assignments=given).resolve()
    data = sentiment.load(config)
    encoder = sentiment.encoder(config, data)
    train, validation = encoded(data.train, encoder), encoded(data.validation, encoder)
    ways = {"similar lengths": train, "padded to the longest": to_the_longest(train, config.data.length)}
    models = {way: compiled(config, data) for way in ways}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for epoch in range(options.rounds + 1):
        for way, split in ways.items():
            batches = training_batches(split, config.training.batch_size, 0, range(epoch, epoch + 1))
            began = time.perf_counter()
            with paths.few_lengths():
                models[way].fit(batches, verbose=0)
            seconds[way].append(time.perf_counter() - began)
    scores = {way: models[way].evaluate(evaluation_batches(validation), verbose=0)[1] for way in ways}
    medians = {way: statistics.median(each[1:]) for way, each in seconds.items()}  # the first one compiles
    rows = [f"| {way} | {medians[way]:.1f} | {scores[way]:.4f} |" for way in ways]
    ratio = medians["padded to the longest"] / medians["similar lengths"]
    write(
        "Batches of similar length",
        "python benchmarks/bucketing.py --path imdb50k.csv.gz",
        f"Sentiment on {options.texts:,} IMDB reviews of up to {config.data.length} tokens (mean "
        f"{np.mean([len(row) for row in train.inputs]):.0f}), preset imdb; medians of {options.rounds} epochs in turn, "
        f"compilation excluded; accuracy on {len(validation):,} validation reviews after {options.rounds + 1} epochs. "
        f"Padding to the longest takes {ratio:.2f} times as long.",
        "\n".join(["| batches | seconds an epoch | validation accuracy |", "|---|---|---|", *rows]),
    )


def to_the_longest(split: Split, length: int) -> Split:
    """The same sequences, all of one length."""
    rows = np.zeros((len(split), length), np.int32)
    for row, ids in zip(rows, split.inputs, strict=True):
        row[: len(ids)] = ids
    return Split(rows, split.labels)


def compiled(config: sentiment.SentimentConfig, data: sentiment.LabelledTexts) -> keras.Model:
    """The model of the preset, with a constant learning rate."""
    keras.utils.set_random_seed(0)
    model = sentiment.build(config, data, "float32")
    settings = config.training.model_copy(update={"schedule": "constant", "warmup_epochs": 0.0, "learning_rate": 1e-3})
    steps = -(-len(data.train) // settings.batch_size)
    model.compile(optimizer(settings, steps), loss="sparse_categorical_crossentropy", metrics=[accuracy])
    return model


if __name__ == "__main__":
    main()
