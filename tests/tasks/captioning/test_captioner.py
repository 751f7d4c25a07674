"""Captions by an exported file with NumPy alone, beside those of the Keras model that it was made from."""

import json
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from caption_models import LENGTH, SIDE, WORDS, captioner_of, pictures_of
from PIL import Image

from keras_recurrent.pipelines.export import export_decoder, export_tflite
from keras_recurrent.pipelines.runtime import ArtifactError, Captioner
from keras_recurrent.pipelines.tasks.captioning import runtime_files, words
from keras_recurrent.pipelines.tasks.captioning.picture_decoding import to_pixels
from keras_recurrent.pipelines.tasks.captioning.search import Search, searching_otherwise, single_steps

BEAM = Search(width=3, length_penalty=0.7)
NUMPY_ALONE = """
import json, sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "PIL", "pandas"]))
import numpy as np
from keras_recurrent.pipelines.runtime import Captioner
model, pixels = Captioner(sys.argv[1]), np.load(sys.argv[2])
print(json.dumps([model.captions(pixels), model.captions(pixels, greedy=True)]))
"""


def exported(folder, search, level="word", **changes):
    """A captioner, and its file with all that belongs beside it."""
    model = captioner_of(search, **changes)
    path = folder / "model.tflite"
    bound = words.BOUND
    export_decoder(*single_steps(model), path, bound, bound, LENGTH, search.width, search.length_penalty)
    section = SimpleNamespace(level=level, side=SIDE)
    runtime_files.write_beside(SimpleNamespace(names=WORDS, config=SimpleNamespace(data=section)), folder)
    return model, path


@pytest.fixture(scope="module")
def with_beam(tmp_path_factory):
    """Fixture: a captioner that attends and searches by a beam, and its file."""
    return exported(tmp_path_factory.mktemp("beam"), BEAM)


@pytest.fixture
def copied(with_beam, tmp_path):
    """Fixture: the same file and those beside it, which a test may damage."""
    for file in with_beam[1].parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "model.tflite"


def lines_of(model, pictures, between=" "):
    """The best captions of a Keras model."""
    tokens = np.asarray(model(pictures)["tokens"])
    best = tokens[:, 0] if tokens.ndim == 3 else tokens
    return [between.join(WORDS[token] for token in row if token) for row in best]


def test_captions_are_those_of_the_model_by_beam_and_greedily(with_beam):
    model, path = with_beam
    pictures = pictures_of(12)
    by_beam = lines_of(model, pictures)
    greedily = lines_of(searching_otherwise(model, Search()), pictures)
    assert by_beam != greedily
    assert len(set(by_beam)) > 2
    found = Captioner(path)
    assert found.captions(pictures) == by_beam
    assert found.captions(pictures, greedy=True) == greedily
    assert [found.captions(picture[None])[0] for picture in pictures[:3]] == by_beam[:3]
    assert found.captions(pictures[:0]) == []


def test_a_file_without_a_beam_is_greedy_in_any_case(tmp_path):
    model, path = exported(tmp_path, Search(), level="character", attention=None, cell="keras.gru", tied=False)
    pictures = pictures_of(5)
    expected = lines_of(model, pictures, between="")
    assert any(expected)
    assert Captioner(path).captions(pictures) == Captioner(path).captions(pictures, greedy=True) == expected


def test_captions_need_neither_tensorflow_nor_keras(process, with_beam, tmp_path):
    model, path = with_beam
    np.save(tmp_path / "pixels.npy", pictures_of(4))
    done = process(path, tmp_path / "pixels.npy", program=[sys.executable, "-c", NUMPY_ALONE])
    assert done.exit_code == 0, done.stderr
    greedy = searching_otherwise(model, Search())
    assert json.loads(done.stdout) == [lines_of(each, pictures_of(4)) for each in (model, greedy)]


def test_a_picture_file_is_made_what_the_model_sees(with_beam, tmp_path):
    model, path = with_beam
    found, file = Captioner(path), tmp_path / "picture.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    for pixels in pictures_of(4):
        (expected,) = lines_of(model, pixels[None])
        Image.fromarray(np.rot90(pixels)).save(file, exif=exif)  # turned to the left; 6 says: turn it to the right
        assert found.read(file) == expected
        Image.fromarray(pixels[..., 0]).save(file)
        assert found.read(file) == lines_of(model, pixels[None, ..., :1].repeat(3, axis=-1))[0]
        Image.fromarray(pixels.repeat(9, axis=0).repeat(7, axis=1)).save(file)
        seen = to_pixels(tf.constant(file.read_bytes()), (SIDE, SIDE))
        assert found.read(file) == lines_of(model, seen[None])[0]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((SIDE, SIDE, 3), "uint8"),
        np.zeros((1, SIDE, SIDE + 1, 3), "uint8"),
        np.zeros((1, SIDE, SIDE, 1), "uint8"),
        np.zeros((1, SIDE, SIDE, 3), "float32"),
        np.zeros((0,), "uint8"),
    ],
)
def test_pixels_of_another_shape_or_type_are_refused(with_beam, pixels):
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(n, 6, 6, 3\)"):
        Captioner(with_beam[1]).captions(pixels)


def test_files_that_are_missing_or_damaged_are_named(copied, tmp_path):
    with pytest.raises(ArtifactError, match="no file"):
        Captioner(tmp_path / "none.tflite")
    for name, content in {
        "vocabulary.txt": b"\xff\n",
        "captions.json": b"{",
        "captions.json ": b"[]",
        "captions.json  ": b'{"level": "word"}',
    }.items():
        file = tmp_path / name.strip()
        before = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(ArtifactError, match=rf"captions\.json in {tmp_path} (is|are missing or) damaged"):
            Captioner(copied)
        file.write_bytes(before)
    (tmp_path / "vocabulary.txt").unlink()
    with pytest.raises(ArtifactError, match=r"vocabulary\.txt"):
        Captioner(copied)
    copied.write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="not a TensorFlow Lite file"):
        Captioner(copied)


def test_a_file_that_does_not_search_is_no_captioner(copied):
    x = keras.Input((3,))
    export_tflite(keras.Model(x, keras.layers.Dense(1)(x)), copied)
    with pytest.raises(ArtifactError, match="no signature 'decode'"):
        Captioner(copied)


def test_a_picture_that_cannot_be_read_is_named(with_beam, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    for name in ("text.png", "none.png"):
        with pytest.raises(ArtifactError, match=f"{name} can't be read"):
            Captioner(with_beam[1]).read(tmp_path / name)
