"""The reader of labelled texts: what was written comes back, treatments are counted, damage is told with its line."""

import contextlib
import csv
import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import texts

GOOD = "text,label\na good film,pos\na bad film,neg\n"


@pytest.fixture
def refused():
    """Fixture: checks that a reading fails with one message that holds all of these words."""

    def check(path, *words, read=texts.load, **options):
        with pytest.raises(DataError) as caught:
            read(path, **options)
        said = str(caught.value)
        assert "\n" not in said
        missing = [word for word in (path.name, *words) if word not in said]
        assert not missing, f"{missing} not in: {said}"

    return check


# What was written comes back

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
labels = st.text(characters, min_size=1).map(str.strip).filter(lambda label: label.casefold() not in texts.MISSING)
labels = labels.filter(lambda label: len(label.splitlines()) == 1)
tables = st.lists(st.tuples(st.text(characters), labels), min_size=1)


@given(tables, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_csv_wrote_comes_back(table, quoting, line_end, gz):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.tsv.gz" if gz else "a.csv")
        opened = gzip.open if gz else open
        with opened(path, "wt", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t" if gz else ",", quoting=quoting, lineterminator=line_end)
            writer.writerows(
                [("text", "label", "split"), *((*row, "x") for row in table), ("", "pos", " y"), ("", "neg", "y")]
            )
        found = texts.load(path, split_column="split")
    assert found.texts == [text for text, _ in table] + ["", ""]
    assert found.labels == [label for _, label in table] + ["pos", "neg"]
    assert found.splits == ["x"] * len(table) + ["y", "y"]
    assert "1 label had spaces around it" in found.notes[-1]


@given(tables)
def test_what_json_wrote_comes_back(table):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        rows = [{"label": label, "text": text} for text, label in table] + [
            {"text": "x", "label": "a" * size} for size in (1, 2)
        ]
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
        found = texts.load(path)
    assert found.texts == [row["text"] for row in rows]
    assert found.labels == [row["label"] for row in rows]
    assert found.splits is None


@given(st.binary(max_size=60), st.sampled_from(["a.csv", "a.jsonl", "a.tsv.gz"]), st.booleans())
def test_any_bytes_are_refused_or_read(content, name, header):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(b"text,label\n" * header + content)
        with contextlib.suppress(DataError):
            assert len(texts.load(path)) > 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_any_script_and_windows_line_ends_are_read(file, encoding):
    many = ["שלום, עולם", "مرحبا", "👩‍👩‍👧 🙂", "我不喜歡你,我愛死你了", 'two\r\nlines and "quotes"']
    lines = ["text,label", *(f'"{text.replace(chr(34), chr(34) * 2)}",{row % 2}' for row, text in enumerate(many)), ""]
    path = file("a.csv", "\r\n".join(lines).encode(encoding))
    found = texts.load(path, encoding="utf-8" if encoding == "utf-8-sig" else encoding)
    assert found.texts == many
    assert found.labels == ["0", "1", "0", "1", "0"]
    assert found.notes == ()


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_text_of_five_megabytes_is_read(file, name):
    text = "very, very long and 長 " * 200_000
    rows = (
        f'text,label\n"{text}",a\nb,b\n'
        if name == "a.csv"
        else f'{{"text": "{text}", "label": 1}}\n{{"text": "b", "label": 2}}'
    )
    before = csv.field_size_limit()
    found = texts.load(file(name, rows))
    assert found.texts == [text, "b"]
    assert csv.field_size_limit() == before


def test_columns_have_any_names_and_lines_their_numbers(file):
    path = file("a.csv", 'id, review ,stars\n1,"two\nlines",5\n\n2,one,1\n')
    assert [(line, row["review"]) for line, row in texts.rows(path, "review")] == [(2, "two\nlines"), (5, "one")]
    assert texts.load(path, "review", "stars").labels == ["5", "1"]
    assert next(texts.rows(path, "review"))[1] == {"id": "1", "review": "two\nlines", "stars": "5"}


def test_rows_are_read_one_at_a_time(file):
    text = "a long text " * 50
    path = file("a.csv", "text\n" + f"{text}\n" * 10_000 + '"broken')
    read = texts.rows(path)
    tracemalloc.start()
    try:
        assert [next(read) for _ in range(3)] == [(line, {"text": text}) for line in (2, 3, 4)]
        for _ in range(9_997):
            next(read)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
    with pytest.raises(DataError, match="line 10002: broken quotes"):
        next(read)


# What is treated, and counted


def test_treatments_of_csv_are_noted(file):
    path = file("a.csv", "text,label\na\0b, pos\n,pos\n\nc,neg\n  ,neg \n,neg\n")
    found = texts.load(path)
    assert found.texts == ["a b", "", "c", "  ", ""]
    assert found.labels == ["pos", "pos", "neg", "neg", "neg"]
    assert found.notes == (
        "1 blank line is left out, at line 4",
        "3 texts are empty, first at line 3; they are kept",
        "1 text holds NUL bytes, at line 2; each is replaced by a space",
        "2 labels had spaces around them, first at line 2; they are taken off",
    )


def test_treatments_of_json_are_noted(file):
    values = ["null", "NaN", '""', '"a\\u0000b"', '"\\ud83d"', "12.50", "true"]
    given_labels = ["1", "1.0", "1e3", '"x"', '" x"', "true", '"y"']
    rows = [f'{{"text": {text}, "label": {label}}}' for text, label in zip(values, given_labels, strict=True)]
    found = texts.load(file("a.jsonl", "\n\n".join(rows)))
    assert found.texts == ["", "", "", "a b", "\ufffd", "12.50", "true"]
    assert found.labels == ["1", "1.0", "1e3", "x", "x", "true", "y"]
    assert set(found.notes) == {
        "3 texts are empty, first at line 1; they are kept",
        "6 blank lines are left out, first at line 2",
        "1 text holds NUL bytes, at line 7; each is replaced by a space",
        "1 text holds half of a character (a lone surrogate), at line 9; it is replaced by U+FFFD",
        "1 label had spaces around it, at line 9; they are taken off",
        "2 texts are numbers or booleans, first at line 11; they are taken as they are spelled",
        "labels are of 3 kinds: 3 texts, 3 numbers, 1 boolean; all are taken as text",
    }


def test_labels_of_one_kind_need_no_note(file):
    found = texts.load(file("a.jsonl", '{"text": "a", "label": 0}\n{"text": "b", "label": 1}'))
    assert (found.labels, found.notes) == (["0", "1"], ())


def test_duplicates_are_counted_apart_from_capitals_and_spaces():
    assert texts.duplicates(["A good film.", "b"], ["a  GOOD\nfilm. ", "A good book.", "B", "b"]) == 3
    assert texts.duplicates(["STRASSE"], ["straße"]) == 1
    assert texts.duplicates([], ["a"]) == 0


# What is refused


def test_a_path_that_is_no_file_is_refused(tmp_path, refused):
    refused(tmp_path / "a.csv", "there is no such file")
    refused(tmp_path, "is a folder; expected a file", ".csv, .tsv or .jsonl")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json.gz", "a.gz"])
def test_an_unknown_ending_is_refused(file, refused, name):
    refused(file(name, GOOD), "unknown ending", ".csv, .tsv or .jsonl")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", ["is empty"]),
        ("a.jsonl", "", ["is empty"]),
        ("a.csv.gz", "", ["is empty"]),
        ("a.tsv.gz", gzip.compress(b"", mtime=0), ["is empty"]),
        ("a.csv", "text,label\n", ["holds a header (text, label), but no rows"]),
        ("a.jsonl", "\n \n", ["nothing but blank lines"]),
        (
            "a.csv",
            "txet,label\na,b\n",
            ["line 1", "no column 'text' (data.text_column, --column of predict)", "Did you mean 'txet'?", "label"],
        ),
        ("a.csv", "text,labels\na,b\n", ["no column 'label' (data.label_column)", "Did you mean 'labels'?"]),
        ("a.csv", "text;label\na;b\n", ["semicolons", "Expected commas"]),
        ("a.tsv", GOOD, ["parted by commas? Expected tabs"]),
        ("a.csv", "text,label,text\na,b,c\n", ["line 1", "names the column 'text' twice"]),
        ("a.csv", GOOD.encode("utf-16-le"), ["line 1", "NUL bytes", "data.encoding (--encoding of predict) to utf-16"]),
        ("a.csv", GOOD.encode("utf-16"), ["line 1", "ff fe", "not utf-8", "data.encoding", "utf-16"]),
        ("a.csv", GOOD + '"two\nlines",pos\n' + "d,pos,more\n", ["line 6: 3 fields, expected 2", "(text, label)"]),
        ("a.csv", GOOD + "d\n", ["line 4: 1 fields, expected 2"]),
        ("a.csv", GOOD + '"two\nlines" d,pos\n', ["line 4: broken quotes", "at line 5", "doubled"]),
        ("a.csv", GOOD + '"never closed,pos\na,b\n', ["line 4: broken quotes (unexpected end of data, at line 5)"]),
        ("a.csv", GOOD + "d,\n", ["line 4", "the label is missing ('')"]),
        ("a.csv", GOOD + "d,NaN\n", ["line 4", "the label is missing ('NaN')"]),
        ("a.csv", GOOD + "d,p\0s\n", ["line 4", "NUL bytes"]),
        ("a.csv", "text,label\na,pos\nb,pos \n", ["all 2 labels are 'pos'", "nothing to learn"]),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b" "label": 2}\n', ["line 2, column 14: broken JSON", "','"]),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b\r\n', ["line 2, column 10: broken JSON"]),
        ("a.jsonl", "[" * 100_000, ["line 1: JSON nested too deeply"]),
        (
            "a.jsonl",
            '\n["a", 1]\n',
            ["line 2 holds an array; expected one object a line", '{"text": ..., "label": ...}'],
        ),
        ("a.jsonl", "null", ["line 1 holds null; expected one object a line"]),
        ("a.jsonl", '{"txt": "a", "label": 1}\n', ["line 1: no column 'text'", "Did you mean 'txt'?"]),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n', ["line 2: no column 'label' (data.label_column)"]),
        ("a.jsonl", '{"text": "a", "label": null}\n', ["line 1", "the label is missing ('null')"]),
        ("a.jsonl", '{"text": "a", "label": NaN}\n', ["line 1", "the label is missing ('NaN')"]),
        ("a.jsonl", '{"text": "a", "label": " "}\n', ["line 1", "the label is missing (' ')"]),
        ("a.jsonl", '{"text": "a", "label": [1]}\n', ["line 1", "the label is an array"]),
        ("a.jsonl", '{"text": {}, "label": 1}\n', ["line 1", "'text' is an object; expected a string"]),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(file, refused, name, content, words):
    refused(file(name, content), *words)


def test_a_missing_split_is_refused(file, refused):
    path = file("a.csv", "text,label,split\na,pos,train\nb,neg,\n")
    refused(path, "line 3", "the split is missing", split_column="split")
    refused(path, "no column 'part' (data.split_column)", split_column="part")


@pytest.mark.parametrize("rows", [0, 5_000])
def test_bytes_of_another_encoding_are_named_with_their_line(file, refused, rows):
    """The line is right wherever the reader's buffer ends."""
    content = (GOOD + '"two\nlines",pos\n' * rows + "schön,neg\n").encode("latin-1")
    refused(file("a.csv", content), f"line {4 + 2 * rows}", "the bytes f6 (at character 4)", "data.encoding", "cp1252")
    found = texts.load(file("a.csv", content), encoding="latin-1")
    assert found.texts[-1] == "schön"


def test_bytes_below_128_are_named_too(file, refused):
    refused(file("a.csv", GOOD.encode() + b"x\xb0,neg\n"), "line 4", "not big5", encoding="big5")
    refused(file("a.csv", GOOD), "line 1", "is not utf-16", "data.encoding", encoding="utf-16")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "a\0b", ""])
def test_an_unknown_encoding_is_refused(file, encoding):
    with pytest.raises(DataError, match=r"is no text encoding.* Set data.encoding \(--encoding of predict\)"):
        texts.load(file("a.csv", GOOD), encoding=encoding)


def test_gzip_is_told_by_its_content(file, refused):
    assert texts.load(file("a.csv", gzip.compress(GOOD.encode()))).labels == ["pos", "neg"]
    refused(file("a.csv.gz", GOOD), "is no gzip file", "74 65")


def test_broken_gzip_is_refused(file, refused):
    content = gzip.compress((GOOD + "more,pos\n" * 1000).encode())
    refused(file("a.csv.gz", content[:-12]), "truncated")
    refused(file("a.csv.gz", content + b"more"), "damaged")
    changed = content[:-6] + bytes([content[-6] ^ 1]) + content[-5:]
    refused(file("a.csv.gz", changed), "damaged", "CRC")


# Folders


@pytest.fixture
def imdb(file, tmp_path):
    """Fixture: a folder as the IMDB reviews have it."""
    for part in ("train", "test"):
        for name in ("pos", "neg"):
            for number in (10, 9, 0):
                file(f"imdb/{part}/{name}/{number}_7.txt", f"{part} {name} {number}")
    for number in range(3):
        file(f"imdb/train/unsup/{number}_0.txt", "unlabelled")
    file("imdb/train/urls_pos.txt", "http://")
    file("imdb/README", "about")
    return tmp_path / "imdb"


def test_a_folder_of_classes_in_splits_is_read_by_name(imdb):
    found = texts.load_folder(imdb)
    assert found.texts[:4] == ["train neg 0", "train neg 10", "train neg 9", "train pos 0"]
    assert found.labels == (["neg"] * 3 + ["pos"] * 3) * 2
    assert found.splits == ["train"] * 6 + ["test"] * 6
    assert found.notes == (
        "2 files or folders that are no labelled texts are left out, first at README",
        "the folder train/unsup is left out: its 3 texts have no labels",
    )


def test_a_folder_of_classes_alone_has_no_splits(file, imdb):
    file("imdb/train/joy/1.txt", "\ufeff👍")
    file("imdb/train/joy/2.txt", "")
    found = texts.load_folder(imdb / "train")
    assert found.splits is None
    assert found.texts[:3] == ["👍", "", "train neg 0"]
    assert found.labels == ["joy"] * 2 + ["neg"] * 3 + ["pos"] * 3
    assert "1 text is empty, in joy/2.txt; it is kept" in found.notes
    assert found.notes[-1] == "the folder unsup is left out: its 3 texts have no labels"


def test_folders_that_cannot_be_used_are_refused(file, imdb, refused):
    path = imdb / "nowhere"
    refused(path, "there is no such folder", read=texts.load_folder)
    refused(imdb / "README", "is a file; expected a folder", read=texts.load_folder)
    refused(imdb / "train" / "pos", "no class folders", read=texts.load_folder)
    latin = file("imdb/test/neg/1.txt", b"fine\nsch\xf6n")
    refused(latin.parents[2], "1.txt, line 2", "f6", "data.encoding", read=texts.load_folder)
    latin.unlink()
    (imdb / "test" / "joy").mkdir()
    refused(imdb, "joy holds no .txt file", read=texts.load_folder)


def test_one_class_in_a_folder_is_refused(file, refused):
    path = file("flat/pos/1.txt", "a").parents[1]
    file("flat/pos/2.txt", "b")
    refused(path, "all 2 labels are 'pos'", read=texts.load_folder)
