"""Captions of images from exported files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import ArtifactError
from .interpreter import interpreter
from .vocabulary import Vocabulary

SETTINGS = "captions.json"
"""The file beside `vocabulary.txt` that gives the level of the tokens and the side of the images in pixels."""


class Captioner:
    """Captions images with a TensorFlow Lite file.

    Args:
        path: The file, with `vocabulary.txt` and `captions.json` beside it, as `keras-recurrent` exports a captioner.
        num_threads: Number of threads that the interpreter may use.

    Raises:
        ArtifactError: If a file is missing, damaged or of the wrong kind.

    Example:

    ```python
    model = Captioner("export/model.tflite")
    model.captions(pixels)             # uint8 [n, side, side, 3] -> n captions; greedy=True without the beam
    model.read("photo.jpg")            # needs Pillow, which resizes the image
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        path = Path(path)
        opened = interpreter(path, num_threads)
        self.vocabulary, known = Vocabulary.read(path.parent, SETTINGS)
        try:
            self.side = int(known["side"])
        except (ValueError, TypeError, KeyError) as error:
            raise ArtifactError(f"{SETTINGS} in {path.parent} is damaged: {error}.") from None
        signatures = opened.get_signature_list()
        if "decode" not in signatures:
            raise ArtifactError(f"{str(path)!r} has no signature 'decode'; it is not a captioner.")
        self._decode = opened.get_signature_runner("decode")
        self._greedy = opened.get_signature_runner("greedy") if "greedy" in signatures else self._decode

    def captions(self, pixels: np.ndarray, greedy: bool = False) -> list[str]:
        """The best caption of each image.

        Args:
            pixels: uint8 `[n, side, side, 3]`, RGB.
            greedy: Whether to search greedily instead of by beam search; a file without a beam is always greedy.

        Raises:
            ValueError: If the pixels have another shape or dtype.
        """
        pixels = np.asarray(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (self.side, self.side, 3):
            raise ValueError(
                f"The pixels are {pixels.dtype} of shape {pixels.shape}; expected uint8 of shape "
                f"(n, {self.side}, {self.side}, 3)."
            )
        if not len(pixels):
            return []
        tokens = (self._greedy if greedy else self._decode)(image=pixels)["tokens"]
        return [self.vocabulary.decode(row[0] if row.ndim == 2 else row) for row in tokens]

    def read(self, path: str | Path, greedy: bool = False) -> str:
        """The caption of an image file.

        Raises:
            ArtifactError: If the file can't be read.
        """
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as opened:
                picture = ImageOps.exif_transpose(opened).convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ArtifactError(f"{path} can't be read: {error}.") from None
        if picture.size != (self.side, self.side):
            picture = picture.resize((self.side, self.side), Image.Resampling.BILINEAR)
        return self.captions(np.asarray(picture, np.uint8)[None], greedy)[0]
