"""Reads grayscale images from image files and arrays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ..core.errors import DataError

LIGHT = 127


def read_ink(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """Reads an image of handwriting as an array with bright ink on a dark background.

    Colour images are converted to grayscale, images of another size are resized, and images with a light border are
    inverted.

    Args:
        path: The image file.
        shape: Target size, `(rows, columns)`.

    Returns:
        The image, `[1, rows, columns]` uint8, and a note for each change.

    Raises:
        DataError: If the file is missing or can't be read as an image.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    notes = []
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
                notes.append("put on white")
            if picture.mode in ("I", "I;16", "I;16B", "I;16L"):
                picture = Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
                notes.append("reduced from 16 bits to 8")
            elif picture.mode != "L":
                picture = picture.convert("L")
                notes.append("made gray")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except UnidentifiedImageError:
        raise DataError(f"{path} can't be read as an image; expected PNG, JPEG, an idx file or .npy.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} can't be read: {error}.") from None
    rows, columns = shape
    if picture.size != (columns, rows):
        notes.append(f"resized from {picture.height} x {picture.width} to {rows} x {columns}")
        picture = picture.resize((columns, rows), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture, np.uint8)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if np.median(border) > LIGHT:
        pixels = 255 - pixels
        notes.append("inverted, since its border is light")
    return pixels[np.newaxis], notes


def is_npy(path: Path) -> bool:
    """Whether a file is a NumPy `.npy` file, by its name or its first bytes."""
    if path.suffix.lower() == ".npy" or not path.is_file():
        return path.suffix.lower() == ".npy"
    with path.open("rb") as stream:
        return stream.read(6) == b"\x93NUMPY"


def read_npy(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Reads uint8 images `[n, rows, columns]`, or one image `[rows, columns]`, from an `.npy` file.

    Raises:
        DataError: If the file is missing or damaged, or the array has another shape or dtype.
    """
    try:
        pictures = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} can't be read as an .npy file: {error}.") from None
    if not isinstance(pictures, np.ndarray):
        raise DataError(f"{path} is an archive of arrays (.npz); expected one array (.npy).")
    if pictures.dtype != np.uint8:
        raise DataError(f"{path} holds {pictures.dtype}, expected uint8 (0 background to 255 ink).")
    return check_shape(pictures[np.newaxis] if pictures.shape == tuple(shape) else pictures, shape, path)


def check_shape(pictures: np.ndarray, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Refuses an array whose shape is not `[n, *shape]`, or that is empty."""
    if pictures.shape[1:] != tuple(shape) or not len(pictures):
        expected = " x ".join(map(str, shape))
        raise DataError(f"{path} holds an array of shape {pictures.shape}; expected pictures of {expected}.")
    return pictures
