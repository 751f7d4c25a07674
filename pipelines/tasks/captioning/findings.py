"""The captions of the test images: a table of all of them, and a page of the best and the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.pipeline import Findings
from . import words
from .page import Example, page

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from .config import CaptioningConfig
    from .examples import CaptionData, CaptionedPictures


def examine(
    run: Run[CaptioningConfig, CaptionData],
    data: CaptionData,
    answers: dict[str, np.ndarray],
    captions: list[list[str]],
    scores: np.ndarray,
) -> Findings:
    """The table of predictions, and the page.

    Args:
        run: The run of the model.
        data: The splits.
        answers: The model's answers for the test split.
        captions: The same answers as words.
        scores: CIDEr-D of each caption.
    """
    table = pd.DataFrame(
        {
            "picture": data.test.names,
            "caption": [" ".join(caption) for caption in captions],
            "cider_d": scores.round(6),
            "score": best(answers["scores"]).round(6),
            "references": [" | ".join(texts) for texts in data.test.texts],
        }
    )
    order, count = np.argsort(-scores, kind="stable"), run.config.evaluation.shown
    count = min(count, len(order) // 2)
    if not count:
        return Findings(predictions=table)
    shown = np.concatenate([order[:count], order[-count:][::-1]])
    examples = illustrated(run, data.test[shown], best(answers["tokens"])[shown], scores[shown])
    written = page(examples[:count], examples[count:], f"{run.pipeline.name}, {run.config.preset}: test pictures")
    return Findings(pages={"captions": written}, predictions=table)


def best(of_beam: np.ndarray) -> np.ndarray:
    """Tokens `[n, time]`, or scores `[n]`, of the best caption of each image; a greedy search gives only this one."""
    of_one = 1 if of_beam.dtype.kind == "f" else 2
    return of_beam if of_beam.ndim == of_one else of_beam[:, 0]


def illustrated(
    run: Run[CaptioningConfig, CaptionData], split: CaptionedPictures, tokens: np.ndarray, scores: np.ndarray
) -> list[Example]:
    """Images with everything that the page shows about them."""
    from .picture_features import views

    images = split.pixels()
    weights = views(run.model, images, tokens)
    vocabulary = words.of_run(run)
    return [
        Example(
            name=split.names[row],
            image=images[row],
            caption=vocabulary.decode(ids),
            words=vocabulary.named(ids),
            weights=None if weights is None else weights[row, : len(vocabulary.named(ids))],
            references=list(split.texts[row]),
            score=float(scores[row]),
        )
        for row, ids in enumerate(tokens)
    ]
