"""Reads images as JPEG and PNG bytes from a folder, a tar or memory, one at a time, and converts them to plain images.

A plain image is an upright RGB or grayscale JPEG (baseline or progressive) or PNG of 8 bits, without transparency, with
no side over `LARGEST` pixels. Its stored bytes are used unchanged. Any other image that Pillow reads is converted to a
plain PNG each time it is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..core.errors import DataError, first_line

if TYPE_CHECKING:
    from PIL import Image as PillowImage

LARGEST = 2048
HUGE = 2**25  # pixels; images larger than this are decoded one at a time
JPEG = ("JPEG", "MPO")  # an MPO file is a JPEG followed by further JPEGs
JPEG_SCAN, JPEG_END = b"\xff\xda", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
PNG_GRAY, PNG_RGB = 0, 2  # colour types
HUFFMAN = {0xC0, 0xC1, 0xC2}  # markers of the JPEG frames that every decoder reads
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PNG_EXIF = (b"eXIf", b"profile type exif", b"XML:com.adobe.xmp")  # where a PNG may store its orientation
TURNED = "turned as the EXIF data say"
REDUCED = "reduced from"
COLOURS = {"P": "a palette", "1": "black and white", "PA": "a palette"}

_opening = threading.Lock()
_decoding_huge = threading.Lock()


class Pictures(Protocol):
    """Images by row; several threads may call every method at once."""

    @property
    def names(self) -> tuple[str, ...]:
        """File names, by row."""

    def __len__(self) -> int: ...

    def place(self, row: int) -> str:
        """Where an image is stored, for messages."""

    def content(self, row: int) -> bytes:
        """The stored bytes.

        Raises:
            DataError: If they can't be read.
        """

    def encoded(self, row: int) -> bytes:
        """The bytes of a plain image, which `tf.io.decode_image(..., channels=3)` reads.

        Raises:
            DataError: If the image can't be read. Only `survey` finds damage after the header.
        """


@dataclass(frozen=True)
class Stored:
    """The common part of all kinds of images; each kind adds `content`."""

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def place(self, row: int) -> str:
        return self.names[row]

    def content(self, row: int) -> bytes:
        raise NotImplementedError

    def encoded(self, row: int) -> bytes:
        content, name = self.content(row), self.place(row)
        with _told(content, name):
            if _is_plain(_opened(content), content):
                return content
        return _png(decode(content, name).picture)


@dataclass(frozen=True)
class InMemory(Stored):
    """Images in memory, such as generated ones."""

    contents: tuple[bytes, ...]

    def content(self, row: int) -> bytes:
        return self.contents[row]


@dataclass(frozen=True)
class Decoded:
    """An upright 8-bit image, grayscale or RGB, the changes made to it, and whether its stored bytes are plain."""

    picture: PillowImage.Image
    treatments: list[str]
    plain: bool


@dataclass(frozen=True)
class Survey:
    """Results of decoding every image once.

    Attributes:
        digests: Hash of each image's upright RGB pixels, the same for the same image in another file.
        treatments: Number of images by change.
    """

    digests: tuple[str, ...]
    treatments: dict[str, int]

    def notes(self) -> tuple[str, ...]:
        """A sentence for each kind of change."""
        return tuple(
            f"{count:,} {'picture is' if count == 1 else 'pictures are'} {treatment}"
            for treatment, count in self.treatments.items()
        )


def normalised(content: bytes, name: str) -> tuple[bytes, list[str]]:
    """Converts any image that Pillow reads to a plain image, and decodes it whole to find damage.

    Args:
        content: Bytes of an image file.
        name: Name of the image, for messages.

    Returns:
        The same bytes if they are plain, else a PNG; and the changes, such as "put on white".

    Raises:
        DataError: If the content is empty, damaged, too large or not an image.
    """
    found = decode(content, name)
    return content if found.plain else _png(found.picture), found.treatments


def survey(pictures: Pictures) -> Survey:
    """Decodes every image once, with one thread and at most one image in memory for each CPU core.

    Raises:
        DataError: If any image can't be read; the message names the first one and gives their number.
    """

    def look(row: int) -> tuple[str, list[str]] | DataError:
        try:
            found = decode(pictures.content(row), pictures.place(row))
        except DataError as error:
            return error
        return digest(found.picture), found.treatments

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = list(pool.map(look, range(len(pictures))))
    damaged = [result for result in seen if isinstance(result, DataError)]
    whole = [result for result in seen if not isinstance(result, DataError)]
    if damaged:
        more = f" It is one of {len(damaged):,} pictures of {len(seen):,} that can't be read." if damaged[1:] else ""
        raise DataError(f"{damaged[0]}{more}")
    counts = Counter(
        f"reduced to sides of at most {LARGEST} pixels" if treatment.startswith(f"{REDUCED} ") else treatment
        for _, treatments in whole
        for treatment in dict.fromkeys(treatments)
    )
    return Survey(tuple(found for found, _ in whole), dict(counts))


def digest(picture: PillowImage.Image) -> str:
    """Hash of an image's size and RGB pixels."""
    pixels = picture.convert("RGB")
    return hashlib.blake2b(pixels.tobytes(), digest_size=16, salt=str(pixels.width).encode()).hexdigest()


def decode(content: bytes, name: str) -> Decoded:
    """Decodes a whole image to 8-bit grayscale or RGB, upright, on white, with sides of at most `LARGEST` pixels.

    Raises:
        DataError: In the same cases as `normalised`.
    """
    with _told(content, name):
        if content.startswith(PNG_START):
            _opened(content).verify()  # the checksums, which decoding does not check
        picture = _opened(content)
        plain = _is_plain(picture, content)
        with _decoding_huge if picture.width * picture.height > HUGE else contextlib.nullcontext():
            return Decoded(*_treated(picture, content, plain), plain)


def _treated(picture: PillowImage.Image, content: bytes, plain: bool) -> tuple[PillowImage.Image, list[str]]:
    from PIL import Image

    treatments = []
    if picture.format not in (*JPEG, "PNG"):
        treatments.append(f"made PNG from {picture.format}")
    if picture.format not in JPEG and getattr(picture, "is_animated", False):
        treatments.append("taken by the first of several frames")
    if max(picture.size) > LARGEST:
        treatments.append(f"{REDUCED} {picture.width} x {picture.height}")
        picture.draft(None, _fitting(picture.size))  # decodes a JPEG at one eighth to one half of its size
    picture.load()
    orientation = _orientation(picture)
    picture, changed = _eight_bits(picture, content)
    treatments += changed
    if max(picture.size) > LARGEST:
        picture = picture.resize(_fitting(picture.size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        treatments.append("put on white")
    if orientation in _turns():
        picture = picture.transpose(_turns()[orientation])
        treatments.append(TURNED)
    if not plain and not treatments:
        treatments.append("saved anew as PNG of 8 bits")
    return picture, treatments


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """The size with the same aspect ratio whose longer side is `LARGEST`."""
    width, height = (max(1, round(side * LARGEST / max(size))) for side in size)
    return width, height


def _eight_bits(picture: PillowImage.Image, content: bytes) -> tuple[PillowImage.Image, list[str]]:
    """Converts a decoded image to L, RGB or RGBA, and lists the changes."""
    from PIL import Image

    mode = picture.mode
    if mode == "F" or (mode == "I" and picture.format not in ("PNG", "PPM")):
        raise ValueError("it holds numbers of 32 bits; save it with 8 bits a colour")
    treatments = []
    if mode.startswith("I") or (content.startswith(PNG_START) and content[24] == 16):
        treatments.append("reduced from 16 bits to 8")
    if mode.startswith("I"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)), treatments
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        return picture.convert("RGBA"), treatments
    if mode in ("L", "RGB"):
        return picture, treatments
    gray = mode == "1"
    treatments.append(f"made {'gray' if gray else 'RGB'} from {COLOURS.get(mode, mode)}")
    return picture.convert("L" if gray else "RGB"), treatments


def _is_plain(picture: PillowImage.Image, content: bytes) -> bool:
    """Whether the stored bytes of an image, opened but not decoded yet, are plain."""
    if max(picture.size) > LARGEST:
        return False
    if picture.format in JPEG:
        whole = content.rfind(JPEG_END) > content.rfind(JPEG_SCAN)  # Pillow may do without the end, others do not
        coding = picture.mode in ("L", "RGB") and _jpeg_frame(content) in HUFFMAN
        return whole and coding and _orientation(picture) not in _turns()
    if picture.format != "PNG" or content[24] != 8 or content[25] not in (PNG_GRAY, PNG_RGB):
        return False
    if "transparency" in picture.info or PNG_END not in content:
        return False
    return not any(mark in content for mark in PNG_EXIF) or _orientation(picture) not in _turns()


def _jpeg_frame(content: bytes) -> int | None:
    """The marker at the start of a JPEG frame (ITU-T T.81, table B.1), which identifies the coding.

    Pillow reports only progressive frames. It also decodes lossless frames, which TensorFlow refuses, without a report.
    """
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF or content[at + 1] == 0xFF:
            at += 1
        elif content[at + 1] in FRAMES:
            return content[at + 1]
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _orientation(picture: PillowImage.Image) -> int:
    """The orientation from the EXIF data; 1 or an unknown value means upright."""
    if picture.format == "PNG":
        picture.load()  # its EXIF data may follow its pixels
    return picture.getexif().get(0x0112, 1)


def _turns() -> dict[int, PillowImage.Transpose]:
    """The operation that turns an image upright, by its EXIF orientation (Exif 2.3, tag 0x0112)."""
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }


def _opened(content: bytes) -> PillowImage.Image:
    """Opens an image and reads its header, without Pillow's warning for large images.

    Images up to twice the size that triggers the warning are accepted.
    """
    from PIL import Image

    with _opening, warnings.catch_warnings():  # one thread at a time, because all threads share the warning filters
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(content))


@contextlib.contextmanager
def _told(content: bytes, name: str) -> Iterator[None]:
    """Converts any error of Pillow's readers to a DataError that names the image."""
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise DataError(f"{name} is an empty file, no picture.")
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{name} can't be read as an image, such as JPEG or PNG.") from None
    except Image.DecompressionBombError:
        assert Image.MAX_IMAGE_PIXELS is not None, "without a limit no picture is too large"
        raise DataError(f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller.") from None
    except Exception as error:  # a damaged file raises whatever its parser raises
        raise DataError(f"{name} is damaged or can't be read: {first_line(error).rstrip('.')}.") from None


def _png(picture: PillowImage.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1, exif=b"")
    return stream.getvalue()
