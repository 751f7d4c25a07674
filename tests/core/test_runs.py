"""A finished run: the files and keys that the documentation promises, and what can be asked of it."""

import csv
import json
import re
import sys
import time

import numpy as np
import pytest
import yaml
from PIL import Image

from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.sources import digits
from keras_recurrent.pipelines.stages import export as stage

KINDS = {"saved_model", "tflite", "tflite_dynamic_range", "tflite_float16"}
METRICS = {"accuracy", "macro_f1", "log_loss", "calibration_error"}
SCORES = METRICS | {"roc_auc"}
"""On the test split; the area under the ROC curve has no interval, and is not asked of files."""
OUR_LINES = r"training in .*|epoch \d+/2  .*|evaluating.*|exporting.*"


def table(path):
    with path.open() as file:
        return [*csv.DictReader(file)]


def read(path):
    return json.loads(path.read_text())


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)


@pytest.fixture(scope="module")
def test_images():
    """Fixture: the sample's test split, drawn again by its stated rule."""
    from sklearn.model_selection import train_test_split

    images, labels = digits.load()
    _, test = train_test_split(np.arange(len(labels)), test_size=360, stratify=labels, random_state=0)
    test.sort()
    return images[test], labels[test]


def test_the_folder_holds_what_is_promised_and_nothing_else(finished):
    found = {str(path.relative_to(finished.path)) for path in finished.path.rglob("*") if path.is_file()}
    logs = {name for name in found if re.fullmatch(r"tensorboard/(train|validation)/events\.out\.tfevents.*", name)}
    plots = {name for name in found if re.fullmatch(r"plots/[a-z_]+\.png", name)}
    assert len(logs) == 2
    assert len(plots) == 4
    variables = "export/saved_model/1/variables/variables"
    assert found - logs - plots == {
        *("config.yaml", "environment.json", "history.csv", "model.keras", "metrics.json", "predictions.csv"),
        *("README.md", "checkpoints/last.npz", "checkpoints/best.npz", "export/labels.txt", "export/parity.json"),
        *("export/model.tflite", "export/model.dynamic_range.tflite", "export/model.float16.tflite"),
        *("export/saved_model/1/saved_model.pb", "export/saved_model/1/fingerprint.pb"),
        *(f"{variables}.index", f"{variables}.data-00000-of-00001"),
    }
    for plot in plots:
        with Image.open(finished.path / plot) as picture:
            assert min(picture.size) > 100


def test_metrics_json(finished):
    metrics = read(finished.path / "metrics.json")
    assert metrics["pipeline"] == "mnist_rows"
    assert metrics["preset"] == "sample"
    assert metrics["primary"] == "accuracy"
    assert set(metrics["test"]) == SCORES
    assert set(metrics["baselines"]) == {"most_frequent", "logistic_regression"}
    for scores in metrics["baselines"].values():
        assert set(scores) == SCORES
    assert set(metrics["intervals"]) == METRICS
    for name, (low, high) in metrics["intervals"].items():
        assert low <= high
        assert low - 0.05 <= metrics["test"][name] <= high + 0.05
    assert metrics["references"] == {}
    assert metrics["notes"] == []
    best = max(scores["accuracy"] for scores in metrics["baselines"].values())
    assert metrics["beats_baselines"] is (metrics["test"]["accuracy"] > best)
    assert metrics["examples"] == {"train": 1257, "validation": 180, "test": 360}
    assert set(metrics["seconds"]) == {"train", "evaluate", "export"}
    assert all(seconds > 0 for seconds in metrics["seconds"].values())
    assert metrics["parameters"] == 8 * 8 + 8 * 8 + 8 + 8 * 10 + 10
    assert all(re.fullmatch("[a-z0-9_]+", key) for key in keys_of(metrics))


def test_comparisons_count_on_the_same_rows(finished):
    metrics = read(finished.path / "metrics.json")
    assert set(metrics["comparisons"]) == set(metrics["baselines"])
    for name, found in metrics["comparisons"].items():
        assert set(found) == {"only_model", "only_baseline", "p_value", "difference"}
        gain = metrics["test"]["accuracy"] - metrics["baselines"][name]["accuracy"]
        assert (found["only_model"] - found["only_baseline"]) / 360 == pytest.approx(gain, abs=2e-6)
        low, high = found["difference"]
        assert low <= gain <= high
        assert (found["p_value"] < 0.01) is (low > 0 or high < 0)


def test_parity_json(finished):
    parity = read(finished.path / "export/parity.json")
    assert set(parity) == {"rows", "artifacts"}
    assert parity["rows"] == 64
    assert set(parity["artifacts"]) == KINDS
    for kind, artifact in parity["artifacts"].items():
        assert {"path", "bytes", "max_abs_diff", "tolerance", "test", "milliseconds_per_example"} <= set(artifact)
        assert artifact["passed"] is True
        assert (finished.path / artifact["path"]).exists(), "the path is relative to the run"
        assert set(artifact["test"]) == SCORES
        assert artifact["milliseconds_per_example"] > 0
        assert artifact["builtin_only"] is (None if kind == "saved_model" else True)
    for kind in ("saved_model", "tflite"):
        assert parity["artifacts"][kind]["max_abs_diff"] <= parity["artifacts"][kind]["tolerance"] == 1e-4
    sizes = {kind: artifact["bytes"] for kind, artifact in parity["artifacts"].items()}
    assert sizes["tflite"] == (finished.path / "export/model.tflite").stat().st_size


def test_history_csv(finished):
    rows = table(finished.path / "history.csv")
    columns = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}
    assert [set(row) for row in rows] == [columns, columns]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(value) >= 0 for row in rows for value in row.values())


def test_predictions_csv_agrees_with_the_metrics_and_the_data(finished, test_images):
    rows = table(finished.path / "predictions.csv")
    assert [int(row["label"]) for row in rows] == test_images[1].tolist()
    accuracy = np.mean([row["label"] == row["predicted_label"] for row in rows])
    assert accuracy == pytest.approx(read(finished.path / "metrics.json")["test"]["accuracy"], abs=1e-6)
    assert [row["correct"] == "True" for row in rows] == [row["label"] == row["predicted_label"] for row in rows]


def test_environment_and_configuration(finished):
    environment = read(finished.path / "environment.json")
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"tensorflow", "keras", "numpy", "keras-recurrent"} <= set(environment["packages"])
    assert "run mnist_rows" in environment["command"]
    settings = yaml.safe_load((finished.path / "config.yaml").read_text())
    assert list(settings) == ["pipeline", "preset", "data", "model", "training", "evaluation", "export"]
    assert settings["model"]["units"] == 8


def test_the_card_tells_the_numbers_and_how_to_repeat_them(finished):
    card = (finished.path / "README.md").read_text()
    metrics = read(finished.path / "metrics.json")
    assert f"{metrics['test']['accuracy']:.4f}" in card
    assert f"{metrics['baselines']['logistic_regression']['accuracy']:.4f}" in card
    assert "NOT better than every baseline" in card
    assert f"--config {finished.path / 'config.yaml'}" in card
    linked = set(re.findall(r"\]\((\S+)\)", card))
    assert linked == {f"plots/{path.name}" for path in (finished.path / "plots").iterdir()}
    assert len(linked) == 4
    for artifact in ("export/saved_model/1", "export/model.tflite"):
        assert artifact in card


def test_json_is_all_that_stdout_holds_and_stderr_is_ours(finished):
    printed = json.loads(finished.stdout)
    assert printed["run"] == str(finished.path)
    assert printed["metrics"] == read(finished.path / "metrics.json")
    assert printed["parity"] == read(finished.path / "export/parity.json")
    lines = finished.stderr.splitlines()
    assert len(lines) == 5
    assert not [line for line in lines if not re.fullmatch(OUR_LINES, line)]


def test_from_python(finished, test_images):
    images, labels = test_images
    run = runs.open(finished.path)
    probabilities = run.predict(images)
    assert probabilities.shape == (360, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(-1) == labels).mean() == pytest.approx(run.metrics["test"]["accuracy"], abs=1e-6)
    assert run.model.input_shape == (None, 8, 8)
    assert run.names == tuple("0123456789")
    assert run.config.model.units == 8
    same = runs.open("mnist_rows/latest", output=finished.path.parent.parent)
    assert same.path == finished.path


@pytest.fixture
def predict(cli, finished):
    """Fixture: the answers for files, and what was said about them."""

    def ask(*paths):
        result = cli("predict", finished.path, *paths, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["predictions"], result.stderr

    return ask


def test_predict_from_arrays(predict, finished, test_images, to_idx, tmp_path):
    images = test_images[0][:5]
    np.save(tmp_path / "five.npy", images)
    np.save(tmp_path / "one.npy", images[2])
    (tmp_path / "five-images-idx3-ubyte").write_bytes(to_idx(images))
    (tmp_path / "renamed").write_bytes(to_idx(images))
    (tmp_path / "five.NPY").write_bytes((tmp_path / "five.npy").read_bytes())
    expected = table(finished.path / "predictions.csv")[:5]
    for name in ("five.npy", "five.NPY", "five-images-idx3-ubyte", "renamed"):
        answers, said = predict(tmp_path / name)
        assert said == ""
        assert [answer["label"] for answer in answers] == [row["predicted_label"] for row in expected]
        assert [answer["row"] for answer in answers] == [0, 1, 2, 3, 4]
        for answer, row in zip(answers, expected, strict=True):
            assert answer["probability"] == pytest.approx(float(row["probability_label"]), abs=2e-6)
            assert len(str(answer["probability"])) <= 8
    answers, _ = predict(tmp_path / "one.npy", tmp_path / "five.npy")
    assert [answer["input"] for answer in answers] == [str(tmp_path / "one.npy"), *[str(tmp_path / "five.npy")] * 5]
    assert answers[0]["label"] == answers[3]["label"]


def test_predict_from_pictures_says_what_it_did(predict, test_images, tmp_path):
    digit = test_images[0][0]
    paths = {name: tmp_path / f"{name}.png" for name in ("plain", "light", "colour", "large", "clear", "deep")}
    Image.fromarray(digit).save(paths["plain"])
    Image.fromarray(255 - digit).save(paths["light"])
    Image.fromarray(np.stack([digit] * 3, axis=-1)).save(paths["colour"])
    Image.fromarray(digit).resize((64, 64), Image.Resampling.NEAREST).save(paths["large"])
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[..., 3] = digit  # black ink on nothing
    Image.fromarray(ink).save(paths["clear"])
    Image.fromarray(digit.astype(np.uint16) * 257).save(paths["deep"])
    answers, said = predict(*paths.values())
    notes = {line.partition(".png: ")[0].rpartition("/")[2]: line.partition(".png: ")[2] for line in said.splitlines()}
    assert set(notes) == set(paths) - {"plain"}
    assert "inverted" in notes["light"]
    assert "border is light" in notes["light"]
    assert "gray" in notes["colour"]
    assert notes["deep"] == "reduced from 16 bits to 8"
    assert "resized from 64 x 64 to 8 x 8" in notes["large"]
    assert "white" in notes["clear"]
    assert "inverted" in notes["clear"]
    assert len({answer["label"] for answer in answers}) == 1
    for answer in answers:
        assert answer["probability"] == pytest.approx(answers[0]["probability"], abs=0.01)


def test_predict_to_a_file(cli, finished, test_images, tmp_path):
    np.save(tmp_path / "five.npy", test_images[0][:5])
    result = cli("predict", finished.path, tmp_path / "five.npy", "--to", tmp_path / "answers.csv")
    assert (result.exit_code, result.stdout) == (0, "")
    assert [row["row"] for row in table(tmp_path / "answers.csv")] == ["0", "1", "2", "3", "4"]


@pytest.mark.slow
def test_evaluate_and_export_again_give_the_same(cli, finished, tmp_path, capfd):
    run = finished.copy(tmp_path)
    before = {name: read(run / name) for name in ("metrics.json", "export/parity.json")}
    predictions = (run / "predictions.csv").read_bytes()
    assert cli("evaluate", run).exit_code == 0
    after = read(run / "metrics.json")
    assert {**after, "seconds": None} == {**before["metrics.json"], "seconds": None}
    assert set(after["seconds"]) == {"train", "evaluate", "export"}, "the time of the export is not forgotten"
    assert (run / "predictions.csv").read_bytes() == predictions
    capfd.readouterr()
    exported = cli("export", "mnist_rows/copy", "--output", tmp_path, "--json")
    assert exported.exit_code == 0, exported.stderr
    assert capfd.readouterr().out == "", "converters are silent"
    again = json.loads(exported.stdout)["parity"]["artifacts"]
    for kind, artifact in before["export/parity.json"]["artifacts"].items():
        assert again[kind]["test"] == artifact["test"]
        assert again[kind]["passed"]


@pytest.mark.slow
def test_a_run_with_a_layer_of_this_package_is_evaluated_and_exported_in_other_processes(process, tiny, tmp_path):
    settings = tiny(model__cell="min_gru", model__units=8, model__chrono=8)
    started = process("run", "mnist_rows", *settings, "--output", tmp_path, "--name", "mine", "--quiet")
    assert started.exit_code == 0, started.stderr
    run = tmp_path / "mnist_rows" / "mine"
    accuracy = json.loads((run / "metrics.json").read_text())["test"]["accuracy"]
    for verb in ("evaluate", "export"):
        done = process(verb, run)
        assert done.exit_code == 0, done.stderr
    assert json.loads((run / "metrics.json").read_text())["test"]["accuracy"] == accuracy


def test_a_run_is_repeated_by_its_own_configuration(cli, finished, tmp_path):
    options = ["--config", finished.path / "config.yaml", "--output", tmp_path, "--name", "again", "--quiet"]
    trained = cli("train", "mnist_rows", *options)
    assert trained.exit_code == 0, trained.stderr
    assert trained.stderr == ""
    scores = json.loads(cli("evaluate", tmp_path / "mnist_rows/again", "--json").stdout)["metrics"]["test"]
    assert scores == pytest.approx(read(finished.path / "metrics.json")["test"], abs=1e-5)
    written = [(path / "config.yaml").read_text() for path in (finished.path, tmp_path / "mnist_rows/again")]
    assert written[0] == written[1]


def test_another_seed_gives_another_model(cli, finished, tiny, tmp_path):
    options = [*tiny(), "--seed", "1", "--output", tmp_path, "--name", "other"]
    assert cli("train", "mnist_rows", *options).exit_code == 0
    assert (
        table(tmp_path / "mnist_rows/other/history.csv")[1]["loss"] != table(finished.path / "history.csv")[1]["loss"]
    )


def test_a_run_without_name_is_named_by_the_time(cli, tiny, tmp_path):
    for _ in range(2):
        assert cli("train", "mnist_rows", *tiny(training__epochs=1), "--output", tmp_path).exit_code == 0
    names = [path.name for path in (tmp_path / "mnist_rows").iterdir()]
    assert len(names) == 2
    assert all(re.fullmatch(r"\d{8}-\d{6}(-\d)?", name) for name in names)


@pytest.mark.parametrize("extra", [{}, {"data__pairs": True}, {"data__layout": "permuted"}, {"data__limit": 30}])
def test_idx_files_of_another_size(cli, tiny, idx_folder, from_idx, tmp_path, extra):
    folder = idx_folder(gz=True)
    options = [*tiny(training__epochs=1, **extra), *from_idx(folder), "--output", tmp_path, "--name", "own"]
    trained = cli("train", "mnist_rows", *options)
    assert trained.exit_code == 0, trained.stderr
    metrics = json.loads(cli("evaluate", "mnist_rows/own", "--output", tmp_path, "--json").stdout)["metrics"]
    pairs = bool(extra.get("data__pairs"))
    train = extra.get("data__limit", 160)
    assert metrics["examples"] == {"train": 2 * train if pairs else train, "validation": 40, "test": 60}
    assert ("label_accuracy" in metrics["test"]) is pairs


def test_a_model_learns(cli, tiny, idx_folder, from_idx, tmp_path):
    """The bright rows name the class: a few epochs suffice."""
    changes = {"training__epochs": 30, "training__learning_rate": 0.01, "model__dropout": 0, "model__units": 24}
    options = [*tiny(**changes), *from_idx(idx_folder()), "--output", tmp_path, "--name", "own", "--quiet"]
    assert cli("train", "mnist_rows", *options).exit_code == 0
    scores = json.loads(cli("evaluate", tmp_path / "mnist_rows/own", "--json").stdout)["metrics"]["test"]
    assert scores["accuracy"] > 0.9


def test_show_from_any_folder(process, finished, tmp_path):
    program = [sys.executable, "-m", "keras_recurrent.pipelines.mnist_rows"]
    result = process("show", "--set", "model.units=5", cwd=tmp_path, program=program)
    assert result.exit_code == 0, result.stderr
    assert yaml.safe_load(result.stdout)["model"]["units"] == 5
    debugged = process("--debug", "show", cwd=tmp_path, program=program)
    assert debugged.exit_code == 0, debugged.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_compare(cli, tiny, tmp_path):
    cells = ["keras.simple_rnn", "keras.gru"]
    options = ["--cells", ",".join(cells), "--seeds", "2", *tiny(training__epochs=1), "--output", tmp_path]
    result = cli("compare", "mnist_rows", *options, "--name", "mine")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "mnist_rows/comparisons/mine"
    rows = table(folder / "compare.csv")
    assert [row["cell"] for row in rows] == cells
    for row, parameters in zip(rows, (8 * 16 + 8 + 90, 3 * (8 * 16 + 2 * 8) + 90), strict=True):
        assert row["runs"] == "2"
        assert 0 <= float(row["accuracy_mean"]) <= 1
        assert float(row["accuracy_std"]) >= 0
        assert int(row["parameters"]) == parameters
        assert float(row["seconds_per_epoch"]) > 0
    with Image.open(folder / "compare.png") as picture:
        assert min(picture.size) > 100
    made = {path.name for path in folder.iterdir() if path.is_dir()}
    assert made == {f"{cell}-seed{seed}" for cell in cells for seed in (0, 1)}
    for words in (*cells, "logistic_regression", "most_frequent"):
        assert words in result.stdout
    once = {path: path.stat().st_mtime_ns for path in folder.rglob("model.keras")}
    (folder / "keras.gru-seed1/model.keras").unlink()
    again = cli("compare", "mnist_rows", *options, "--name", "mine", "--resume")
    assert again.exit_code == 0, again.stderr
    assert table(folder / "compare.csv") == rows
    assert sum(path.stat().st_mtime_ns == time for path, time in once.items()) == 3
    other = cli("compare", "mnist_rows", *options, "--set", "model.units=9", "--name", "mine", "--resume")
    assert other.exit_code == 2


def test_a_cell_that_diverges_is_left_out_of_a_comparison(cli, tiny, tmp_path, monkeypatch):
    from keras_recurrent.pipelines.core.errors import DivergenceError
    from keras_recurrent.pipelines.stages import training

    honest = training.train

    def train(run, data, console):
        if run.path.name == "keras.gru-seed1":
            raise DivergenceError("the loss became nan")
        honest(run, data, console)

    monkeypatch.setattr(training, "train", train)
    options = [
        "--cells",
        "keras.gru",
        "--seeds",
        "2",
        *tiny(training__epochs=1),
        "--output",
        tmp_path,
        "--name",
        "mine",
    ]
    result = cli("compare", "mnist_rows", *options)
    assert result.exit_code == 0, result.stderr
    assert "keras.gru, seed 1, is left out: the loss became nan" in result.stderr
    assert table(tmp_path / "mnist_rows/comparisons/mine/compare.csv")[0]["runs"] == "1"


@pytest.mark.slow
def test_the_main_job_as_shipped(process, tmp_path):
    """What the README's first command does: learns well, beats the baselines, proves its files, and in time."""
    began = time.perf_counter()
    result = process("run", "mnist_rows", "--output", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    assert time.perf_counter() - began < 120
    done = json.loads(result.stdout)
    assert done["metrics"]["test"]["accuracy"] >= 0.96
    assert done["metrics"]["beats_baselines"]
    assert all(artifact["passed"] for artifact in done["parity"]["artifacts"].values())
    sizes = {kind: artifact["bytes"] for kind, artifact in done["parity"]["artifacts"].items()}
    assert sizes["tflite_dynamic_range"] < sizes["tflite_float16"] < sizes["tflite"]


@pytest.mark.slow
def test_8_bit_activations_are_held_to_the_metric(cli, tmp_path, monkeypatch):
    options = ["--set", "export.quantization=[int8]", "--output", tmp_path, "--name", "a", "--json"]
    result = cli("run", "mnist_rows", *options)
    assert result.exit_code == 0, result.stderr
    done = json.loads(result.stdout)
    entry = done["parity"]["artifacts"]["tflite_int8"]
    assert entry["path"] == "export/model.int8.tflite"
    assert entry["passed"]
    assert entry["test"]["accuracy"] >= done["metrics"]["test"]["accuracy"] - 0.01
    assert entry["max_abs_diff"] > 1e-3, "it is quantised"

    monkeypatch.setattr(stage, "representative", lambda split, seed: np.zeros_like(split.inputs[:50]))
    result = cli("export", tmp_path / "mnist_rows/a")
    assert result.exit_code == 4, result
    assert "accuracy falls from 0.98" in result.stderr
