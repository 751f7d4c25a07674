"""One's own pictures with captions: what is treated and told, what is refused, and that pictures stay on disk."""

import json
import tarfile
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from keras_recurrent.pipelines.captioning import load
from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.stages.data import AHEAD, training_batches
from keras_recurrent.pipelines.tasks.captioning.config import CaptioningConfig, CaptioningData
from keras_recurrent.pipelines.tasks.captioning.examples import CaptionedPictures, DecodedPictures

COUNT, SIDE = 40, 32
SPLITS = ("train", "train", "validation", "test", "train")
COLOURS = ("red", "green", "blue", "gray")


def rows():
    """An entry for each picture, in splits of 24, 8 and 8."""
    return [
        {
            "filename": f"{number}.png",
            "split": SPLITS[number % 5],
            "captions": [f"a {COLOURS[number % 4]} picture", f"the picture is {COLOURS[number % 4]} ."],
        }
        for number in range(COUNT)
    ]


@pytest.fixture
def album(tmp_path):
    """Fixture: a folder of forty pictures that all differ; `write(rows)` adds their list."""
    folder = tmp_path / "album"
    (folder / "images").mkdir(parents=True)
    for number in range(COUNT):
        Image.new("RGB", (9, 7), (5 * number, 99, 255 - number)).save(folder / "images" / f"{number}.png")
    return folder


def listed(folder, entries):
    (folder / "captions.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def loaded(folder, **data):
    section = CaptioningData(source="json", path=folder, side=SIDE, **data)
    return load(CaptioningConfig(pipeline="captioning", preset="sample", data=section))


def changed(number, **changes):
    """The list with one entry that is another."""
    entries = rows()
    entries[number] |= changes
    return entries


def split_of(data):
    """The split of each file name."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    return {name.rpartition("/")[2]: split for split, part in parts.items() for name in part.names}


# What is treated


def test_a_list_is_followed(album):
    data = loaded(listed(album, rows()))
    assert data.sizes() == {"train": 24, "validation": 8, "test": 8}
    assert split_of(data) == {row["filename"]: row["split"] for row in rows()}
    assert data.notes == ()
    assert data.vocabulary.tokens[:2] == ("", "[UNK]")
    assert set(data.vocabulary.tokens[2:]) == {"a", "the", "is", "picture", *COLOURS}
    assert data.train.tokens.shape == (24, 2, 5), "no picture has more than two captions"
    caption = [data.vocabulary.tokens[number] for number in data.train.tokens[1, 1]]
    assert caption == ["the", "picture", "is", "green", ""]
    assert not data.train.tokens[:, 2:].any()
    assert data.test.references[0] == (("a", "gray", "picture"), ("the", "picture", "is", "gray"))
    assert data.test.texts[0] == ("a gray picture", "the picture is gray .")
    pixels = data.train[:2].pixels()
    assert pixels.shape == (2, SIDE, SIDE, 3)
    assert pixels[:, 0, 0].tolist() == [[0, 99, 255], [5, 99, 254]]


def test_the_most_captions_of_a_picture_are_a_choice(album):
    data = loaded(listed(album, rows()), per_picture=1)
    assert data.train.tokens.shape[1] == 1
    assert data.notes == ("24 training captions are beyond data.per_picture=1, and are not learned",)
    assert len(data.test.references[0]) == 2


def test_captions_and_pictures_without_the_other_are_left_out(album):
    entries = [*changed(0, captions=["", "a red picture", " "]), {"filename": "x.png", "split": "test", "captions": []}]
    entries[1]["captions"] = []
    data = loaded(listed(album, entries[:39] + entries[40:]))
    assert data.sizes() == {"train": 22, "validation": 8, "test": 8}
    assert not {"1.png", "39.png", "x.png"} & set(split_of(data))
    assert sorted(data.notes) == [
        "1 picture is not in the list of captions, images/39.png; it is left out",
        "2 captions are empty, first at entry 1; they are left out",
        "2 pictures have no caption, first at entry 2; they are left out",
    ]


def test_captions_of_unknown_words_are_not_learned(album):
    entries = changed(0, captions=["qwx zyx", "a red picture"])
    entries[1]["captions"] = ["plugh"]
    entries[3]["captions"] = ["xyzzy"]
    data = loaded(listed(album, entries), least=2)
    assert not {"qwx", "zyx", "plugh", "xyzzy"} & set(data.vocabulary.tokens)
    assert "1.png" not in split_of(data)
    assert split_of(data)["3.png"] == "test"
    assert data.test.references[0] == (("xyzzy",),)
    assert data.sizes()["train"] == 23
    assert np.count_nonzero(data.train.tokens[0].any(axis=-1)) == 1
    assert data.notes == (
        "2 training captions have no known word, and are not learned",
        "1 training picture is left with no caption, and is not learned",
    )
    everything = loaded(album)
    assert {"qwx", "zyx", "plugh"} < set(everything.vocabulary.tokens)
    assert everything.sizes()["train"] == 24


def test_captions_without_a_word_are_not_learned(album):
    data = loaded(listed(album, changed(0, captions=["?!", "...", "a red picture"])))
    assert data.notes == ("2 training captions have no known word, and are not learned",)
    assert data.train.references[0] == (("a", "red", "picture"),)
    assert np.count_nonzero(data.train.tokens[0].any(axis=-1)) == 1


def test_a_caption_of_400_words_is_learned_as_far_as_it_is_let(album):
    long = " ".join(f"word{number}" for number in range(400))
    entries = changed(0, captions=[long])
    entries[3]["captions"] = [long]
    data = loaded(listed(album, entries))
    assert data.train.tokens.shape == (24, 2, 31)
    first = [data.vocabulary.tokens[number] for number in data.train.tokens[0, 0]]
    assert first == [*long.split()[:30], ""]
    assert data.notes == ("1 training caption is longer than data.length=30; the first words are learned",)
    assert data.test.references[0] == (tuple(long.split()),), "it is scored against all of it"
    assert loaded(album, length=500).train.tokens.shape[-1] == 401


def test_the_same_picture_in_training_and_test_is_told(album):
    """By what it shows: in another file, written otherwise."""
    with Image.open(album / "images/0.png") as picture:
        picture.save(album / "images/3.png", compress_level=0)
        picture.convert("RGBA").save(album / "images/2.png")
    data = loaded(listed(album, rows()))
    repeated = "pictures also stand in training (found by their pixels; images/{}.png is images/0.png); they are kept"
    assert data.notes == (
        "1 picture is put on white",
        f"1 of 8 validation {repeated.format(2)} and scored",
        f"1 of 8 test {repeated.format(3)} and scored",
    )
    assert data.sizes() == {"train": 24, "validation": 8, "test": 8}


def test_without_splits_shares_are_held_out(album):
    listed(album, [{key: row[key] for key in ("filename", "captions")} for row in rows()])
    data = loaded(album, validation=0.1, test=0.2)
    assert data.sizes() == {"train": 28, "validation": 4, "test": 8}
    assert len(split_of(data)) == COUNT
    assert split_of(loaded(album, validation=0.1, test=0.2)) == split_of(data)
    assert split_of(loaded(album, validation=0.1, test=0.2, split_seed=1)) != split_of(data)
    short = loaded(album, validation=0.1, test=0.2, limit=5)
    assert short.sizes() == {"train": 5, "validation": 4, "test": 8}
    assert {name for name, split in split_of(short).items() if split == "test"} == {
        name for name, split in split_of(data).items() if split == "test"
    }


def test_a_tar_gives_what_its_folder_gives(album, tmp_path):
    expected = loaded(listed(album, rows()))
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        archive.add(album / "images", "images")
    found = loaded(tmp_path / "images.tar", captions=album / "captions.json")
    assert split_of(found) == split_of(expected)
    np.testing.assert_array_equal(found.train.tokens, expected.train.tokens)
    np.testing.assert_array_equal(found.test.pixels(), expected.test.pixels())
    assert found.train.digests == expected.train.digests


# What is refused


def cut(album):
    path = album / "images/7.png"
    path.write_bytes(path.read_bytes()[:60])


def removed(album):
    (album / "images/7.png").unlink()


def packed(album):
    with tarfile.open(album.parent / "images.tar.gz", "w:gz") as archive:
        archive.add(album / "images", "images")


def nothing(album):
    pass


def without(split):
    return [row for row in rows() if row["split"] != split]


SHARES = [{key: row[key] for key in ("filename", "captions")} for row in rows()]
REFUSED = {
    "a damaged picture": (3, cut, rows(), {}, ["images/7.png", "damaged"]),
    "a missing picture": (3, removed, rows(), {}, ["captions.json, entry 8", "'7.png'", "captions without a picture"]),
    "a missing folder": (3, nothing, rows(), {"path": "{folder}/none"}, ["album/none", "Set data.path"]),
    "a missing list": (3, nothing, rows(), {"captions": "{folder}/none.json"}, ["none.json", "no such file"]),
    "a list of another form": (3, nothing, {"a": 1}, {}, ["captions.json is of no known form"]),
    "an unknown split": (3, nothing, changed(4, split="tarin"), {}, ["entry 5", "'tarin'", "Did you mean 'train'?"]),
    "no validation": (3, nothing, without("validation"), {}, ["no picture belongs to the split validation"]),
    "no training": (3, nothing, without("train"), {}, ["no picture belongs to the split train"]),
    "one for validation": (
        3,
        nothing,
        [without("validation")[0] | {"split": "validation"}, *without("validation")[1:]],
        {},
        ["the split validation has one picture", "two at least"],
    ),
    "a packed tar": (3, packed, rows(), {"path": "{folder}/../images.tar.gz"}, ["images.tar.gz is compressed"]),
    "words that are all rare": (3, nothing, rows(), {"least": 1000}, ["no word that stands", "data.least"]),
    "a share of nothing": (2, nothing, SHARES, {"test": 0.01}, ["data.test=0.01", "40 pictures", "one at least"]),
    "shares of all": (2, nothing, SHARES, {"test": 0.6, "validation": 0.4}, ["data.validation=0.4", "held out"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_can_not_be_used_leaves_no_run(refused, options, album, tmp_path, name):
    code, change, entries, settings, said = REFUSED[name]
    listed(album, entries)
    change(album)
    chosen = {"source": "json", "path": str(album)} | settings
    chosen = {f"data__{key}": str(value).format(folder=album) for key, value in chosen.items()}
    refused(code, said, "train", "captioning", *options(**chosen), "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


WRONG = {
    "no path": ({"data__source": "json"}, ["source 'json' needs data.path", "folder or tar"]),
    "a path of drawn scenes": ({"data__path": "x"}, ["data.path", "'sample' does not use it", "json"]),
    "shares of drawn scenes": ({"data__test": 0.3}, ["data.test", "'sample' does not use it"]),
    "a consensus of one": ({"model__consensus": True, "model__beam": 1}, ["model.consensus", "model.beam is 1"]),
    "a penalty on nothing": ({"model__penalty": 1, "model__attention": None}, ["model.penalty is on the attention"]),
    "int8": ({"export__quantization": ["int8"]}, ["int8", "leave it out"]),
    "too many stages": ({"data__side": 32, "model__widths": [8] * 5}, ["model.widths", "data.side", "leave some out"]),
    "a side that is too small": ({"data__side": 16}, ["data.side", "32"]),
    "a beam of none": ({"model__beam": 0}, ["model.beam", "greater than or equal to 1"]),
    "no vocabulary": ({"data__vocabulary": 2}, ["data.vocabulary", "3"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_configuration_that_does_not_fit_leaves_no_run(refused, options, tmp_path, name):
    settings, said = WRONG[name]
    refused(2, said, "train", "captioning", *options(**settings), "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_scenes_too_large_to_be_drawn_are_refused(refused, options, tmp_path):
    said = ["512 x 512", "32 to 256"]
    refused(2, said, "train", "captioning", *options(data__side=512), "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


# A whole run


@pytest.mark.slow
def test_own_pictures_of_any_kind_go_through_a_whole_run(cli, options, album, tmp_path):
    """Whatever their names say they are, with captions in several scripts, some pictures with one caption."""
    entries = changed(0, captions=["ein <rotes> Bild — 赤い"])
    entries[3]["captions"] = ["画像 & 🌊", "?!"]
    listed(album, entries)
    kinds = {0: ("JPEG", "L"), 2: ("PNG", "RGBA"), 3: ("JPEG", "CMYK"), 5: ("WEBP", "RGB"), 8: ("GIF", "P")}
    for number, (form, mode) in kinds.items():
        with Image.open(album / f"images/{number}.png") as picture:
            picture.convert(mode).save(album / f"images/{number}.png", form)
    tiny = {"model__widths": [16], "model__units": 8, "model__embedding": 8, "model__attention": None}
    tiny |= {"training__epochs": 1, "training__batch_size": 8, "export__quantization": [], "evaluation__bootstrap": 5}
    chosen = options(data__source="json", data__path=album, data__side=SIDE, **tiny)
    result = cli("run", "captioning", *chosen, "--output", tmp_path, "--name", "own", "--json")
    assert result.exit_code == 0, result.stderr
    done = json.loads(result.stdout)
    assert done["metrics"]["examples"] == {"train": 24, "validation": 8, "test": 8}
    assert not {"attributes_seen", "attributes_unseen"} & set(done["metrics"]["test"])
    assert all(artifact["passed"] for artifact in done["parity"]["artifacts"].values())
    assert sorted(done["metrics"]["notes"]) == [
        "1 picture is made PNG from GIF",
        "1 picture is made PNG from WEBP",
        "1 picture is made RGB from CMYK",
        "1 picture is made RGB from a palette",
        "1 picture is put on white",
    ]
    run = tmp_path / "captioning/own"
    page = (run / "plots/captions.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 8
    assert "画像 &amp; 🌊" in page
    assert "strongest attention" not in page
    card = (run / "README.md").read_text(encoding="utf-8")
    assert f"The pictures in {album}" in card
    assert "SYNTHETIC" not in card
    assert "赤い" in (run / "export/vocabulary.txt").read_text(encoding="utf-8").split("\n")


# Pictures stay where they are


@dataclass
class Recorded:
    """Pictures that remember which of them were read."""

    content: bytes
    read: list[int] = field(default_factory=list)
    names: tuple[str, ...] = tuple(f"{row}.png" for row in range(200))

    def __len__(self):
        return len(self.names)

    def encoded(self, row):
        self.read.append(row)
        return self.content


@pytest.fixture
def recorded(album):
    """Fixture: a split of 100 of 200 recorded pictures, and what was read of them."""
    pictures = Recorded((album / "images/0.png").read_bytes())
    of_split = np.arange(0, 200, 2)
    tokens = np.ones((100, 1, 3), np.int32)
    said = ((("a",),),) * 100
    return CaptionedPictures(pictures, of_split, tokens, said, (("a",),) * 100, (SIDE, SIDE)), pictures.read


def test_a_split_reads_nothing_before_it_is_asked(recorded):
    split, read = recorded
    part = split[10:20]
    batches = training_batches(part.preprocessed(None), 4, 0, range(3))
    assert (len(part), part.names[0], part.labels.shape, part.lengths()) == (10, "20.png", (10, 1, 3), None)
    assert read == []
    assert len(part[:2].inputs) == 2
    assert read == [20, 22]
    assert batches.element_spec[0]["image"].shape == (None, SIDE, SIDE, 3)


def test_a_batch_reads_its_own_pictures_alone(recorded):
    split, read = recorded
    inputs, tokens = DecodedPictures(split).reader()(np.array([7, 3, 7]))
    assert read == [14, 6, 14]
    assert inputs["image"].shape == (3, SIDE, SIDE, 3)
    assert tokens.shape == (3, 1, 3)


def test_a_training_reads_few_batches_ahead_and_each_picture_once_in_an_epoch(recorded):
    split, read = recorded
    batches = iter(training_batches(split.preprocessed(None), 2, 0, range(2)))
    next(batches)
    assert len(read) <= 2 * (1 + 2 * AHEAD)
    assert len([*batches]) == 99
    assert sorted(read) == sorted([*range(0, 200, 2)] * 2)


def test_pictures_are_not_kept_after_they_were_looked_at(album):
    data = loaded(listed(album, rows()))
    (album / "images/0.png").unlink()
    with pytest.raises(DataError, match=r"0\.png can't be read: No such file"):
        _ = data.train[:1].inputs
    assert len(data.train[1:3].inputs) == 2
