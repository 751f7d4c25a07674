"""What the documentation says works as written: README, the pages of docs/, the docstrings, a run's model card."""

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
from keras_recurrent.pipelines.cli import app
from keras_recurrent.pipelines.core import catalogue
from keras_recurrent.pipelines.core.cells import CELLS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "layers" / "README.md", ROOT / "benchmarks" / "RESULTS.md"]
FENCED = re.compile(r"^```(\w*)\n(.+?)^```$", re.M | re.S)


def read(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page, language):
    return [block for found, block in FENCED.findall(read(page)) if found == language]


# Commands


def commands():
    """Every command in a block or a span of code, once; `&&` parts commands, `$` is a prompt."""
    found = {}
    for page in PAGES:
        code = [block for _, block in FENCED.findall(read(page))] + re.findall(r"`([^`\n]+)`", read(page))
        for line in "\n".join(code).splitlines():
            for part in line.removeprefix("$ ").split("&&"):
                if part.strip().startswith("keras-recurrent "):
                    found[part.strip()] = None
    return list(found)


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one(line, cli):
    _, verb, *arguments = shlex.split(line, comments=True)
    context = typer.main.get_command(app).commands[verb].make_context(verb, arguments)
    given = context.params
    if "pipeline" in given:
        settings = [part for assignment in given.get("assignments") or [] for part in ("--set", assignment)]
        preset = ["--preset", given["preset"]] if given.get("preset") else []
        shown = cli("show", given["pipeline"], *preset, *settings)
        assert shown.exit_code == 0, shown.stderr
    if verb == "predict" and (pipeline := given["path"].parts[0]) in catalogue.names():
        own = typer.Typer()
        own.command()(catalogue.load(pipeline).predict)
        typer.main.get_command(own).make_context(verb, context.args)


def test_there_are_commands_to_check():
    lines = commands()
    for verb in typer.main.get_command(app).commands:
        assert any(line.startswith(f"keras-recurrent {verb}") for line in lines), verb


# README


def test_the_readme_is_short_and_begins_with_two_commands():
    assert len(read(README).splitlines()) <= 200
    run, test = blocks(README, "sh")
    assert run.endswith("&& keras-recurrent run mnist_rows\n")
    assert test.endswith('&& pytest -n 2 -m "not slow"\n')


def test_the_readme_names_every_cell_and_layer():
    named = set(re.findall(r"`([\w.]+)`", read(README)))
    assert set(CELLS) <= named
    assert {name.removesuffix("Cell") for name in layers.__all__} - {"paths"} <= named


def tasks():
    """README's table of tasks: pipeline, row and page."""
    rows = re.findall(r"^(\| `(\w+)` \|.+\]\((docs/\w+\.md)\) \|)$", read(README), re.M)
    return [(pipeline, row, ROOT / page) for row, pipeline, page in rows]


def test_the_readme_has_one_row_for_each_task():
    assert sorted(pipeline for pipeline, _, _ in tasks()) == sorted(catalogue.names())


@pytest.mark.parametrize("pipeline", catalogue.names())
def test_the_page_of_a_task_has_every_preset_and_the_figures_of_the_readme(pipeline):
    ((_, row, page),) = [task for task in tasks() if task[0] == pipeline]
    listed = re.findall(rf"^\| {pipeline}, ([\w-]+) \|", read(page), re.M)
    assert sorted(listed) == sorted(catalogue.presets(pipeline))
    figures = re.findall(r"\d+\.\d+", row)
    assert figures
    assert [figure for figure in figures if figure not in read(page)] == []


# Links and pictures


def anchors(page):
    """The anchors that a renderer gives to headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", read(page)), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_every_link_and_picture_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", read(page))):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_footnote_is_there_and_used(page):
    defined = re.findall(r"^\[\^(\w+)\]:", read(page), re.M)
    used = re.findall(r"\[\^(\w+)\](?!:)", read(page))
    assert sorted(defined) == sorted(set(used))


def test_the_index_names_every_page():
    pages = {page.name for page in PAGES if page.parent.name == "docs"}
    assert pages - {"README.md"} <= set(re.findall(r"\((\S+\.md)\)", read(ROOT / "docs" / "README.md")))


def test_the_page_of_the_layers_is_current():
    """`python benchmarks/gallery.py` writes it."""
    check = [sys.executable, str(ROOT / "benchmarks" / "gallery.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Examples in Python: what a reader has before, what must hold after, and the run that stands for the reader's own

DIGITS = "import numpy as np; images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)"
DAYS = """
import numpy as np
dates = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
rows = 100 + np.random.default_rng(0).random((len(dates), 2))  # price and volume
"""
EXAMPLES = {
    "README.md": ("finished", DIGITS, "model.output_shape == (None, 10) and probabilities.shape == (3, 10)"),
    "docs/export.md": (
        "finished",
        DIGITS,
        "report['artifacts']['saved_model']['passed'] and scores.shape == (1, 10)"
        " and np.allclose(served['probabilities'], classified['probabilities'], atol=1e-4)",
    ),
    "docs/text.md": ("opinions", "", "labels in (['negative'], ['positive'])"),
    "docs/series.md": ("prices", DAYS, "forecast.shape == (5, 1, 7) and (np.diff(forecast) >= 0).all()"),
    "docs/captions.md": (
        "scenes",
        "import numpy as np; images = np.zeros((2, 64, 64, 3), np.uint8)",
        "len(captions) == 2 and all(isinstance(caption, str) for caption in captions)",
    ),
}


@pytest.fixture(scope="session")
def prices(run_once):
    """Fixture: a short run on the sample prices."""
    return run_once("sample_prices", "stock_forecast", "--set", "training.epochs=1", "--set", "evaluation.bootstrap=20")


@pytest.fixture(scope="session")
def scenes(run_once):
    """Fixture: a short run on a few drawn scenes."""
    few = ("data.count=200", "training.epochs=1", "model.units=16", "model.widths=[8,8,8]", "evaluation.bootstrap=20")
    return run_once("few_scenes", "captioning", *(part for each in few for part in ("--set", each)))


def test_every_page_with_examples_is_run():
    assert [name_of(page) for page in PAGES if blocks(page, "python")] == sorted(EXAMPLES)


@pytest.mark.parametrize(
    "page", [pytest.param(name, marks=() if name == "README.md" else pytest.mark.slow) for name in EXAMPLES]
)
def test_the_examples_of_a_page_run(page, request, tmp_path):
    run, before, after = EXAMPLES[page]
    request.getfixturevalue(run).copy(tmp_path / "saved_models", "first")
    program = "\n".join([before, *blocks(ROOT / page, "python"), f"print({after})"])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split()[-1:] == ["True"], done.stdout + done.stderr


def test_the_loading_code_of_the_card_runs(finished):
    """With images of the right size, as a reader would put in."""
    (example,) = blocks(finished.path / "README.md", "python")
    example = example.replace("FOLDER_OF_THIS_FILE", ".")
    program = (
        f"import numpy as np\ninputs = np.zeros((3, 8, 8), np.uint8)\n{example}\nprint(answers['probabilities'].shape)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=finished.path, capture_output=True, text=True)
    assert done.stdout.strip().endswith("(3, 10)"), done.stderr


# Examples in docstrings


def with_examples():
    """The modules of both packages that hold an example which is not skipped."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for package in (layers, pipelines):
        names = (module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
        for name in [package.__name__, *(name for name in names if not name.endswith(".__main__"))]:
            examples = [each for test in finder.find(importlib.import_module(name)) for each in test.examples]
            if not all(each.options.get(doctest.SKIP) for each in examples):
                yield name


@pytest.mark.parametrize("name", list(with_examples()))
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_in_docstrings():
    assert len(list(with_examples())) >= 8
