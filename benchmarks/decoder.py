"""Teacher forcing of the decoder of captions: time as a loop beside time unrolled in Python.

    python benchmarks/decoder.py [--steps 25]

The decoder of the preset `ucm` (LSTM of 256 units, 8 x 8 places of 384 channels, 64 captions a step, mixed bfloat16)
with and without attention, for captions of 20 and 60 tokens: seconds from its making to the end of the first training
step, and milliseconds of a later one. Both ways compute the same from the same weights and take turns, step by step.
Writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from results import write

from keras_recurrent.pipelines.tasks.captioning.model import CaptionDecoder

IMAGES, CAPTIONS, PLACES, VOCABULARY = 32, 2, (8, 8, 384), 320
UNITS, ATTENTION = 256, 128
LENGTHS = (20, 60)


class Unrolled(CaptionDecoder):
    """The same decoder, whose graph holds every time step."""

    def _named(self, before, states, memory, training=False):
        x = self.dropout(self.embedding(before), training=training)
        steps = []
        for time_step in range(before.shape[1]):
            outputs, states = self._advance(x[:, time_step], states, memory)
            steps.append(outputs)
        h, *seen = (ops.stack(each, axis=1) for each in zip(*steps, strict=True))
        return self._logits(x, h, seen, training), seen[-1] if seen else None


WAYS = {"loop": CaptionDecoder, "unrolled": Unrolled}


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=25, help="timed steps of each way")
    options = parser.parse_args()
    training_step("loop", None, 2)()  # starts TensorFlow
    lines = [
        "| decoder | tokens | first step, s: loop | unrolled | ratio | later step, ms: loop | unrolled | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, attention in (("attention", ATTENTION), ("no attention", None)):
        for length in LENGTHS:
            first, later = measure(attention, length, options.steps)
            row = f"| {name} | {length} "
            for times, form in ((first, ".1f"), (later, ".0f")):
                row += f"| {times['loop']:{form}} | {times['unrolled']:{form}} "
                row += f"| {times['loop'] / times['unrolled']:.2f} "
            lines.append(row + "|")
            print(lines[-1])
    write(
        "Decoder",
        "python benchmarks/decoder.py",
        f"One training step (gradient and AdamW) of an LSTM of {UNITS} units on {IMAGES * CAPTIONS} captions in mixed "
        "bfloat16. The first step is timed from the making of the decoder on, so that it holds the tracing of the "
        f"graph; later ones are the median of {options.steps}, in which the two ways take turns, so that "
        "other processes slow both: compare the ratios. With attention the loop is that of `keras.layers.RNN`, without "
        "it is the path that the recurrent layer chooses.",
        "\n".join(lines),
    )


def measure(attention: int | None, length: int, steps: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of the first step, and median milliseconds of the later ones, by way."""
    first, trained, losses = {}, {}, []
    for way in WAYS:
        began = time.perf_counter()
        trained[way] = training_step(way, attention, length)
        losses.append(trained[way]())
        first[way] = time.perf_counter() - began
    np.testing.assert_allclose(*losses, rtol=0.02)
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(steps):
        for way, step in trained.items():
            began = time.perf_counter()
            step()
            taken[way].append(time.perf_counter() - began)
    return first, {way: 1e3 * statistics.median(times) for way, times in taken.items()}


def training_step(way: str, attention: int | None, length: int) -> Callable[[], float]:
    """A function that takes one step of training, and gives the loss before it."""
    random = np.random.default_rng(0)
    features = tf.constant(random.normal(size=(IMAGES, *PLACES)), tf.float32)
    tokens = tf.constant(random.integers(2, VOCABULARY, (IMAGES, CAPTIONS, length)), tf.int32)
    keras.utils.set_random_seed(0)
    decoder = WAYS[way](VOCABULARY, "lstm", UNITS, UNITS, attention, 0.3, dtype="mixed_bfloat16")
    decoder.build((None, *PLACES), (None, None, length))
    optimizer = keras.optimizers.AdamW(0.004)
    optimizer.build(decoder.trainable_variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = decoder(features, tokens, training=True)
            loss = ops.mean(keras.losses.sparse_categorical_crossentropy(tokens, logits, from_logits=True))
        variables = decoder.trainable_variables
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return loss

    return lambda: float(step())


if __name__ == "__main__":
    main()
