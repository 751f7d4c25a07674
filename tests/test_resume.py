"""A run that was killed at any moment, or interrupted, goes on to the same result."""

import csv
import json
import shutil
import signal
import time

import pytest

PATIENCE_SECONDS = 100
GRU = {"model__cell": "keras.gru", "model__dropout": 0.2, "model__recurrent_dropout": 0.2, "training__batch_size": 16}
COSINE = GRU | {
    "training__epochs": 4,
    "training__schedule": "cosine",
    "training__warmup_epochs": 1,
    "training__patience": 3,
    "data__rotation": 10,
}
PLATEAU = GRU | {
    "training__epochs": 8,
    "training__schedule": "plateau",
    "training__warmup_epochs": 0,
    "training__learning_rate": "1e-9",  # too small to learn anything: the score stands still, and both counters count
    "training__patience": 5,
}


def rows_of(run):
    """The rows of history.csv that are there so far."""
    try:
        with (run / "history.csv").open() as file:
            return [*csv.DictReader(file)]
    except FileNotFoundError:
        return []


def wait_until(true, child):
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def in_fit(run):
    """The first epoch has begun."""
    return any((run / "tensorboard").rglob("events*")) if (run / "tensorboard").is_dir() else False


def same_but_for_time(one, other):
    names = set(one[0]) - {"seconds"}
    assert [set(row) - {"seconds"} for row in one] == [names] * len(other)
    for row, counterpart in zip(one, other, strict=True):
        for name in names:
            assert float(row[name]) == pytest.approx(float(counterpart[name]), rel=1e-6, abs=1e-9), (
                name,
                row,
                counterpart,
            )
    assert all(value != "" for row in one for value in row.values())


@pytest.fixture
def metrics(cli):
    """Fixture: evaluates a trained run, and gives its test scores."""

    def evaluate(run):
        result = cli("evaluate", run, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["metrics"]["test"]

    return evaluate


@pytest.fixture
def train_twice(cli, start, tiny, tmp_path, metrics):
    """Fixture: trains once without, once with a kill and `--resume`; both must come to the same."""

    def train(settings, killed_when, pipeline="mnist_rows"):
        options = ["train", pipeline, *tiny(**settings), "--output", tmp_path]
        whole, broken = tmp_path / pipeline / "whole", tmp_path / pipeline / "broken"
        assert cli(*options, "--name", "whole").exit_code == 0
        child = start(*options, "--name", "broken")
        wait_until(lambda: killed_when(broken), child)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        survived = rows_of(broken)
        assert len(survived) < len(rows_of(whole))
        assert not (broken / "model.keras").exists()
        resumed = cli("train", pipeline, "--resume", "--name", "broken", "--output", tmp_path)
        assert resumed.exit_code == 0, resumed.stderr
        same_but_for_time(rows_of(broken), rows_of(whole))
        assert rows_of(broken)[: len(survived)] == survived
        assert metrics(broken) == pytest.approx(metrics(whole), abs=1e-6)
        return rows_of(whole), survived, resumed

    return train


@pytest.mark.slow
def test_killed_after_two_epochs(train_twice):
    rows, survived, resumed = train_twice(COSINE, lambda run: len(rows_of(run)) >= 2)
    assert len(rows) == 4
    assert len(survived) >= 2
    assert "epoch 2/4" not in resumed.stderr
    assert "epoch 4/4" in resumed.stderr
    assert len({row["learning_rate"] for row in rows}) == 4


TEXTS = GRU | {
    "data__count": 600,
    "model__bidirectional": True,
    "model__embedding": 8,
    "model__pooling": "attention",
    "model__word_dropout": 0.1,
    "model__final_dropout": 0.2,
    "training__epochs": 4,
}


@pytest.mark.slow
def test_killed_while_reading_texts(train_twice):
    """Batches of similar lengths come in the same order again."""
    rows, survived, _ = train_twice(TEXTS, lambda run: len(rows_of(run)) >= 2, "sentiment")
    assert len(rows) == 4
    assert len(survived) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_killed_in_mixed_precision(train_twice, precision):
    deep = {"training__precision": precision, "model__depth": 2, "model__bidirectional": True, "data__pairs": True}
    train_twice(COSINE | deep, lambda run: len(rows_of(run)) >= 2)


@pytest.mark.slow
def test_killed_before_the_first_epoch_ended(train_twice):
    _, survived, _ = train_twice(COSINE | {"training__epochs": 2}, in_fit)
    assert survived == []


@pytest.mark.slow
def test_the_counters_of_plateau_and_patience_go_on(train_twice):
    rows, survived, _ = train_twice(PLATEAU, lambda run: len(rows_of(run)) >= 3)
    assert len(survived) >= 3
    assert len(rows) == 6, "patience ends it five epochs after the best one, the first"
    assert len({row["learning_rate"] for row in rows}) == 2, "the plateau lowered the rate once"


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "exponential"])
@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.9])
def test_killed_in_the_middle_of_an_epoch(train_twice, schedule, seconds):
    def at_some_moment(run):
        if not rows_of(run):
            return False
        time.sleep(seconds)
        return True

    train_twice(COSINE | {"training__schedule": schedule, "training__epochs": 20, "data__zoom": 0.1}, at_some_moment)


def test_early_stopping_is_not_undone_by_resuming(cli, tiny, tmp_path):
    """Killed after the last epoch, before the model was written."""
    options = ["train", "mnist_rows", "--output", tmp_path, "--name", "stopped"]
    assert cli(*options, *tiny(**PLATEAU | {"training__patience": 2})).exit_code == 0
    run = tmp_path / "mnist_rows/stopped"
    rows = rows_of(run)
    assert len(rows) == 3
    model = (run / "model.keras").stat().st_size
    (run / "model.keras").unlink()
    assert cli(*options, "--resume").exit_code == 0
    assert rows_of(run) == rows
    assert (run / "model.keras").stat().st_size == model


@pytest.mark.slow
def test_interrupted_says_so_and_keeps_what_is_done(cli, start, tiny, tmp_path):
    options = ["train", "mnist_rows", *tiny(training__epochs=500, training__batch_size=8), "--output", tmp_path]
    child = start(*options, "--name", "mine")
    run = tmp_path / "mnist_rows/mine"
    wait_until(lambda: rows_of(run), child)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 130
    assert stdout == ""
    assert "interrupted" in stderr
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    assert 1 <= len(rows_of(run)) < 500
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best.npz", "last.npz"]
    assert not list(run.rglob(".*"))


def test_a_finished_run_is_not_touched(cli, finished, tmp_path, snapshot):
    run = finished.copy(tmp_path)
    before = snapshot(run)
    for verb, word in (("run", "finished"), ("train", "trained already")):
        result = cli(verb, "mnist_rows", "--resume", "--output", tmp_path)
        assert result.exit_code == 0
        assert word in result.stderr
        assert str(run) in result.stdout
    assert snapshot(run) == before


def files_of(run):
    return {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}


EXPORTED = ["parity.json", "saved_model", *(f"model.{kind}tflite" for kind in ("", "float16.", "dynamic_range."))]
EXPORTED = [f"export/{name}" for name in EXPORTED]
LOST = {
    "between training and evaluation": ["metrics.json", "predictions.csv", "plots", "README.md", *EXPORTED],
    "between evaluation and export": [*EXPORTED, "README.md"],
    "during the export": ["export/parity.json", "export/model.float16.tflite", "README.md"],
    "the evaluation alone": ["metrics.json", "predictions.csv", "plots", "README.md"],
}


MOMENTS = [pytest.param(moment, marks=pytest.mark.slow if "export" in moment else ()) for moment in LOST]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_after_training(cli, finished, tmp_path, moment):
    run = finished.copy(tmp_path)
    expected, model = files_of(run), (run / "model.keras").read_bytes()
    for name in LOST[moment]:
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    result = cli("run", "mnist_rows", "--resume", "--name", "copy", "--output", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert files_of(run) == expected
    assert (run / "model.keras").read_bytes() == model
    assert "proven" in result.stdout
    assert "accuracy" in result.stdout


@pytest.mark.parametrize(
    "name",
    [
        "model.keras",
        pytest.param("history.csv", marks=pytest.mark.slow),
        pytest.param("export/labels.txt", marks=pytest.mark.slow),
        pytest.param("export/model.tflite", marks=pytest.mark.slow),
    ],
)
def test_a_lost_file_is_made_again(cli, finished, tmp_path, name):
    run = finished.copy(tmp_path)
    expected, scores = files_of(run), json.loads((run / "metrics.json").read_text())["test"]
    (run / name).unlink()
    result = cli("run", "mnist_rows", "--resume", "--name", "copy", "--output", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    assert files_of(run) == expected
    assert json.loads(result.stdout)["metrics"]["test"] == pytest.approx(scores, abs=1e-6)


@pytest.mark.parametrize(
    "option",
    [
        ["--set", "training.epochs=3"],
        ["--set", "model.units=9"],
        ["--seed", "1"],
        ["--set", "data.split_seed=1"],
        ["--set", "export.rows=70"],
    ],
)
def test_another_option_is_refused(refused, finished, tmp_path, snapshot, option):
    run = finished.copy(tmp_path)
    before = snapshot(run)
    key = "training.seed" if option[0] == "--seed" else option[1].partition("=")[0]
    refused(2, [run, key, "(the run has", "--resume"], "run", "mnist_rows", "--resume", *option, "--output", tmp_path)
    assert snapshot(run) == before


def test_another_file_is_refused_and_the_same_accepted(cli, refused, finished, tmp_path):
    run = finished.copy(tmp_path)
    resume = ["run", "mnist_rows", "--resume", "--name", "copy", "--output", tmp_path]
    (tmp_path / "mine.yaml").write_text("model: {units: 8, depth: 2}\n")
    refused(2, ["model.depth=2 (the run has 1)"], *resume, "--config", tmp_path / "mine.yaml")
    assert cli(*resume, "--config", run / "config.yaml").exit_code == 0


def test_the_same_options_are_accepted(cli, finished, tiny, tmp_path):
    finished.copy(tmp_path)
    result = cli("run", "mnist_rows", "--preset", "sample", *tiny(), "--seed", "0", "--resume", "--output", tmp_path)
    assert result.exit_code == 0, result.stderr


def test_latest_is_the_run_begun_last(cli, finished, tiny, tmp_path):
    for name in ("zebra", "ant"):
        run = finished.copy(tmp_path, name)
        (run / "config.yaml").touch()
        time.sleep(0.02)
    result = cli("run", "mnist_rows", "--resume", "--output", tmp_path)
    assert result.stdout.strip().endswith("ant")
