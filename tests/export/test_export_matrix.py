"""Layer x batch x time x mask x quantisation: combinations export, and give what Keras gives."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from export_matrix import CASES, LAYERS, LIMITS, difference, title  # noqa: E402 - from the folder above


@pytest.mark.slow
@pytest.mark.parametrize(("number", "layer"), enumerate(LAYERS), ids=list(LAYERS))
def test_every_second_combination(number, layer, tmp_path):
    """Each case with every second layer; the script tries them all."""
    for case in CASES[number % 2 :: 2]:
        assert difference(layer, case, tmp_path) <= LIMITS[case.quantization], title(case)


def test_the_page_has_every_layer():
    page = (ROOT / "pipelines" / "export" / "README.md").read_text(encoding="utf-8")
    assert "FAILS" not in page
    for layer in LAYERS:
        assert f"| {layer} |" in page
