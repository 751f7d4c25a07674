"""A task and a pipeline are added by their own files alone: a folder, a module, and presets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import keras_recurrent.pipelines

HERE, PACKAGE = Path(__file__).parent, Path(keras_recurrent.pipelines.__file__).parent


@pytest.fixture(scope="module")
def sums(tmp_path_factory):
    """Runs the command line of a copy of the package that has one more task."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, site / "keras_recurrent/pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    (site / "keras_recurrent/layers").symlink_to(PACKAGE.parent / "layers", target_is_directory=True)
    (site / "keras_recurrent/__init__.py").touch()
    shutil.copytree(HERE / "sums", site / "keras_recurrent/pipelines", dirs_exist_ok=True)

    def call(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "keras_recurrent.pipelines.cli", *map(str, arguments)],
            cwd=site,
            env=os.environ | {"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.mark.slow
def test_a_new_task_runs_whole(sums, tmp_path):
    assert "sums: The sum of a sequence of numbers" in sums("list")
    runs = ("--output", tmp_path)
    done = json.loads(sums("run", "sums", "--name", "first", "--json", *runs))
    assert done["metrics"]["test"]["mse"] < 0.5 * done["metrics"]["baselines"]["mean"]["mse"]
    assert {name: each["passed"] for name, each in done["parity"]["artifacts"].items()} == dict.fromkeys(
        ("saved_model", "tflite", "tflite_dynamic_range", "tflite_float16"), True
    )
    assert (tmp_path / "sums/first/export/about.txt").read_text() == "sums\n"
    assert "Adds the numbers of a sequence" in (tmp_path / "sums/first/README.md").read_text()
    total = float(sums("predict", "sums/first", *runs, *[0.5] * 6))
    assert abs(total - 3) < 1
    compared = json.loads(sums("compare", "sums", "--cells", "gru", "--seeds", 1, "--json", *runs))
    assert compared["cells"][0]["runs"] == 1
