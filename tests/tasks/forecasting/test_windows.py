"""Windows, against slices of the series made one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.tasks.forecasting.windows import Windows


@st.composite
def drawn(draw):
    """Windows of random sizes on values that tell row and column."""
    window, horizon, columns = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rows = window + horizon + draw(st.integers(0, 8))
    starts = draw(st.lists(st.integers(0, rows - window - horizon), max_size=12))
    targets = tuple(draw(st.lists(st.integers(0, columns - 1), min_size=1, max_size=3, unique=True)))
    values = 100.0 * np.arange(rows)[:, None] + np.arange(columns)
    values = values.astype(draw(st.sampled_from([np.float32, np.float64])))
    return Windows(values, np.array(starts, np.int64), np.arange(len(starts), dtype=np.int32), window, horizon, targets)


@given(drawn())
def test_inputs_and_futures_are_slices_of_the_values(windows):
    inputs, futures = windows.inputs(), windows.futures()
    assert inputs.shape == (len(windows), windows.window, windows.values.shape[1])
    assert futures.shape == (len(windows), windows.horizon, len(windows.targets))
    assert inputs.dtype == futures.dtype == windows.values.dtype
    for row, start in enumerate(windows.starts):
        behind = start + windows.window
        np.testing.assert_array_equal(inputs[row], windows.values[start:behind])
        for place, target in enumerate(windows.targets):
            expected = windows.values[behind : behind + windows.horizon, target]
            np.testing.assert_array_equal(futures[row, :, place], expected)


@given(drawn(), st.integers(1, 5))
def test_batches_in_order_are_the_whole(windows, size):
    batches = list(windows.batches(size))
    assert [len(inputs) for inputs, _ in batches[:-1]] == [size] * (len(batches) - 1)
    assert len(batches) == -(-len(windows) // size)
    if batches:
        inputs, futures = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        np.testing.assert_array_equal(inputs, windows.inputs())
        np.testing.assert_array_equal(futures, windows.futures())


@given(drawn(), st.data())
def test_a_part_has_its_windows_and_shares_the_values(windows, data):
    size = len(windows)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    for rows in (mask, np.flatnonzero(mask), slice(data.draw(st.integers(0, size)), None, 2)):
        part = windows[rows]
        np.testing.assert_array_equal(part.inputs(), windows.inputs()[rows])
        np.testing.assert_array_equal(part.series, windows.series[rows])
        assert part.values is windows.values


def test_what_is_copied_can_be_changed():
    windows = Windows(np.zeros((5, 1)), np.array([0]), np.zeros(1, np.int32), 3, 2, (0,))
    windows.inputs()[:] = 1
    windows.futures()[:] = 1
    assert not windows.values.any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starts": np.array([-1, 0])}, "Starts -1 .. 0 must lie in 0 .. 5"),
        ({"starts": np.array([0, 6])}, "Starts 0 .. 6 must lie in 0 .. 5"),
        ({"series": np.zeros(3, np.int32)}, r"series \(3,\)"),
        ({"targets": (2,)}, "columns 0 .. 1"),
        ({"targets": (-1,)}, "columns 0 .. 1"),
        ({"targets": ()}, "columns 0 .. 1"),
        ({"window": 0}, "at least 1 step"),
        ({"horizon": 0}, "at least 1 step"),
    ],
)
def test_refuses_what_does_not_fit(changes, words):
    right = {"values": np.zeros((10, 2)), "starts": np.array([0, 5]), "series": np.zeros(2, np.int32)}
    right |= {"window": 3, "horizon": 2, "targets": (0, 1)}
    assert len(Windows(**right)) == 2
    with pytest.raises(ValueError, match=words):
        Windows(**right | changes)
