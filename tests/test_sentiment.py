"""Classes of texts from the command line: the run folder, exported files, and data that can't be used."""

import csv
import html
import json
import re
import sys

import numpy as np
import pytest
from PIL import Image
from text_examples import CLASSES, TEXTS, read, table

from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.runtime import ArtifactError
from keras_recurrent.pipelines.sentiment import build, load
from keras_recurrent.pipelines.sources import tfds
from keras_recurrent.pipelines.tasks.text.config import TextConfig, TextData, TextModel

KINDS = ("saved_model", "tflite", "tflite_dynamic_range", "tflite_float16")
BASELINES = {"most_frequent", "tfidf_unigrams", "tfidf_bigrams", "nbsvm"}


@pytest.fixture(params=["opinions", "reviews"])
def either(request):
    """Fixture: each of the two finished runs."""
    return request.getfixturevalue(request.param)


# The run folder


def test_the_folder_holds_what_is_promised_and_nothing_else(either):
    found = {str(path.relative_to(either.path)) for path in either.path.rglob("*") if path.is_file()}
    logs = {name for name in found if re.fullmatch(r"tensorboard/(train|validation)/events\.out\.tfevents.*", name)}
    plots = {f"plots/{name}.png" for name in ("learning_curves", "confusion_matrix", "calibration")}
    plots |= {"plots/by_length.png", "plots/by_negation.png", "plots/worst_mistakes.html"}
    plots |= {"plots/trace.png"} if "reviews" in str(either.path) else set()
    quantised = () if "reviews" in str(either.path) else (".dynamic_range", ".float16")
    saved = "export/saved_model/1"
    assert len(logs) == 2
    assert found - logs == plots | {
        *("config.yaml", "environment.json", "history.csv", "model.keras", "metrics.json", "predictions.csv"),
        *("README.md", "checkpoints/last.npz", "checkpoints/best.npz", "export/labels.txt", "export/parity.json"),
        *(f"export/model{kind}.tflite" for kind in ("", *quantised)),
        *("export/vocabulary.txt", "export/text.json", f"{saved}/saved_model.pb", f"{saved}/fingerprint.pb"),
        *(f"{saved}/variables/variables.index", f"{saved}/variables/variables.data-00000-of-00001"),
    }
    for name in plots - {"plots/worst_mistakes.html"}:
        with Image.open(either.path / name) as picture:
            assert min(picture.size) > 100


def test_metrics_json(either):
    metrics = read(either.path / "metrics.json")
    scores = {"accuracy", "macro_f1", "log_loss", "calibration_error", "roc_auc"}
    assert set(metrics["baselines"]) == set(metrics["comparisons"]) == BASELINES
    assert all(set(part) == scores for part in (metrics["test"], *metrics["baselines"].values()))
    assert set(metrics["intervals"]) == scores - {"roc_auc"}
    count = metrics["examples"]["test"]
    assert sum(map(sum, metrics["confusion_matrix"])) == count
    rows = table(either.path / "predictions.csv")
    assert np.mean([row["correct"] == "True" for row in rows]) == pytest.approx(metrics["test"]["accuracy"], abs=1e-6)
    for name in ("by_length", "by_negation"):
        groups = metrics[name]
        assert set(groups[0]) == {"group", "score", "low", "high", "count"}
        assert sum(group["count"] for group in groups) == count == len(rows)
        right = sum(group["score"] * group["count"] for group in groups)
        assert right / count == pytest.approx(metrics["test"]["accuracy"], abs=1e-5)
        assert all(0 <= group["low"] <= group["score"] <= group["high"] <= 1 for group in groups)


def test_what_was_found_in_the_data_is_told_and_kept(reviews):
    metrics = read(reviews.path / "metrics.json")
    assert metrics["examples"] == {"train": 122, "validation": 24, "test": 68}
    empty, repeated = metrics["notes"]
    assert empty == "2 texts are empty, first at line 2; they are kept"
    assert repeated == "2 of 68 test texts also stand in training; they are kept and scored"
    assert [line for line in reviews.stderr.splitlines() if line.startswith("data: ")] == [
        f"data: {note}." for note in metrics["notes"]
    ]
    assert runs.open(reviews.path).names == CLASSES


def test_the_card_says_what_was_read(opinions, reviews):
    card = (opinions.path / "README.md").read_text(encoding="utf-8")
    assert "SYNTHETIC" in card
    assert "by_length.png" in card
    assert "worst_mistakes.html" in card
    other = (reviews.path / "README.md").read_text(encoding="utf-8")
    assert "SYNTHETIC" not in other
    assert "reviews.csv" in other


def test_the_page_of_mistakes_shows_texts_as_they_are(either):
    page = (either.path / "plots/worst_mistakes.html").read_text(encoding="utf-8")
    run = runs.open(either.path)
    texts, explained = run.pipeline.load(run.config).test.inputs, run.config.model.pooling != "last"
    wrong = {row["row"]: row for row in table(either.path / "predictions.csv") if row["correct"] == "False"}
    shown = re.findall(r"<h2>([^<]*)</h2>\s*<p>(.*?)</p>", page, re.S)
    assert len(shown) == min(len(wrong), 20) > 0
    for title, spans in shown:
        number = re.match(r"row (\d+): ", title)[1]
        label, answer, probability = (wrong[number][f"{key}label"] for key in ("", "predicted_", "probability_"))
        assert html.unescape(title) == f"row {number}: {label}, taken for {answer} ({float(probability):.3f})"
        words = [html.unescape(word) for word in re.findall(r"<span[^>]*>([^<]*)</span>", spans)]
        text = texts[int(number)]
        if explained:  # a token each, in small letters
            assert len(words) > 3
            assert "".join(words) == "".join(text.lower().split())
        else:
            assert words == [text]


def test_every_file_is_proven(either):
    parity = read(either.path / "export/parity.json")
    assert tuple(parity["artifacts"]) == (KINDS[:2] if "reviews" in str(either.path) else KINDS)
    assert all(artifact["passed"] for artifact in parity["artifacts"].values())
    for kind in ("saved_model", "tflite"):
        assert parity["artifacts"][kind]["max_abs_diff"] <= 1e-4
    for artifact in parity["artifacts"].values():
        assert (either.path / artifact["path"]).exists()


# The exported files


TENSORFLOW_ALONE = """
import json, sys
sys.modules.update(dict.fromkeys(["keras", "keras_recurrent"]))
import tensorflow as tf
texts = json.loads(sys.argv[2])
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answers = []
for batch in (texts, *[[text] for text in texts]):
    found = serve(texts=tf.constant(batch))
    answers.append([found["probabilities"].numpy().tolist(), [name.decode() for name in found["labels"].numpy()]])
print(json.dumps(answers))
"""

NUMPY_ALONE = """
import json, sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras"]))
from keras_recurrent.pipelines.runtime import TextClassifier
texts = json.loads(sys.argv[2])
model = TextClassifier(sys.argv[1])
answers = [[model.predict(batch).tolist(), model.label(batch)] for batch in (texts, *[[text] for text in texts])]
assert model.predict([]).shape == (0, len(model.classes)) and model.label([]) == []
print(json.dumps(answers))
"""


@pytest.mark.parametrize(
    ("either", "program", "file"),
    [
        ("reviews", TENSORFLOW_ALONE, "saved_model/1"),
        ("reviews", NUMPY_ALONE, "model.tflite"),
        ("opinions", NUMPY_ALONE, "model.tflite"),
    ],
    indirect=["either"],
    ids=["tensorflow", "numpy", "numpy, of sentences"],
)
def test_exported_files_take_raw_texts_where_nothing_else_is_installed(process, either, program, file):
    arguments = [either.path / "export" / file, json.dumps(TEXTS)]
    done = process(*arguments, program=[sys.executable, "-c", program], TF_CPP_MIN_LOG_LEVEL="3")
    assert done.exit_code == 0, done.stderr
    (together, labels), *single = json.loads(done.stdout)
    run = runs.open(either.path)
    expected = run.predict(TEXTS)
    np.testing.assert_allclose(together, expected, atol=1e-5)
    np.testing.assert_allclose([answer[0] for answer, _ in single], expected, atol=1e-5)
    assert labels == [label for _, (label,) in single] == [run.names[best] for best in expected.argmax(-1)]


@pytest.mark.slow
@pytest.mark.parametrize("level", ["byte", "subword"])
def test_bytes_and_subwords_are_read_alike_by_every_file(cli, process, tiny_texts, tmp_path, level):
    options = tiny_texts(data__count=300, data__level=level, data__vocabulary=120, data__length=40)
    result = cli("run", "sentiment", *options, "--output", tmp_path, "--name", "a", "--quiet", "--json")
    assert result.exit_code == 0, result.stderr
    done = json.loads(result.stdout)
    assert all(artifact["passed"] for artifact in done["parity"]["artifacts"].values())
    assert set(done["metrics"]["baselines"]) == BASELINES
    run = runs.open(tmp_path / "sentiment/a")
    expected = run.predict(TEXTS)
    assert np.ptp(expected, axis=0).min() > 1e-3
    for program, file in ((TENSORFLOW_ALONE, "saved_model/1"), (NUMPY_ALONE, "model.tflite")):
        arguments = [run.path / "export" / file, json.dumps(TEXTS)]
        served = process(*arguments, program=[sys.executable, "-c", program], TF_CPP_MIN_LOG_LEVEL="3")
        assert served.exit_code == 0, served.stderr
        (together, labels), *_ = json.loads(served.stdout)
        np.testing.assert_allclose(together, expected, atol=1e-5)
        assert labels == [run.names[best] for best in expected.argmax(-1)]
    settings = read(run.path / "export/text.json")
    assert (settings["level"], settings["length"]) == (level, 40)


def test_the_loading_code_of_the_card_runs(reviews, monkeypatch):
    card = (reviews.path / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.+?)```", card, re.S)
    assert example.count("TextClassifier(") == 1
    monkeypatch.chdir(reviews.path)
    names = {}
    exec(example.replace("FOLDER_OF_THIS_FILE", "."), names)
    np.testing.assert_allclose(names["answers"]["probabilities"], names["probabilities"], atol=1e-5)
    assert [label.decode() for label in names["answers"]["labels"].numpy()] == [
        CLASSES[best] for best in names["probabilities"].argmax(-1)
    ]


def test_the_files_beside_a_tflite_file_say_how_to_read(reviews):
    export = reviews.path / "export"
    assert (export / "labels.txt").read_text(encoding="utf-8").split("\n") == [*CLASSES, ""]
    assert read(export / "text.json") == {
        **{"level": "word", "padding": 0, "unknown": 1, "start": None, "end": None},
        **{"length": 64, "keep": "right"},
    }
    vocabulary = (export / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert vocabulary[:2] == ["", "[UNK]"]
    assert {"film", "，", "это", "فيلم", "i'm", "'quoted'", "好看"} <= set(vocabulary)


def test_a_classifier_without_its_vocabulary_says_so(reviews, finished, tmp_path):
    from keras_recurrent.pipelines.runtime import TextClassifier

    with pytest.raises(ArtifactError, match=r"vocabulary\.txt and text\.json in .* are missing"):
        TextClassifier(finished.path / "export/model.tflite")
    with pytest.raises(ArtifactError, match="no file"):
        TextClassifier(reviews.path / "export/none.tflite")
    copy = reviews.copy(tmp_path) / "export"
    (copy / "text.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"text\.json in .* damaged"):
        TextClassifier(copy / "model.tflite")


# Data


def config_of(embedding=8, **data):
    section, model = TextData(**data), TextModel(embedding=embedding)
    return TextConfig(pipeline="sentiment", preset="sample", data=section, model=model)


def loaded(**settings):
    """The data of a configuration."""
    return load(config_of(**settings))


@pytest.fixture
def table_of(tmp_path):
    """Fixture: writes a CSV file of rows (text, label, split): `table_of([("good", "1", "train"), ...])`."""

    def write(rows, name="mine.csv"):
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label", "split"), *rows])
        return path

    return write


def rows(count, labels=("good", "bad"), splits=("train",)):
    return [(f"text {n}", labels[n // len(splits) % len(labels)], splits[n % len(splits)]) for n in range(count)]


def test_synthetic_sentences_are_split_without_overlap_and_the_same_whatever_the_training_seed():
    data = loaded(count=500)
    assert data.sizes() == {"train": 360, "validation": 40, "test": 100}
    assert data.classes == ("negative", "positive")
    again = loaded(count=500, limit=50)
    assert again.sizes() == {"train": 50, "validation": 40, "test": 100}
    assert again.test.inputs.tolist() == data.test.inputs.tolist()
    assert set(again.vocabulary.tokens) < set(data.vocabulary.tokens)
    other = loaded(count=500, split_seed=1)
    assert other.test.inputs.tolist() != data.test.inputs.tolist()


@pytest.mark.parametrize(
    ("names", "sizes"), [(("training", "dev", "testing"), (20, 20, 20)), (("train", "test"), None)]
)
def test_a_split_column_is_followed(table_of, names, sizes):
    data = loaded(source="csv", path=table_of(rows(60, splits=names)), split_column="split", vocabulary=5)
    assert tuple(data.sizes().values()) == (sizes or (27, 3, 30))
    assert {int(text.split()[1]) % len(names) for text in data.test.inputs} == {len(names) - 1}
    assert len(data.vocabulary) == 5
    assert data.notes == ()


def test_without_a_split_column_a_test_is_held_out(table_of):
    data = loaded(source="csv", path=table_of(rows(100)), test=0.3, validation=0.1)
    assert data.sizes() == {"train": 63, "validation": 7, "test": 30}
    assert len({*data.train.inputs, *data.validation.inputs, *data.test.inputs}) == 100
    assert np.bincount(data.test.labels).tolist() == [15, 15]


def test_labels_that_are_numbers_sort_by_size(table_of):
    data = loaded(source="csv", path=table_of(rows(140, labels=("10", "9", "-1", "1.5", "b", "1e2", "A"))))
    assert data.classes == ("-1", "1.5", "9", "10", "1e2", "A", "b")
    numbers = {text: label for text, label, _ in rows(140, labels=("10", "9", "-1", "1.5", "b", "1e2", "A"))}
    for text, label in zip(data.test.inputs, data.test.labels, strict=True):
        assert data.classes[label] == numbers[text]


def test_duplicates_between_training_and_test_are_counted(table_of):
    some = [
        *rows(40, splits=("train", "test")),
        ("Text  0", "good", "test"),
        ("", "bad", "train"),
        (" ", "bad", "test"),
    ]
    data = loaded(source="csv", path=table_of(some), split_column="split")
    assert data.notes[-1] == "2 of 22 test texts also stand in training; they are kept and scored"


@pytest.mark.parametrize("splits", [("train", "test"), ("",)])
def test_a_folder_of_texts(tmp_path, splits):
    for split in splits:
        for label in ("pos", "neg"):
            folder = tmp_path / "reviews" / split / label
            folder.mkdir(parents=True)
            for number in range(20):
                (folder / f"{number}_7.txt").write_text(f"好看 {label} {number} {split}", encoding="utf-8")
    data = loaded(source="folder", path=tmp_path / "reviews", level="character")
    assert data.classes == ("neg", "pos")
    assert data.sizes() == (
        {"train": 36, "validation": 4, "test": 40} if len(splits) > 1 else {"train": 29, "validation": 3, "test": 8}
    )
    assert all(data.classes[label] in text for text, label in zip(data.test.inputs, data.test.labels, strict=True))
    assert "好" in data.vocabulary.tokens


def test_no_text_has_any_token(table_of, refused, options, tmp_path):
    empty = [("", label, split) for split in ("train", "test") for label in ("a", "b") for _ in range(20)]
    chosen = options(data__source="csv", data__path=table_of(empty), data__split_column="split")
    refused(3, ["the texts are all empty"], "train", "sentiment", *chosen, "--quiet", "--output", tmp_path / "runs")


VECTORS = "very 1 2 3\nfilm 4 5 6\nNOT 7 8 9\nunheard 1 1 1\n"


@pytest.mark.parametrize("header", ["", "4 3\n"])
def test_word_vectors_are_where_training_begins(tmp_path, header):
    (tmp_path / "vectors.txt").write_text(header + VECTORS)
    data = loaded(count=300, embeddings=tmp_path / "vectors.txt", embedding=3)
    film = data.vocabulary.tokens.index("film")
    assert data.vectors.shape == (len(data.vocabulary), 3)
    assert data.vectors[film].tolist() == [4, 5, 6]
    assert data.vectors[0].tolist() == [0, 0, 0]
    assert 0 < np.abs(np.delete(data.vectors, [0, film, data.vocabulary.tokens.index("very")], axis=0)).max() <= 0.05
    assert data.notes[-1] == f"2 of {len(data.vocabulary):,} tokens have a vector in {tmp_path / 'vectors.txt'}"
    model = build(config_of(embedding=3), data, "float32")
    np.testing.assert_array_equal(model.get_layer("embedding").get_weights()[0], data.vectors)


UNUSABLE = {
    "size": ("film 1 2\n", 3, ["line 1", "2 numbers after 'film'", "model.embedding"]),
    "none found": ("unheard 1 2 3\n", 3, ["none of the", "words"]),
    "no numbers": ("film 1 2 x\n", 3, ["line 1", "no numbers"]),
    "nothing": ("", 3, ["none of the"]),
    "no file": (None, 3, ["data.embeddings", "can't be read"]),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_word_vectors_that_can_not_be_used(refused, options, tmp_path, name):
    content, code, words = UNUSABLE[name]
    if content is not None:
        (tmp_path / "vectors.txt").write_text(content)
    chosen = options(data__embeddings=tmp_path / "vectors.txt", model__embedding=3, data__count=200)
    refused(code, [tmp_path / "vectors.txt", *words], "train", "sentiment", *chosen, "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


FILE = ["--set", "data.source=csv", "--set", "data.path=mine.csv", "--set", "data.split_column=split"]
REFUSED = {
    "no path": (2, ["--set", "data.source=csv"], [], ["source 'csv' needs data.path, the csv file"]),
    "no folder": (2, ["--set", "data.source=folder"], [], ["needs data.path, the folder of the classes"]),
    "a path that nobody reads": (2, ["--set", "data.path=x"], [], ["data.path", "'sample'", "csv", "folder"]),
    "int8": (2, ["--set", "export.quantization=[int8]"], [], ["int8", "leave it out"]),
    "regions of word vectors": (
        2,
        ["--set", "data.embeddings=x", "--set", "model.region=3"],
        [],
        ["single tokens", "leave out model.region"],
    ),
    "no file": (3, FILE, None, ["mine.csv", "no such file"]),
    "an unknown split": (
        3,
        FILE,
        [*rows(40, splits=("train", "test")), ("text", "good", "tset")],
        ["mine.csv", "the split 'tset' means nothing here. Did you mean 'test'?"],
    ),
    "no training": (3, FILE, rows(40, splits=("test",)), ["no text belongs to the split train."]),
    "no test": (3, FILE, rows(40, splits=("train", "dev")), ["no text belongs to the split test."]),
    "one class": (3, FILE, rows(40, labels=("good",)), ["all 40 labels are 'good'"]),
    "one class in training": (
        3,
        FILE,
        [*rows(20, ("good",)), *rows(20, splits=("test",))],
        ["the training examples are all of one class"],
    ),
    "too few of a class": (2, FILE, [*rows(40, ("a",), ("train", "test")), ("x", "b", "train")], ["data.validation"]),
    "a label of two lines": (3, FILE[:4], rows(40, labels=("good", "so\nso")), ["'so\\nso'", "line"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_can_not_be_used_leaves_no_run(refused, table_of, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    code, options, content, words = REFUSED[name]
    if content:
        table_of(content)
    refused(code, words, "run", "sentiment", *options, "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_reviews_that_are_not_there_are_told_how_to_get(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(tfds, "_reachable", lambda builder: False)
    options = [
        "--set",
        "data.source=tfds",
        "--set",
        f"data.data_dir={tmp_path / 'none'}",
        "--output",
        tmp_path / "runs",
    ]
    words = ["'imdb_reviews' is not prepared", "tfds.load('imdb_reviews'", "--preset sample", "no network"]
    refused(3, words, "run", "sentiment", *options)
    assert not (tmp_path / "runs").exists()


def test_reviews_of_tfds(monkeypatch):
    """Their texts are bytes and their labels numbers."""
    part = {"text": np.array(["gut 好".encode(), b"b<br />ad"] * 20, object), "label": np.array([1, 0] * 20)}
    monkeypatch.setattr(tfds, "load", lambda name, folder, splits: [part, part])
    data = loaded(source="tfds")
    assert data.classes == ("negative", "positive")
    assert data.sizes() == {"train": 36, "validation": 4, "test": 40}
    assert {"好", "b", "ad"} < set(data.vocabulary.tokens)
    assert data.test.inputs[0] == "gut 好"
    assert data.classes[data.test.labels[0]] == "positive"
    assert data.notes == ("40 of 40 test texts also stand in training; they are kept and scored",)


@pytest.mark.slow
def test_compare(cli, tiny_texts, tmp_path):
    cells = ["keras.gru", "keras.simple_rnn"]
    options = ["--cells", ",".join(cells), "--seeds", "1", *tiny_texts(data__count=200, training__epochs=1)]
    result = cli("compare", "sentiment", *options, "--output", tmp_path, "--name", "mine")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "sentiment/comparisons/mine"
    found = table(folder / "compare.csv")
    assert [row["cell"] for row in found] == cells
    assert {row["runs"] for row in found} == {"1"}
    vocabulary = len(loaded(count=200, vocabulary=1000).vocabulary)
    both_ways = 2 * 3 * 8 * (8 + 8 + 2)  # 8 numbers a token, 8 units, two biases of Keras
    assert int(found[0]["parameters"]) == 8 * vocabulary + both_ways + 2 * (16 + 1)
    assert (folder / "compare.png").is_file()
    for name in (*cells, *BASELINES):
        assert name in result.stdout


def test_neighbours_are_held_out_together(table_of):
    path = table_of(rows(200))
    data = loaded(source="csv", path=path, neighbours=10, test=0.2, validation=0.25)
    parts = [{int(text.split()[1]) for text in split.inputs} for split in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [120, 40, 40]
    assert set.union(*parts) == set(range(200))
    runs_of_ten = [{number // 10 for number in parts[2]}, {number // 10 for number in parts[0] | parts[1]}]
    assert not set.intersection(*runs_of_ten)
    with pytest.raises(UsageError, match=r"data\.test=0\.2 of 200 texts can't be held out in runs of 200"):
        loaded(source="csv", path=path, neighbours=200)


@pytest.mark.slow
def test_other_models_answer_beside_the_recurrence_where_words_tell_all(cli, tiny, table_of, tmp_path):
    path = table_of([(f"it is {'good' if n % 2 else 'bad'} number {n % 7}", n % 2, "train") for n in range(200)])
    options = tiny(data__source="csv", data__path=path, model__convolution=2, model__ngrams=2, model__filters=16)
    options += ["--set", "export.quantization=[dynamic_range]", "--output", tmp_path]
    result = cli("run", "sentiment", *options, "--name", "a", "--quiet", "--json")
    assert result.exit_code == 0, result.stderr
    done = json.loads(result.stdout)
    assert all(artifact["passed"] for artifact in done["parity"]["artifacts"].values())
    assert done["metrics"]["test"]["accuracy"] == done["metrics"]["alone"]["ngrams"] == 1
    assert set(done["metrics"]["alone"]) == {"recurrent", "convolution", "ngrams"}
    assert "Its parts alone: recurrent " in (tmp_path / "sentiment/a/README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_cell_both_ways_in_a_comparison(cli, refused, tiny_texts, tmp_path):
    refused(2, ["'keras.lsmt'", "keras.lstm"], "compare", "sentiment", "--cells", "bidirectional:keras.lsmt")
    options = ["--cells", "keras.simple_rnn,bidirectional:keras.simple_rnn", "--seeds", "1"]
    options += tiny_texts(data__count=200, training__epochs=1, model__bidirectional=False)
    result = cli("compare", "sentiment", *options, "--output", tmp_path, "--name", "mine")
    assert result.exit_code == 0, result.stderr
    one_way, both_ways = table(tmp_path / "sentiment/comparisons/mine/compare.csv")
    assert both_ways["cell"] == "bidirectional:keras.simple_rnn"
    assert int(both_ways["parameters"]) - int(one_way["parameters"]) == 8 * (8 + 8 + 1) + 2 * 8
