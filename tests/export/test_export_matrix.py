"""Layer x batch x time x mask x quantisation: every combination exports, and gives what Keras gives."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from export_matrix import CASES, LAYERS, LIMITS, difference, title  # noqa: E402 - from the folder above


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_every_combination(layer, tmp_path):
    for case in CASES:
        assert difference(layer, case, tmp_path) <= LIMITS[case.quantization], title(case)


def test_the_page_has_every_layer():
    page = (ROOT / "pipelines" / "export" / "README.md").read_text(encoding="utf-8")
    assert "FAILS" not in page
    for layer in LAYERS:
        assert f"| {layer} |" in page
