"""`convert`: any .keras file becomes a proven file, or one readable message."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_recurrent.layers import JANET
from keras_recurrent.pipelines.core import catalogue, settings
from keras_recurrent.pipelines.sources import scenes
from keras_recurrent.pipelines.stages.preprocessing import with_preprocessor


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.fixture
def saved(tmp_path):
    """A model of two inputs and two outputs, in which nothing is from this package."""
    x, tokens = keras.Input((None, 5), name="x"), keras.Input((None,), dtype="int32", name="tokens")
    hidden = keras.layers.Concatenate()([x, keras.layers.Embedding(10, 4)(tokens)])
    both = [
        keras.layers.Bidirectional(keras.layers.LSTM(6), name="both")(hidden),
        keras.layers.GRU(3, name="one")(hidden),
    ]
    model = keras.Model([x, tokens], both)
    model.save(tmp_path / "model.keras")
    return model


def test_any_model_becomes_a_file_that_gives_the_same(cli, saved, random, tmp_path):
    result = cli("convert", tmp_path / "model.keras")
    assert result.exit_code == 0, result
    for word in ("model.tflite", "largest difference", "ms/example", "builtin operations"):
        assert word in result.stdout
    x, tokens = random.normal(size=(3, 8, 5)).astype("float32"), random.integers(0, 10, (3, 8)).astype("int32")
    answers = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("sequence")(x=x, tokens=tokens)
    for name, expected in zip(("both", "one"), saved([x, tokens]), strict=True):
        np.testing.assert_allclose(answers[name], expected, atol=1e-5)


def test_saved_model_and_json(cli, saved, random, tmp_path):
    result = cli("convert", tmp_path / "model.keras", "--to", "saved_model", "--output", tmp_path / "served", "--json")
    entry = json.loads(result.stdout)
    assert entry["passed"] is True
    assert entry["max_abs_diff"] < 1e-5
    assert entry["path"] == str(tmp_path / "served" / "1")
    signature = tf.saved_model.load(entry["path"]).signatures["serving_default"]
    x, tokens = random.normal(size=(3, 8, 5)).astype("float32"), random.integers(0, 10, (3, 8)).astype("int32")
    both = signature(x=tf.constant(x), tokens=tf.constant(tokens))["both"]
    np.testing.assert_allclose(both, saved([x, tokens])[0], atol=1e-5)


@pytest.mark.parametrize("quantization", ["dynamic_range", "float16", pytest.param("int8", marks=pytest.mark.slow)])
def test_quantised_from_given_data(cli, quantization, random, tmp_path):
    model = keras.Sequential([keras.Input((10, 5), name="x"), JANET(64), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", random.normal(size=(20, 10, 5)).astype("float32"))
    options = ["--quantization", quantization, "--data", tmp_path / "x.npy", "--json"]
    result = cli("convert", tmp_path / "model.keras", "--output", tmp_path / "small.tflite", *options)
    entry = json.loads(result.stdout)
    assert entry["passed"] is True
    assert 0 < entry["max_abs_diff"] < 0.1
    assert entry["bytes"] == (tmp_path / "small.tflite").stat().st_size
    assert "FULLY_CONNECTED" in entry["operations"]


@pytest.mark.slow
def test_a_fixed_batch_and_large_numbers(cli, tmp_path):
    layers = [keras.Input(batch_shape=(4, None, 3), name="x"), keras.layers.GRU(5), keras.layers.Rescaling(5e4)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    for options in (["--output", tmp_path / "a.tflite"], ["--to", "saved_model"]):
        result = cli("convert", tmp_path / "model.keras", *options)
        assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("quantization", [None, "dynamic_range"])
def test_a_file_with_other_answers_is_not_kept(quantization, refused, saved, tmp_path, monkeypatch):
    from keras_recurrent.pipelines import export

    honest = export.export_tflite

    def with_other_weights(model, *arguments, **options):
        for variable in model.trainable_variables:
            variable.assign(1.2 * variable)
        honest(model, *arguments, **options)
        for variable in model.trainable_variables:
            variable.assign(variable / 1.2)

    monkeypatch.setattr(export, "export_tflite", with_other_weights)
    options = ["--quantization", quantization] if quantization else []
    place = tmp_path / "new" / "folder"
    refused(4, ["not kept"], "convert", tmp_path / "model.keras", "--output", place / "model.tflite", *options)
    assert not place.parent.exists()


def test_a_stateful_model_is_refused(refused, tmp_path):
    layers = [keras.Input(batch_shape=(1, None, 3)), keras.layers.GRU(2, stateful=True)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    refused(3, ["stateful", "In Python"], "convert", tmp_path / "model.keras")


@pytest.fixture
def of_run(options, tmp_path):
    """Fixture: saves a model as the runs of a pipeline keep it, not trained: `of_run("sentiment", data__count=300)`."""

    def save(pipeline, **changes):
        declared = catalogue.load(pipeline)
        assignments = [option for option in options(**changes) if option != "--set"]
        config = settings.resolve(declared.config, pipeline, "sample", assignments=assignments)
        data = declared.load(config)
        trained = declared.build(config, data, "float32")
        model = with_preprocessor(declared.finish(config, data, trained), declared.preprocessor(config, data))
        model.save(tmp_path / "model.keras")
        return model

    return save


LEVELS = {"data__target": "level", "data__features": [], "model__output": "point"}


@pytest.mark.parametrize(("pipeline", "changes"), [("mnist_rows", {}), ("stock_forecast", LEVELS)])
def test_models_of_runs_convert(pipeline, changes, of_run, cli, tmp_path):
    of_run(pipeline, **changes)
    result = cli("convert", tmp_path / "model.keras", "--json")
    assert result.exit_code == 0, result
    assert json.loads(result.stdout)["passed"] is True


def test_models_of_runs_are_read_where_no_pipeline_was_imported(of_run, tmp_path):
    """In a process of its own, in which Keras knows no layer yet."""
    of_run("sentiment", data__count=300, model__embedding=8, model__region=3)
    texts = (tmp_path / "model.keras").rename(tmp_path / "texts.keras")
    of_run("stock_forecast")
    code = (
        "import sys, pathlib, keras_recurrent.pipelines.cli.conversion as conversion;"
        "print(*[conversion.load(pathlib.Path(path)).name for path in sys.argv[1:]])"
    )
    command = [sys.executable, "-c", code, texts, tmp_path / "model.keras"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2


def test_answers_that_are_not_finite_prove_nothing(of_run, refused, random, tmp_path):
    """The logarithms of random prices, of which half are negative."""
    model = of_run("stock_forecast")
    told = ["quantiles that are NaN", "--data", "keras-recurrent export RUN"]
    refused(3, told, "convert", tmp_path / "model.keras")
    shapes = {tensor.name: (3, *tensor.shape[1:]) for tensor in model.inputs}
    np.savez(tmp_path / "given.npz", **{name: np.full(shape, -1) for name, shape in shapes.items()})
    refused(3, ["given.npz", "NaN"], "convert", tmp_path / "model.keras", "--data", tmp_path / "given.npz")


TEXTS = ["good, not bad", "bad", "I did not like it, I loved it"]
SMALL = {"data__count": 100, "data__side": 32, "model__widths": [16, 16], "model__units": 16}


@pytest.mark.parametrize(
    ("pipeline", "changes", "strings"),
    [
        ("sentiment", {"data__count": 300}, lambda: TEXTS),
        pytest.param("captioning", SMALL, lambda: scenes.load(100, 32, seed=5)[0][:3], marks=pytest.mark.slow),
    ],
    ids=["sentiment", "captioning"],
)
def test_models_of_runs_that_take_strings_convert_to_saved_model(
    pipeline, changes, strings, of_run, cli, refused, tmp_path
):
    model = of_run(pipeline, **changes)
    name = model.inputs[0].name
    told = [f"The input {name} takes strings", "--to saved_model --data FILE.npz", "keras-recurrent export RUN"]
    refused(3, told, "convert", tmp_path / "model.keras")
    refused(3, ["takes strings", "--data"], "convert", tmp_path / "model.keras", "--to", "saved_model")
    np.savez(tmp_path / "given.npz", **{name: np.array(list(strings()))})
    options = ["--to", "saved_model", "--data", tmp_path / "given.npz", "--json"]
    result = cli("convert", tmp_path / "model.keras", *options)
    assert result.exit_code == 0, result
    entry = json.loads(result.stdout)
    answers = tf.saved_model.load(entry["path"]).signatures["serving_default"](**{name: tf.constant(strings())})
    expected = keras.tree.flatten(model.predict(tf.constant(strings()), verbose=0))
    assert len(answers) == len(expected)
    for value, wanted in zip(keras.tree.flatten(answers), expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)


def test_text_needs_text(cli, refused, tmp_path):
    text = keras.Input((), dtype="string", name="text")
    vectors = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)(text)
    keras.Model(text, keras.layers.GRU(2)(keras.layers.Embedding(4, 3)(vectors))).save(tmp_path / "model.keras")
    refused(3, ["text takes strings", "--to saved_model", "--data"], "convert", tmp_path / "model.keras")
    np.savez(tmp_path / "texts.npz", text=np.array(["a b", "b", "a a c"]))
    options = ["--to", "saved_model", "--data", tmp_path / "texts.npz", "--json"]
    assert json.loads(cli("convert", tmp_path / "model.keras", *options).stdout)["passed"] is True


def test_a_file_that_runs_code_is_refused_unless_it_is_wanted(cli, refused, tmp_path):
    model = keras.Sequential([keras.Input((4, 3), name="x"), keras.layers.Lambda(lambda x: 2 * x), keras.layers.GRU(2)])
    model.save(tmp_path / "model.keras")
    refused(3, ["Lambda", "--unsafe"], "convert", tmp_path / "model.keras")
    assert cli("convert", tmp_path / "model.keras", "--unsafe").exit_code == 0


def test_bad_files_and_options_get_one_message_and_leave_nothing(refused, saved, tmp_path):
    source = tmp_path / "model.keras"
    whole = source.read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.keras").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("other", "")
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 5)))
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 8, 5)))
    np.savez(tmp_path / "wrong.npz", x=np.zeros((3, 8, 4)), tokens=np.zeros((3, 8), int))
    np.savez(tmp_path / "objects.npz", x=np.array([None, "a"]), tokens=np.zeros((3, 8), int))
    before = sorted(tmp_path.iterdir())
    refused(3, ["no file"], "convert", tmp_path / "nothing.keras")
    refused(3, ["not a whole .keras file"], "convert", tmp_path / "cut.keras")
    refused(3, ["not a whole .keras file"], "convert", tmp_path / "text.keras")
    refused(3, ["cannot be loaded"], "convert", tmp_path / "empty.keras")
    refused(2, ["--to onnx", "tflite or saved_model"], "convert", source, "--to", "onnx")
    refused(2, ["int4", "dynamic_range"], "convert", source, "--quantization", "int4")
    refused(2, ["--to tflite only"], "convert", source, "--to", "saved_model", "--quantization", "float16")
    refused(2, ["exists"], "convert", source, "--output", tmp_path / "x.npy")
    refused(3, ["one array", "x, tokens"], "convert", source, "--data", tmp_path / "x.npy")
    refused(2, ["int8 needs --data"], "convert", source, "--quantization", "int8")
    refused(3, ["'x'", "(3, 8, 4)", "(None, None, 5)"], "convert", source, "--data", tmp_path / "wrong.npz")
    refused(3, ["--data", "Object arrays"], "convert", source, "--data", tmp_path / "objects.npz")
    refused(3, ["lacks tokens"], "convert", source, "--data", tmp_path / "x.npz")
    refused(3, ["--data"], "convert", source, "--data", tmp_path / "text.keras")
    refused(1, ["can't write"], "convert", source, "--output", tmp_path / "x.npy" / "model.tflite")
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_with_a_foreign_layer_says_which(refused, tmp_path):
    class Foreign(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    keras.Sequential([keras.Input((4, 3)), Foreign(), keras.layers.GRU(2)]).save(tmp_path / "model.keras")
    refused(3, ["Foreign"], "convert", tmp_path / "model.keras")


def test_its_help_needs_no_tensorflow():
    code = (
        "import sys; import keras_recurrent.pipelines.cli.conversion; print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
