"""What the tests of the pipelines share: the command line in this process and in its own, tiny data, a finished run."""

import csv
import fcntl
import gzip
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from typer.testing import CliRunner

from keras_recurrent.pipelines.cli import app

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for name in ("absl", "tensorflow"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # as the command line does
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("steady")

TINY = {
    "model__cell": "keras.simple_rnn",
    "model__units": 8,
    "model__bidirectional": False,
    "training__epochs": 2,
    "evaluation__bootstrap": 20,
}
TINY_TEXTS = TINY | {
    "model__bidirectional": True,
    "model__embedding": 8,
    "model__pooling": "max",
    "training__batch_size": 32,
}
SECONDS = 300


@dataclass(frozen=True)
class Result:
    """What a command returned and printed."""

    exit_code: int
    stdout: str
    stderr: str


def invoke(*arguments) -> Result:
    """Runs the command line in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Result(result.exit_code, result.stdout, result.stderr)


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "keras_recurrent.pipelines.cli", *map(str, arguments)]


def assignments(**changes) -> list[str]:
    """`--set` options; `model__units=8` is `--set model.units=8`."""
    typed = {key.replace("__", "."): value for key, value in changes.items()}
    as_yaml = {key: value if isinstance(value, str | Path) else json.dumps(value) for key, value in typed.items()}
    return [part for key, value in as_yaml.items() for part in ("--set", f"{key}={value}")]


def idx_bytes(array: np.ndarray) -> bytes:
    """The idx format, written from its description: two zeros, type 8, dimensions, big-endian sizes, bytes."""
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def cli():
    """Fixture: the command line in this process, `cli("show", "mnist_rows") -> Result`."""
    return invoke


@pytest.fixture
def options():
    """Fixture: `--set` options, `options(data__source="csv")`."""
    return assignments


@pytest.fixture
def tiny():
    """Fixture: `--set` options of a model that trains in a moment, `tiny(training__epochs=4)` with changes."""
    return lambda **changes: assignments(**TINY | changes)


@pytest.fixture
def tiny_texts():
    """Fixture: the same for texts."""
    return lambda **changes: assignments(**TINY_TEXTS | changes)


@pytest.fixture
def refused(cli):
    """Fixture: runs a command that must fail, and checks that it does so with one readable message."""

    def check(code: int, words: Iterable[str], *arguments) -> Result:
        result = cli(*arguments)
        expect_refusal(result, code, words)
        return result

    return check


@pytest.fixture
def expect():
    """Fixture: checks that a result is a readable refusal."""
    return expect_refusal


def expect_refusal(result: Result, code: int, words: Iterable[str]) -> None:
    said = " ".join(result.stderr.split())
    assert result.exit_code == code, result
    assert result.stdout == ""
    assert said.lower().count("error:") == 1, said
    assert "Traceback" not in said
    assert "--debug" not in said, f"an error that nobody foresaw: {said}"
    missing = [word for word in words if " ".join(str(word).split()) not in said]
    assert not missing, f"{missing} not in: {said}"


@pytest.fixture
def process():
    """Fixture: the command line in a process of its own, `process("list", cwd=folder, VARIABLE="1") -> Result`."""

    def run(*arguments, cwd=None, preexec_fn=None, program=None, **env) -> Result:
        done = subprocess.run(
            [*(program or command()), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=os.environ | env,
            preexec_fn=preexec_fn,
            timeout=SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start():
    """Fixture: starts a process that the test will interrupt or kill; ends it in any case."""
    started = []

    def begin(*arguments) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                command(*arguments),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        return started[-1]

    yield begin
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def to_idx():
    """Fixture: an array as the bytes of an idx file."""
    return idx_bytes


@pytest.fixture
def idx_folder(tmp_path):
    """Fixture: writes the four idx files of tiny pictures whose bright rows spell their class in binary."""

    def write(train=200, test=60, size=6, gz=False, name="idx") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for seed, (part, count) in enumerate((("train", train), ("t10k", test))):
            random = np.random.default_rng(seed)
            labels = random.permutation(np.arange(count) % 10)
            images = random.integers(0, 60, (count, size, size))
            bright = (labels[:, None] + 1) >> np.arange(4) & 1
            images[:, 1:5] += 150 * bright[:, :, None]
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                content = idx_bytes(array)
                path = folder / f"{part}-{kind}-ubyte{'.gz' if gz else ''}"
                path.write_bytes(gzip.compress(content) if gz else content)
        return folder

    return write


@pytest.fixture
def from_idx():
    """Fixture: the options that read such a folder."""
    return lambda folder: assignments(data__source="idx", data__path=folder, data__validation=40)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, with its bytes and the time it was written."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def snapshot():
    """Fixture: the state of a folder, to compare before and after."""
    return contents


@dataclass(frozen=True)
class Finished:
    """A finished run, and what its process printed."""

    path: Path
    stdout: str
    stderr: str

    def copy(self, output: Path, name: str = "copy") -> Path:
        """A copy that a test may damage, as `output/PIPELINE/name`."""
        return shutil.copytree(self.path, output / self.path.parent.name / name)


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """Fixture: a folder of all test processes together."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def run_once(shared):
    """Fixture: runs a pipeline, once for all test processes: `run_once("a_name", "mnist_rows", *options)`."""

    def run(name: str, pipeline: str, *options) -> Finished:
        about, output = shared / f"{name}.json", shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not about.exists():
                done = subprocess.run(
                    command("run", pipeline, *options, "--output", output, "--name", "done", "--json"),
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
                about.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
        code, stdout, stderr = json.loads(about.read_text())
        assert code == 0, stderr
        return Finished(output / pipeline / "done", stdout, stderr)

    return run


@pytest.fixture(scope="session")
def finished(run_once) -> Finished:
    """Fixture: one tiny finished run on scikit-learn's digits."""
    return run_once("finished", "mnist_rows", *assignments(**TINY))


@pytest.fixture(scope="session")
def opinions(run_once) -> Finished:
    """Fixture: one tiny finished run on synthetic sentences, whose answers can be explained."""
    return run_once("opinions", "sentiment", *assignments(**TINY_TEXTS, data__count=600))


@pytest.fixture(scope="session")
def reviews(run_once, shared) -> Finished:
    """Fixture: one tiny finished run on a file of three classes, with splits of its own, and the last output kept."""
    path = shared / "reviews.csv"
    path.write_text(review_file(), encoding="utf-8")
    changes = {"model__pooling": "last", "training__epochs": 6, "evaluation__trace": True, "export__quantization": []}
    columns = {"text_column": "words", "label_column": "class", "split_column": "part"}
    source = {f"data__{key}": value for key, value in {"source": "csv", "path": path, **columns}.items()}
    return run_once("reviews", "sentiment", *assignments(**TINY_TEXTS | changes | source))


def review_file() -> str:
    """A CSV file of labelled texts in several scripts; a word tells the class."""
    random = np.random.default_rng(0)
    telling = {"bad": ["dull", "難看"], "$_$ & <good>": ["superb", "好看"], "so-so 👌": ["okay", "普通"]}
    others = ["the", "film", "was", "，", "!", "👍🏽", "это", "فيلم", "I'm", "<br />", "'quoted'", "$"]
    table = [("words", "stars", "class", "part"), ("", "0", "bad", "train"), ("It was OKAY.", "3", "so-so 👌", "test")]
    table += [("it  was okay. ", "3", "so-so 👌", "train"), ("", "", "bad", "test")]
    for part, count in (("train", 120), ("dev", 24), ("test", 66)):
        for number in range(count):
            label = list(telling)[number % 3]
            words = [str(word) for word in random.choice(others, random.integers(1, 30))]
            words[random.integers(len(words))] += f" {random.choice(telling[label])} "
            table.append((" ".join(words) + f" {part} {number}", str(number), label, part))
    stream = io.StringIO()
    csv.writer(stream).writerows(table)
    return stream.getvalue()
