"""Pre-trained word vectors: the formats of GloVe and fastText, and what can't be used."""

import numpy as np
import pytest

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import vectors

VOCABULARY = ("", "[UNK]", "the", "不好", "i'm", "seldom")


@pytest.fixture
def load(tmp_path):
    """Fixture: the vectors in a file of that content, `load("the 1 2\\n", 2)`."""

    def write(content, size=2, seed=0):
        (tmp_path / "a.vec").write_bytes(content.encode() if isinstance(content, str) else content)
        return vectors.load(tmp_path / "a.vec", VOCABULARY, size, seed)

    return write


@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("header", ["", "3 2"])
def test_words_get_their_numbers(load, header, end):
    lines = [*([header] if header else []), "the 1 -2.5", "不好 3e-1 4", "unheard 5 6"]
    found, count = load("".join(line + end for line in lines))
    assert count == 2
    assert found.dtype == np.float32
    assert found[[2, 3]].tolist() == [[1, -2.5], [np.float32(0.3), 4]]
    assert found[0].tolist() == [0, 0]
    assert (np.abs(found[[1, 4, 5]]) <= 0.05).all()
    assert np.count_nonzero(found[[1, 4, 5]]) == 6


def test_the_last_line_may_lack_its_end_and_odd_words_harm_nothing(load):
    found, count = load(b"the 1 2\n\x85 3 4\n 9 9\n\xff\xfe 5 6\n\xe2\x80\xa8 7 8\na b c 1 1\ni'm 3 4")
    assert count == 2
    assert found[4].tolist() == [3, 4]
    assert found[0].tolist() == [0, 0], "padding stays zero"


def test_other_words_depend_on_the_seed_alone(load):
    same = [load("the 1 2\n")[0], load("不好 1 2\n")[0]]
    assert (same[0][[1, 4, 5]] == same[1][[1, 4, 5]]).all()
    assert (load("the 1 2\n", seed=1)[0][1] != same[0][1]).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("the 1 2 3\n", "line 1: 3 numbers after 'the', and model.embedding is 2"),
        ("9 3\nthe 1 2 3\n", "line 2: 3 numbers after 'the'"),
        ("the 1 2\n\u4e0d\u597d 1\n", "line 2: 1 numbers"),
        ("the 1 x\n", "line 1: what follows 'the' are no numbers"),
        ("unheard 1 2\n", "none of the 6 words"),
        ("", "none of the 6 words"),
    ],
)
def test_what_can_not_be_used_is_refused_with_its_line(load, content, words):
    with pytest.raises(DataError, match=words):
        load(content)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(DataError, match=r"data\.embeddings .* can't be read"):
            vectors.load(path, VOCABULARY, 2)
