"""The `predict` command for images: files and folders in, captions out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
import typer

from ...core.console import progress
from ...core.errors import DataError, UsageError
from ...sources import picture_files
from ...sources.picture_folders import is_picture
from ...stages import prediction
from . import words
from .findings import best

if TYPE_CHECKING:
    from ...core.pipeline import Run
    from .config import CaptioningConfig
    from .examples import CaptionData
    from .search import Search


def predict(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Picture files, and folders of them.")],
    beam: Annotated[int | None, typer.Option(min=1, max=20, help="Width of the beam; 1 is greedy.")] = None,
    length_penalty: Annotated[
        float | None, typer.Option(min=0, max=2, help="Of the beam, instead of a consensus.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, max=10, help="Draw words instead: the lower, the likelier ones.")
    ] = None,
    nucleus: Annotated[
        float, typer.Option(min=0.01, max=1, help="Draw from the likeliest words of that probability together.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing.")] = 0,
    best_of: Annotated[int, typer.Option("--n-best", min=1, max=20, help="Captions of each picture, best first.")] = 1,
    attention: Annotated[
        Path | None, typer.Option(help="Draw where the model looked at each word into a PNG file.")
    ] = None,
    to: prediction.To = None,
    quiet: prediction.Quiet = False,
    as_json: prediction.Json = False,
) -> None:
    """Write captions of images. The score is the log probability of a caption, after the length penalty, or its
    agreement with the other captions of the beam if the beam is compared by consensus.
    """
    run: Run[CaptioningConfig, CaptionData] = context.obj
    console = progress(quiet)
    prediction.refuse_existing(to)
    prediction.refuse_existing(attention, "--attention")
    files = listed(paths)
    if attention is not None and len(files) > 1:
        raise UsageError(f"--attention draws one picture; {len(files)} were given.")
    if attention is not None and run.config.model.attention is None:
        raise UsageError(f"--attention: the model of {run.path} has none; train one with model.attention=128.")
    if nucleus < 1 and temperature is None:
        raise UsageError("--nucleus is for drawing; add --temperature 1.")
    chosen = searched(run, beam, length_penalty, temperature, nucleus, seed, best_of)
    contents = np.empty(len(files), object)
    for row, file in enumerate(files):
        contents[row], treatments = picture_files.normalised(_read(file), str(file))
        if treatments:
            console.print(f"{file}: {', '.join(treatments)}", highlight=False, markup=False, soft_wrap=True)
    answers = answered(run, chosen, contents)
    prediction.show(table(run, files, answers, best_of), (), to, as_json)
    if attention is not None:
        draw(run, contents, best(answers["tokens"]), attention)


def listed(paths: list[Path]) -> list[Path]:
    """Lists image files; a folder adds its image files in the order of their names, without hidden ones.

    Raises:
        DataError: If a file or folder does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder.")
        inside = _inside(path) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: this folder holds no picture (.jpg, .png, ...).")
        found += inside
    return found


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_picture(path.name) and not path.name.startswith("."))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from None


def searched(
    run: Run[CaptioningConfig, CaptionData],
    beam: int | None,
    length_penalty: float | None,
    temperature: float | None,
    nucleus: float,
    seed: int,
    best_of: int,
) -> Search:
    """The search that the options ask for; by default the search of the run.

    Raises:
        UsageError: If options contradict each other.
    """
    from .search import Search

    model = run.config.model
    if temperature is not None:
        if beam is not None or length_penalty is not None or best_of > 1:
            raise UsageError("--temperature draws one caption; it goes without --beam, --length-penalty and --n-best.")
        return Search(temperature=temperature, nucleus=nucleus, seed=seed)
    width = beam or max(model.beam, best_of)
    if best_of > width:
        raise UsageError(f"--n-best {best_of}: a beam of {width} has no more than {width}; widen --beam.")
    if length_penalty is not None:
        return Search(width, length_penalty)
    return Search(width, model.length_penalty, model.consensus and width > 1)


def answered(run: Run[CaptioningConfig, CaptionData], search: Search, contents: np.ndarray) -> dict[str, np.ndarray]:
    """Tokens and scores for encoded images."""
    from .task import otherwise

    return otherwise(run, search, contents)


def table(
    run: Run[CaptioningConfig, CaptionData], files: list[Path], answers: dict[str, np.ndarray], best_of: int
) -> pd.DataFrame:
    """A row for each caption: `picture`, `caption`, `score`, and `rank` if an image has several captions."""
    tokens, scores = answers["tokens"], answers["scores"]
    if tokens.ndim == 2:
        tokens, scores = tokens[:, None], scores[:, None]
    vocabulary = words.of_run(run)
    rows = [
        {
            "picture": str(file),
            **({"rank": rank + 1} if best_of > 1 else {}),
            "caption": vocabulary.decode(ids),
            "score": round(float(scores[row, rank]), 6),
        }
        for row, file in enumerate(files)
        for rank, ids in enumerate(tokens[row, :best_of])
    ]
    return pd.DataFrame(rows)


def draw(run: Run[CaptioningConfig, CaptionData], contents: np.ndarray, tokens: np.ndarray, path: Path) -> None:
    """Writes a figure of one image and the attention at each word of its caption."""
    import tensorflow as tf

    from ...stages import plots
    from ...stages.preprocessing import halves
    from .attention_maps import draw as drawn
    from .picture_features import views

    front, _ = halves(run.model)
    assert front is not None, "a captioner decodes pictures"
    images = np.asarray(front(tf.constant(list(contents))))
    vocabulary = words.of_run(run)
    caption = vocabulary.named(tokens[0])
    weights = views(run.model, images, tokens)
    of_words = None if weights is None else weights[0, : len(caption)]
    plots.save(drawn(images[0], caption, of_words, vocabulary.decode(tokens[0])), path)
