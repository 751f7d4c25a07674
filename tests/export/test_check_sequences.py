"""The proof of outputs that are sequences of unequal length: where they end, and where two of them part."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from decoder_models import END, LENGTH, START, models
from export_models import randomise
from keras import layers

from keras_recurrent.pipelines.export import check_export, export_decoder, export_saved_model, export_tflite

WORDS = ["", "a", "the", "dog", "cat", "sleeps", "runs", "barks", "Æsop"]
TAGS = ["O", "B-who", "I-who", "B-what"]
RARE, ROW, STEP = 8, 17, 5
"""A token that stands at one place alone."""
ROWS = 12


class Highest(layers.Layer):
    """The class with the highest score at each step; of the rare token the next class, if that is `relabelled`."""

    def __init__(self, relabelled):
        super().__init__()
        self.relabelled, self.supports_masking = relabelled, True

    def call(self, scores, ids):
        labels = tf.argmax(scores, axis=-1, output_type=tf.int32)
        other = tf.equal(labels, len(TAGS) - 1)
        return tf.where(tf.equal(ids, RARE) & self.relabelled, tf.where(other, 0, labels + 1), labels)

    def compute_output_spec(self, scores, ids):
        return keras.KerasTensor(ids.shape, "int32")


def tagger(seed=1, shift=0.0, relabelled=False):
    """Scores and labels of tokens, each from those up to it; `shift` changes what the rare token means."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = layers.Embedding(len(WORDS), 6, mask_zero=True)
    hidden = layers.GRU(8, return_sequences=True)(embedding(ids))
    scores = layers.Dense(len(TAGS), activation="softmax")(hidden)
    labels = Highest(relabelled)(scores, ids)
    model = randomise(keras.Model(ids, {"scores": scores, "labels": labels}), seed)
    table = 3 * embedding.embeddings.numpy()
    table[RARE] += shift
    embedding.embeddings.assign(table)
    return model


def answers_of(model, rows):
    """What a model gives for each row alone, which nothing pads."""
    each = [model(row[None]) for row in rows]
    return {name: [answer[name][0].numpy() for answer in each] for name in ("scores", "labels")}


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(4)
    rows = [random.integers(1, RARE, length).astype("int32") for length in random.integers(1, 12, 30)]
    rows[ROW] = np.array([2, 3, 6, 1, 4, RARE, 7, 5], "int32")
    return rows


@pytest.fixture(scope="module")
def lengths(rows):
    return np.array([len(row) for row in rows])


@pytest.fixture(scope="module")
def model():
    return tagger()


@pytest.fixture(scope="module")
def changed():
    return tagger(shift=-4.0)


@pytest.fixture(scope="module")
def expected(model, rows):
    return answers_of(model, rows)


@pytest.fixture(scope="module")
def files(model, changed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tagger")
    export_tflite(model, folder / "good.tflite")
    export_tflite(changed, folder / "changed.tflite")
    export_tflite(tagger(relabelled=True), folder / "relabelled.tflite")
    return folder


@pytest.fixture
def prove(rows, files):
    """Fixture: the entry of a file, `prove("good.tflite", expected, lengths=lengths)`."""

    def entry(file, expected, kind="tflite", **options):
        options = {"rows": 9, "class_names": {"labels": TAGS, "scores": TAGS}} | options
        return check_export({kind: files / file}, {"ids": rows}, expected, **options)["artifacts"][kind]

    return entry


@pytest.fixture
def ends(lengths):
    return {"scores": lengths, "labels": lengths}


def padded(sequences, filler):
    """Sequences as one array, what stands behind their ends being anything."""
    shape = (len(sequences), max(map(len, sequences)) + 2, *sequences[0].shape[1:])
    array = np.full(shape, filler, sequences[0].dtype)
    for row, sequence in enumerate(sequences):
        array[row, : len(sequence)] = sequence
    return array


def first_difference(sequences, others):
    """The first row and step at which lists of numbers part."""
    for row, (one, other) in enumerate(zip(sequences, others, strict=True)):
        one, other = list(one), list(other)
        for step in range(max(len(one), len(other))):
            if one[step : step + 1] != other[step : step + 1]:
                return row, step
    raise AssertionError("nothing differs")


def test_labels_and_scores_of_tokens_are_compared_up_to_the_ends(prove, expected, ends):
    given = []

    def score(outputs):
        given.append(outputs)
        return {"of_o": np.mean(np.concatenate(outputs["labels"]) == 0)}

    for each in (expected, {name: padded(sequences, 99) for name, sequences in expected.items()}):
        entry = prove("good.tflite", each, score=score, primary="of_o", lengths=ends)
        assert entry["passed"], entry
        assert entry["max_abs_diff"] < 1e-5
        assert entry["ties"] == 0
    for outputs in given:
        assert [len(row) for row in outputs["scores"]] == ends["scores"].tolist()
        assert all(map(np.array_equal, outputs["labels"], expected["labels"]))


def test_a_changed_model_parts_where_it_was_changed(prove, expected, changed, rows, ends):
    entry = prove("changed.tflite", expected, lengths=ends)
    ours = answers_of(changed, rows)
    row, step = first_difference(ours["labels"], expected["labels"])
    assert (row, step) == (ROW, STEP)
    found, wanted = ours["labels"][row][step], expected["labels"][row][step]
    before = " ".join(TAGS[label] for label in expected["labels"][row][:step])
    assert (
        f"1 rows have other labels, row {row} first: the sequences part at step {step} (counted from 0): "
        f"'{TAGS[found]}' instead of '{TAGS[wanted]}' (ids {found}, {wanted}), after '{before}'."
    ) in entry["reason"]
    difference = max(np.abs(one - other).max() for one, other in zip(ours["scores"], expected["scores"], strict=True))
    assert entry["max_abs_diff"] == pytest.approx(difference, abs=1e-5)
    assert entry["worst_row"] == ROW
    assert f"labels differ, row {ROW} first: the sequences part at step {STEP}" in entry["reason"]


def test_scores_are_compared_at_each_step(prove, expected, ends):
    scores = [row.copy() for row in expected["scores"]]
    scores[9][2, 1] += 0.003
    entry = prove("good.tflite", {"scores": scores}, lengths={"scores": ends["scores"]})
    assert entry["reason"] == "The scores differ by 0.003, more than 0.0001, most in row 9 at step 2."
    assert entry["worst_row"] == 9
    entry = prove("good.tflite", {"scores": scores}, lengths={"scores": ends["scores"]}, tolerances={"tflite": 0.004})
    assert entry["passed"], entry


def test_a_label_whose_score_leads_is_no_tie(prove, expected, ends):
    """All scores agree; but those of the one other label leave no doubt."""
    entry = prove("relabelled.tflite", expected, lengths=ends)
    assert entry["max_abs_diff"] < 1e-5
    assert entry["ties"] == 0
    assert f"1 rows have other labels, row {ROW} first: the sequences part at step {STEP} " in entry["reason"]
    assert entry["worst_row"] == ROW
    only = {"labels": expected["labels"]}
    assert f"row {ROW} first" in prove("relabelled.tflite", only, lengths={"labels": ends["labels"]})["reason"]


def test_what_cannot_be_compared_is_said(prove, expected, ends, lengths):
    labels = {"labels": expected["labels"]}
    entry = prove("good.tflite", labels)
    assert "say in `lengths` or `padding` where each row ends" in entry["reason"]
    entry = prove("good.tflite", {"scores": [row[:, :3] for row in expected["scores"]]}, lengths={"scores": lengths})
    assert entry["reason"] == "The scores have steps of shape (4,), and those of the model (3,)."
    texts = {"labels": [[TAGS[label] for label in row] for row in expected["labels"]]}
    assert prove("good.tflite", texts, lengths={"labels": lengths})["reason"].startswith("The labels are numbers")
    for options, reason in [
        ({"lengths": {"tags": lengths}}, "`lengths` and `padding` name outputs that are not expected: tags"),
        ({"lengths": ends, "padding": {"labels": 0}}, "not both, of labels"),
        ({"lengths": {"labels": lengths[1:]}}, "lengths of labels as 30 integers"),
        ({"lengths": {"labels": "sizes"}}, "'sizes', which is not expected"),
        ({"lengths": {"labels": lengths + 1}}, "expected labels of row 0 have .* steps, where `lengths` says"),
        ({"padding": {"scores": 0}}, "expected scores hold real numbers"),
    ]:
        with pytest.raises(ValueError, match=reason):
            prove("good.tflite", expected, **options)
    with pytest.raises(ValueError, match=r"labels of tflite_float16 are judged by a `score`"):
        prove("good.tflite", labels, kind="tflite_float16", lengths={"labels": lengths})
    scores = [row.copy() for row in expected["scores"]]
    scores[5][0] = np.nan
    with pytest.raises(ValueError, match="scores of row 5 are NaN"):
        prove("good.tflite", {"scores": scores}, lengths={"scores": lengths})
    with pytest.raises(ValueError, match="as many rows each"):
        prove("good.tflite", {**expected, "texts": ["a"]}, lengths=ends)


@keras.saving.register_keras_serializable("tests")
class Echo(layers.Layer):
    """Adds what stood nine steps before: further back than a stepped model is compared when it is exported."""

    def call(self, x):
        return x + tf.pad(x, [[0, 0], [9, 0], [0, 0]])[:, : tf.shape(x)[1]]

    def compute_output_shape(self, shape):
        return shape


def test_step_by_step_a_file_gives_the_same_tokens(tmp_path):
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = layers.GRU(5, return_sequences=True)(layers.Embedding(9, 6)(ids))
    scores = layers.Dense(4)(Echo()(hidden))
    model = randomise(keras.Model(ids, {"scores": scores, "labels": Highest(False)(scores, ids)}), 2)
    export_tflite(model, tmp_path / "model.tflite")
    random = np.random.default_rng(3)
    rows = [random.integers(0, 8, length).astype("int32") for length in (14, 12, 8, 13)]
    labels = answers_of(model, rows)["labels"]
    report = check_export(
        {"tflite": tmp_path / "model.tflite"}, rows, {"labels": labels}, lengths={"labels": [14, 12, 8, 13]}
    )
    found = re.fullmatch(
        r"Step by step . rows have other labels, row 0 first: the sequences part at step (\d+) .*",
        report["artifacts"]["tflite"]["reason"],
    )
    assert int(found[1]) >= 9


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    """SavedModels that give ragged scores, ragged words and whole texts; the second one leaves out the rare token."""
    folder = tmp_path_factory.mktemp("served")

    def serving(left_out):
        def serve(answers):
            kept = tf.not_equal(answers["ids"], 0) & tf.not_equal(answers["ids"], left_out)
            words = tf.ragged.boolean_mask(tf.gather(tf.constant(WORDS), answers["ids"]), kept)
            scores = tf.ragged.boolean_mask(answers["scores"], kept)
            return {"scores": scores, "words": words, "texts": tf.strings.reduce_join(words, axis=1, separator=" ")}

        return serve

    ids = model.inputs[0]
    whole = keras.Model(ids, {**model(ids), "ids": ids})
    for name, left_out in (("good", -1), ("short", RARE)):
        export_saved_model(whole, folder / name, serving(left_out))
    return folder


def test_ragged_rows_and_texts_have_their_own_ends(served, expected, rows):
    wanted = {"scores": expected["scores"], "words": [[WORDS[token] for token in row] for row in rows]}
    wanted["texts"] = [" ".join(row) for row in wanted["words"]]
    found = {}
    for name in ("good", "short"):
        report = check_export({"saved_model": served / name}, rows, wanted, rows=9)
        found[name] = report["artifacts"]["saved_model"]
    assert found["good"]["passed"], found["good"]
    assert found["short"]["worst_row"] == ROW
    said, words = f"row {ROW} first: the sequences part at step", wanted["words"][ROW]
    behind = f"'barks' instead of 'Æsop', after '{' '.join(words[:STEP])}'."
    assert f"other words, {said} {STEP} (counted from 0): {behind}" in found["short"]["reason"]
    text = " ".join(words[:STEP]) + " "
    behind = f"'b' instead of 'Æ', after '... {text[-8:]}'."
    assert f"other texts, {said} {len(text)} (counted from 0): {behind}" in found["short"]["reason"]
    assert f"1 rows of scores have another length, row {ROW} first: 7 steps instead of 8." in found["short"]["reason"]


def greedy(encoder, decoder, source):
    """Token after token of one row, in a loop of Python."""
    state, memory = encoder(source[None])
    token, found = START, []
    while len(found) < LENGTH:
        logits, state = decoder([tf.constant([token]), state, memory])
        token = int(np.argmax(logits[0]))
        if token == END:
            break
        found.append(token)
    return found


def test_a_decoder_is_compared_up_to_the_end_token(tmp_path):
    """A second decoder, in which the end is likelier, ends sequences earlier."""
    encoder, decoder = models()
    source = np.random.default_rng(8).integers(0, 11, (ROWS, 6)).astype("int32")
    expected = [greedy(encoder, decoder, row) for row in source]
    assert len({len(row) for row in expected}) > 2
    options = {"padding": {"tokens": END}, "rows": 9, "classes": False}
    names = {"class_names": {"tokens": list("abcdefghijk")}}

    def prove(name, tokens):
        return check_export({"tflite": tmp_path / name}, source, {"tokens": tokens}, **options, **names)["artifacts"][
            "tflite"
        ]

    export_decoder(encoder, decoder, tmp_path / "good.tflite", START, END, LENGTH)
    with_ends = np.full((ROWS, LENGTH), END)
    for row, tokens in enumerate(expected):
        with_ends[row, : len(tokens)] = tokens
    assert prove("good.tflite", expected)["passed"]
    assert prove("good.tflite", with_ends)["passed"]
    bias = decoder.get_layer("logits").bias
    bias.assign(bias + 1.0 * np.eye(11)[END])
    export_decoder(encoder, decoder, tmp_path / "hasty.tflite", START, END, LENGTH)
    hasty = [greedy(encoder, decoder, row) for row in source]
    assert max(map(len, hasty)) > 2
    row, step = first_difference(hasty, expected)
    assert len(hasty[row]) == step < len(expected[row])
    entry = prove("hasty.tflite", expected)
    token, after = expected[row][step], "".join("abcdefghijk"[token] for token in expected[row][:step])
    in_words = f"the end instead of '{'abcdefghijk'[token]}' (id {token})"
    behind = f", after '{after}'" if step else ""
    wrong = sum(one != other for one, other in zip(hasty, expected, strict=True))
    assert entry["reason"] == (
        f"{wrong} rows have other tokens, row {row} first: the sequences part at step {step} (counted from 0): "
        f"{in_words}{behind}; the one given ends first."
    )
    assert entry["worst_row"] == row
    entry = check_export({"tflite": tmp_path / "good.tflite"}, source, {"tokens": hasty}, **options)
    assert "; the one expected ends first." in entry["artifacts"]["tflite"]["reason"]
