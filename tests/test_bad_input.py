"""Data, outputs and input files that can't be used: one readable message, the right exit code, nothing left behind."""

import gzip
import resource
import socket
import struct
import sys
import time

import numpy as np
import pytest

TFDS_SECONDS, TRIES = 5, 5


@pytest.fixture
def no_new_run(refused, tiny, tmp_path):
    """Fixture: `run` must refuse, and must not have made any folder."""

    def check(code, words, *options):
        output = tmp_path / "runs"
        result = refused(code, words, "run", "mnist_rows", *tiny(), *options, "--output", output, "--name", "new")
        assert not output.exists()
        return result

    return check


def rewrite(change):
    def damage(path):
        path.write_bytes(change(path.read_bytes()))

    return damage


def no_rows(path):
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 6, 6))


def overflowing_sizes(path):
    """Sizes whose product is 2**64, which is 0 in 64 bits: no bytes follow, none seem to be missing."""
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**22, 2**21, 2**21))


DAMAGE = {
    "missing": (lambda path: path.unlink(), ["is missing"]),
    "empty": (rewrite(lambda content: b""), ["is empty"]),
    "a header cut off": (rewrite(lambda content: content[:9]), ["truncated"]),
    "only three bytes": (rewrite(lambda content: content[:3]), ["no idx file"]),
    "truncated": (rewrite(lambda content: content[:-100]), ["truncated", "7,116 bytes", "7,216"]),
    "too long": (rewrite(lambda content: content + b"x"), ["too long"]),
    "text": (rewrite(lambda content: b"label,pixel\n1,2\n"), ["no idx file of unsigned bytes"]),
    "floats": (rewrite(lambda content: bytes([0, 0, 13, 3]) + content[4:]), ["no idx file of unsigned bytes"]),
    "truncated gzip": (rewrite(lambda content: gzip.compress(content)[:-50]), ["truncated", "gzip"]),
    "damaged gzip": (rewrite(lambda content: gzip.compress(content)[:20] + b"\xff" * 500), []),
    "no rows": (no_rows, ["no examples"]),
    "sizes that overflow": (overflowing_sizes, ["truncated"]),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_idx_file_is_named(no_new_run, idx_folder, from_idx, name):
    damage, words = DAMAGE[name]
    folder = idx_folder()
    damage(folder / "train-images-idx3-ubyte")
    no_new_run(3, [folder, "train-images-idx3-ubyte", *words], *from_idx(folder))


@pytest.mark.parametrize(
    "file", ["train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
)
def test_each_file_of_the_four_is_checked(no_new_run, idx_folder, from_idx, file):
    folder = idx_folder(gz=True)
    (folder / file).write_bytes((folder / file).read_bytes()[:30])
    no_new_run(3, [folder / file, "truncated"], *from_idx(folder))


def test_swapped_images_and_labels(no_new_run, idx_folder, from_idx):
    folder = idx_folder()
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    images.rename(folder / "aside")
    labels.rename(images)
    (folder / "aside").rename(labels)
    no_new_run(3, [images, "labels", "expected images", "swapped?"], *from_idx(folder))


def test_images_and_labels_of_different_length(no_new_run, idx_folder, from_idx, to_idx):
    folder = idx_folder()
    (folder / "train-labels-idx1-ubyte").write_bytes(to_idx(np.arange(199) % 10))
    words = [folder / "train-images-idx3-ubyte", "200 images", "train-labels-idx1-ubyte", "199 labels"]
    no_new_run(3, words, *from_idx(folder))


def test_a_label_out_of_range_is_named_with_its_row(no_new_run, idx_folder, from_idx, to_idx):
    folder = idx_folder()
    labels = np.arange(60) % 10
    labels[17] = 10
    (folder / "t10k-labels-idx1-ubyte").write_bytes(to_idx(labels))
    words = [folder / "t10k-labels-idx1-ubyte", "label 10", "row 17", "0 to 9"]
    no_new_run(3, words, *from_idx(folder))


def test_training_and_test_images_of_different_size(no_new_run, idx_folder, from_idx, to_idx):
    folder = idx_folder()
    (folder / "t10k-images-idx3-ubyte").write_bytes(to_idx(np.zeros((60, 6, 7))))
    no_new_run(3, [folder, "(6, 6)", "(6, 7)"], *from_idx(folder))


def test_a_single_class_is_refused_before_training(no_new_run, idx_folder, from_idx, to_idx):
    folder = idx_folder()
    (folder / "train-labels-idx1-ubyte").write_bytes(to_idx(np.zeros(200)))
    no_new_run(3, ["class"], *from_idx(folder))


def test_a_path_that_is_no_folder(no_new_run, from_idx, tmp_path):
    no_new_run(3, [f"data.path={tmp_path / 'nowhere'}", "no such folder"], *from_idx(tmp_path / "nowhere"))
    file = tmp_path / "file"
    file.write_text("x")
    no_new_run(3, [f"data.path={file}", "folder"], *from_idx(file))


def test_idx_needs_a_path(no_new_run):
    no_new_run(2, ["data.path", "--set data.source=idx"], "--set", "data.source=idx")


def test_more_held_out_than_there_is(no_new_run, idx_folder, from_idx):
    no_new_run(2, ["data.validation=200", "200 examples"], *from_idx(idx_folder()), "--set", "data.validation=200")
    no_new_run(2, ["data.test=1797", "1,797 examples"], "--set", "data.test=1797")


PREPARE = ["mnist", "not prepared", "data.data_dir", "tfds.load('mnist'", "--preset sample"]


def test_tfds_without_network_says_how_to_prepare(no_new_run, monkeypatch, tmp_path):
    monkeypatch.setattr("keras_recurrent.pipelines.sources.tfds._reachable", lambda builder: False)
    folder = tmp_path / "datasets"
    no_new_run(3, [folder, *PREPARE], "--set", "data.source=tfds", "--set", f"data.data_dir={folder}")
    assert not folder.exists()


@pytest.mark.parametrize("error", [OSError("host gone"), ValueError("checksum differs")])
def test_a_failed_download_says_how_to_prepare(no_new_run, monkeypatch, tmp_path, error):
    import tensorflow_datasets as tfds

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("keras_recurrent.pipelines.sources.tfds._reachable", lambda builder: True)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    no_new_run(3, [*PREPARE, str(error)], "--set", "data.source=tfds", "--set", f"data.data_dir={tmp_path / 'sets'}")


def test_a_damaged_tfds_folder(no_new_run, monkeypatch, tmp_path):
    monkeypatch.setattr("keras_recurrent.pipelines.sources.tfds._reachable", lambda builder: False)
    folder = tmp_path / "datasets/mnist/3.0.1"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{")
    no_new_run(3, ["mnist"], "--set", "data.source=tfds", "--set", f"data.data_dir={tmp_path / 'datasets'}")


def no_network():
    try:
        socket.create_connection(("storage.googleapis.com", 443), timeout=2).close()
    except OSError:
        return True
    return False


UNREACHABLE = """
import sys
from keras_recurrent.pipelines import cli
from keras_recurrent.pipelines.sources import tfds
tfds._reachable = lambda builder: False
cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize("network", ["none", "unreachable by decree"])
def test_tfds_gives_up_at_once(process, expect, tmp_path, network):
    if network == "none" and not no_network():
        pytest.skip("there is a network here")
    options = [
        "--set",
        "data.source=tfds",
        "--set",
        f"data.data_dir={tmp_path / 'sets'}",
        "--output",
        tmp_path / "runs",
    ]
    program = None if network == "none" else [sys.executable, "-c", UNREACHABLE]
    durations = []
    for _ in range(TRIES):
        began = time.perf_counter()
        expect(process("run", "mnist_rows", *options, program=program), 3, PREPARE)
        durations.append(time.perf_counter() - began)
        if durations[-1] <= TFDS_SECONDS:
            break
    assert min(durations) <= TFDS_SECONDS
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["run", "train"])
def test_an_output_below_a_file_can_not_be_written(refused, tiny, tmp_path, verb):
    file = tmp_path / "file"
    file.write_text("mine")
    output = file / "runs"
    refused(1, ["can't write", output, "Not a directory", "--output"], verb, "mnist_rows", *tiny(), "--output", output)
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_text() == "mine"


def limited(size):
    """No file may grow beyond `size` bytes: what a full disk does, reliably."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    ("size", "file", "kept"),
    [
        (300, "mnist_rows/full", []),
        pytest.param(
            5_000,
            "checkpoints/last.npz",
            ["config.yaml", "environment.json", "checkpoints/best.npz"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            9_000,
            "model.keras",
            ["config.yaml", "history.csv", "checkpoints/last.npz", "checkpoints/best.npz"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_full_disk_while_training(process, cli, tiny, tmp_path, size, file, kept):
    options = [*tiny(training__epochs=1), "--output", tmp_path, "--name", "full"]
    result = process("train", "mnist_rows", *options, preexec_fn=limited(size))
    run = tmp_path / "mnist_rows/full"
    assert result.exit_code == 1
    assert f"{file}: File too large. Free some space" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert run.exists() == bool(kept)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left >= {f"mnist_rows/full/{name}" for name in kept}
    assert f"mnist_rows/full/{file}" not in left
    assert not [path for path in left if "/." in path]
    if kept:  # and with room again, it goes on
        assert cli("train", "mnist_rows", "--resume", "--name", "full", "--output", tmp_path).exit_code == 0
        assert (run / "model.keras").is_file()


@pytest.mark.parametrize("verb", ["export", "evaluate"])
def test_a_full_disk_later_leaves_earlier_files_as_they_were(process, expect, finished, tmp_path, snapshot, verb):
    run = finished.copy(tmp_path)
    before = snapshot(run)
    result = process(verb, run, "--quiet", preexec_fn=limited(5_000))
    expect(result, 1, ["can't write", run, "File too large", "Free some space"])
    assert snapshot(run) == before


@pytest.fixture
def digits(tmp_path):
    """Fixture: three pictures of the size that the finished run was trained on."""
    return np.random.default_rng(0).integers(0, 255, (3, 8, 8), np.uint8)


def save(array):
    return lambda path: np.save(path, array)


def save_archive(path):
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def save_cut_archive(path):
    save_archive(path)
    path.write_bytes(path.read_bytes()[:40])


BAD_FILES = {
    "missing.png": (lambda path: None, ["no such file"]),
    "missing.npy": (lambda path: None, ["no such file"]),
    "missing-idx3-ubyte": (lambda path: None, []),
    "text.png": (lambda path: path.write_text("hello"), ["read as an image"]),
    "empty.png": (lambda path: path.touch(), ["read as an image"]),
    "folder.png": (lambda path: path.mkdir(), ["can't be read"]),
    "text.npy": (lambda path: path.write_text("hello"), ["can't be read"]),
    "empty.npy": (lambda path: path.touch(), ["can't be read"]),
    "wrong-shape.npy": (save(np.zeros((3, 8, 9), np.uint8)), ["(3, 8, 9)", "8 x 8"]),
    "one-number.npy": (save(np.uint8(3)), ["8 x 8"]),
    "none.npy": (save(np.zeros((0, 8, 8), np.uint8)), ["8 x 8"]),
    "float.npy": (save(np.zeros((3, 8, 8))), ["float64", "uint8"]),
    "objects.npy": (save(np.array([{}], dtype=object)), ["can't be read"]),
    "archive.npy": (save_archive, [".npy"]),
    "cut-archive.npy": (save_cut_archive, [".npy"]),
    "labels-idx1-ubyte": (lambda path: path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7])), ["labels"]),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_predict_refuses_a_bad_file(refused, finished, tmp_path, digits, name):
    write, words = BAD_FILES[name]
    np.save(tmp_path / "good.npy", digits)
    write(tmp_path / name)
    answers = tmp_path / "answers.csv"
    arguments = ["predict", finished.path, tmp_path / "good.npy", tmp_path / name, "--to", answers]
    refused(3, [tmp_path / name, *words], *arguments)
    assert not answers.exists()


def test_predict_does_not_overwrite(refused, finished, tmp_path, digits):
    np.save(tmp_path / "good.npy", digits)
    (tmp_path / "mine.csv").write_text("mine")
    refused(2, ["mine.csv", "exists"], "predict", finished.path, tmp_path / "good.npy", "--to", tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_predict_to_a_path_that_can_not_be_written(cli, finished, tmp_path, digits):
    np.save(tmp_path / "good.npy", digits)
    (tmp_path / "file").touch()
    result = cli("predict", finished.path, tmp_path / "good.npy", "--to", tmp_path / "file/answers.csv")
    assert result.exit_code == 1
    assert "answers.csv" in result.stderr
    assert "--to FILE" in result.stderr
