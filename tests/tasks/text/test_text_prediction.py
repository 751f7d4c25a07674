"""`predict` for texts, from the command line and from files."""

import contextlib
import csv
import gzip
import json
import math
import re
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from text_examples import CLASSES, TEXTS, table

from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.core.console import progress
from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.tasks.text import prediction as text_prediction


@pytest.fixture(params=["opinions", "reviews"])
def either(request):
    """Fixture: each of the two finished runs."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def predict(cli):
    """Fixture: the answers of a run, `predict(opinions, "a text", "--explain")`."""

    def ask(run, *arguments):
        result = cli("predict", run.path, *arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["predictions"]

    return ask


def test_texts_are_named_with_the_probability_of_each_class(predict, either):
    answers = predict(either, *TEXTS)
    run = runs.open(either.path)
    expected = run.predict(TEXTS)
    assert [answer["text"] for answer in answers] == TEXTS
    assert [answer["label"] for answer in answers] == [run.names[best] for best in expected.argmax(-1)]
    for answer, probabilities in zip(answers, expected, strict=True):
        assert [answer[f"p({name})"] for name in run.names] == pytest.approx(probabilities.tolist(), abs=1e-6)
        assert answer["probability"] == pytest.approx(probabilities.max(), abs=1e-6)


def test_texts_from_python(opinions):
    run = runs.open(opinions.path)
    expected = run.predict(TEXTS)
    for same in (np.array(TEXTS), np.array(TEXTS, object), tuple(TEXTS)):
        np.testing.assert_allclose(run.predict(same), expected, atol=1e-6)
    assert run.predict([]).shape == (0, 2)


def test_one_long_text_among_many_needs_no_more_memory_than_its_own(opinions):
    run = runs.open(opinions.path)
    run.predict(["warm", "up"])
    tracemalloc.start()
    run.predict(["short"] * 500 + ["long " * 100_000])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6


def test_the_weights_of_an_explanation_add_up_to_one(predict, opinions):
    answers = predict(opinions, *TEXTS, "--explain")
    plain = predict(opinions, *TEXTS)
    for answer, same, text in zip(answers, plain, TEXTS, strict=True):
        pairs = [word.rpartition(":") for word in answer.pop("tokens").split(" ")]
        assert answer == pytest.approx(same)
        assert sum(float(weight) for *_, weight in pairs) == pytest.approx(1, abs=0.005 * len(pairs))
        if text == TEXTS[0]:
            assert [word for word, *_ in pairs] == ["i", "did", "not", "like", "it", ",", "i", "loved", "it", "."]


def test_an_explanation_is_refused_where_there_is_none(refused, reviews):
    words = ["model.pooling=last", "train one with model.pooling=attention or max"]
    refused(2, words, "predict", reviews.path, "a text", "--explain")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.tsv", "a.jsonl"])
def test_a_file_is_scored_row_by_row_as_its_texts_would_be(cli, predict, opinions, tmp_path, name):
    source, to = tmp_path / name, tmp_path / "answers.csv"
    rows = [{"id": str(number), "review": text, "": "x,y\n"} for number, text in enumerate(TEXTS)]
    opened = gzip.open if name.endswith(".gz") else open
    with opened(source, "wt", encoding="utf-8", newline="") as file:
        if "jsonl" in name:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, [*rows[0]], delimiter="\t" if "tsv" in name else ",")
            writer.writeheader()
            writer.writerows(rows)
    result = cli("predict", opinions.path, "--file", source, "--column", "review", "--to", to)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "1 text is empty" in result.stderr
    assert f"{len(TEXTS)} rows scored in" in result.stderr
    found = table(to)
    assert [{key: row[key] for key in rows[0]} for row in found] == rows
    assert [*found[0]] == [*rows[0], "predicted", "probability", "p(negative)", "p(positive)"]
    for row, answer in zip(found, predict(opinions, *TEXTS), strict=True):
        assert row["predicted"] == answer["label"]
        for key in ("probability", "p(negative)", "p(positive)"):
            assert float(row[key]) == pytest.approx(answer[key], abs=2e-6)


def test_the_column_of_the_training_is_the_one_that_is_read(cli, reviews, tmp_path):
    source, to = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text("text,words\nno,superb superb\nno,dull dull\n")
    result = cli("predict", reviews.path, "--file", source, "--to", to, "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    answers = runs.open(reviews.path).predict(["superb superb", "dull dull"])
    assert [row["predicted"] for row in table(to)] == [CLASSES[best] for best in answers.argmax(-1)]


@pytest.mark.parametrize("taken", ["predicted", "probability", "p(positive)"])
def test_a_column_that_the_answers_would_replace_is_refused(refused, opinions, tmp_path, taken):
    (tmp_path / "a.csv").write_text(f"text,{taken}\na,b\n")
    options = ["--file", tmp_path / "a.csv", "--to", tmp_path / "b.csv"]
    refused(2, [f"a column '{taken}' already"], "predict", opinions.path, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_column_that_a_later_row_alone_has_is_kept(cli, refused, opinions, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b", "stars": 5}\n')
    options = ["--file", tmp_path / "a.jsonl", "--to", tmp_path / "b.csv"]
    assert cli("predict", opinions.path, *options).exit_code == 0
    assert [row["stars"] for row in table(tmp_path / "b.csv")] == ["", "5"]
    (tmp_path / "b.csv").unlink()
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b", "predicted": 5}\n')
    refused(2, ["a column 'predicted' already"], "predict", opinions.path, *options)


def test_nested_values_of_json_stay_json(cli, opinions, tmp_path):
    row = {"text": "a", "list": ["b", 1.50, None], "truth": True, "nothing": None, "number": 1.0}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    assert cli("predict", opinions.path, "--file", tmp_path / "a.jsonl", "--to", tmp_path / "b.csv").exit_code == 0
    (found,) = table(tmp_path / "b.csv")
    assert json.loads(found["list"]) == ["b", 1.5, None]
    assert (found["truth"], found["nothing"], found["number"]) == ("true", "", "1.0")


def test_a_broken_row_leaves_no_output(refused, opinions, tmp_path):
    (tmp_path / "a.csv").write_text("text,n\n" + "good,1\n" * 9 + "bad\n")
    options = ["--file", tmp_path / "a.csv", "--to", tmp_path / "b.csv"]
    refused(3, ["line 11", "1 fields, expected 2"], "predict", opinions.path, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def constant_answers(classes=("no", "yes")):
    """Stands in for a run: answers at once."""
    return SimpleNamespace(names=classes, predict=lambda texts: np.full((len(texts), 2), 0.5, np.float32))


def test_a_file_is_scored_with_few_rows_in_memory(tmp_path):
    source, to, count = tmp_path / "a.csv", tmp_path / "b.csv", 20_000
    with source.open("w") as file:
        file.write("text,number\n")
        file.writelines(f"{'x' * 2000},{number}\n" for number in range(count))
    tracemalloc.start()
    text_prediction.score_file(constant_answers(), source, "text", "utf-8", to, progress(quiet=True))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6 < source.stat().st_size
    with to.open(newline="") as file:
        assert [int(row["number"]) for row in csv.DictReader(file)] == [*range(count)]


def test_some_rows_are_scored_at_a_time_and_none_if_the_last_one_is_broken(tmp_path, monkeypatch):
    run, asked = constant_answers(), []
    run.predict = lambda texts: asked.append(len(texts)) or np.full((len(texts), 2), 0.5)
    monkeypatch.setattr(text_prediction, "CHUNK", 4)
    for ending in ('"bad\n', ""):
        (tmp_path / "a.csv").write_text("text\n" + "good\n" * 10 + ending)
        arguments = [run, tmp_path / "a.csv", "text", "utf-8", tmp_path / "b.csv", progress(quiet=True)]
        with pytest.raises(DataError, match="line 12") if ending else contextlib.nullcontext():
            text_prediction.score_file(*arguments)
        assert asked == ([] if ending else [4, 4, 2])
        assert (tmp_path / "b.csv").exists() is not bool(ending)


ASKED_WRONGLY = {
    "nothing": ([], "--file FILE"),
    "both": (["a text", "--file", "a.csv"], "--file FILE"),
    "a file without --to": (["--file", "a.csv"], "goes with --to"),
    "a file with --json": (["--file", "a.csv", "--to", "b.csv", "--json"], "neither --explain nor --json"),
    "a file with --explain": (["--file", "a.csv", "--to", "b.csv", "--explain"], "neither --explain nor --json"),
}


@pytest.mark.parametrize("name", ASKED_WRONGLY)
def test_what_predict_does_not_take(refused, opinions, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    arguments, word = ASKED_WRONGLY[name]
    refused(2, [word], "predict", opinions.path, *arguments)


def test_predict_takes_the_run_first(cli, refused, opinions):
    refused(2, ["predict takes RUN first"], "predict", "--json", opinions.path, "a text")
    assert cli("predict", opinions.path, "--help").exit_code == 0
    assert "RUN" in cli("predict", "--help").stdout
    again = cli("predict", "sentiment/done", "a text", "--output", opinions.path.parent.parent)
    assert again.exit_code == 0, again.stderr


def test_a_text_may_begin_with_a_hyphen(cli, opinions):
    result = cli("predict", opinions.path, "--json", "--", "-5 stars", "--json")
    assert [answer["text"] for answer in json.loads(result.stdout)["predictions"]] == ["-5 stars", "--json"]


def test_bytes_that_are_no_text_are_read_all_the_same(predict, opinions):
    (answer,) = predict(opinions, b"caf\xe9".decode(errors="surrogateescape"))
    assert answer["text"] == "caf\ufffd"


@pytest.mark.slow
def test_characters_of_chinese_sentences_train_and_are_explained(cli, tiny_texts, predict, tmp_path):
    chosen = {"data__language": "chinese", "data__level": "character", "data__count": 200, "model__region": 2}
    options = tiny_texts(**chosen, model__pooling="attention", training__epochs=1, data__keep="left", data__length=5)
    result = cli("train", "sentiment", *options, "--output", tmp_path, "--name", "a", "--quiet")
    assert result.exit_code == 0, result.stderr
    run = SimpleNamespace(path=tmp_path / "sentiment/a")
    (answer,) = predict(run, "我 喜歡這部電影", "--explain")
    words = re.findall(r"(.):(\d\.\d\d)(?: |$)", answer["tokens"])
    assert "".join(word for word, _ in words) == "我 喜歡這"
    assert math.fsum(float(weight) for _, weight in words) == pytest.approx(1, abs=0.025)
