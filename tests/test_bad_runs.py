"""Runs that are damaged, missing or in the way, and a training that diverges."""

import csv
import math
import shutil

import numpy as np
import pytest

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.stages.checkpoint import read


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path):
    path.write_bytes(b"garbage" * 100)


@pytest.fixture
def half_done(finished, tmp_path):
    """Fixture: a run that was killed after two of four epochs."""
    run = finished.copy(tmp_path, "half")
    for name in ("model.keras", "metrics.json", "predictions.csv", "README.md"):
        (run / name).unlink()
    for name in ("export", "plots"):
        shutil.rmtree(run / name)
    settings = run / "config.yaml"
    settings.write_text(settings.read_text().replace("epochs: 2\n", "epochs: 4\n", 1))
    return run


def test_half_done_can_be_resumed(cli, half_done, tmp_path):
    """What the tests below damage is sound."""
    assert cli("train", "mnist_rows", "--resume", "--output", tmp_path).exit_code == 0
    assert [row["epoch"] for row in rows_of(half_done)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("damage", [cut, garbage])
@pytest.mark.parametrize("name", ["last.npz", "best.npz"])
def test_a_damaged_checkpoint_changes_nothing(refused, half_done, tmp_path, snapshot, name, damage):
    damage(half_done / "checkpoints" / name)
    before = snapshot(half_done)
    refused(3, [name, "damaged"], "run", "mnist_rows", "--resume", "--quiet", "--output", tmp_path)
    assert snapshot(half_done) == before


def test_a_checkpoint_of_another_model(refused, half_done, tmp_path, snapshot):
    settings = half_done / "config.yaml"
    settings.write_text(settings.read_text().replace("units: 8\n", "units: 9\n"))
    before = snapshot(half_done)
    words = ["last.npz", "another model", "config.yaml"]
    refused(3, words, "train", "mnist_rows", "--resume", "--quiet", "--output", tmp_path)
    assert snapshot(half_done) == before


def test_any_damage_of_a_checkpoint_is_noticed(finished, tmp_path):
    """A changed byte is found, or did not matter."""
    path = finished.path / "checkpoints/last.npz"
    content, good = path.read_bytes(), read(path)
    random = np.random.default_rng(0)
    noticed = 0
    for _ in range(1000):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= 1 << random.integers(8)
        (tmp_path / "last.npz").write_bytes(damaged)
        try:
            found = read(tmp_path / "last.npz")
        except DataError:
            noticed += 1
            continue
        if [array.shape for array in found["variables"]] != [array.shape for array in good["variables"]]:
            noticed += 1  # an entry of the archive is gone: that is another model's checkpoint
            continue
        assert found["rows"] == good["rows"]
        assert all(np.array_equal(a, b) for a, b in zip(found["variables"], good["variables"], strict=True))
    assert noticed > 500


@pytest.mark.parametrize("damage", [cut, garbage])
@pytest.mark.parametrize("verb", ["evaluate", "export", "predict"])
def test_a_damaged_model(refused, finished, tmp_path, snapshot, verb, damage):
    run = finished.copy(tmp_path)
    damage(run / "model.keras")
    np.save(tmp_path / "digit.npy", np.zeros((8, 8), np.uint8))
    before = snapshot(run)
    more = [tmp_path / "digit.npy"] if verb == "predict" else []
    refused(3, [run / "model.keras", "damaged"], verb, run, *more)
    assert snapshot(run) == before


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("")])
def test_a_damaged_history(refused, finished, tmp_path, snapshot, damage):
    run = finished.copy(tmp_path)
    damage(run / "history.csv")
    before = snapshot(run)
    refused(3, ["history.csv"], "evaluate", run, "--quiet")
    assert snapshot(run) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: "- a\n",
        lambda text: text.replace("units: 8", "units: many"),
        lambda text: text.replace("pipeline: mnist_rows", "pipeline: mnist_row"),
        lambda text: text.replace("  units:", "  unist:"),
        lambda text: text[:-40] + "[",
    ],
)
def test_a_damaged_configuration(refused, finished, tmp_path, change):
    run = finished.copy(tmp_path)
    (run / "config.yaml").write_text(change((run / "config.yaml").read_text()))
    for arguments in (["evaluate", run], ["run", "mnist_rows", "--resume", "--output", tmp_path]):
        refused(3, [run / "config.yaml", "damaged"], *arguments)


@pytest.mark.parametrize("verb", ["evaluate", "export", "predict"])
def test_a_run_without_a_model_says_how_to_finish_it(refused, half_done, tmp_path, snapshot, verb):
    before = snapshot(half_done)
    more = [tmp_path / "digit.npy"] if verb == "predict" else []
    finish = f"keras-recurrent run mnist_rows --output {tmp_path} --name half --resume"
    refused(3, [half_done, "no trained model", finish], verb, half_done, *more)
    assert snapshot(half_done) == before


def test_a_run_that_is_not_there(refused, finished, tmp_path):
    refused(3, [tmp_path / "none"], "evaluate", tmp_path / "none")
    refused(3, ["mnist_rows/none"], "evaluate", "mnist_rows/none", "--output", tmp_path)
    refused(3, [tmp_path, "config.yaml"], "evaluate", tmp_path)
    runs = finished.path.parent.parent
    refused(3, ["mnist_rows/doen", "Did you mean 'mnist_rows/done'?"], "export", "mnist_rows/doen", "--output", runs)


@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_latest_without_any_run(refused, tmp_path, verb):
    refused(3, ["no run", tmp_path / "mnist_rows"], verb, "mnist_rows/latest", "--output", tmp_path)


def test_nothing_to_resume(refused, tmp_path):
    words = ["no run", tmp_path / "mnist_rows", "without --resume"]
    refused(3, words, "run", "mnist_rows", "--resume", "--output", tmp_path)
    refused(
        3, ["no run", "other", *words[1:]], "train", "mnist_rows", "--resume", "--name", "other", "--output", tmp_path
    )
    refused(
        3,
        ["other"],
        "compare",
        "mnist_rows",
        "--cells",
        "keras.gru",
        "--resume",
        "--name",
        "other",
        "--output",
        tmp_path,
    )
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["run", "train"])
def test_a_run_of_that_name_is_left_alone(refused, finished, tiny, tmp_path, snapshot, verb):
    run = finished.copy(tmp_path, "mine")
    before = snapshot(run)
    refused(
        2, [run, "exists", "--name", "--resume"], verb, "mnist_rows", *tiny(), "--output", tmp_path, "--name", "mine"
    )
    assert snapshot(run) == before
    assert [*run.parent.iterdir()] == [run]


def test_a_comparison_of_that_name_is_left_alone(refused, tiny, tmp_path, snapshot):
    mine = tmp_path / "mnist_rows/comparisons/mine"
    mine.mkdir(parents=True)
    (mine / "compare.csv").write_text("mine")
    before = snapshot(mine)
    options = ["--cells", "keras.gru", *tiny(), "--output", tmp_path, "--name", "mine"]
    refused(2, [mine, "exists"], "compare", "mnist_rows", *options)
    assert snapshot(mine) == before


def rows_of(run):
    with (run / "history.csv").open() as file:
        return [*csv.DictReader(file)]


def weights_are_finite(run):
    return all(
        np.isfinite(array).all()
        for name in ("last.npz", "best.npz")
        for array in read(run / "checkpoints" / name)["variables"]
    )


DIVERGING = {"training__learning_rate": "1e38", "training__clip_norm": None, "training__schedule": "constant"}
ONE_STEP = {"training__batch_size": 2000}


def test_a_loss_that_is_no_number_says_what_to_try(refused, tiny, tmp_path):
    options = [*tiny(**DIVERGING, training__warmup_epochs=0), "--output", tmp_path, "--name", "nan"]
    words = ["loss became", "step", "epoch 1", "training.learning_rate (now 1e+38)", "training.clip_norm=1 (now null)"]
    refused(1, words, "run", "mnist_rows", *options)
    run = tmp_path / "mnist_rows/nan"
    assert not (run / "model.keras").exists()
    assert not (run / "history.csv").exists()


def test_epochs_before_the_divergence_are_kept(refused, tiny, tmp_path):
    """One step an epoch; the warm-up makes the first rate zero, and the second one breaks the weights."""
    options = tiny(**DIVERGING, **ONE_STEP, training__epochs=5, training__warmup_epochs=2)
    words = ["loss", "epoch 2", "training.learning_rate"]
    refused(1, words, "train", "mnist_rows", *options, "--output", tmp_path, "--name", "nan")
    run = tmp_path / "mnist_rows/nan"
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == ["1"]
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    assert weights_are_finite(run)
    refused(1, words, "train", "mnist_rows", "--resume", "--name", "nan", "--output", tmp_path)
    assert rows_of(run) == rows


def test_a_divergence_in_the_very_last_step_is_noticed(refused, tiny, tmp_path):
    options = tiny(**DIVERGING, **ONE_STEP, training__epochs=1, training__warmup_epochs=0)
    refused(
        1, ["loss", "training.learning_rate"], "train", "mnist_rows", *options, "--output", tmp_path, "--name", "nan"
    )
    assert not (tmp_path / "mnist_rows/nan/model.keras").exists()
