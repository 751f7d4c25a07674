"""Pictures of attention, against values worked by hand, and the page of captions, read back as HTML."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from keras_recurrent.pipelines.tasks.captioning import attention_maps
from keras_recurrent.pipelines.tasks.captioning.page import Example, page

VOID = {"img", "meta"}


class Reader(HTMLParser):
    """Keeps the text of each element by its tag, all attributes, and fails if tags don't match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.attributes = [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.attributes.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def pictures(self):
        sources = [values["src"] for tag, values in self.attributes if tag == "img"]
        kind, encoded = zip(*(source.split(",") for source in sources), strict=True)
        assert set(kind) == {"data:image/jpeg;base64"}
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in encoded]


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def attention(words, rows=7, columns=7, seed=0):
    weights = np.random.default_rng(seed).random((words, rows, columns)).astype(np.float32)
    return weights / weights.sum((1, 2), keepdims=True)


def example(caption="a red ball", size=(40, 60), **changes):
    words = caption.split()
    fields = {
        "name": "ball.png",
        "image": noise(*size),
        "caption": caption,
        "words": words,
        "weights": attention(len(words)),
        "references": ["a ball", "the red ball"],
        "score": 1.25,
    }
    return Example(**(fields | changes))


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def drawn(figure):
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=40)
    return np.asarray(Image.open(data))


def boxes(figure, texts):
    figure.draw_without_rendering()
    return [text.get_window_extent() for text in texts]


def test_weights_are_enlarged_bilinearly_between_the_middles_of_their_cells():
    grid = np.array([[0.0, 8.0], [16.0, 40.0]])
    across = np.array([[0, 2, 6, 8], [16, 22, 34, 40]])
    expected = [across[0], 0.75 * across[0] + 0.25 * across[1], 0.25 * across[0] + 0.75 * across[1], across[1]]
    np.testing.assert_allclose(attention_maps.enlarged(grid, 4, 4), expected, rtol=1e-6)


def test_the_end_of_the_scale_counts_even_shares_and_is_never_below_two():
    weights = np.full((2, 2, 5), 0.1)
    assert attention_maps.strongest(weights) == 2
    weights[1] = 0
    weights[1, 1, 3] = 1
    assert attention_maps.strongest(weights) == pytest.approx(10)


def test_attention_colours_its_place_and_leaves_the_others_gray():
    image = np.full((8, 8, 3), 128, np.uint8)
    weight = np.zeros((2, 2))
    weight[0, 1] = 1
    over = attention_maps.overlaid(image, weight, 4.0).astype(int)
    assert over.shape == (8, 8, 3)
    assert over[7, 0].tolist() == [128, 128, 128]
    # Pure red at the strongest: one fifth of the picture is left.
    assert over[0, 7] == pytest.approx([0.2 * 128 + 0.8 * 255, 0.2 * 128, 0.2 * 128], abs=1)


def test_what_exceeds_the_scale_has_its_last_colour():
    image = noise(4, 4)
    weight = np.full((1, 1), 9.0)
    np.testing.assert_array_equal(
        attention_maps.overlaid(image, weight, 2.0), attention_maps.overlaid(image, weight / 3, 2.0)
    )


@pytest.mark.parametrize(("size", "expected"), [((400, 200), (96, 48)), ((30, 60), (48, 96)), ((1, 500), (1, 96))])
def test_resized_keeps_the_shape_of_a_picture(size, expected):
    assert attention_maps.resized(noise(*size), 96).shape == (*expected, 3)


def test_a_small_picture_is_not_shrunk():
    image = noise(20, 30)
    assert attention_maps.shrunk(image, 30) is image
    assert attention_maps.shrunk(image, 15).shape == (10, 15, 3)


def test_each_word_has_its_panel_in_rows_of_six():
    words = [f"word{number}" for number in range(12)]
    figure = attention_maps.draw(noise(16, 16), words, attention(12))
    assert titles(figure) == words
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (3, 6)


def test_long_words_stay_beside_each_other():
    words = ["counterrevolutionaries", "incomprehensibilities", "of", "misunderstandings", "overgeneralizations"] * 2
    figure = attention_maps.draw(noise(16, 48), words, attention(10), "where it looks")
    texts = [axes.title for axes in figure.axes if axes.get_title()]
    found = boxes(figure, [*texts, *figure.texts])
    assert len(found) == 11
    overlaps = [(a, b) for at, a in enumerate(found) for b in found[:at] if a.overlaps(b)]
    assert not overlaps


def test_the_words_are_not_set_as_mathematics():
    figure = attention_maps.draw(noise(8, 8), [r"$\frac$", "$5"], attention(2), r"$\broken$")
    assert titles(figure) == [r"\$\frac\$", r"\$5"]
    assert drawn(figure).std() > 10
    assert drawn(attention_maps.draw(noise(8, 8), [r"$\frac$"], None)).std() > 10


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("weights", [attention(3), None], ids=["attention", "none"])
def test_words_of_other_scripts_are_drawn(weights):
    assert drawn(attention_maps.draw(noise(8, 8), ["飛機", "аэропорт", "مطار"], weights, "飛機" * 40)).std() > 10


@pytest.mark.parametrize("size", [(10, 300), (300, 10), (1, 1)])
def test_long_and_tiny_pictures_are_drawn(size):
    assert drawn(attention_maps.draw(noise(*size), ["a"], attention(1))).std() > 10
    assert drawn(attention_maps.draw(noise(*size), ["a"], None)).std() > 10


def test_without_attention_the_caption_stands_below_in_lines_that_fit():
    words = ["neighbourhood"] * 30
    figure = attention_maps.draw(noise(20, 30), words, None, "a title")
    assert figure.get_supxlabel().split() == words
    caption, title = figure.texts
    below, above = boxes(figure, [caption, title])
    assert figure.bbox.x0 <= below.x0
    assert below.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= below.y0
    assert below.y1 < figure.axes[0].bbox.y0
    assert figure.axes[0].bbox.y1 < above.y0


def test_an_empty_caption_is_named_so():
    assert attention_maps.draw(noise(8, 8), [], np.zeros((0, 7, 7))).get_supxlabel() == "(no words)"


def test_words_without_weights_of_their_own_are_refused():
    with pytest.raises(ValueError, match="zip"):
        attention_maps.draw(noise(8, 8), ["a", "b"], attention(1))


def test_the_page_shows_each_example_in_its_section():
    best, worst = example(name="good.png", score=2.5), example("no ball", name="bad.png", score=0.004)
    reader = Reader(page([best], [worst], "Captions of the test split"))
    assert reader.texts["h1"] == reader.texts["title"] == ["Captions of the test split"]
    assert [text.split()[0] for text in reader.texts["h2"]] == ["Best", "Worst"]
    assert reader.texts["bdi"] == ["good.png", "bad.png"]
    assert [text for text in reader.texts["p"] if "CIDEr-D" in text] == [" · CIDEr-D 2.50", " · CIDEr-D 0.00"]
    assert {"a red ball", "no ball"} <= set(reader.texts["p"])
    assert reader.texts["li"] == ["a ball", "the red ball"] * 2
    assert reader.texts["figcaption"] == ["a", "red", "ball", "no", "ball"]


def test_the_page_needs_nothing_beside_it():
    text = page([example()], [], "title")
    reader = Reader(text)
    assert [picture.shape for picture in reader.pictures()] == [(40, 60, 3), *[(64, 96, 3)] * 3]
    assert not {tag for tag, _ in reader.attributes} & {"script", "link", "iframe", "a"}
    assert "http" not in text
    assert "url(" not in text


def test_a_large_picture_is_made_small():
    assert Reader(page([example(size=(300, 600), weights=None)], [], "")).pictures()[0].shape == (128, 256, 3)


def test_the_small_pictures_show_where_each_word_looked():
    weights = np.zeros((2, 2, 2))
    weights[0, 0, 0] = weights[1, 1, 1] = 1
    gray = example("left right", image=np.full((96, 96, 3), 128, np.uint8), weights=weights)
    _, left, right = (picture.astype(int) for picture in Reader(page([gray], [], "")).pictures())
    redness = [picture[..., 0] - picture[..., 2] for picture in (left, right)]
    assert redness[0][:20, :20].min() > 150
    assert np.abs(redness[0][-20:, -20:]).max() < 10
    assert redness[1][-20:, -20:].min() > 150
    assert np.abs(redness[1][:20, :20]).max() < 10


def test_all_text_is_escaped():
    mark = "<b>\"&'"
    bad = example(name=mark, caption=mark, words=[mark], weights=attention(1), references=[mark])
    reader = Reader(page([bad], [], mark))
    for tag in ("title", "h1", "bdi", "li", "figcaption"):
        assert "".join(reader.texts[tag]) == mark
    assert mark in reader.texts["p"]
    assert "b" not in {tag for tag, _ in reader.attributes}
    assert [values["alt"] for tag, values in reader.attributes if tag == "img"] == [mark, ""]


def test_without_attention_there_are_no_small_pictures():
    reader = Reader(page([example(weights=None)], [example("")], "title"))
    assert len(reader.pictures()) == 2
    assert "figure" not in dict(reader.attributes)
    assert not any("Attention" in text for text in reader.texts["p"])
    assert "(no words)" in reader.texts["p"]


def test_an_empty_section_says_so():
    assert Reader(page([], [], "title")).texts["p"] == ["There is none.", "There is none."]


def test_a_page_of_forty_pictures_of_noise_stays_small():
    examples = [example(" ".join("abcdefghijkl"), size=(128, 128))] * 20
    assert len(page(examples, examples, "title").encode()) < 8e6
