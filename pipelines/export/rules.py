"""Defines what an artefact is compared with, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import ExportError
from .judging import FLOAT_KINDS
from .outputs import Output, read

SCORES = "scores"
"""Name in messages for the outputs where only one of them matters."""


class Rules:
    """The checked arguments of `check_export`.

    `expected` is always a dict of outputs, and `measure` takes such a dict; `by_name` is true if the user gave a dict.
    `reference` is the primary metric of the model. `names` holds the names of tokens and classes by output.
    """

    def __init__(
        self,
        expected: Any,
        score: Callable[[Any], Mapping[str, float]] | None,
        primary: str | None,
        class_names: Sequence[str] | Mapping[str, Sequence[str]] | None,
        lower_is_better: bool,
        classes: bool,
        least_size: float,
        relative: bool,
        lengths: Any,
        padding: Any,
    ) -> None:
        self.by_name = isinstance(expected, dict)
        named = self._named(expected)
        self.lengths = {
            name: each if isinstance(each, str) else np.asarray(each) for name, each in self._named(lengths).items()
        }
        self.padding = self._named(padding)
        self.names = class_names if isinstance(class_names, Mapping) else dict.fromkeys(named, class_names)
        _check_ends(named, self.lengths, self.padding)
        self.expected = {name: self._expected(name, named) for name in named}
        rows = {name: len(output) for name, output in self.expected.items()}
        if len(set(rows.values())) > 1:
            raise ValueError(f"Expected outputs with as many rows each, got {rows}.")
        self.score, self.primary = score, primary
        self.lower_is_better, self.relative = lower_is_better, relative
        self.classes, self.least_size = classes, least_size
        metrics = self.measure(self.expected)
        if score and primary not in metrics:
            raise ValueError(f"The metrics {sorted(metrics)} do not hold the primary one, {primary!r}.")
        self.reference = float(metrics[primary]) if score and primary else None

    def _named(self, given: Any) -> dict[str, Any]:
        """An argument as a dict by output name; a single value belongs to the only output."""
        if given is None:
            return {}
        return given if self.by_name else {SCORES: given}

    def _expected(self, name: str, named: Mapping[str, Any]) -> Output:
        try:
            output = self._read(name, named)
        except ValueError as error:
            raise ValueError(f"The expected {name} {error}.") from error
        lengths = self.lengths.get(name)
        if isinstance(lengths, np.ndarray) and not np.array_equal(output.counts, lengths.reshape(-1)):
            number = int((output.counts != lengths.reshape(-1)).argmax())
            steps = f"{output.counts[number]} steps, where `lengths` says {lengths.reshape(-1)[number]}"
            raise ValueError(f"The expected {name} of row {number // output.width} have {steps}.")
        if output.steps.dtype.kind == "f" and not np.isfinite(output.steps).all():
            row = output.rows[~np.isfinite(output.steps.reshape(len(output.steps), -1)).all(axis=1)][0]
            raise ValueError(
                f"The expected {name} of row {row} are NaN or infinite: nothing can be compared with them."
            )
        return output

    def _read(self, name: str, answers: Mapping[str, Any], ends_known: bool | None = None) -> Output:
        lengths = self.lengths.get(name)
        lengths = np.asarray(answers[lengths]) if isinstance(lengths, str) else lengths
        if lengths is not None:
            lengths = lengths[: len(answers[name])]
        return read(answers[name], lengths, self.padding.get(name), ends_known)

    def read(self, answers: Mapping[str, Any]) -> dict[str, Output]:
        """Reads the outputs of a file by name; rows of ragged tensors are lists.

        Raises:
            ExportError: If an output cannot be compared.
        """
        outputs = {}
        for name, values in answers.items():
            try:
                outputs[name] = self._read(name, answers, ends_known=isinstance(values, list))
            except ValueError as error:
                raise ExportError(f"The {name} {error}.") from error
        return outputs

    def check_kinds(self, kinds: Iterable[str]) -> None:
        """Refuses to judge tokens of quantised files by their distance from the model's tokens.

        Raises:
            ValueError: If a quantised file gives tokens and there is no score.
        """
        tokens = [
            name
            for name, output in self.expected.items()
            if output.is_text or (output.is_tokens and output.lengths is not None)
        ]
        quantised = sorted(set(kinds) - set(FLOAT_KINDS))
        if quantised and tokens and not self.score:
            raise ValueError(f"The {', '.join(tokens)} of {', '.join(quantised)} are judged by a `score`: give one.")

    def measure(self, outputs: Mapping[str, Output]) -> Mapping[str, float]:
        """The metrics of outputs by name; empty without a score."""
        if not self.score:
            return {}
        values = {name: output.values for name, output in outputs.items()}
        return self.score(values if self.by_name else values[SCORES])


def _check_ends(expected: Mapping[str, Any], lengths: Mapping[str, Any], padding: Mapping[str, Any]) -> None:
    """Refuses `lengths` and `padding` for outputs that are not expected, both for one output, and invalid lengths."""
    if unknown := sorted({*lengths, *padding} - set(expected)):
        raise ValueError(f"`lengths` and `padding` name outputs that are not expected: {', '.join(unknown)}.")
    if both := sorted(set(lengths) & set(padding)):
        raise ValueError(f"Expected either `lengths` or `padding`, not both, of {', '.join(both)}.")
    for name, each in lengths.items():
        if isinstance(each, str) and each not in expected:
            raise ValueError(f"The lengths of {name} are to be the output {each!r}, which is not expected.")
        rows = len(expected[name])
        if not isinstance(each, str) and (each.dtype.kind not in "iu" or each.shape[:1] != (rows,) or (each < 0).any()):
            raise ValueError(f"Expected the lengths of {name} as {rows} integers of at least 0, a row each.")
