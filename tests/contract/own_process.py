"""Scripts that tests run in a process of their own, since each backend of Keras needs one; they write .npz files."""

import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 900
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # which take longer than these cells run
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def need(*packages):
    """Fails the test if a package is missing."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        pytest.fail(f'{", ".join(missing)} missing: pip install -e ".[test,backends]"', pytrace=False)


def once(tmp_path_factory, name, script, *arguments, **environment):
    """The file that a script of this folder writes, its last argument; it runs once for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    file, unfinished = shared / f"{name}.npz", shared / f"{name}.unfinished.npz"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            done = subprocess.run(
                [sys.executable, Path(__file__).with_name(script), *arguments, unfinished],
                capture_output=True,
                text=True,
                env=os.environ | ENVIRONMENT | environment,
                timeout=SECONDS,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            unfinished.rename(file)
    return file


def below(arrays, prefix):
    """The arrays whose names begin so, under the rest of their names."""
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
