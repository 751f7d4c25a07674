"""The proof of exported searches: tokens are compared exactly, save ties, and several signatures at once."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from decoder_models import END, LENGTH, START, models
from keras import layers

from keras_recurrent.pipelines.export import check_export, decoding, export_decoder, export_saved_model, export_tflite

ROWS, BYTES, WIDTH = 30, 6, 3
BOTH = {"tflite": ("decode", "greedy")}


class Search(layers.Layer):
    """From what an encoder gives to `[tokens, scores]`."""

    def __init__(self, decoder, width):
        super().__init__()
        self.decoder, self.width = decoder, width

    def call(self, state, memory):
        def step(tokens, states):
            logits, after = self.decoder([tokens, states[0], decoding.repeated(memory, self.width)])
            return tf.nn.log_softmax(logits), [after]

        arguments = (step, [state], tf.shape(state)[0], START, END, LENGTH)
        return list(decoding.greedy(*arguments) if self.width == 1 else decoding.beam(*arguments, self.width))

    def compute_output_shape(self, state_shape, memory_shape):
        beams = () if self.width == 1 else (self.width,)
        return [(None, *beams, LENGTH), (None, *beams)]

    def compute_output_spec(self, state, memory):
        shapes = self.compute_output_shape(state.shape, memory.shape)
        return [keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, ("int32", "float32"), strict=True)]


class Numbers(layers.Layer):
    """The first bytes of each string, as tokens; zeros where there are fewer."""

    def call(self, strings):
        return tf.cast(tf.io.decode_raw(strings, tf.uint8, fixed_length=BYTES), tf.int32)

    def compute_output_shape(self, shape):
        return (*shape, BYTES)

    def compute_output_spec(self, strings):
        return keras.KerasTensor((*strings.shape, BYTES), "int32")


def named(outputs):
    return dict(zip(("tokens", "scores"), outputs, strict=True))


def searcher(encoder, decoder, width):
    """A model from encoded bytes to tokens and scores."""
    image = keras.Input((), dtype="string", name="image")
    return keras.Model(image, Search(decoder, width)(*encoder(Numbers()(image))))


@pytest.fixture(scope="module")
def parts():
    return models()


@pytest.fixture(scope="module")
def source():
    return np.random.default_rng(8).integers(0, 11, (ROWS, BYTES)).astype("int32")


@pytest.fixture(scope="module")
def expected(parts, source):
    """What a beam gives, and a greedy search beside it."""
    encoder, decoder = parts
    best, alone = (named(Search(decoder, width)(*encoder(source))) for width in (WIDTH, 1))
    answers = {**best, **{f"greedy_{name}": value for name, value in alone.items()}}
    return {name: value.numpy() for name, value in answers.items()}


@pytest.fixture(scope="module")
def file(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("decoder") / "model.tflite"
    export_decoder(*parts, path, START, END, LENGTH, width=WIDTH)
    return path


def proof(path, source, expected, score=None, kind="tflite", signatures=BOTH, **options):
    """The entry of one artefact."""
    options = {"rows": 9, "classes": False, "primary": "likely"} | options
    return check_export({kind: path}, source, expected, score, signatures=signatures, **options)["artifacts"][kind]


def changed(expected, rows, gain=0.0):
    """The same answers with other tokens in some rows, and scores that differ by `gain` there."""
    answers = {name: value.copy() for name, value in expected.items()}
    answers["tokens"][rows, 0, 0] += 1
    answers["scores"][rows] += gain
    return answers


def test_two_signatures_of_a_good_file_pass(file, source, expected):
    given = []

    def score(outputs):
        given.append({name: value.shape for name, value in outputs.items()})
        return {"likely": outputs["greedy_scores"].mean()}

    entry = proof(file, source, expected, score)
    assert entry["passed"], entry
    assert given == [{name: value.shape for name, value in expected.items()}] * 2
    assert entry["ties"] == 0
    assert entry["max_abs_diff"] < 1e-4  # of scores: tokens are 0 to 10
    assert entry["test"]["likely"] == pytest.approx(expected["greedy_scores"].mean(), abs=1e-5)
    assert list(entry["milliseconds"]) == ["decode", "greedy"]
    assert entry["milliseconds_per_example"] == entry["milliseconds"]["decode"] > 0


def test_other_tokens_in_one_row_are_found(file, source, expected):
    entry = proof(file, source, changed(expected, [4], gain=0.5))
    assert not entry["passed"]
    assert entry["worst_row"] == 4
    assert "1 rows have other tokens, row 4 first." in entry["reason"]
    assert entry["max_abs_diff"] == pytest.approx(0.5, abs=1e-4)


def test_a_tie_is_an_answer_as_good_and_ties_are_rare(file, source, expected):
    """By default the search `decode` is run alone."""
    alone = {name: expected[name] for name in ("tokens", "scores")}
    entry = proof(file, source, changed(alone, [5]), signatures=None)
    assert entry["passed"], entry
    assert entry["ties"] == 1
    assert "milliseconds" not in entry
    entry = proof(file, source, changed(alone, [5, 6]), signatures=None)
    assert entry["ties"] == 0
    assert entry["reason"] == "2 rows have other tokens, row 5 first."
    assert entry["worst_row"] == 5
    tokens = {"tokens": changed(alone, [5])["tokens"]}
    entry = proof(file, source, tokens, signatures=None)  # nothing tells that the answer is as good
    assert entry["reason"] == "1 rows have other tokens, row 5 first."
    assert entry["max_abs_diff"] is None


def test_beams_are_compared_up_to_the_ends_of_their_sequences(file, source, expected):
    padding = {"tokens": END, "greedy_tokens": END}
    behind = {name: value.copy() for name, value in expected.items()}
    for tokens in (behind["tokens"], behind["greedy_tokens"]):
        ended = np.cumsum(tokens == END, axis=-1) > 1
        assert ended.any()
        tokens[ended] = 9
    assert proof(file, source, behind, padding=padding)["passed"]
    assert not proof(file, source, behind)["passed"]
    row, beam, step = np.argwhere(expected["tokens"][:, 1:] == END)[0] + [0, 1, 0]
    behind["tokens"][row, beam, step] = 7
    behind["scores"][row] += 1
    entry = proof(file, source, behind, padding=padding, class_names={"tokens": list("abcdefghijk")})
    assert entry["worst_row"] == row
    said = f"row {row} first: its sequence {beam} (counted from 0): the sequences part at step {step} "
    assert f"{said}(counted from 0): the end instead of 'h' (id 7)" in entry["reason"]


def test_a_beam_that_searches_greedily_is_found(parts, source, expected, tmp_path, monkeypatch):
    def not_a_beam(step, states, rows, start, end, length, width, length_penalty, consensus):
        tokens, scores = decoding.greedy(
            step, [decoding.repeated(each, width) for each in states], rows * width, *bounds
        )
        return tf.reshape(tokens, [-1, width, length]), tf.reshape(scores, [-1, width])

    bounds = (START, END, LENGTH)
    monkeypatch.setattr(decoding, "beam", not_a_beam)
    export_decoder(*parts, tmp_path / "model.tflite", *bounds, width=WIDTH)
    entry = proof(tmp_path / "model.tflite", source, expected)
    assert "rows have other tokens" in entry["reason"]
    assert "greedy_tokens" not in entry["reason"]


def test_signatures_that_are_not_there_are_told(file, source, expected):
    entry = proof(file, source, expected, signatures={"tflite": ("decode", "beam")})
    assert "the artefact has the signatures ['decode', 'encode', 'greedy', 'step']" in entry["reason"]
    entry = proof(file, source, expected, signatures={"tflite": ("decode", "step")})
    assert "decode takes ['source'], and step takes ['before', 'memory', 'token']" in entry["reason"]
    for signatures, reason in [({"onnx": ("a",)}, "onnx"), ({"tflite": ()}, "'tflite'"), ({"tflite": "a"}, "'a'")]:
        with pytest.raises(ValueError, match=reason):
            proof(file, source, expected, signatures=signatures)
    with pytest.raises(ValueError, match=r"as many rows each.*'captions': 1"):
        proof(file, source, {**expected, "captions": np.array(["a cat"])})


class Careless(tf.Module):
    """Reads bytes; its tokens depend on how many rows stand beside, which its scores do not tell."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image")])
    def __call__(self, image):
        rows = tf.fill(tf.shape(image), tf.shape(image)[0])
        scores = tf.cast(tf.strings.length(image), tf.float32)
        return {"tokens": rows, "scores": scores, "captions": image}


def test_tokens_that_depend_on_the_batch_are_found_and_bytes_arrive_whole(tmp_path):
    images = [bytes(range(length)) + b"\0\0" for length in np.random.default_rng(2).permutation(ROWS)]
    wanted = {"scores": np.array([len(image) for image in images], "float32"), "tokens": np.full(ROWS, ROWS)}
    module = Careless()
    tf.saved_model.save(module, tmp_path / "model", signatures={"serving_default": module.__call__})
    entry = proof(tmp_path / "model", images, wanted, kind="saved_model", signatures=None)
    reasons = [f"In batches of {size} 9 rows have other tokens, row 0 first." for size in (1, 7)]
    assert entry["reason"] == " ".join(reasons)
    assert entry["max_abs_diff"] == 0


def test_a_relative_tolerance_is_a_part_of_the_metric(random, tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(3, name="scores")(x))
    export_tflite(model, tmp_path / "model.tflite", "float16", signatures=("sequence",))
    data = random.normal(size=(5, 4)).astype("float32")
    exact = {"scores": model(data).numpy()}

    def score(outputs):
        """3 for the model, and 2.95 for a file that rounds."""
        return {"cider": 3.0 if np.array_equal(outputs["scores"], exact["scores"]) else 2.95}

    options = {"kind": "tflite_float16", "primary": "cider", "signatures": None}
    options["tolerances"] = {"tflite_float16": 0.02}
    entry = proof(tmp_path / "model.tflite", data, exact, score, **options)
    assert entry["reason"] == "cider falls from 3.0000 by 0.0500, more than 0.02."
    assert proof(tmp_path / "model.tflite", data, exact, score, **options, relative=True)["passed"]
    options["tolerances"] = {"tflite_float16": 0.01}
    assert not proof(tmp_path / "model.tflite", data, exact, score, **options, relative=True)["passed"]


@pytest.mark.slow
def test_a_saved_model_with_several_searches(parts, source, expected, tmp_path):
    """From bytes; the first signature is the beam's best answer, and a beam that searches greedily is found."""
    best, beam, greedy = (searcher(*parts, width) for width in (WIDTH, WIDTH, 1))

    def first(outputs):
        tokens, scores = outputs[0][:, 0], outputs[1][:, 0]
        return {"tokens": tokens, "scores": scores, "captions": tf.strings.reduce_join(tf.as_string(tokens), axis=1)}

    further = {"greedy": (greedy, named), "beam": (beam, named)}
    export_saved_model(best, tmp_path / "good", first, signatures=further)
    images = np.array([bytes(row).rstrip(b"\0") for row in source.astype("uint8")], object)
    wanted = {"tokens": expected["tokens"][:, 0], "scores": expected["scores"][:, 0]}
    wanted |= {name: value for name, value in expected.items() if name.startswith("greedy")}
    wanted |= {"beam_tokens": expected["tokens"], "beam_scores": expected["scores"]}
    options = {"kind": "saved_model", "signatures": {"saved_model": ("serving_default", "greedy", "beam")}}
    entry = proof(tmp_path / "good", {"image": images}, wanted, **options)
    assert entry["passed"], entry
    assert list(entry["milliseconds"]) == ["serving_default", "greedy", "beam"]

    def repeated(outputs):
        tokens, scores = outputs
        return {"tokens": tf.stack([tokens] * WIDTH, 1), "scores": tf.stack([scores] * WIDTH, 1)}

    export_saved_model(best, tmp_path / "bad", first, signatures={**further, "beam": (greedy, repeated)})
    entry = proof(tmp_path / "bad", {"image": images}, wanted, **options)
    assert "rows have other beam_tokens" in entry["reason"]
    assert "other tokens" not in entry["reason"]
