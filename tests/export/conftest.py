"""Fixtures of the tests of the export."""

import numpy as np
import pytest


@pytest.fixture
def random():
    return np.random.default_rng(1)


@pytest.fixture
def pixels(random):
    return random.integers(0, 256, (150, 8, 8), dtype=np.uint8)
