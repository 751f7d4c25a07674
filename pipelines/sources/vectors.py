"""Loads pre-trained word vectors from a text file, one word and its numbers a line, as in GloVe and fastText."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.errors import DataError

SPREAD = 0.05
"""Bound of the uniform random vectors for words that the file lacks, the same as in the embeddings of Keras."""


def load(path: Path, vocabulary: Sequence[str], size: int, seed: int = 0) -> tuple[np.ndarray, int]:
    """Loads the vectors of a vocabulary.

    Args:
        path: A text file in UTF-8; a first line with two integers, the header of fastText, is skipped.
        vocabulary: Words by id. Words that the file lacks get small random numbers; id 0 gets zeros.
        size: Size of a vector.
        seed: Seed of the random numbers.

    Returns:
        The vectors, float32 `[vocabulary, size]`, and the number of words found.

    Raises:
        DataError: If the file is missing, a line has another size or a value that is not a number, or the file has
            none of the words.
    """
    numbers = {word: number for number, word in enumerate(vocabulary)}
    vectors = np.random.default_rng(seed).uniform(-SPREAD, SPREAD, (len(vocabulary), size)).astype(np.float32)
    vectors[0] = 0
    found, lines_read = set(), 0
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                word, *values = line.rstrip().split(" ")
                if number == 1 and len(values) == 1:
                    continue
                if lines_read and len(values) > size:
                    continue  # some GloVe files have words with spaces in them; no token has spaces
                if len(values) != size:
                    raise DataError(
                        f"{path}, line {number}: {len(values)} numbers after {word!r}, and model.embedding is {size}; "
                        "set model.embedding to the size of the vectors."
                    )
                lines_read += 1
                if numbers.get(word):
                    vectors[numbers[word]] = np.array(values, np.float32)
                    found.add(word)
    except OSError as error:
        raise DataError(f"data.embeddings {path} can't be read: {error.strerror or error}.") from None
    except ValueError:
        raise DataError(f"{path}, line {number}: what follows {word!r} are no numbers.") from None
    if not found:
        raise DataError(f"{path} has none of the {len(vocabulary):,} words of the training texts.")
    return vectors, len(found)
