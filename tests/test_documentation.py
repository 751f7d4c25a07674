"""What the documentation says works as written."""

import doctest
import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from keras_recurrent import layers, pipelines
from keras_recurrent.pipelines import cli
from keras_recurrent.pipelines.core import catalogue

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^keras-recurrent (.+?)(?:\s+#.*)?$", README, re.M)


def modules():
    for package in (layers, pipelines):
        yield package.__name__
        yield from (module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [test for name in modules() for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(examples) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_readme_is_one(line):
    verb, *arguments = shlex.split(line)
    command = typer.main.get_command(cli.app).commands[verb]
    given = command.make_context(verb, arguments).params
    if "pipeline" in given:
        catalogue.check(given["pipeline"], given.get("preset"))
        settings = [part for assignment in given.get("assignments") or [] for part in ("--set", assignment)]
        preset = ["--preset", given["preset"]] if given.get("preset") else []
        shown = subprocess.run(
            [
                sys.executable,
                "-m",
                "keras_recurrent.pipelines.cli",
                "show",
                given["pipeline"],
                *preset,
                *settings,
            ],
            capture_output=True,
            text=True,
        )
        assert shown.returncode == 0, shown.stderr


def test_the_readme_shows_every_preset_and_cell():
    from keras_recurrent.pipelines.core.cells import CELLS

    assert len(COMMANDS) >= 9
    for pipeline in catalogue.names():
        for preset in catalogue.presets(pipeline):
            assert f"| {pipeline}, {preset} |" in README
    for cell in CELLS:
        assert f"`{cell}`" in README


def test_the_page_of_the_layers_is_current():
    """`python benchmarks/gallery.py` writes it."""
    check = [sys.executable, str(ROOT / "benchmarks" / "gallery.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_layer_example_of_the_readme_runs():
    (example,) = [block for block in re.findall(r"```python\n(.+?)```", README, re.S) if "MinGRU(" in block]
    names = {}
    exec(example, names)
    assert names["model"].output_shape == (None, 10)


def test_the_readme_names_every_layer():
    for name in layers.__all__:
        assert name == "paths" or f"`{name.removesuffix('Cell')}`" in README


@pytest.mark.slow
def test_the_export_examples_of_the_readme_run(tmp_path):
    blocks = re.findall(r"```python\n(.+?)```", README, re.S)
    (export,) = [block for block in blocks if "check_export(" in block]
    (stream,) = [block for block in blocks if "StreamingModel(" in block]
    example = f"{export}\n{stream}\nprint(scores.shape == (1, 10))"
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split()[-2:] == ["True", "True"], done.stderr


def test_the_loading_code_of_the_card_runs(finished):
    """With pictures of the right size, as a reader would put in."""
    card = (finished.path / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.+?)```", card, re.S)
    example = example.replace("FOLDER_OF_THIS_FILE", ".")
    program = (
        f"import numpy as np\ninputs = np.zeros((3, 8, 8), np.uint8)\n{example}\nprint(answers['probabilities'].shape)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=finished.path, capture_output=True, text=True)
    assert done.stdout.strip().endswith("(3, 10)"), done.stderr
