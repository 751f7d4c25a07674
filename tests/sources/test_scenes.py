"""Generated scenes: what is measured in the pictures is what the captions say, and captions are read rightly."""

import io
import re
from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull

from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.sources import scenes
from keras_recurrent.pipelines.sources.scenes import Scene

COUNT = 500
NAMED = {
    "red": "e02020",
    "green": "20a040",
    "blue": "2050e0",
    "yellow": "f0d020",
    "purple": "9030b0",
    "orange": "ff8010",
}
EVERY = [
    Scene(*values)
    for values in product(
        (1, 2, 3, 4),
        ("small", "large"),
        NAMED,
        ("circle", "square", "triangle", "cross"),
        ("top", "bottom", "left", "right", "middle"),
    )
]
TOLERANCE = 5.0  # standard deviations


@pytest.fixture(scope="module")
def drawn():
    return scenes.load(COUNT, 64, 0)


@pytest.fixture(scope="module")
def measured(drawn):
    """Each scene, as its first caption says, with its pixels and which of them are coloured."""
    return [(scenes.attributes(said[0]), *coloured(png)) for png, said in zip(*drawn[:2], strict=True)]


def coloured(png):
    """The pixels, and those nearer to the colour of the shapes than to that of the background."""
    pixels = np.asarray(Image.open(io.BytesIO(png))).astype(float)
    distance = np.linalg.norm(pixels - np.median(pixels, axis=(0, 1)), axis=-1)
    return pixels, distance > distance.max() / 2


def test_same_seed_same_pictures_whatever_state_numpy_is_in():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = scenes.load(100, 64, 7)
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(2)
    assert scenes.load(100, 64, 7) == first
    other = scenes.load(100, 64, 8)
    assert not set(first[0]) & set(other[0])
    assert first[1] != other[1]


def test_no_two_pictures_are_alike(drawn):
    assert len({np.asarray(Image.open(io.BytesIO(png))).tobytes() for png in drawn[0]}) == COUNT


@pytest.mark.parametrize("side", [32, 80])
def test_pictures_are_png_of_the_size_asked_for_and_the_same_scenes(side):
    pictures, captions, splits = scenes.load(100, side, 3)
    for png in pictures:
        picture = Image.open(io.BytesIO(png))
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (side, side))
    assert (captions, splits) == scenes.load(100, 64, 3)[1:]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(100, (75, 8, 17, 8)), (1_000, (750, 80, 170, 85)), (3_600, (2_700, 288, 612, 306))],
)
def test_splits_and_the_pairs_that_only_the_test_holds(count, expected):
    drawn, splits = scenes.drawn_scenes(count, np.random.default_rng(0))
    found = Counter(splits)
    unseen = [split for scene, split in zip(drawn, splits, strict=True) if scenes.is_unseen(scene)]
    assert (found["train"], found["validation"], found["test"], len(unseen)) == expected
    assert set(unseen) == {"test"}
    assert len(set(splits[: count // 4])) > 1  # not one split after the other


def test_splits_belong_to_the_pictures_they_stand_beside(drawn):
    pairs = defaultdict(set)
    for said, split in zip(*drawn[1:], strict=True):
        scene = scenes.attributes(said[0])
        pairs[split].add((scene.colour, scene.shape))
    held_out = {(colour, shape) for _, _, colour, shape, _ in filter(scenes.is_unseen, EVERY)}
    assert len(pairs["train"]) == 20
    assert pairs["validation"] <= pairs["train"]
    assert pairs["test"] - pairs["train"] == held_out
    assert Counter(shape for _, shape in held_out) == dict.fromkeys(("circle", "square", "triangle", "cross"), 1)
    assert max(Counter(colour for colour, _ in held_out).values()) == 1


def test_scenes_are_equally_likely():
    drawn, splits = scenes.drawn_scenes(20_000, np.random.default_rng(0))
    seen = [scene for scene, split in zip(drawn, splits, strict=True) if split == "train"]
    for values in (
        [scene.count for scene in seen],
        [scene.size for scene in seen],
        [scene.place for scene in seen],
        [(scene.colour, scene.shape) for scene in seen],
    ):
        found = Counter(values)
        share = 1 / len(found)
        deviation = np.sqrt(len(seen) * share * (1 - share))
        assert max(abs(n - len(seen) * share) for n in found.values()) < TOLERANCE * deviation


def test_a_caption_says_what_it_was_made_of_in_good_grammar():
    rng = np.random.default_rng(0)
    skeletons = set()
    for scene in EVERY:
        captions = scenes.describe(scene, rng)
        assert len(set(captions)) == 5
        for caption in captions:
            assert scenes.attributes(caption) == scene, caption
            assert re.fullmatch(r"[a-z]+( [a-z]+){5,11}", caption), caption
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", caption), caption
            wrong = r"are|stand|circles|squares|triangles|crosses" if scene.count == 1 else r"is|stands|an"
            assert not re.search(rf"\b({wrong})\b", caption), caption
        skeletons |= {re.sub("|".join(NAMED), "colour", caption) for caption in captions if scene == (2, *scene[1:])}
    assert len(skeletons) > 8 * 2 * 4 * 5  # more templates than 8, for each size, shape and place


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("three small red circles at the top", Scene(3, "small", "red", "circle", "top")),
        ("the left shows an orange square that is big", Scene(1, "large", "orange", "square", "left")),
        ("A picture of four little crosses, purple, at the bottom.", Scene(4, "small", "purple", "cross", "bottom")),
        ("a picture of one large blue triangle on the right", Scene(1, "large", "blue", "triangle", "right")),
        ("in the centre a small yellow cross", Scene(1, "small", "yellow", "cross", "middle")),
        ("<start> two green squares middle large <end>", Scene(2, "large", "green", "square", "middle")),
        ("small red circles at the top", None),
        ("a picture of small red circles at the top", None),
        ("three red circles at the top", None),
        ("three small circles at the top", None),
        ("three small red shapes at the top", None),
        ("three small red circles", None),
        ("three small red blue circles at the top", None),
        ("three small large red circles at the top", None),
        ("three small red circles at the top left", None),
        ("three small red circles and squares at the top", None),
        ("two three small red circles at the top", None),
        ("three small small red circles at the top", None),
        ("three small red circle at the top", None),
        ("a small red circles at the top", None),
        ("a small red circle and a square at the top", None),
        ("three smaller red circles at the top", None),
        ("top " * 400, None),
        ("", None),
        ("三 small red circles \x00 at the top", None),
    ],
)
def test_captions_that_no_template_made_are_read_too(caption, expected):
    assert scenes.attributes(caption) == expected


def test_every_caption_left_without_a_word_for_an_attribute_says_nothing():
    rng = np.random.default_rng(1)
    names = r"one|an?(?! picture)|two|three|four|small|little|large|big|top|bottom|left|right|middle|centre"
    names += "|" + "|".join(NAMED) + r"|circles?|squares?|triangles?|cross(?:es)?"
    for scene in EVERY[::7]:
        for caption in scenes.describe(scene, rng):
            found = list(re.finditer(rf"\b(?:{names})\b", caption))
            assert len(found) == 5
            for word in found:
                without = caption[: word.start()] + caption[word.end() :]
                assert scenes.attributes(without) is None, without
                assert scenes.attributes(f"{caption} {word[0]}") is None


def test_as_many_shapes_are_drawn_as_are_said_apart_and_inside(measured):
    for scene, _, mask in measured:
        assert ndimage.label(mask, np.ones((3, 3)))[1] == scene.count, scene
        assert mask.sum() == mask[1:-1, 1:-1].sum(), scene


def test_large_is_larger_than_small_for_each_shape_and_count(measured):
    areas = defaultdict(list)
    for scene, _, mask in measured:
        areas[scene.size, scene.shape, scene.count].append(mask.sum())
    assert len(areas) == 2 * 4 * 4
    for size, *kind in areas:
        assert min(areas["large", *kind]) > 1.8 * max(areas["small", *kind]), (size, kind)


def test_colours_are_nearest_to_the_named_ones(measured):
    named = np.array([list(bytes.fromhex(code)) for code in NAMED.values()])
    for scene, pixels, mask in measured:
        inner = ndimage.binary_erosion(mask, np.ones((3, 3)))
        colour = np.median(pixels[inner if inner.any() else mask], axis=0)
        assert list(NAMED)[np.linalg.norm(named - colour, axis=1).argmin()] == scene.colour, (scene, colour)


def test_the_middle_of_a_group_lies_where_it_is_said_to_be(measured):
    """Off the middle of the picture by more than 0.16 of its side along one axis, or by less than 0.12."""
    towards = {(0, -1): "top", (0, 1): "bottom", (-1, 0): "left", (1, 0): "right", (0, 0): "middle"}
    for scene, _, mask in measured:
        y, x = (np.argwhere(mask).mean(0) + 0.5) / 64 - 0.5
        assert all(abs(value) < 0.12 or abs(value) > 0.16 for value in (x, y)), (scene, x, y)
        assert towards[tuple(int(np.sign(value)) * (abs(value) > 0.16) for value in (x, y))] == scene.place


@pytest.mark.parametrize("shape", ["circle", "square", "triangle", "cross"])
def test_shapes_are_told_by_their_area(shape):
    """In that of the circle around them: square 2 / pi, triangle 0.75 sqrt(3) / pi. A cross alone is not convex."""
    expected = {"circle": 1, "square": 0.637, "triangle": 0.413}
    for seed in range(3):
        _, mask = coloured(scenes.draw(Scene(1, "large", "red", shape, "middle"), 256, np.random.default_rng(seed)))
        points = np.argwhere(mask)
        around = np.pi * (np.linalg.norm(points - points.mean(0), axis=1).max() + 0.5) ** 2
        filled = mask.sum() / ConvexHull(points).volume
        assert (filled < 0.85) == (shape == "cross"), filled
        if shape != "cross":
            assert mask.sum() / around == pytest.approx(expected[shape], rel=0.1)


@pytest.mark.parametrize(("count", "side"), [(99, 64), (0, 64), (100, 31), (100, 257)])
def test_too_few_pictures_or_another_size_are_refused(count, side):
    with pytest.raises(UsageError, match="at least 100" if count < 100 else "32 to 256"):
        scenes.load(count, side, 0)
