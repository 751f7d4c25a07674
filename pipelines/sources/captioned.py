"""Loads captioned images from files with a list of captions or from COCO of TensorFlow Datasets; they stay on disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError
from . import caption_lists, tfds_records
from .caption_lists import Entry
from .picture_files import Pictures
from .picture_folders import Finder, InFolder, InTar, is_picture, open_pictures
from .texts import writable
from .treatments import Treatments

COCO = "coco_captions"
COCO_SPLITS = {"train": "train", "restval": "train", "val": "validation", "test": "test"}
SENTENCES = {
    "empty": (
        "{n} caption is empty, {place}; it is left out",
        "{n} captions are empty, first {place}; they are left out",
    ),
    "nul": (
        "{n} caption holds NUL bytes, {place}; each is replaced by a space",
        "{n} captions hold NUL bytes, first {place}; each byte is replaced by a space",
    ),
    "surrogate": (
        "{n} caption holds half of a character (a lone surrogate), {place}; it is replaced by U+FFFD",
        "{n} captions hold halves of characters (lone surrogates), first {place}; each is replaced by U+FFFD",
    ),
    "joined": (
        "{n} picture has more than one entry, again {place}; their captions are joined",
        "{n} entries are of pictures that had one already, first {place}; their captions are joined",
    ),
    "without": (
        "{n} picture has no caption, {place}; it is left out",
        "{n} pictures have no caption, first {place}; they are left out",
    ),
    "unlisted": (
        "{n} picture is not in the list of captions, {place}; it is left out",
        "{n} pictures are not in the list of captions, first {place}; they are left out",
    ),
}


@dataclass(frozen=True)
class Captioned:
    """Images with captions.

    Attributes:
        pictures: Images with at least one caption each, in the order of the list.
        captions: Captions of each image, not empty and without surrounding white space.
        splits: Split of each image, "train", "validation" or "test"; None if the source has no splits. Not every split
            needs to occur.
        notes: Notes for the user: what was found and how it was treated.
    """

    pictures: Pictures
    captions: tuple[tuple[str, ...], ...]
    splits: tuple[str, ...] | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)


def load(path: Path, captions: Path | None) -> Captioned:
    """Loads the captions of image files.

    Args:
        path: A folder or a tar of images, as in `picture_folders.open_pictures`.
        captions: List of captions in any form of `caption_lists`; None searches the folder of the images or of the tar.

    Raises:
        DataError: If the images or the list can't be used, or a caption has no image.
    """
    path = Path(path)
    files, notes = open_pictures(path)
    captions = Path(captions) if captions else caption_lists.find(path if path.is_dir() else path.parent)
    entries, more = caption_lists.read(captions)
    treatments = Treatments(SENTENCES)
    rows = _rows(entries, files, captions)
    found: dict[int, tuple[list[str], Entry]] = {}
    for entry, row in zip(entries, rows, strict=True):
        kept = _kept(entry.captions, _at(entry), treatments)
        if not kept or row is None:
            continue
        if row not in found:
            found[row] = kept, entry
            continue
        before = found[row][1]
        if before.split != entry.split:
            raise DataError(
                f"{captions}: {entry.names[0]} is in two splits: {before.split} ({before.place}) and {entry.split} "
                f"({entry.place}); put it in one."
            )
        found[row][0].extend(kept)
        treatments.add("joined", _at(entry))
    if not found:
        raise DataError(f"{captions}: no picture has a caption that is not empty.")
    _count_left_out(entries, rows, set(found), files, treatments)
    splits = tuple(entry.split for _, entry in found.values() if entry.split is not None)
    return Captioned(
        files.take(list(found)),
        tuple(tuple(kept) for kept, _ in found.values()),
        splits if len(splits) == len(found) else None,
        (*notes, *more, *treatments.notes()),
    )


def load_tfds(data_dir: Path | None) -> Captioned:
    """Loads the COCO captions from TensorFlow Datasets in Karpathy's splits; "restval" counts as training.

    All records are read once for their captions; the images are read later from their positions in the files.

    Args:
        data_dir: Folder of prepared data sets; None for the default of TFDS.

    Raises:
        DataError: If the data set is not prepared and can't be downloaded, or can't be read.
    """
    treatments = Treatments(SENTENCES)
    parts = tfds_records.load(COCO, data_dir, tuple(COCO_SPLITS), ("image/filename", "captions/text"))
    rows, captions, splits = [], [], []
    for row, (part, name, texts) in enumerate(parts.fields):
        place = f"of {b''.join(name).decode(errors='replace')}"
        kept = _kept([text.decode(errors="replace") for text in texts], place, treatments)
        if kept:
            rows.append(row)
            captions.append(tuple(kept))
            splits.append(COCO_SPLITS[part])
        else:
            treatments.add("without", place)
    if not rows:
        raise DataError(f"the TFDS data set {COCO!r} has no captions.")
    restval = sum(part == "restval" for part, *_ in parts.fields)
    notes = (f"pictures of the split restval, which counts as training: {restval:,}",) if restval else ()
    return Captioned(parts.pictures(rows), tuple(captions), tuple(splits), (*notes, *treatments.notes()))


def also_in_training(digests: Sequence[str], splits: Collection[str], split: str) -> list[tuple[int, int]]:
    """Pairs of rows for images of a split that also occur in training: the row itself, and the training row.

    Images are the same if their digests are equal.

    >>> also_in_training(["a", "b", "a", "a", "c"], ["train", "train", "test", "validation", "test"], "test")
    [(2, 0)]
    """
    known: dict[str, int] = {}
    for row, (digest, of_row) in enumerate(zip(digests, splits, strict=True)):
        if of_row == "train":
            known.setdefault(digest, row)
    rows = [row for row, of_row in enumerate(splits) if of_row == split and digests[row] in known]
    return [(row, known[digests[row]]) for row in rows]


def _at(entry: Entry) -> str:
    return f"at {entry.place}"


def _kept(captions: Sequence[str], place: str, treatments: Treatments) -> list[str]:
    """The captions that are not empty, without characters that can't be written to a file."""
    kept = []
    for caption in captions:
        text = writable(caption, place, treatments).strip()
        if text:
            kept.append(text)
        else:
            treatments.add("empty", place)
    return kept


def _rows(entries: Sequence[Entry], files: InFolder | InTar, path: Path) -> list[int | None]:
    """The row of each entry's image; None if the image does not exist and the entry has no captions."""
    find = Finder(files.names)
    rows: list[int | None] = []
    missing = []
    for entry in entries:
        found = next(filter(None, map(find, entry.names)), [])
        if len(found) > 1:
            several = " and ".join(files.place(row) for row in found[:2])
            raise DataError(
                f"{path}, {entry.place}: {entry.names[0]!r} may be {several}; write the folder before the name."
            )
        rows.append(found[0] if found else None)
        if not found and any(caption.strip() for caption in entry.captions):
            missing.append(entry)
    if missing:
        first = missing[0]
        where = files.path if isinstance(files, InTar) else files.root
        count = (
            f"{len(missing):,} of {len(entries):,} entries have" if len(missing) > 1 else "it is the only entry with"
        )
        raise DataError(
            f"{path}, {first.place}: captions without a picture: there is no file {first.names[0]!r} in {where} "
            f"({count} no picture). Add the picture, take the entry out, or set data.path to where the pictures are."
        )
    return rows


def _count_left_out(
    entries: Sequence[Entry],
    rows: Sequence[int | None],
    used: set[int],
    files: InFolder | InTar,
    treatments: Treatments,
) -> None:
    """Counts the images without any remaining caption, and the images that the list does not name."""
    known: set[int | str] = set(used)
    for entry, row in zip(entries, rows, strict=True):
        key = entry.names[0] if row is None else row
        if key not in known:
            known.add(key)
            treatments.add("without", _at(entry))
    listed = set(rows)
    for row, name in enumerate(files.names):
        if row not in listed and is_picture(name):
            treatments.add("unlisted", name)
