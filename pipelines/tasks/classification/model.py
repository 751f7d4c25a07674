"""Classifier head: from feature vectors to probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import keras


def classifier(
    *features: keras.KerasTensor, classes: int, positions: int = 1, beside: Sequence[keras.KerasTensor] = ()
) -> keras.KerasTensor:
    """Probabilities from feature vectors, in float32 whatever the precision of the layers before.

    Args:
        *features: Feature vectors `[batch, units]` of each network; `OpinionPool` joins the answers of several.
        classes: Number of classes.
        positions: Number of labels of an example; with more than one, each gets its own softmax.
        beside: Scores `[batch, classes]` of other models, which take part in `OpinionPool` too.

    Returns:
        `[batch, classes]`, or `[batch, positions, classes]`, named `probabilities`.
    """
    scores = []
    for number, vector in enumerate(features, 1):
        ending = f"_{number}" if len(features) > 1 else ""
        score = keras.layers.Dense(positions * classes, dtype="float32", name=f"scores{ending}")(vector)
        if positions > 1:
            score = keras.layers.Reshape((positions, classes), name=f"per_position{ending}")(score)
        scores.append(score)
    if len(scores) + len(beside) > 1:
        return OpinionPool(dtype="float32", name="probabilities")([*scores, *beside])
    return keras.layers.Softmax(dtype="float32", name="probabilities")(scores[0])


@keras.saving.register_keras_serializable("keras_recurrent")
class OpinionPool(keras.layers.Layer):
    """The geometric mean of the probabilities of several networks, `p(c) ~ (prod_k p_k(c))^(1/K)`.

    During training the mean is not normalized to a sum of 1, so its cross-entropy equals the mean of the networks' own
    cross-entropies: each network learns to answer alone, and none relies on another. For the same reason the training
    and validation losses cannot be compared. It is the product of experts of Hinton 1999 (Products of Experts, ICANN)
    with equal weights, also called logarithmic opinion pool.

    Call arguments:
        scores: Logits of the networks, each `(..., classes)`.

    Returns:
        Tensor of shape `(..., classes)`.

    Example:

    >>> import numpy as np
    >>> pool = OpinionPool()
    >>> pool([np.log([[0.9, 0.1]]), np.log([[0.5, 0.5]])]).numpy().round(3).tolist()  # sqrt(.45) : sqrt(.05)
    [[0.75, 0.25]]
    """

    def call(self, scores: list[keras.KerasTensor], training: bool = False) -> keras.KerasTensor:
        ops = keras.ops
        mean = ops.mean(ops.stack([ops.log_softmax(each) for each in scores]), axis=0)
        return ops.exp(mean) if training else ops.softmax(mean)

    def compute_output_shape(self, shapes: list[tuple]) -> tuple:
        return shapes[0]
