"""Generates scenes with captions: images of a few equal shapes, and sentences that describe them completely.

The data are synthetic and test captioning: the content of an image is known, so a caption can be scored by its meaning,
whatever its wording. A scene has five attributes:

    count   1 to 4 copies of one shape, which do not touch
    size    small, large: 0.062 to 0.072, or 0.114 to 0.124 sides of the image from the middle to the corners
    colour  red, green, blue, yellow, purple, orange
    shape   circle, square, triangle, cross
    place   top, bottom, left, right, middle: where the middle of the group lies

Everything else is random: the position of the group within its place, the layout of the group, the rotation of each
shape, the shade of the colour, the background (a dark or a light gray with a tinge), and some noise. Two or three
shapes form a row along the edge, or lie at corners of a square or a triangle; four lie at the corners of a square.

Each image has five captions from five templates. In a template, `{name}` stands for one of the scene's words for that
slot. Captions use lower case without punctuation, and each names every attribute once.

The pairs of a colour and a shape in `UNSEEN` occur only in the test split. Each of these colours is seen with other
shapes, and each shape in other colours: a model that captions them correctly has learnt the meaning of each word.
"""

from __future__ import annotations

import io
import re
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import UsageError

COUNT, FEWEST = 3_600, 100
SIDE, SIDES = 64, (32, 256)
SHARES = {"validation": 0.08, "test": 0.17}  # of all images; the others are for training
CAPTIONS = 5  # for each image
UNSEEN = frozenset({("red", "triangle"), ("green", "circle"), ("yellow", "square"), ("blue", "cross")})

NUMBERS = {1: ("one", "a"), 2: ("two",), 3: ("three",), 4: ("four",)}
SIZES = {"small": ("small", "little"), "large": ("large", "big")}
COLOURS = {
    "red": (215, 35, 35),
    "green": (40, 160, 70),
    "blue": (40, 80, 215),
    "yellow": (245, 215, 40),
    "purple": (140, 50, 170),
    "orange": (245, 130, 20),
}
PLURALS = {"circle": "circles", "square": "squares", "triangle": "triangles", "cross": "crosses"}
PLACES = {
    "top": ("at the top",),
    "bottom": ("at the bottom",),
    "left": ("on the left", "at the left"),
    "right": ("on the right", "at the right"),
    "middle": ("in the middle", "in the centre"),
}
TEMPLATES = (
    "{many} {size} {colour} {shapes} {there}",
    "there {are} {many} {size} {colour} {shapes} {there}",
    "{there} there {are} {many} {size} {colour} {shapes}",
    "a picture of {many} {size} {colour} {shapes} {there}",
    "the picture shows {many} {size} {colour} {shapes} {there}",
    "{there} of the picture {are} {many} {size} {colour} {shapes}",
    "{many} {size} {colour} {shapes} {stand} {there} of the picture",
    "{many} {size} {colour} {shapes} can be seen {there}",
    "{there} you see {many} {size} {colour} {shapes}",
    "{many} {colour} {shapes} of {extent} size {there}",
    "{many} {size} {shapes} in {colour} {there}",
    "{many} {shapes} {there} that {are} {size} and {colour}",
)
SLOT = re.compile(r"\{(\w+)\}")
BEFORE_VOWEL = re.compile(r"\ba(?= [aeiou])")
NO_NUMBER = re.compile(r"\ba picture\b")  # an "a" that does not count shapes
MEANINGS: dict[str, tuple[str, Any]] = (
    {word: ("count", count) for count, words in NUMBERS.items() for word in words}
    | {"an": ("count", 1)}
    | {word: ("size", size) for size, words in SIZES.items() for word in words}
    | {colour: ("colour", colour) for colour in COLOURS}
    | {word: ("shape", shape) for shape, plural in PLURALS.items() for word in (shape, plural)}
    | {phrase.split()[-1]: ("place", place) for place, phrases in PLACES.items() for phrase in phrases}
)

# Lengths are in sides of the image, from its upper left corner. Outlines lie within a circle of radius 1.
RADII = {"small": (0.062, 0.072), "large": (0.114, 0.124)}
GAP, MARGIN, SHIFT = 0.03, 0.01, 0.005  # between two shapes, around the group, of each shape
NEAR, FAR, MIDDLE, ALONG = (0.16, 0.29), (0.71, 0.84), (0.45, 0.55), (0.44, 0.56)
BOUNDS = {  # for x and y of the group's middle, narrowed so that the group stays inside the image
    "top": (ALONG, NEAR),
    "bottom": (ALONG, FAR),
    "left": (NEAR, ALONG),
    "right": (FAR, ALONG),
    "middle": (MIDDLE, MIDDLE),
}
TURN = 8  # degrees
ANGLES = np.arange(48) * (np.pi / 24)
ARM, HALF = 0.94, 0.31  # length and half of the width
CROSS = np.array([-HALF, HALF, HALF, ARM, ARM, HALF, HALF, -HALF, -HALF, -ARM, -ARM, -HALF])
OUTLINES = {
    "circle": 0.82 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1),
    "square": np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / np.sqrt(2),
    "triangle": np.array([(0, -1), (np.sqrt(0.75), 0.5), (-np.sqrt(0.75), 0.5)]),
    "cross": np.stack([CROSS, np.roll(CROSS, 3)], 1),
}
ROWS = {1: [(0, 0)], 2: [(-0.5, 0), (0.5, 0)], 3: [(-1, 0), (0, 0), (1, 0)]}
CORNERS = {
    2: [(-0.5, -0.5), (0.5, 0.5)],
    3: [(-0.5, -np.sqrt(0.1875)), (0.5, -np.sqrt(0.1875)), (0, np.sqrt(0.1875))],
    4: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
}
DARK, LIGHT = (15, 60), (190, 245)
TINGE, SHADE, BRIGHTNESS, NOISE = 10, 8, (0.9, 1.05), 4.0  # for the background, the colour, the colour, each pixel
FINER = 4  # factor of supersampling on each side


class Scene(NamedTuple):
    """The content of an image and of its captions."""

    count: int  # type: ignore[assignment]  # it hides the tuple method, which nobody calls
    size: str
    colour: str
    shape: str
    place: str


def is_unseen(scene: Scene) -> bool:
    """Whether a scene is held out of training and validation.

    >>> is_unseen(Scene(3, "small", "red", "triangle", "top")), is_unseen(Scene(3, "small", "red", "circle", "top"))
    (True, False)
    """
    return (scene.colour, scene.shape) in UNSEEN


def load(count: int = COUNT, side: int = SIDE, seed: int = 0) -> tuple[list[bytes], list[tuple[str, ...]], list[str]]:
    """Draws images with captions and splits.

    Half of the test images show unseen scenes (`is_unseen`), and all other images show seen ones. Within each of the
    two groups, all scenes are equally likely.

    Args:
        count: Number of images, at least 100.
        side: Rows and columns of an image, 32 to 256 pixels.
        seed: Seed of the random numbers. The same seed gives the same images and captions, and the same captions for
            any side.

    Returns:
        The images as RGB PNG files, the five captions of each, and the split of each (`train`, `validation` or `test`:
        75 %, 8 % and 17 %), in random order.

    Raises:
        UsageError: If the count or the side is out of range.

    Example:

    >>> pictures, captions, splits = load(100)
    >>> len(pictures), len(captions[0]), [splits.count(split) for split in ("train", "validation", "test")]
    (100, 5, [75, 8, 17])
    """
    if count < FEWEST:
        raise UsageError(f"scenes: {count} pictures can't be split; draw at least {FEWEST}.")
    if not SIDES[0] <= side <= SIDES[1]:
        raise UsageError(f"scenes: pictures of {side} x {side} can't be drawn; the side is {SIDES[0]} to {SIDES[1]}.")
    of_scenes, of_pictures = np.random.default_rng(seed).spawn(2)
    scenes, splits = drawn_scenes(count, of_scenes)
    pictures = [draw(scene, side, of_pictures) for scene in scenes]
    return pictures, [describe(scene, of_scenes) for scene in scenes], splits


def drawn_scenes(count: int, rng: np.random.Generator) -> tuple[list[Scene], list[str]]:
    """Draws scenes and their splits, in random order."""
    every = [Scene(*values) for values in product(NUMBERS, SIZES, COLOURS, PLURALS, PLACES)]
    numbers = {split: round(share * count) for split, share in SHARES.items()}
    unseen = numbers["test"] // 2
    splits = ["train"] * (count - sum(numbers.values())) + [split for split, n in numbers.items() for _ in range(n)]
    scenes = []
    for held_out, n in ((False, count - unseen), (True, unseen)):
        among = [scene for scene in every if is_unseen(scene) == held_out]
        scenes += [among[i] for i in rng.integers(len(among), size=n)]
    order = rng.permutation(count)
    return [scenes[i] for i in order], [splits[i] for i in order]


def describe(scene: Scene, rng: np.random.Generator) -> tuple[str, ...]:
    """Five captions of a scene, with random words in templates drawn without replacement."""
    several = scene.count > 1
    words = {
        "many": NUMBERS[scene.count],
        "size": SIZES[scene.size],
        "extent": (scene.size,),
        "colour": (scene.colour,),
        "shapes": (PLURALS[scene.shape] if several else scene.shape,),
        "there": PLACES[scene.place],
        "are": ("are" if several else "is",),
        "stand": ("stand" if several else "stands",),
    }

    def word(slot: re.Match[str]) -> str:
        choices = words[slot[1]]
        return choices[rng.integers(len(choices))]

    chosen = rng.permutation(len(TEMPLATES))[:CAPTIONS]
    return tuple(BEFORE_VOWEL.sub("an", SLOT.sub(word, TEMPLATES[i])) for i in chosen)


def attributes(caption: str) -> Scene | None:
    """Reads the scene from any caption, whether `describe` wrote it or not; skips words that name no attribute.

    Returns:
        The scene; None unless the caption names each attribute exactly once, and the shape in the number (singular or
        plural) that fits the count.

    >>> attributes("in the centre you see a big orange cross")
    Scene(count=1, size='large', colour='orange', shape='cross', place='middle')
    >>> attributes("two small red cross at the top"), attributes("two small red blue crosses at the top")
    (None, None)
    """
    words = re.findall(r"\w+", NO_NUMBER.sub("", caption.lower()))
    said = [MEANINGS[word] for word in words if word in MEANINGS]
    named = dict(said)
    if len(said) != len(Scene._fields) or set(named) != set(Scene._fields):
        return None
    scene = Scene(**named)
    return scene if (scene.shape in words) == (scene.count == 1) else None


def draw(scene: Scene, side: int, rng: np.random.Generator) -> bytes:
    """Draws an image of a scene, `side` x `side` RGB, as a PNG file."""
    from PIL import Image, ImageDraw

    shade = DARK if rng.random() < 0.5 else LIGHT
    background = rng.uniform(*shade) + rng.uniform(-TINGE, TINGE, 3)
    colour = np.array(COLOURS[scene.colour]) * rng.uniform(*BRIGHTNESS) + rng.uniform(-SHADE, SHADE, 3)
    fine = Image.new("RGB", (side * FINER, side * FINER), _rgb(background))
    canvas = ImageDraw.Draw(fine)
    for outline in outlines(scene, rng) * (side * FINER):
        canvas.polygon(outline.ravel().tolist(), fill=_rgb(colour))
    pixels = np.asarray(fine.reduce(FINER), np.float32)
    pixels = pixels + NOISE * rng.standard_normal(pixels.shape, np.float32)
    stream = io.BytesIO()
    Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def outlines(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Corners of each shape, `[count, corners, 2]`: x and y in sides of the image. The outer circles do not overlap."""
    radius = rng.uniform(*RADII[scene.size])
    centres = layout(scene, rng) * (2 * radius + GAP)
    reach = np.abs(centres).max(0) + radius + SHIFT + MARGIN
    centres += [_inside(bounds, half, rng) for bounds, half in zip(BOUNDS[scene.place], reach, strict=True)]
    centres += rng.uniform(-SHIFT, SHIFT, centres.shape)
    turns = np.deg2rad(rng.uniform(-TURN, TURN, scene.count))
    cos, sin = np.cos(turns), np.sin(turns)
    rotations = np.stack([np.stack([cos, sin], 1), np.stack([-sin, cos], 1)], 1)
    return centres[:, None] + radius * (OUTLINES[scene.shape] @ rotations)


def layout(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Positions of the shapes of a group, `[count, 2]`, around its middle; neighbours are at least 1 apart."""
    upright = scene.place in ("left", "right") or (scene.place == "middle" and rng.random() < 0.5)
    if scene.count == 1 or (scene.count < 4 and rng.random() < 0.5):
        points = np.array(ROWS[scene.count], float)
        return points[:, ::-1] if upright else points
    points = np.array(CORNERS[scene.count])
    for _ in range(rng.integers(4)):
        points = points[:, ::-1] * (1, -1)  # a quarter turn
    return points


def _inside(bounds: tuple[float, float], half: float, rng: np.random.Generator) -> float:
    """A random coordinate within `bounds` that leaves room for `half` on either side inside the image."""
    return rng.uniform(max(bounds[0], half), min(bounds[1], 1 - half))


def _rgb(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(np.rint(colour).clip(0, 255).astype(int).tolist())
