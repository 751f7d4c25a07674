"""The proof that exported files agree with the model: it passes good files, and says what is wrong with bad ones."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_models import softmax_rows

from keras_recurrent.pipelines.export import check_export, export_saved_model, export_tflite, isolation

NAMES = ["zéro", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FILES = {
    "saved_model": "saved_model/1",
    "tflite": "model.tflite",
    "tflite_dynamic_range": "model.dynamic_range.tflite",
    "tflite_float16": "model.float16.tflite",
}
ENTRY = {
    *("path", "bytes", "tolerance", "max_abs_diff", "test", "milliseconds_per_example", "builtin_only", "passed"),
}


def labelled(names):
    def serve(scores):
        return {"probabilities": scores, "labels": tf.gather(tf.constant(names), tf.argmax(scores, axis=-1))}

    return serve


@pytest.fixture(scope="module")
def model():
    return softmax_rows(units=64)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    export_saved_model(model, folder / FILES["saved_model"], labelled(NAMES))
    for kind, quantization in [
        ("tflite", None),
        ("tflite_dynamic_range", "dynamic_range"),
        ("tflite_float16", "float16"),
    ]:
        export_tflite(model, folder / FILES[kind], quantization)
    return {kind: folder / name for kind, name in FILES.items()}


@pytest.fixture
def expected(model, pixels):
    return model(pixels).numpy()


@pytest.fixture
def accuracy(expected):
    """Accuracy against the labels of the model, on rows where it is sure; random weights give many close calls."""
    labels = expected.argmax(axis=-1)
    second, first = np.sort(expected, axis=-1)[:, -2:].T
    return lambda scores: {"accuracy": np.mean((scores.argmax(axis=-1) == labels)[first - second > 0.02])}


def test_good_files_pass(exported, pixels, expected, accuracy):
    report = check_export(exported, {"rows": pixels}, expected, accuracy, "accuracy", rows=20, class_names=NAMES)
    assert json.loads(json.dumps(report)) == report
    assert report["rows"] == 20
    assert set(report["artifacts"]) == set(FILES)
    for kind, entry in report["artifacts"].items():
        assert entry["passed"] is True, entry
        assert set(entry) == ENTRY
        assert entry["path"] == str(exported[kind])
        assert entry["bytes"] > 10_000
        assert entry["test"]["accuracy"] >= 0.99
        assert entry["milliseconds_per_example"] > 0
        assert entry["builtin_only"] is (None if kind == "saved_model" else True)
        assert entry["tolerance"] == (0.01 if kind in ("tflite_dynamic_range", "tflite_float16") else 1e-4)
    assert report["artifacts"]["tflite"]["bytes"] == exported["tflite"].stat().st_size


def test_another_model_fails_and_its_worst_row_is_named(exported, pixels, expected, accuracy):
    expected = expected.copy()
    expected[11] = np.roll(expected[11], 1)
    expected[12] += 0.001
    files = {kind: exported[kind] for kind in ("tflite", "saved_model")}
    entries = check_export(files, pixels, expected, accuracy, "accuracy", rows=2)["artifacts"]
    assert set(entries) == set(files)
    for entry in entries.values():
        assert entry["passed"] is False
        assert entry["worst_row"] == 11
        assert "scores differ" in entry["reason"]
        assert "1 labels differ, row 11" in entry["reason"]


def test_perturbed_weights_fail_also_when_quantised(exported, model, pixels, expected, accuracy, tmp_path):
    other = softmax_rows(units=64, seed=5)
    export_tflite(other, tmp_path / "tflite", None)
    export_tflite(other, tmp_path / "float16", "float16")
    files = {"tflite": tmp_path / "tflite", "tflite_float16": tmp_path / "float16"}
    entries = check_export(files, pixels, expected, accuracy, "accuracy", rows=2)["artifacts"]
    differences = np.abs(other(pixels).numpy() - expected).max(axis=-1)
    assert entries["tflite"]["passed"] is entries["tflite_float16"]["passed"] is False
    assert entries["tflite"]["worst_row"] == differences.argmax()
    assert entries["tflite"]["max_abs_diff"] == pytest.approx(differences.max(), abs=1e-4)
    assert "accuracy falls from 1.0000" in entries["tflite_float16"]["reason"]


def test_files_that_do_not_run_are_entries_with_a_reason(exported, pixels, expected, accuracy, tmp_path):
    whole = exported["tflite"].read_bytes()
    (tmp_path / "short").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("this is not a model")
    (tmp_path / "folder").mkdir()
    files = {
        "tflite": tmp_path / "short",
        "tflite_float16": tmp_path / "text",
        "tflite_dynamic_range": tmp_path / "nowhere",
        "saved_model": tmp_path / "folder",
    }
    entries = check_export(files, pixels, expected, accuracy, "accuracy")["artifacts"]
    for entry in entries.values():
        assert entry["passed"] is False
        assert entry["worst_row"] is entry["max_abs_diff"] is None
        assert entry["test"] == {}
    assert "identifier" in entries["tflite_float16"]["reason"]
    assert "no such file" in entries["tflite_dynamic_range"]["reason"]
    assert "saved_model.pb" in entries["saved_model"]["reason"]
    assert len(entries["tflite"]["reason"]) > 20


@pytest.mark.parametrize(
    ("cut", "kinds"),
    [
        ((..., slice(4)), ["tflite", "saved_model"]),
        ((slice(None), 0), ["tflite"]),
        ((..., None), ["tflite"]),
    ],
    ids=["narrow", "flat", "deep"],
)
def test_inputs_of_another_shape_are_named(cut, kinds, exported, pixels, expected, accuracy):
    files, wrong = {kind: exported[kind] for kind in kinds}, pixels[cut]
    entries = check_export(files, wrong, expected, accuracy, "accuracy")["artifacts"]
    assert list(entries) == kinds
    for entry in entries.values():
        assert re.search(r"takes rows of shape \(any, (any|8), 8\)", entry["reason"])
        assert f"the test inputs have {wrong.shape}" in entry["reason"]


class Unsteady(tf.Module):
    """Scores that depend on the calls before, and on the other rows of a batch."""

    def __init__(self):
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8), tf.uint8, name="rows")])
    def __call__(self, rows):
        drift = 0.001 * self.calls.assign_add(1.0) + 0.01 * tf.cast(tf.shape(rows)[0], tf.float32)
        return {"scores": tf.zeros((tf.shape(rows)[0], 10)) + drift}


def test_answers_that_depend_on_earlier_calls_or_on_the_batch_fail(pixels, expected, accuracy, tmp_path):
    unsteady = Unsteady()
    tf.saved_model.save(unsteady, tmp_path / "model", signatures={"serving_default": unsteady.__call__})
    report = check_export({"saved_model": tmp_path / "model"}, pixels, expected, accuracy, "accuracy", rows=10)
    entry = report["artifacts"]["saved_model"]
    assert entry["passed"] is False
    for part in ("A second call with the same inputs", "In batches of 1 ", "In batches of 7 "):
        assert part in entry["reason"]


def test_a_process_that_crashes_is_an_entry_with_a_reason(exported, pixels, expected, accuracy, tmp_path, monkeypatch):
    script = tmp_path / "crash.py"
    script.write_text("import os, signal, sys; print('broken', file=sys.stderr); os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(isolation, "SCRIPT", script)
    report = check_export({"tflite": exported["tflite"]}, pixels, expected, accuracy, "accuracy")
    entry = report["artifacts"]["tflite"]
    assert entry["passed"] is False
    assert "SIGSEGV" in entry["reason"]
    assert "broken" in entry["reason"]


def test_wrong_labels_fail(model, pixels, expected, accuracy, tmp_path):
    export_saved_model(model, tmp_path / "model", labelled(NAMES[1:] + NAMES[:1]))
    report = check_export(
        {"saved_model": tmp_path / "model"}, pixels, expected, accuracy, "accuracy", class_names=NAMES
    )
    entry = report["artifacts"]["saved_model"]
    assert entry["passed"] is False
    assert entry["reason"] == "150 labels are not those of the highest scores."


def test_tolerances_can_be_set(exported, pixels, expected, accuracy):
    files = {"tflite": exported["tflite"]}
    report = check_export(files, pixels, expected + 0.01, accuracy, "accuracy", rows=2, tolerances={"tflite": 0.02})
    assert report["artifacts"]["tflite"]["passed"] is True
    assert report["artifacts"]["tflite"]["tolerance"] == 0.02


def test_wrong_use_is_said_in_words(pixels, expected, accuracy):
    with pytest.raises(ValueError, match="onnx"):
        check_export({"onnx": "model.onnx"}, pixels, expected, accuracy, "accuracy")
    with pytest.raises(ValueError, match="f1"):
        check_export({}, pixels, expected, accuracy, "f1")


@keras.saving.register_keras_serializable("tests")
class Echo(keras.layers.Layer):
    """Adds what stood nine steps before: further back than a stepped model is compared when it is exported."""

    def call(self, x):
        return x + keras.ops.pad(x, [[0, 0], [9, 0], [0, 0]])[:, : keras.ops.shape(x)[1]]

    def compute_output_shape(self, shape):
        return shape


def test_rows_of_unequal_length_are_compared_in_their_own_order(random, tmp_path):
    """Rows are run in the order of their lengths, and padded with zeros; the worst one is named as it came."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    model = keras.Model(ids, keras.layers.Softmax(name="probabilities")(keras.layers.GRU(5)(x)))
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    rows = np.empty(23, object)
    rows[:] = [random.integers(1, 9, length).astype("int32") for length in random.permutation(23) + 1]
    expected = np.concatenate([model(row[None]) for row in rows])
    files = {"tflite": tmp_path / "a.tflite", "saved_model": tmp_path / "a"}
    export_tflite(model, files["tflite"])
    export_saved_model(model, files["saved_model"])
    entries = check_export(files, {"ids": rows}, expected, rows=23)["artifacts"]
    assert set(entries) == set(files)
    for entry in entries.values():
        assert entry["passed"], entry
    expected[17] = np.roll(expected[17], 1)
    entry = check_export({"tflite": files["tflite"]}, rows, expected, rows=9)["artifacts"]["tflite"]
    assert not entry["passed"]
    assert entry["worst_row"] == 17


@pytest.mark.parametrize("layers", [[], [Echo()]], ids=["recurrent", "with an echo"])
def test_step_by_step_a_file_gives_what_it_gives_at_once(layers, random, tmp_path):
    sequence = keras.Input((None, 3), name="x")
    x = keras.layers.GRU(5, return_sequences=True)(sequence)
    for layer in layers:
        x = layer(x)
    model = keras.Model(sequence, keras.layers.Dense(4, name="y")(x))
    files = {"tflite": tmp_path / "a.tflite", "tflite_dynamic_range": tmp_path / "b.tflite"}
    export_tflite(model, files["tflite"])
    export_tflite(model, files["tflite_dynamic_range"], "dynamic_range")
    data = random.normal(size=(6, 20, 3)).astype("float32")
    entries = check_export(files, data, {"y": model(data).numpy()})["artifacts"]
    assert set(entries) == set(files)
    for entry in entries.values():
        assert entry["passed"] is not bool(layers), entry
        assert not layers or "Step by step the y differ" in entry["reason"]
