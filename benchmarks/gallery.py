"""Writes layers/README.md, the page of all cells, from their docstrings and from what benchmarks/speed.py measured.

    python benchmarks/gallery.py [--check]

With `--check` it writes nothing; the exit code tells whether the page is current.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from pathlib import Path

from keras_recurrent.pipelines.core.cells import CELLS, layer_class

PAGE = Path(__file__).parents[1] / "layers" / "README.md"
SPEED = Path(__file__).with_name("speed.json")
HEAD = """# The recurrent layers

Every layer stands in for `keras.layers.LSTM`: in Functional and Sequential models, in `Bidirectional`, with masks and
states, in `.keras` files, in mixed precision, on the TensorFlow, JAX and PyTorch backends. Each has a cell of the same
name plus `Cell`, for `keras.layers.RNN` and `StackedRNNCells`. `x` is the input of a time step, `h'` the previous
state, `s` the logistic function, `*` an elementwise product; `d` counts features, `n` units.

Speed: the time of a training step and of an inference, divided by that of `keras.layers.LSTM` (TensorFlow on two CPU
cores, batch 64, 128 units), for 784 time steps with one feature and for 200 with 128. Smaller is faster.
[benchmarks/RESULTS.md](../benchmarks/RESULTS.md) has more.

`python benchmarks/gallery.py` writes this page from the docstrings; do not edit it by hand.
"""


def main() -> None:
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only tell whether the page is current")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE.name} of the layers is not current: run python benchmarks/gallery.py")


def page() -> str:
    """The page as it should be."""
    speed = json.loads(SPEED.read_text()) if SPEED.exists() else {}
    names = [name for name in CELLS if not name.startswith("keras.")]
    rows = ["| layer | in configurations | parameters | speed 784 x 1 | speed 200 x 128 |", "|---|---|---|---|---|"]
    for name in names:
        layer, parts = layer_class(name), parsed(name)
        count = parts["Parameters"].split(" for ")[0].split(", with")[0].rstrip(",")
        ratios = [ratio(speed.get(name, {}), shape) for shape in ("1 784", "128 200")]
        rows.append(
            f"| [{layer.__name__}](#{layer.__name__.lower()}) | `{name}` | {count} | {ratios[0]} | {ratios[1]} |"
        )
    return "\n".join([HEAD, *rows, "", *[section(name) for name in names]])


def ratio(measured: dict, shape: str) -> str:
    """Training and inference as multiples of the LSTM of Keras."""
    if f"training {shape}" not in measured:
        return "not measured"
    return f"{measured[f'training {shape}']:.2f} / {measured[f'inference {shape}']:.2f}"


def section(name: str) -> str:
    """The part of the page on one cell."""
    parts = parsed(name)
    lines = [f"## {layer_class(name).__name__}", "", parts["summary"], "", "```", parts["equations"], "```", ""]
    lines += [part for text in parts["prose"] for part in (text, "")]
    return "\n".join(lines)


def parsed(name: str) -> dict:
    """The parts of a layer's docstring: summary, equations, and the paragraphs before its arguments."""
    doc = inspect.getdoc(layer_class(name)).split("\nArgs:")[0]
    paragraphs = [part for part in re.split(r"\n\s*\n", doc) if part.strip()]
    indented = [part for part in paragraphs[1:] if part.startswith("    ")]
    prose = [" ".join(part.split()) for part in paragraphs[1:] if not part.startswith("    ")]
    found = {text.split(":")[0]: text.split(":", 1)[1].strip() for text in prose if ":" in text}
    equations = "\n\n".join(inspect.cleandoc("\n" + part) for part in indented)
    return {"summary": " ".join(paragraphs[0].split()), "equations": equations, "prose": prose, **found}


if __name__ == "__main__":
    main()
