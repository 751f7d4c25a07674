"""Decoders of tokens: what a search asks of one, and how one reads a whole sequence in training.

A search takes one step after another, since each token depends on the one before. In training all tokens are given
(teacher forcing: Williams and Zipser 1989), and time is the ordinary loop of a recurrent layer: a decoder without
attention runs the recurrent layer of its cell, one whose inputs depend on its last output runs `over_time`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import keras
from keras import ops

Tensor: TypeAlias = keras.KerasTensor
Step: TypeAlias = Callable[[Tensor, list[Tensor]], tuple[list[Tensor], list[Tensor]]]


class Decoder(Protocol):
    """A network that scores the next token, given a state that sums up all tokens before.

    A Keras layer that keeps its weights with it; `search.SequenceSearch` and the exported files stand on these two
    methods alone. Rows are sequences that are decoded at once.
    """

    def begin(self, inputs: Any) -> tuple[list[Tensor], list[Tensor]]:
        """What is known before the first token.

        Args:
            inputs: What is decoded, such as the output of an encoder: a tensor `[rows, ...]`, or a structure of them.

        Returns:
            Tuple `(states, memory)` of lists of tensors `[rows, ...]`. States change from token to token; the memory,
            such as what is attended to, stays, and may be empty.
        """

    def step(self, tokens: Tensor, states: list[Tensor], memory: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Reads one token.

        Args:
            tokens: The last token of each row, int32 `[rows]`.
            states: As `begin` or the step before gave them.
            memory: As `begin` gave it.

        Returns:
            Tuple `(logits, states)`: logits of the next token, float32 `[rows, vocabulary]`, and the new states, whose
            shapes and dtypes are those of the states before.
        """


def over_time(
    step: Step, sequences: Tensor, states: list[Tensor], sizes: Sequence[int]
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs a step over time in the loop of `keras.layers.RNN`, whose graph does not grow with the time.

    Args:
        step: From `x [rows, features]` and states to `(outputs, states)`, both lists of tensors `[rows, size]`. It may
            use other tensors, such as a memory, which are the same at every time step.
        sequences: `[rows, time, features]`; their dtype is that of the loop.
        states: Those before the first time step, `[rows, size]`.
        sizes: Sizes of the outputs.

    Returns:
        Tuple `(outputs, states)`: tensors `[rows, time, size]`, and the states after the last time step.

    Example:

    >>> import numpy as np
    >>> x = np.arange(4.0, dtype="float32").reshape(1, 4, 1)
    >>> def step(x, states):
    ...     return [x + states[0], x * x], [x + states[0]]
    >>> (sums, squares), _ = over_time(step, x, [x[:, 0]], [1, 1])
    >>> sums.numpy().ravel().tolist(), squares.numpy().ravel().tolist()
    ([0.0, 1.0, 3.0, 6.0], [0.0, 1.0, 4.0, 9.0])
    """
    dtype = keras.backend.standardize_dtype(sequences.dtype)
    cell = _Cell(step, [state.shape[-1] for state in states], sum(sizes), dtype)
    walk = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=dtype)
    outputs, *states = walk(sequences, initial_state=states)
    *ends, _ = itertools.accumulate(sizes)
    return ops.split(outputs, ends, axis=-1), states


class _Cell:
    """A function of one time step as `keras.layers.RNN` takes it; the weights stay with the layer that gave it."""

    def __init__(self, step: Step, state_size: list[int], output_size: int, dtype: str) -> None:
        self.of_step, self.state_size, self.output_size, self.compute_dtype = step, state_size, output_size, dtype

    def call(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One time step, its outputs side by side."""
        outputs, states = self.of_step(x, list(states))
        return ops.concatenate(outputs, axis=-1), states

    __call__ = call
