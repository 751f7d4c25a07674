"""The idx reader: what was written comes back, and damage is always told."""

import gzip
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import idx


def idx_bytes(array):
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def read(content, dimensions):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some-idx-ubyte"
        path.write_bytes(content)
        return idx.read(path, dimensions)


images = arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6))


@given(images, st.booleans())
def test_what_was_written_comes_back(array, gz):
    content = idx_bytes(array)
    found = read(gzip.compress(content) if gz else content, array.ndim)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@given(images, st.data())
def test_a_file_cut_anywhere_is_refused(array, data):
    content = idx_bytes(array)
    if data.draw(st.booleans(), label="gzip"):
        content = gzip.compress(content)
    end = data.draw(st.integers(0, len(content) - 1), label="end")
    with pytest.raises(DataError):
        read(content[:end], array.ndim)


@given(images, st.binary(min_size=1, max_size=9))
def test_bytes_after_the_end_are_refused(array, more):
    with pytest.raises(DataError, match="too long"):
        read(idx_bytes(array) + more, array.ndim)


@settings(max_examples=300)
@given(images, st.data())
def test_a_changed_header_never_gives_a_wrong_array(array, data):
    """Sizes may still fit by chance, such as 2 x 3 for 3 x 2; then the bytes are the same, in that shape."""
    content = bytearray(idx_bytes(array))
    position = data.draw(st.integers(0, 3 + 4 * array.ndim), label="position")
    content[position] = data.draw(st.integers(0, 255), label="value")
    try:
        found = read(bytes(content), array.ndim)
    except DataError:
        return
    assert content[:4] == bytes([0, 0, 8, array.ndim])
    assert found.tobytes() == array.tobytes()
    sizes = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(array.ndim)]
    assert list(found.shape) == sizes


@given(images, st.data())
def test_changed_gzip_never_gives_a_wrong_array(array, data):
    content = bytearray(gzip.compress(idx_bytes(array)))
    position = data.draw(st.integers(2, len(content) - 1), label="position")
    content[position] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    try:
        found = read(bytes(content), array.ndim)
    except DataError:
        return
    np.testing.assert_array_equal(found, array)


@example([2**22, 2**21, 2**21])
@example([2**32 - 1] * 3)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3))
def test_any_sizes_without_bytes_are_refused(sizes):
    assume(math.prod(sizes) != 0 or 0 in sizes)
    header = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    with pytest.raises(DataError):
        read(header, 3)


@given(st.binary(max_size=40), st.integers(1, 3))
def test_any_bytes_are_refused_or_read(content, dimensions):
    try:
        found = read(content, dimensions)
    except DataError:
        return
    assert found.ndim == dimensions
    assert idx_bytes(found) == content


@given(images, st.integers(1, 4))
def test_another_number_of_dimensions_is_refused(array, dimensions):
    assume(dimensions != array.ndim)
    with pytest.raises(DataError, match="swapped"):
        read(idx_bytes(array), dimensions)


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-", "."])
def test_the_usual_names_are_found(tmp_path, mark, end):
    path = tmp_path / f"train-labels{mark}idx1-ubyte{end}"
    path.touch()
    assert idx.find(tmp_path, "train-labels", 1) == path
