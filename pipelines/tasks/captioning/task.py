"""The captioning task: its loss, its scores and baselines, and its export with several searches in one file.

The answers of a model are a dict of `tokens`, int32 `[n, width, time]`, the best first (or `[n, time]`), and `scores`;
the answers of a baseline are captions as lists of words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ...core.pipeline import Findings, Run, Task
from ...export import export_decoder, export_saved_model
from ...runtime.tokens import TokenLevel
from ...runtime.vocabulary import Vocabulary
from ...sequences import agreement
from ...sequences.ids_to_text import ids_to_text
from ...sources import scenes
from ...stages.augmentation import RandomAffine, RandomErasing, RandomLight
from ...stages.preprocessing import halves, with_preprocessor
from . import words
from .answers import answers as answers_of
from .baselines import human_agreement, nearest
from .config import CaptioningConfig
from .examples import CaptionData
from .findings import best
from .free_running import ScoreFreely
from .model import CaptionDecoder, is_caption
from .picture_decoding import DecodePictures
from .picture_features import features
from .pretrained import Application, FrozenUntil, ScaleColours
from .search import SEARCH, CaptionSearch, Search, searching_otherwise, single_steps

MONITOR = "val_cider_d"
LOSS_OF_CIDER = {"tflite_dynamic_range": 0.02, "tflite_float16": 0.02}
"""Largest share of CIDEr-D that each quantized file may lose."""
GREEDY = Search()
ABOUT_METRICS = {
    "bleu_1": "precision of words, with the brevity penalty (Papineni et al. 2002)",
    "bleu_2": "the same up to pairs of words",
    "bleu_3": "the same up to three words in a row",
    "bleu_4": "the same up to four words in a row",
    "cider_d": "agreement with the references in n-grams that tell pictures apart, 0 to 10 (Vedantam et al. 2015)",
    "rouge_l": "F of the longest common subsequence (Lin 2004)",
    "distinct_captions": "share of the captions that are different ones",
    "vocabulary_used": "different words in all captions",
    "attributes_seen": "share of captions with every attribute of the scene right, combinations seen in training",
    "attributes_unseen": "the same, combinations never seen",
}


def compiled(config: CaptioningConfig) -> dict[str, Any]:
    """The training loss and metric, for `compile`."""
    smoothing = config.training.label_smoothing

    def loss(tokens: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Cross-entropy per token with label smoothing, in nats, `[batch]`."""
        tokens, real = ops.cast(tokens, "int32"), is_caption(tokens)
        logp = ops.log_softmax(logits)
        of_token = ops.squeeze(ops.take_along_axis(logp, tokens[..., None], axis=-1), -1)
        likelihood = (1 - smoothing) * of_token + smoothing * ops.mean(logp, axis=-1)
        return -ops.sum(real * likelihood, axis=(1, 2)) / ops.maximum(ops.sum(real, axis=(1, 2)), 1.0)

    return {"loss": loss, "metrics": [accuracy]}


def callbacks(config: CaptioningConfig, data: CaptionData, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
    """Scores the model's own captions after each epoch: the epoch that writes best may differ from the epoch that best
    predicts the words of given captions.
    """

    def cider_d(tokens: np.ndarray) -> float:
        captions = written(data, config.data.level, {"tokens": tokens})
        return float(agreement.cider_d(captions, data.validation.references).mean())

    return [ScoreFreely(MONITOR, batches, cider_d)]


def accuracy(tokens: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the tokens of each image's captions predicted correctly from the tokens before them, `[batch]`."""
    tokens = ops.cast(tokens, "int32")
    real = is_caption(tokens)
    right = ops.cast(ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), tokens), "float32")
    return ops.sum(real * right, axis=(1, 2)) / ops.maximum(ops.sum(real, axis=(1, 2)), 1.0)


def written(data: CaptionData, level: TokenLevel, answers: Any) -> list[list[str]]:
    """The best caption of each image, as words for scoring."""
    if not isinstance(answers, dict):
        return answers
    vocabulary = data.vocabulary
    found = best(answers["tokens"])
    return [vocabulary.named(ids) if level == "word" else words.words(vocabulary.decode(ids)) for ids in found]


def score(config: CaptioningConfig, data: CaptionData, answers: Any) -> dict[str, float]:
    """All metrics of the captions of the test split; for synthetic scenes also the accuracy of the attributes."""
    captions, references = written(data, config.data.level, answers), data.test.references
    return agreement.scores(captions, references) | attributes(data, captions)


def attributes(data: CaptionData, captions: list[list[str]]) -> dict[str, float]:
    """For synthetic scenes, the share of captions that state every attribute as the image's own captions do."""
    if data.kind != "sample":
        return {}
    actual = [scenes.attributes(texts[0]) for texts in data.test.texts]
    right = np.array([scenes.attributes(" ".join(c)) == scene for c, scene in zip(captions, actual, strict=True)])
    unseen = np.array([scenes.is_unseen(scene) for scene in actual if scene is not None])
    return {"attributes_seen": float(right[~unseen].mean()), "attributes_unseen": float(right[unseen].mean())}


def judge(
    run: Run[CaptioningConfig, CaptionData], data: CaptionData, answers: dict[str, np.ndarray], beside: dict[str, Any]
) -> Findings:
    """The scores of the model compared with the baselines, and the captions behind them.

    Args:
        run: The run of the model.
        data: The splits.
        answers: The model's answers for the test split.
        beside: The captions of each baseline; the captions of the nearest training images are added to them.
    """
    config, primary, resamples = run.config, run.primary, run.config.evaluation.bootstrap
    beside = beside | {"nearest_picture": nearest_pictures(run, data)}
    captions, references = written(data, config.data.level, answers), data.test.references
    scores = score(config, data, answers)
    of_baselines = {name: score(config, data, each) for name, each in beside.items()}
    of_pictures = agreement.cider_d(captions, references)
    found = run.pipeline.examine(run, data, answers, captions, of_pictures)
    human = human_agreement(references)
    details = {
        "test": scores,
        "intervals": agreement.intervals(captions, references, resamples),
        "baselines": of_baselines,
        "references": {"human_agreement": human} if human else {},
        "beats_baselines": all(scores[primary] > each[primary] for each in of_baselines.values()),
        "comparisons": {
            name: agreement.paired(of_pictures, agreement.cider_d(each, references), resamples)
            for name, each in beside.items()
        },
        "greedy": score(config, data, otherwise(run, GREEDY, data.test.inputs)),
        **found.details,
    }
    return Findings(details, found.figures, found.pages, found.predictions)


def nearest_pictures(run: Run[CaptioningConfig, CaptionData], data: CaptionData) -> list[list[str]]:
    """For each test image, a caption of the training image with the most similar features."""
    of_train, of_test = (features(run.model, split) for split in (data.train, data.test))
    return nearest(of_train, of_test, data.train.references)


def otherwise(run: Run[CaptioningConfig, CaptionData], search: Search, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """The answers of a run's model with another search, for encoded images."""
    front, model = halves(run.model)
    return answers_of(with_preprocessor(searching_otherwise(model, search), front), pictures)


def tables(scores: Mapping[str, Any]) -> str:
    """Tables of the significance of differences from the baselines, and of human agreement."""
    lines = ["| beside | difference of CIDEr-D | 95% interval | p (sign flips) |", "|---|---|---|---|"]
    for name, found in scores["comparisons"].items():
        interval = " to ".join(f"{bound:+.3f}" for bound in found["interval"])
        lines.append(
            f"| {name.replace('_', ' ')} | {found['difference']:+.3f} | {interval} | {found.get('p_value', '')} |"
        )
    asked = ("bleu_1", "bleu_4", "cider_d", "rouge_l")
    greedy = ", ".join(f"{name} {scores['greedy'][name]:.4f}" for name in asked)
    lines += ["", f"Greedy decoding instead of the beam: {greedy}."]
    if human := scores["references"].get("human_agreement"):
        agreed = ", ".join(f"{name} {human[name]:.4f}" for name in asked)
        lines += ["", f"People beside each other, each caption against the others of its picture: {agreed}."]
    return "\n".join(lines)


def expected(run: Run[CaptioningConfig, CaptionData], pictures: np.ndarray) -> dict[str, np.ndarray]:
    """The answers that exported files must give: those of the search and, with a beam, also the greedy ones."""
    found = run.predict(pictures)
    if run.config.model.beam == 1:
        return found
    return found | {f"greedy_{name}": value for name, value in otherwise(run, GREEDY, pictures).items()}


def proof(config: CaptioningConfig) -> dict[str, Any]:
    """The checks of the exported files, which are compared word by word for each search."""
    greedy = ("greedy",) if config.model.beam > 1 else ()
    signatures = {"saved_model": ("serving_default", *greedy), "tflite": ("decode", *greedy)}
    return {"classes": False, "relative": True, "tolerances": LOSS_OF_CIDER, "signatures": signatures}


def write_saved_model(run: Run[CaptioningConfig, CaptionData], data: CaptionData, path: Path) -> None:
    """Writes the SavedModel from encoded images to captions, by the beam (`serving_default`, `beam`) and `greedy`."""
    front, model = halves(run.model)
    greedy = with_preprocessor(searching_otherwise(model, GREEDY), front)
    serve = in_words(data.vocabulary)
    further = {"greedy": (greedy, serve)}
    export_saved_model(run.model, path, serve, signatures=further | {"beam": (run.model, serve)})


def in_words(vocabulary: Vocabulary) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """A function of TensorFlow operations that adds captions to tokens."""
    to_text = ids_to_text(vocabulary)
    return lambda answers: answers | {"captions": to_text(answers["tokens"])}


def write_tflite(run: Run[CaptioningConfig, CaptionData], path: Path, quantization: str | None, examples: Any) -> None:
    """Writes the TFLite file from pixels to tokens: `decode` searches by the beam, `greedy` greedily."""
    _, model = halves(run.model)
    encoder, step = single_steps(model)
    search = model.get_layer(SEARCH)
    export_decoder(
        encoder,
        step,
        path,
        words.BOUND,
        words.BOUND,
        search.length,
        search.search.width,
        search.search.length_penalty,
        quantization,
        search.search.consensus,
    )


CAPTIONING = Task(
    monitor=MONITOR,
    mode="max",
    together=32,
    metrics=ABOUT_METRICS,
    layers=(
        *(RandomAffine, RandomErasing, RandomLight),
        *(Application, FrozenUntil, ScaleColours),
        *(CaptionDecoder, CaptionSearch, DecodePictures),
    ),
    answers=answers_of,
    compiled=compiled,
    callbacks=callbacks,
    score=score,
    judge=judge,
    tables=tables,
    expected=expected,
    write_saved_model=write_saved_model,
    write_tflite=write_tflite,
    proof=proof,
)
