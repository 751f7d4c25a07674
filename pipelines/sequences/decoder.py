"""Decoders of tokens: the interface for a search, and the loop over whole sequences in training.

A search runs step by step, since each token depends on the previous one. In training all tokens are known (teacher
forcing: Williams and Zipser 1989), and a recurrent layer loops over time: a decoder without attention runs the
recurrent layer of its cell, and a decoder whose inputs depend on its last output runs `over_time`.
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
    """A network that scores the next token from a state that summarises all previous tokens.

    A decoder is a Keras layer with its own weights; `search.SequenceSearch` and the exported files need only these two
    methods. Rows are sequences that are decoded together.
    """

    def begin(self, inputs: Any) -> tuple[list[Tensor], list[Tensor]]:
        """States and memory before the first token.

        Args:
            inputs: Input of the decoder, such as the output of an encoder: a tensor `[rows, ...]`, or a structure of
                tensors.

        Returns:
            Tuple `(states, memory)` of lists of tensors `[rows, ...]`. The states change from token to token; the
            memory, such as the input of an attention, stays constant and may be empty.
        """

    def step(self, tokens: Tensor, states: list[Tensor], memory: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Reads one token.

        Args:
            tokens: The last token of each row, int32 `[rows]`.
            states: The states from `begin` or from the previous step.
            memory: The memory from `begin`.

        Returns:
            Tuple `(logits, states)`: logits of the next token, float32 `[rows, vocabulary]`, and the new states, with
            the shapes and dtypes of the old ones.
        """


def over_time(
    step: Step, sequences: Tensor, states: list[Tensor], sizes: Sequence[int]
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs a step over time in the loop of `keras.layers.RNN`, whose graph does not grow with the number of time steps.

    Args:
        step: Maps `x [rows, features]` and states to `(outputs, states)`, both lists of tensors `[rows, size]`. It may
            use further tensors, such as a memory, which stay the same at every time step.
        sequences: `[rows, time, features]`; the loop runs in their dtype.
        states: States before the first time step, `[rows, size]`.
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
    """A function of one time step as a cell for `keras.layers.RNN`; the layer that defines it keeps the weights."""

    def __init__(self, step: Step, state_size: list[int], output_size: int, dtype: str) -> None:
        self.of_step, self.state_size, self.output_size, self.compute_dtype = step, state_size, output_size, dtype

    def call(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Runs one time step and concatenates its outputs."""
        outputs, states = self.of_step(x, list(states))
        return ops.concatenate(outputs, axis=-1), states

    __call__ = call
