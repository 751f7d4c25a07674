"""Examines the answers of a text classifier: where it fails, and how an answer comes about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...core.pipeline import Findings
from ...runtime.tokens import padded
from ...runtime.vocabulary import as_read
from ...stages.pages import page
from ...stages.plots import literal
from ..classification import plots
from . import explanation

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from .data import LabelledTexts

NEGATION = re.compile(
    r"\b(?:not|no|never|nothing|nobody|none|neither|nor|hardly|barely|without|cannot)\b|n['’]t\b"
    r"|[不沒没未別别無无]",
    re.IGNORECASE,
)
GROUPS = 5
TRACED, SHORTEST, LONGEST = 6, 5, 40
TEMPLATE = Path(__file__).with_name("worst_mistakes.html.jinja")


def examine(run: Run, data: LabelledTexts, probabilities: np.ndarray, worst: list[int]) -> Findings:
    """Scores by length and by negation, the worst mistakes as text, and on request answers token by token."""
    right = probabilities.argmax(-1) == data.test.labels
    lengths = np.array([len(data.vocabulary.split(text)) for text in data.test.inputs])
    negated = np.array([bool(NEGATION.search(text)) for text in data.test.inputs])
    groups = {
        "by_length": ("tokens", by_group(right, *_length_groups(lengths))),
        "by_negation": ("negation", by_group(right, np.where(negated, 1, 0), ["without a negation", "with one"])),
    }
    figures = {name: plots.scores_by_group(table, "accuracy", title) for name, (title, table) in groups.items()}
    if run.config.evaluation.trace:
        figures["trace"] = trace(run, data, lengths)
    details = {name: table.to_dict("records") for name, (_, table) in groups.items()}
    if run.config.model.convolution or run.config.model.ngrams:
        details["alone"] = accuracy_alone(run, data)
    return Findings(
        details=details,
        figures=figures,
        pages={"worst_mistakes": mistakes_page(run, data, probabilities, worst)},
    )


def accuracy_alone(run: Run, data: LabelledTexts) -> dict[str, float]:
    """The accuracy on the test split of each of the models that answer together, without the others."""
    import keras

    from ....layers import paths
    from ...stages.data import evaluation_batches
    from ...stages.preprocessing import halves, preprocessed

    settings = run.config.model
    names = ["recurrent", *["convolution"] * bool(settings.convolution), *["ngrams"] * bool(settings.ngrams)]
    preprocessor, model = halves(run.model)
    parts = keras.Model(model.input, model.get_layer("probabilities").input)
    batches = evaluation_batches(preprocessed(data.test, preprocessor))
    labels = np.concatenate([labels for _, labels in batches.as_numpy_iterator()])
    with paths.few_lengths():
        scores = parts.predict(batches, verbose=0)
    return {name: float((each.argmax(-1) == labels).mean()) for name, each in zip(names, scores, strict=True)}


def by_group(right: np.ndarray, group: np.ndarray, names: list[str]) -> pd.DataFrame:
    """The accuracy of each group of examples, with Wilson's 95% interval; the table leaves out empty groups.

    >>> by_group(np.array([True, False, True]), np.array([0, 0, 2]), ["a", "b", "c"]).round(2).to_dict("records")[0]
    {'group': 'a', 'score': 0.5, 'low': 0.09, 'high': 0.91, 'count': 2}
    """
    from scipy.stats import binomtest

    rows = []
    for number, name in enumerate(names):
        hits, count = int(right[group == number].sum()), int((group == number).sum())
        if count:
            low, high = binomtest(hits, count).proportion_ci(method="wilson")
            rows.append((name, hits / count, float(low), float(high), count))
    return pd.DataFrame(rows, columns=["group", "score", "low", "high", "count"])


def _length_groups(lengths: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The group of each text by its number of tokens, and the groups' names; the groups are as equal as possible."""
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, GROUPS + 1)[1:-1], method="higher"))
    begins = [int(lengths.min()), *(int(edge) + 1 for edge in edges)]
    ends = [*(int(edge) for edge in edges), int(lengths.max())]
    names = [f"{begin:,} to {end:,}" for begin, end in zip(begins, ends, strict=True)]
    return np.searchsorted(edges, lengths), names


def mistakes_page(run: Run, data: LabelledTexts, probabilities: np.ndarray, worst: list[int]) -> str:
    """The worst mistakes as HTML: the text that the model read, darker where more of the answer rests on it."""
    texts = [data.test.inputs[row] for row in worst]
    explained = run.config.model.pooling in explanation.EXPLAINED
    read = explanation.weights(run, texts) if explained and texts else [([text], np.zeros(1)) for text in texts]
    mistakes = [
        {
            "row": row,
            "label": data.classes[data.test.labels[row]],
            "answer": data.classes[probabilities[row].argmax()],
            "probability": probabilities[row].max(),
            "words": list(zip(words, weights / max(float(weights.max()), 1e-9), strict=True)),
        }
        for row, (words, weights) in zip(worst, read, strict=True)
    ]
    between = "" if run.config.data.level in ("character", "byte") else " "
    return page(TEMPLATE, mistakes=mistakes, explained=explained, between=between)


def trace(run: Run, data: LabelledTexts, lengths: np.ndarray) -> Figure:
    """Plots how the answer evolves over some short texts: each point is the answer to all tokens so far."""
    from ...sequences.examples import Texts
    from ...stages.preprocessing import halves, preprocessed

    preprocessor, model = halves(run.model)
    fitting = np.flatnonzero((lengths >= SHORTEST) & (lengths <= LONGEST))
    rows = (fitting if len(fitting) else np.argsort(lengths, kind="stable"))[:TRACED]
    figure, names = Figure(figsize=(11, 2.3 * len(rows)), layout="constrained"), [*map(literal, data.classes)]
    ids = preprocessed(Texts(data.test.inputs[rows], data.test.labels[rows]), preprocessor).inputs
    for axes, row, numbers in zip(np.atleast_1d(figure.subplots(len(rows), 1)), rows, ids, strict=True):
        prefixes = padded([numbers[: end + 1] for end in range(len(numbers))])
        answers = model.predict(prefixes, batch_size=256, verbose=0)
        words = as_read(data.test.inputs[row], data.vocabulary, run.config.data.length, run.config.data.keep)
        for number in range(1 if len(data.classes) == 2 else 0, len(data.classes)):
            axes.plot(answers[:, number], "o-", markersize=3, label=names[number])
        axes.set(ylim=(-0.03, 1.03), ylabel="probability", xlim=(-0.5, len(words) - 0.5))
        axes.set_title(f"is {names[data.test.labels[row]]}", fontsize=9)
        axes.set_xticks(range(len(words)), [*map(literal, words)], rotation=60, ha="right", fontsize=8)
        axes.axhline(0.5, color="gray", linewidth=0.6, linestyle="--")
        axes.legend(loc="center right", fontsize=8)
    return figure
