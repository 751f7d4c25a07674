"""Captions of pictures from the command line: the run folder, exported files, `predict`, and going on after a stop."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from text_examples import read, table

from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.sequences import agreement
from keras_recurrent.pipelines.sources import scenes
from keras_recurrent.pipelines.tasks.captioning import words
from keras_recurrent.pipelines.tasks.captioning.prediction import listed

SIDE = 32
TINY = {
    "data__count": 150,
    "data__side": SIDE,
    "data__length": 8,
    "model__widths": [16, 16],
    "model__pooled": False,
    "model__shift": 0,
    "model__dropout": 0,
    "model__cell": "keras.simple_rnn",
    "model__units": 16,
    "model__embedding": 16,
    "model__attention": 8,
    "training__epochs": 4,
    "training__batch_size": 8,
    "training__learning_rate": 0.02,
    "training__warmup_epochs": 0,
    "training__precision": "float32",
    "evaluation__bootstrap": 20,
    "evaluation__shown": 3,
    "export__quantization": ["float16"],
}
KINDS = ("saved_model", "tflite", "tflite_float16")
SCORES = {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d", "rouge_l"}
BASELINES = {"most_frequent", "nearest_picture"}


def assigned(**changes):
    typed = {key.replace("__", "."): value for key, value in (TINY | changes).items()}
    return [part for key, value in typed.items() for part in ("--set", f"{key}={json.dumps(value)}")]


@pytest.fixture(scope="session")
def done(run_once):
    """Fixture: one tiny finished run on drawn scenes."""
    return run_once("captions", "captioning", *assigned())


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    """Fixture: a folder of scenes that the run has not seen, of the size that its model sees: PNG, one JPEG."""
    folder = tmp_path_factory.mktemp("album")
    contents, _, _ = scenes.load(100, SIDE, seed=5)
    for number in range(4):
        (folder / f"{number}.png").write_bytes(contents[number])
    Image.open(io.BytesIO(contents[4])).resize((50, 40)).save(folder / "4.jpg", quality=95)
    return folder


def contents_of(folder):
    """Encoded pictures in the order of their names."""
    contents = [path.read_bytes() for path in sorted(folder.iterdir())]
    array = np.empty(len(contents), object)
    array[:] = contents
    return array


def lines_of(run, tokens):
    """Each caption of a beam `[n, width, time]`, or of a greedy search `[n, time]`, as a line."""
    if tokens.ndim == 2:
        return [words.of_run(run).decode(row) for row in tokens]
    return [lines_of(run, of_picture) for of_picture in tokens]


def greedy_of(run, contents):
    from keras_recurrent.pipelines.tasks.captioning.task import GREEDY, otherwise

    return otherwise(run, GREEDY, contents)


# The run folder


def test_the_folder_holds_what_is_promised_and_nothing_else(done):
    found = {str(path.relative_to(done.path)) for path in done.path.rglob("*") if path.is_file()}
    logs = {name for name in found if re.fullmatch(r"tensorboard/(train|validation)/events\.out\.tfevents.*", name)}
    saved = "export/saved_model/1"
    assert len(logs) == 2
    assert found - logs == {
        *("config.yaml", "environment.json", "history.csv", "model.keras", "metrics.json", "predictions.csv"),
        *("README.md", "checkpoints/last.npz", "checkpoints/best.npz", "export/labels.txt", "export/parity.json"),
        *("plots/learning_curves.png", "plots/captions.html", "export/vocabulary.txt", "export/captions.json"),
        *("export/model.tflite", "export/model.float16.tflite", f"{saved}/saved_model.pb", f"{saved}/fingerprint.pb"),
        *(f"{saved}/variables/variables.index", f"{saved}/variables/variables.data-00000-of-00001"),
    }
    assert json.loads(done.stdout)["metrics"] == read(done.path / "metrics.json")


def test_metrics_json(done):
    metrics = read(done.path / "metrics.json")
    scores = SCORES | {"distinct_captions", "vocabulary_used", "attributes_seen", "attributes_unseen"}
    assert metrics["primary"] == "cider_d"
    assert all(set(part) == scores for part in (metrics["test"], metrics["greedy"], *metrics["baselines"].values()))
    assert set(metrics["baselines"]) == set(metrics["comparisons"]) == BASELINES
    assert set(metrics["references"]) == {"human_agreement"}
    assert set(metrics["references"]["human_agreement"]) == set(metrics["intervals"]) == SCORES
    assert metrics["examples"] == {"train": 112, "validation": 12, "test": 26}
    for name in ("bleu_1", "cider_d", "rouge_l"):
        low, high = metrics["intervals"][name]
        assert low <= metrics["test"][name] <= high
    best = max(metrics["baselines"][name]["cider_d"] for name in BASELINES)
    assert metrics["beats_baselines"] == (metrics["test"]["cider_d"] > best)
    for name, found in metrics["comparisons"].items():
        difference = metrics["test"]["cider_d"] - metrics["baselines"][name]["cider_d"]
        assert found["difference"] == pytest.approx(difference, abs=2e-6)
        assert len(found["interval"]) == 2
        assert 0 < found["p_value"] <= 1
    assert metrics["baselines"]["most_frequent"]["distinct_captions"] == pytest.approx(1 / 26, abs=1e-6)


def test_the_kept_epoch_is_the_one_that_writes_best(done):
    """By itself, on the validation split: not the one that names the words of given captions best."""
    from keras_recurrent.pipelines.tasks.captioning.task import GREEDY, otherwise

    run = runs.open(done.path)
    history, data = run.history, run.pipeline.load(run.config)
    assert history["val_cider_d"].nunique() > 1
    best = history["val_cider_d"].idxmax()
    assert run.metrics["epochs"]["kept"] == history["epoch"][best]
    written = [data.vocabulary.named(row) for row in otherwise(run, GREEDY, data.validation.inputs)["tokens"]]
    expected = agreement.cider_d(written, data.validation.references).mean()
    assert history["val_cider_d"][best] == pytest.approx(expected, abs=1e-6)


def test_predictions_are_those_that_were_scored(done):
    metrics, rows = read(done.path / "metrics.json"), table(done.path / "predictions.csv")
    assert set(rows[0]) == {"picture", "caption", "cider_d", "score", "references"}
    assert len({row["picture"] for row in rows}) == len(rows) == 26
    assert np.mean([float(row["cider_d"]) for row in rows]) == pytest.approx(metrics["test"]["cider_d"], abs=1e-5)
    assert len({row["caption"] for row in rows}) / 26 == pytest.approx(metrics["test"]["distinct_captions"], abs=1e-6)
    used = {word for row in rows for word in row["caption"].split()}
    assert len(used) == metrics["test"]["vocabulary_used"] > 3
    assert "[UNK]" not in used
    assert all(len(row["references"].split(" | ")) == 5 for row in rows)


def test_the_page_shows_the_best_and_the_worst(done):
    page = (done.path / "plots/captions.html").read_text(encoding="utf-8")
    rows = sorted(table(done.path / "predictions.csv"), key=lambda row: -float(row["cider_d"]))
    assert page.count("<article>") == 6
    assert rows[0]["picture"] in page
    assert "strongest attention" in page
    assert rows[0]["references"].split(" | ")[0] in page


def test_the_card_says_what_was_read(done):
    card = (done.path / "README.md").read_text(encoding="utf-8")
    assert "SYNTHETIC" in card
    assert "captions.html" in card
    assert "People beside each other" in card
    assert "Greedy decoding instead of the beam" in card
    assert "combinations never seen" in card


def test_every_file_is_proven_by_both_searches(done):
    parity, metrics = read(done.path / "export/parity.json"), read(done.path / "metrics.json")
    assert tuple(parity["artifacts"]) == KINDS
    for kind, artifact in parity["artifacts"].items():
        assert artifact["passed"]
        assert set(artifact["milliseconds"]) == {"serving_default" if kind == "saved_model" else "decode", "greedy"}
        assert all(time > 0 for time in artifact["milliseconds"].values())
        assert artifact["builtin_only"] is (None if kind == "saved_model" else True)
    for kind in KINDS[:2]:
        assert parity["artifacts"][kind]["max_abs_diff"] <= 1e-4
        assert parity["artifacts"][kind]["test"]["cider_d"] == pytest.approx(metrics["test"]["cider_d"], abs=0.02)


def test_the_files_beside_a_tflite_file_tell_its_words(done):
    export = done.path / "export"
    vocabulary = (export / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    assert vocabulary[:2] == ["", "[UNK]"]
    assert vocabulary[-1] == ""
    assert {"red", "triangle", "circles", "middle", "the"} < set(vocabulary)
    assert (export / "labels.txt").read_text(encoding="utf-8").split("\n") == vocabulary
    assert read(export / "captions.json") == {
        **{"level": "word", "padding": 0, "unknown": 1, "start": 0, "end": 0},
        "side": SIDE,
    }


def test_a_run_can_be_repeated_by_its_own_configuration(cli, done):
    shown = cli("show", "captioning", "--config", done.path / "config.yaml")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == (done.path / "config.yaml").read_text()


# The exported files

TENSORFLOW_ALONE = """
import json, pathlib, sys
sys.modules.update(dict.fromkeys(["keras", "keras_recurrent", "PIL"]))
import numpy as np
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
contents = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[2]).iterdir())]
def answers(name, pictures):
    found = signatures[name](pictures=tf.constant(pictures))
    captions = np.char.decode(found["captions"].numpy().astype("S"), "utf-8")
    return {"captions": captions.tolist(), "tokens": found["tokens"].numpy().tolist()} | {
        "scores": found["scores"].numpy().tolist()
    }
print(json.dumps({name: [answers(name, contents), answers(name, contents[-1:])] for name in signatures}))
"""

NUMPY_ALONE = """
import json, sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "pandas"]))
import numpy as np
from keras_recurrent.pipelines.runtime import Captioner
found = []
for path in sys.argv[1:3]:
    model, pixels = Captioner(path), np.load(sys.argv[3])
    found.append([model.captions(pixels), model.captions(pixels, greedy=True), model.read(sys.argv[4])])
print(json.dumps(found))
"""


def test_the_saved_model_needs_tensorflow_alone(process, done, album):
    arguments = [done.path / "export/saved_model/1", album]
    ran = process(*arguments, program=[sys.executable, "-c", TENSORFLOW_ALONE], TF_CPP_MIN_LOG_LEVEL="3")
    assert ran.exit_code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert set(found) == {"serving_default", "beam", "greedy"}
    run, contents = runs.open(done.path), contents_of(album)
    by_beam, greedily = run.predict(list(contents)), greedy_of(run, contents)
    for name, expected in {"serving_default": by_beam, "beam": by_beam, "greedy": greedily}.items():
        for answers, rows in zip(found[name], (slice(None), slice(-1, None)), strict=True):
            assert answers["tokens"] == expected["tokens"][rows].tolist()
            np.testing.assert_allclose(answers["scores"], expected["scores"][rows], atol=1e-4)
            assert answers["captions"] == lines_of(run, expected["tokens"][rows])
    assert by_beam["tokens"].shape[:2] == (5, 3)
    assert any(line for line in lines_of(run, greedily["tokens"]))


def test_a_captioner_needs_numpy_and_litert_alone(process, done, album, tmp_path):
    contents = contents_of(album)[:4]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in contents])
    np.save(tmp_path / "pixels.npy", pixels)
    files = [done.path / "export" / name for name in ("model.tflite", "model.float16.tflite")]
    arguments = [*files, tmp_path / "pixels.npy", album / "0.png"]
    ran = process(*arguments, program=[sys.executable, "-c", NUMPY_ALONE])
    assert ran.exit_code == 0, ran.stderr
    exact, rounded = json.loads(ran.stdout)
    run = runs.open(done.path)
    by_beam = [beam[0] for beam in lines_of(run, run.predict(list(contents))["tokens"])]
    assert exact == [by_beam, lines_of(run, greedy_of(run, contents)["tokens"]), by_beam[0]]
    assert [len(each) for each in rounded[:2]] == [4, 4]


def test_the_loading_code_of_the_card_runs(done, album, tmp_path, monkeypatch):
    run = done.copy(tmp_path)
    card = (run / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.+?)```", card, re.S)
    (run / "photo.jpg").write_bytes((album / "4.jpg").read_bytes())
    monkeypatch.chdir(run)
    names = {"pixels": np.asarray(Image.open(album / "0.png"))[None]}
    exec(example.replace("FOLDER_OF_THIS_FILE", "."), names)
    assert names["answers"]["tokens"].shape[:2] == (1, 3)
    assert sorted(names["loaded"].signatures) == ["beam", "greedy", "serving_default"]


# Predictions


def predicted(cli, *arguments):
    result = cli("predict", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["predictions"]


def test_predict_takes_files_and_folders(cli, done, album, tmp_path):
    run, paths = runs.open(done.path), sorted(album.iterdir())
    found = predicted(cli, done.path, album, album / "2.png")
    assert [row["picture"] for row in found] == [str(path) for path in [*paths, album / "2.png"]]
    assert found[-1] == found[2]
    expected = run.predict(list(contents_of(album)))
    assert [row["caption"] for row in found[:-1]] == [beam[0] for beam in lines_of(run, expected["tokens"])]
    np.testing.assert_allclose([row["score"] for row in found[:-1]], expected["scores"][:, 0], atol=1e-5)
    shown = cli("predict", done.path, album / "2.png")
    assert found[2]["caption"] in shown.stdout
    assert cli("predict", done.path, album, album / "2.png", "--to", tmp_path / "a.csv").stdout == ""
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        written = [*csv.DictReader(file)]
    assert [row | {"score": float(row["score"])} for row in written] == found


def test_folders_give_their_pictures_alone(album, tmp_path):
    for name in ("2.JPG", "10.png", ".1.png", "._2.jpg", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/3.png").write_text("")
    expected = [tmp_path / "10.png", tmp_path / "2.JPG", album / "1.png", tmp_path / ".1.png"]
    assert listed([tmp_path, album / "1.png", tmp_path / ".1.png"]) == expected


def test_predict_searches_otherwise_if_asked(cli, done, album):
    run, contents = runs.open(done.path), contents_of(album)
    greedily = predicted(cli, done.path, album, "--beam", 1, "--length-penalty", 0)
    expected = greedy_of(run, contents)
    assert [row["caption"] for row in greedily] == lines_of(run, expected["tokens"])
    np.testing.assert_allclose([row["score"] for row in greedily], expected["scores"], atol=1e-5)
    three = pd.DataFrame(predicted(cli, done.path, album, "--n-best", 3))
    assert three["rank"].tolist() == [1, 2, 3] * 5
    beams = run.predict(list(contents))
    assert three["caption"].tolist() == [line for beam in lines_of(run, beams["tokens"]) for line in beam]
    for _, of_picture in three.groupby("picture"):
        assert of_picture["score"].is_monotonic_decreasing
        assert of_picture["caption"].nunique() == 3


def test_drawn_captions_are_those_of_their_seed(cli, done, album):
    def drawn(*options):
        return predicted(cli, done.path, album, "--temperature", 1.5, *options)

    first = drawn("--seed", 3)
    assert drawn("--seed", 3) == first
    assert [row["caption"] for row in drawn("--seed", 4)] != [row["caption"] for row in first]
    likely = predicted(cli, done.path, album, "--temperature", 1, "--nucleus", 0.01)
    greedily = predicted(cli, done.path, album, "--beam", 1)
    assert [row["caption"] for row in likely] == [row["caption"] for row in greedily], "one word makes up the nucleus"


def test_attention_is_drawn(cli, done, album, tmp_path):
    path = tmp_path / "attention.png"
    (row,) = predicted(cli, done.path, album / "1.png", "--attention", path)
    assert row["caption"]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 100
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100


WRONG = {
    "a beam that is too narrow": (["--n-best", 4, "--beam", 3], ["--n-best 4", "a beam of 3", "widen --beam"]),
    "a nucleus of nothing": (["--nucleus", 0.5], ["--nucleus", "add --temperature"]),
    "a beam that draws": (["--temperature", 1, "--beam", 2], ["--temperature", "without --beam"]),
    "several that are drawn": (["--temperature", 1, "--n-best", 2], ["--temperature", "--n-best"]),
    "no beam at all": (["--beam", 0], ["--beam", "greater than or equal to 1"]),
    "a high nucleus": (["--temperature", 1, "--nucleus", 1.5], ["--nucleus", "less than or equal to 1"]),
    "no number": (["--n-best", "x"], ["--n-best", "valid integer"]),
    "an unknown option": (["--beams", 2], ["--beams"]),
    "a file that is there": (["--to", "{there}"], ["--to", "taken.png exists"]),
    "a drawing that is there": (["--attention", "{there}"], ["--attention", "taken.png exists"]),
    "a drawing of two": (["{album}", "--attention", "new.png"], ["--attention draws one picture; 6 were given"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options_are_refused(refused, done, album, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("taken.png").write_text("mine")
    options, said = WRONG[name]
    options = [str(each).format(there="taken.png", album=album) for each in options]
    refused(2, said, "predict", done.path, album / "0.png", *options)
    assert Path("taken.png").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]


def test_attention_of_a_model_without_it_is_refused(refused, done, album, tmp_path):
    run = done.copy(tmp_path)
    settings = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(settings.replace("attention: 8", "attention: null"))
    said = ["--attention", "has none", "model.attention"]
    refused(2, said, "predict", run, album / "0.png", "--attention", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_pictures_that_can_not_be_read_are_named(refused, done, album, tmp_path):
    cut = (album / "0.png").read_bytes()
    contents = {"empty.png": b"", "note.png": b"no picture", "cut.png": cut[:200], "flipped.png": flipped(cut)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        refused(3, [tmp_path / name], "predict", done.path, album / "0.png", tmp_path / name)
    refused(3, ["none.png", "no such file or folder"], "predict", done.path, tmp_path / "none.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("")
    refused(3, [tmp_path / "folder", "holds no picture"], "predict", done.path, tmp_path / "folder")
    refused(3, ["cut.png"], "predict", done.path, tmp_path)


def flipped(content):
    """With one wrong bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


def test_every_kind_of_picture_is_captioned_and_its_treatment_said(cli, done, tmp_path):
    random = np.random.default_rng(0)
    colours = Image.fromarray(random.integers(0, 256, (40, 60, 3), np.uint8))
    gray = colours.convert("L")
    turned = Image.Exif()
    turned[0x0112] = 6  # shown upright by a quarter turn to the right
    clear = colours.convert("RGBA")
    clear.putalpha(0)
    pictures = {
        "colours.png": (colours.transpose(Image.Transpose.ROTATE_270), {}, None),
        "turned.png": (colours, {"exif": turned}, "turned as the EXIF data say"),
        "gray.png": (gray, {}, None),
        "gray_as_rgb.png": (gray.convert("RGB"), {}, None),
        "clear.png": (clear, {}, "put on white"),
        "white.png": (Image.new("RGB", colours.size, "white"), {}, None),
        "cmyk.jpg": (colours.convert("CMYK"), {}, "made RGB from CMYK"),
        "dot.png": (Image.new("RGB", (1, 1), (200, 30, 30)), {}, None),
        "strip.png": (Image.new("RGB", (12_000, 10), (30, 30, 200)), {}, "reduced from 12000 x 10"),
    }
    for name, (picture, options, _) in pictures.items():
        picture.save(tmp_path / name, **options)
    result = cli("predict", done.path, *(tmp_path / name for name in pictures), "--json")
    assert result.exit_code == 0, result.stderr
    rows = {Path(row.pop("picture")).name: row for row in json.loads(result.stdout)["predictions"]}
    assert list(rows) == list(pictures)
    for one, other in (("turned.png", "colours.png"), ("gray.png", "gray_as_rgb.png"), ("clear.png", "white.png")):
        assert rows[one] == rows[other]
    assert len({row["score"] for row in rows.values()}) == 6
    expected = [f"{tmp_path / name}: {said}" for name, (*_, said) in pictures.items() if said]
    assert result.stderr.splitlines() == expected


# Training again


STOPPED = {
    "data__count": 100,
    "model__dropout": 0.3,
    "model__flip": "horizontal",
    "model__quarter_turns": True,
    "model__light": 0.2,
    "model__erase": 0.5,
    "model__rotation": 10,
    "training__precision": "mixed_bfloat16",
    "model__penalty": 0.1,
    "model__scheduled_sampling": 0.3,
    "training__captions": 2,
    "training__epochs": 3,
    "training__batch_size": 16,
    "training__learning_rate": 0.005,
}


def history_of(run):
    return pd.read_csv(run / "history.csv").drop(columns="seconds")


@pytest.mark.slow
def test_a_stopped_training_goes_on_to_the_same_weights(cli, tmp_path, monkeypatch):
    """With everything that is drawn at random: dropout, changed pictures, captions, and words of the model's own."""
    from keras_recurrent.pipelines.stages.checkpoint import Checkpoint

    options = ["train", "captioning", *assigned(**STOPPED), "--output", tmp_path, "--quiet"]
    whole, broken = (tmp_path / "captioning" / name for name in ("whole", "broken"))
    result = cli(*options, "--name", "whole")
    assert result.exit_code == 0, result.stderr
    write = Checkpoint.on_epoch_end

    def stop(self, epoch, logs=None):
        write(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "on_epoch_end", stop)
        assert cli(*options, "--name", "broken").exit_code == 130
    assert len(history_of(broken)) == 1
    assert not (broken / "model.keras").exists()
    assert cli(*options, "--name", "broken", "--resume").exit_code == 0
    expected = history_of(whole)
    assert len(expected) == 3
    assert expected["loss"].nunique() == 3
    pd.testing.assert_frame_equal(history_of(broken), expected, rtol=1e-5, atol=1e-7)
    with np.load(whole / "checkpoints/last.npz") as one, np.load(broken / "checkpoints/last.npz") as other:
        assert one.files == other.files
        for name in set(one.files) - {"about"}:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_captions_are_written_letter_by_letter(cli, album, tmp_path):
    changes = {"data__count": 100, "data__level": "character", "data__length": 12, "model__attention": None}
    options = ["train", "captioning", *assigned(**changes | {"training__epochs": 1}), "--output", tmp_path]
    result = cli(*options, "--name", "letters", "--quiet")
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "captioning/letters"
    run = runs.open(path)
    assert set(run.names) - {"", "[UNK]"} <= set("abcdefghijklmnopqrstuvwxyz ")
    assert "e" in run.names
    found = predicted(cli, path, album, "--temperature", 2)
    assert all(len(row["caption"]) <= 13 for row in found)
    assert any(len(row["caption"]) > 3 for row in found)
    assert "[UNK]" not in "".join(row["caption"] for row in found)


@pytest.mark.slow
def test_compare(cli, refused, tmp_path):
    changes = {"data__count": 100, "training__epochs": 1}
    options = ["--seeds", "1", *assigned(**changes), "--output", tmp_path, "--name", "mine"]
    refused(2, ["model.bidirectional"], "compare", "captioning", "--cells", "bidirectional:lstm", *options, "--quiet")
    result = cli("compare", "captioning", "--cells", "keras.simple_rnn,keras.gru", *options)
    assert result.exit_code == 0, result.stderr
    simple, gated = table(tmp_path / "captioning/comparisons/mine/compare.csv")
    kernels = 16 * (16 + 16 + 16)  # of the word, of what the attention sees, of the state
    assert int(gated["parameters"]) - int(simple["parameters"]) == 2 * kernels + 5 * 16
    assert "most_frequent" in result.stdout
