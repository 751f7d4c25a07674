"""The wheel: what it holds, and that it works from any folder."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BUILT = shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", ".git", ".venv", "saved_models")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing lands in the source tree and nothing old gets in."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT, folder / "source", ignore=BUILT)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "source"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (path,) = folder.glob("keras_recurrent-*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_every_module_preset_and_template_and_nothing_else(wheel):
    expected = {
        f"keras_recurrent/{path.relative_to(ROOT).as_posix()}"
        for top in ("layers", "pipelines")
        for path in (ROOT / top).rglob("*")
        if path.suffix in (".py", ".yaml", ".md", ".jinja") and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
    assert any("presets/mnist_rows/sample.yaml" in name for name in held)


@pytest.mark.slow
def test_the_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("METADATA")]
    metadata = archive.read(name).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: <3.14,>=3.11" in metadata
    for extra in ("gpu", "test", "bench", "backends"):
        assert f"Provides-Extra: {extra}" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


@pytest.mark.slow
def test_a_plain_install_works_from_any_folder(wheel, tmp_path):
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "layers").mkdir(parents=True)
    (elsewhere / "layers" / "__init__.py").write_text("raise RuntimeError('the user\\'s own layers')")
    where = "import keras_recurrent.pipelines as p, keras_recurrent.layers as l; print(p.__file__, l.__file__)"
    for code in (["-c", where], ["-m", "keras_recurrent.pipelines.mnist_rows", "show"]):
        done = subprocess.run(
            [sys.executable, *code],
            cwd=elsewhere,
            env={"PYTHONPATH": str(site), "PATH": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        if code[0] == "-c":
            assert done.stdout.count(str(site)) == 2
        else:
            assert yaml.safe_load(done.stdout)["pipeline"] == "mnist_rows"


def test_the_editable_install_works_from_any_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "keras_recurrent.pipelines.mnist_rows", "show"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert yaml.safe_load(done.stdout)["preset"] == "sample", done.stderr
