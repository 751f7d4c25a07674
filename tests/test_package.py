"""The wheel: what it holds, and that it works from any folder."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BUILT = shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__", ".git", ".venv", "saved_models")

SHIPPED = (".py", ".yaml", ".md", ".typed", ".jinja")


def test_pyproject_lists_every_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    there = {
        ".".join(("keras_recurrent", *path.parent.relative_to(ROOT).parts))
        for top in ("layers", "pipelines")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(listed) == there | {"keras_recurrent"}, "[tool.setuptools] packages in pyproject.toml"


def test_the_root_package_imports_nothing():
    code = "import sys; known = {*sys.modules}; import keras_recurrent as k"
    code += "; print(k.__version__, {*sys.modules} - known)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split(maxsplit=1) == [metadata.version("keras-recurrent"), "{'keras_recurrent'}\n"], done.stderr


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
        if path.suffix in SHIPPED and "__pycache__" not in path.parts
    } | {"keras_recurrent/__init__.py"}
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
