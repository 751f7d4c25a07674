"""Image features from an encoder that never changes: computed once, kept in a file, read row by row.

The name of a file is a hash of everything that the features depend on: the pixels of the images in their order, the
side to which they are resized, the encoder and its weights. Features are rounded to float16.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core import files
from ...core.errors import DataError, PipelineError
from . import applications

if TYPE_CHECKING:
    import keras

    from ...core.data import Examples
    from .config import CaptioningModel

FEATURES = "features"
FORMAT = 1  # version of the file format, and of how images are decoded and resized before the encoder
BATCH = 64
STALE = 3600  # seconds without a new batch after which an unfinished file counts as left by a killed process


def default_folder() -> Path:
    """The default folder of features (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "keras_recurrent" / "features"


@dataclass(frozen=True)
class FeatureCache:
    """A folder of features, and the encoder that computes them.

    Attributes:
        folder: Folder of the files.
        model: The section `model` of a configuration.
        side: Pixels of each side of the images.
    """

    folder: Path
    model: CaptioningModel
    side: int

    def features(self, pictures: Examples, digests: tuple[str, ...]) -> np.ndarray:
        """The features of some images, `[n, rows, columns, channels]` float16, memory-mapped from their file.

        Args:
            pictures: Decoded images, under the name `image`.
            digests: Hash of the pixels of each image.

        Raises:
            DataError: If the file of weights is missing or unusable, or if float16 can't hold a feature.
            PipelineError: If the folder can't be written.
        """
        path = self.path(digests)
        kept = _opened(path, len(pictures))
        if kept is None:
            self._write(path, pictures)
            kept = _opened(path, len(pictures))
        if kept is None:
            raise PipelineError(f"can't read the features in {path}. Keep them elsewhere: --set data.cache=DIR.")
        return kept

    def path(self, digests: tuple[str, ...]) -> Path:
        """The file with the features of images with these digests."""
        weights = applications.weights_file(self.model, self.side)
        assert weights is not None, "the features of random weights are not kept"
        about = [FORMAT, self.model.encoder, applications.digest(weights), self.side, digests]
        name = hashlib.blake2b(json.dumps(about).encode(), digest_size=16).hexdigest()
        return self.folder / f"{name}.npy"

    def _write(self, path: Path, pictures: Examples) -> None:
        """Computes all features batch by batch, into a file that is complete or absent."""
        from .image_encoder import image_encoder

        encoder = image_encoder(self.model, self.side)
        shape = (len(pictures), *encoder.output_shape[1:])
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)), "fortran_order": False, "shape": shape}
        own = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.npy")  # another process may compute the same features
        try:
            _remove_stale(path)
            with files.whole(own) as temporary, temporary.open("wb") as stream:
                np.lib.format.write_array_header_1_0(stream, header)
                for batch in _computed(encoder, pictures):
                    stream.write(batch.tobytes())
            os.replace(own, path)
        except DataError:
            raise
        except (PipelineError, OSError) as error:
            raise PipelineError(f"{error} Features are kept in another folder with --set data.cache=DIR.") from error


def _remove_stale(path: Path) -> None:
    """Removes files of the same features that killed processes left; a live process still writes to its own."""
    for left in path.parent.glob(f"*{path.stem}.*.npy"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def _computed(encoder: keras.Model, pictures: Examples) -> Iterator[np.ndarray]:
    """Batches of features `[batch, rows, columns, channels]` float16, in the order of the images."""
    import tensorflow as tf

    from ...stages.data import evaluation_batches

    see = tf.function(lambda image: encoder(image, training=False), reduce_retracing=True)
    for inputs, _ in evaluation_batches(pictures, BATCH):
        with np.errstate(over="ignore"):
            features = see(inputs["image"]).numpy().astype(np.float16)
        if not np.isfinite(features).all():
            largest = np.finfo(np.float16).max
            raise DataError(
                f"the encoder gives features that are no numbers up to {largest:,.0f}; look at its weights."
            )
        yield features


def _opened(path: Path, count: int) -> np.ndarray | None:
    """Memory-maps the features of `count` images; None if the file is missing or damaged."""
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = isinstance(features, np.ndarray) and features.dtype == np.float16 and features.ndim == 4
    return features if fits and len(features) == count else None
