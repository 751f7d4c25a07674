"""Pictures with captions: the forms of their lists, what is treated and counted, what is refused, and where."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import captioned, picture_files

NAMES = ("1.png", "2.png", "3.png", "4.png")
CAPTIONS = (("a red house .", "one house"), ("two trees",), ("Ünïcödé 長 👩‍👩‍👧", "x"), ("a river",))
SPLITS = ("train", "validation", "test", "train")


@pytest.fixture
def folder(tmp_path):
    """Fixture: a folder of four pictures, in `images`."""
    (tmp_path / "images").mkdir()
    for value, name in enumerate(NAMES):
        Image.new("RGB", (4, 3), (value, 0, 0)).save(tmp_path / "images" / name)
    return tmp_path


@pytest.fixture
def refused(folder):
    """Fixture: writes a list of captions, and checks that it is refused in one line that names it and these words."""

    def check(content, *words, name="captions.json", path=None):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
        with pytest.raises(DataError) as caught:
            captioned.load(path or folder, folder / name)
        said = str(caught.value)
        assert "\n" not in said
        missing = [word for word in (name, *words) if word not in said]
        assert not missing, f"{missing} not in: {said}"

    return check


def rows(names=NAMES, captions=CAPTIONS, splits=SPLITS):
    return [
        {"filename": name, "split": split, "captions": list(some)}
        for name, some, split in zip(names, captions, splits, strict=True)
    ]


def karpathy():
    words = {"train": "restval", "validation": "val", "test": "test"}
    images = [
        {"filename": row["filename"], "filepath": "val2014", "split": words[row["split"]], "imgid": number}
        | {"sentences": [{"raw": f" {text}\n", "tokens": text.split(), "sentid": 0} for text in row["captions"]]}
        for number, row in enumerate(rows())
    ]
    return {"images": images, "dataset": "any"}


def coco():
    images = [{"id": 100 - row, "file_name": name, "license": 3} for row, name in enumerate(NAMES)]
    annotations = [
        {"image_id": 100 - row, "id": number, "caption": CAPTIONS[row][number]}
        for number in (0, 1)
        for row in range(4)
        if number < len(CAPTIONS[row])
    ]
    return {"info": {}, "images": images, "annotations": annotations, "licenses": []}


def tokens(end="\n"):
    return "".join(
        f"{name}#{number}\t{caption} {end}"
        for name, some in zip(NAMES, CAPTIONS, strict=True)
        for number, caption in enumerate(some)
    )


FORMS = {
    "array": (json.dumps(rows()), SPLITS),
    "array without splits": (
        json.dumps([{key: row[key] for key in ("filename", "captions")} for row in rows()], ensure_ascii=False),
        None,
    ),
    "lines": ("\r\n".join(["", *map(json.dumps, rows()), ""]), SPLITS),
    "Karpathy": (json.dumps(karpathy(), indent=1), SPLITS),
    "COCO": (json.dumps(coco()), None),
    "Flickr8k": (tokens(), None),
    "Flickr8k of Windows": (tokens("\r\n"), None),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_form_is_known_by_its_content(folder, form, encoding):
    text, splits = FORMS[form]
    (folder / "list.any").write_bytes(text.encode(encoding))
    found = captioned.load(folder, folder / "list.any")
    assert found.captions == CAPTIONS
    assert found.splits == splits
    assert found.pictures.names == tuple(f"images/{name}" for name in NAMES)
    assert [picture_red(found, row) for row in range(len(found))] == [0, 1, 2, 3]
    assert found.notes == ()


def picture_red(found, row):
    return Image.open(io.BytesIO(found.pictures.encoded(row))).getpixel((0, 0))[0]


def test_one_entry_on_one_line(folder):
    (folder / "a.jsonl").write_text(json.dumps(rows()[1]))
    found = captioned.load(folder, folder / "a.jsonl")
    assert (found.captions, found.splits) == (CAPTIONS[1:2], ("validation",))


def test_the_split_files_of_flickr8k(folder):
    (folder / "Flickr8k.token.txt").write_text(tokens() + "5.jpg.1#0\tno such picture, and in no split\n")
    (folder / "Flickr8k.lemma.token.txt").write_text(tokens())
    for split, names in (("train", "4.png\r\n1.png\r\n"), ("dev", "\n2.png"), ("test", "3.png\n9.png\n")):
        (folder / f"Flickr_8k.{split}Images.txt").write_text(names)
    found = captioned.load(folder, None)
    assert (found.captions, found.splits) == (CAPTIONS, SPLITS)
    assert found.notes == (
        "pictures in none of the split files, which are left out: 1, first 5.jpg.1",
        "names in the split files that have no caption: 1, first 9.png",
    )
    (folder / "Flickr_8k.testImages.txt").write_text("3.png\n1.png\n")
    with pytest.raises(DataError, match=r"testImages\.txt, line 2: 1\.png stands in Flickr_8k\.trainImages\.txt too"):
        captioned.load(folder, None)
    (folder / "Flickr_8k.testImages.txt").unlink()
    with pytest.raises(DataError, match=r"but not Flickr_8k\.testImages\.txt; give all three or none"):
        captioned.load(folder, None)


# Where the list is looked for


@pytest.mark.parametrize("name", ["captions.json", "dataset.json", "own.token.txt", "dataset_coco.json", "x.jsonl"])
def test_a_list_is_found(folder, name):
    (folder / name).write_text(json.dumps(rows()))
    (folder / ".other.json").write_text("")
    assert captioned.load(folder, None).splits == SPLITS


def test_no_list_or_several(folder):
    with pytest.raises(DataError, match=r"no list of captions \(captions\.json, .*\)\. Set data\.captions=FILE\.$"):
        captioned.load(folder, None)
    for name in ("a.json", "b.json"):
        (folder / name).write_text(json.dumps(rows()))
    with pytest.raises(DataError, match=r"several lists of captions: a\.json, b\.json\. Set data\.captions=FILE"):
        captioned.load(folder, None)
    (folder / "captions.json").write_text(json.dumps(rows()))
    assert len(captioned.load(folder, None)) == 4


def test_a_list_beside_a_tar(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("tar")
    with tarfile.open(other / "images.tar", "w") as archive:
        archive.add(folder / "images", "./images")
    (other / "captions.json").write_text(json.dumps(rows()))
    for path in (other, other / "images.tar"):
        found = captioned.load(path, None)
        assert [picture_red(found, row) for row in range(4)] == [0, 1, 2, 3]
        assert found.captions == CAPTIONS


# What is treated, and counted


def test_treatments_are_noted(folder):
    Image.new("L", (2, 2)).save(folder / "images" / "5.png")
    Image.new("L", (2, 2)).save(folder / "images" / "6.png")
    (folder / "images" / "notes.md").write_text("")
    entries = [
        {"filename": "1.png", "captions": ["", " a ", "\t\n"]},
        {"filename": "2.png", "captions": [" "]},
        {"filename": "3.png", "captions": []},
        {"filename": "images/1.png", "captions": ["b\0c", "\ud83d"]},
        {"filename": "9.png", "captions": [""]},
        {"filename": "4.png", "captions": [" d \u2003"]},
        {"filename": "4.png", "captions": []},
    ]
    (folder / "captions.json").write_text(json.dumps(entries))
    found = captioned.load(folder, None)
    assert found.pictures.names == ("images/1.png", "images/4.png")
    assert found.captions == (("a", "b c", "\ufffd"), ("d",))
    assert sorted(found.notes) == [
        "1 caption holds NUL bytes, at entry 4; each is replaced by a space",
        "1 caption holds half of a character (a lone surrogate), at entry 4; it is replaced by U+FFFD",
        "1 picture has more than one entry, again at entry 4; their captions are joined",
        "2 pictures are not in the list of captions, first images/5.png; they are left out",
        "3 pictures have no caption, first at entry 2; they are left out",
        "4 captions are empty, first at entry 1; they are left out",
    ]


def test_words_for_splits(folder):
    words = [" Training", "VALID", "testing", "restval"]
    (folder / "captions.json").write_text(json.dumps(rows(splits=words)))
    assert captioned.load(folder, None).splits == SPLITS


def test_names_with_accents_are_found_however_they_are_composed(folder):
    Image.new("L", (2, 2)).save(folder / "images" / "e\u0301.png")
    entries = [*rows(), {"filename": "\u00e9.png", "split": "test", "captions": ["x"]}]
    (folder / "captions.json").write_text(json.dumps(entries))
    assert captioned.load(folder, None).pictures.names[-1] == "images/e\u0301.png"


# What is refused


def test_captions_without_a_picture(refused):
    entries = rows(("1.png", "7.png", "3.png", "8.png"))
    refused(entries, "entry 2: captions without a picture", "'7.png'", "2 of 4 entries", "data.path")
    refused(tokens().replace("4.png", "7.png"), "line 6", "'7.png'", "the only entry", name="a.token.txt")
    refused(rows(("1.png", "7.png", "other/3.png", "4.png")), "entry 2", "2 of 4 entries")
    refused(coco() | {"annotations": [{"image_id": 5, "caption": "x"}]}, "entry 1 of 'annotations'", "the id 5")


def test_a_name_that_two_pictures_have(folder, refused):
    (folder / "more").mkdir()
    Image.new("L", (2, 2)).save(folder / "more" / "2.png")
    refused(rows(), "entry 2: '2.png' may be", "images/2.png and", "more/2.png", "write the folder")


def test_wrong_splits(refused):
    refused(rows(splits=("train", "tset", "test", "train")), "entry 2: unknown split 'tset'. Did you mean 'test'?")
    refused(rows(splits=("train", 3, "test", "train")), "entry 2: unknown split 3. Known: dev, restval")
    refused(rows(splits=("train", "test", None, "train")), "entry 3: it has no split, and others have")
    refused(rows(("1.png", "2.png", "1.png", "4.png")), "1.png is in two splits: train (entry 1) and test (entry 3)")


ROW = rows()[0]
WRONG = {
    "nothing": ("", "is empty"),
    "an empty array": ("[]", "holds no entries"),
    "an object": ({"pictures": []}, "no known form: it has 'pictures'", "expected an array"),
    "an array of strings": (["1.png"], "entry 1 is a string"),
    "one string": ([ROW, {**ROW, "captions": "a house"}], "entry 2: 'captions' is a string; expected an array"),
    "a number": ([{**ROW, "captions": ["a", 3]}], "entry 1: a caption is a number; expected a string"),
    "no name": ([{"file_name": "1.png", "captions": []}], "no 'filename'. Did you mean 'file_name'?"),
    "no captions": ([{"filename": "1.png"}], "entry 1: no 'captions'"),
    "broken": ('[{"filename": "1.png",\n"captions": [}]', "line 2, column 14: broken JSON"),
    "two arrays": ("[\n]\n[]", "line 3, column 1: broken JSON: Extra data"),
    "broken lines": (f"{json.dumps(ROW)}\n\n{{]", "line 3, column 2: broken JSON"),
    "a long number": ('[{"filename": ' + "1" * 5000 + "}]", "can't be read as JSON"),
    "too deep": ("[" * 100_000, "can't be read as JSON"),
    "no tab": (tokens() + "5.png#0 a house", "line 7: no tab between"),
    "only empty": ([{"filename": "1.png", "captions": [" "]}], "no picture has a caption"),
    "COCO without ids": (coco() | {"images": [{"file_name": "1.png"}]}, "entry 1 of 'images': no 'id'"),
    "COCO with an id twice": (
        coco() | {"images": [{"id": 1, "file_name": "1.png"}, {"id": 1, "file_name": "2.png"}]},
        "entry 2 of 'images': the id 1 is that of 1.png too",
    ),
    "COCO with true": (coco() | {"images": [{"id": True, "file_name": "1.png"}]}, "'id' is a boolean"),
    "Karpathy without raw": (
        {"images": [{"filename": "1.png", "split": "val", "sentences": [{"tokens": []}]}]},
        "entry 1 of 'images', a sentence: no 'raw'",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_list_is_refused_with_its_place(refused, kind):
    content, *words = WRONG[kind]
    refused(content, *words)


def test_another_encoding_is_refused(folder):
    (folder / "captions.json").write_bytes(b'[\n"\xe9t\xe9"]')
    with pytest.raises(DataError, match=r"captions\.json, line 2: the bytes e9 74 e9 22 are not UTF-8"):
        captioned.load(folder, None)
    with pytest.raises(DataError, match=r"none\.json: there is no such file"):
        captioned.load(folder, folder / "none.json")


# The same picture in two splits


def test_the_same_picture_in_training_and_test_is_found(folder):
    Image.new("RGB", (4, 3), (0, 0, 0)).save(folder / "images" / "3.png", compress_level=0)  # as 1.png
    Image.new("L", (4, 3), 0).save(folder / "images" / "4.png")  # again, in training
    (folder / "captions.json").write_text(json.dumps(rows()))
    found = captioned.load(folder, None)
    survey = picture_files.survey(found.pictures)
    repeated = [captioned.also_in_training(survey.digests, found.splits, split) for split in ("validation", "test")]
    named = [[found.pictures.names[row] for row in pair] for pairs in repeated for pair in pairs]
    assert named == [["images/3.png", "images/1.png"]]


# TensorFlow Datasets

TFDS = {
    "train": ("10.jpg", "11.jpg", "12.jpg", "13.jpg"),
    "val": ("20.jpg",),
    "test": ("30.jpg",),
    "restval": ("40.jpg",),
}


@pytest.fixture(scope="module", params=["tfrecord", "array_record"])
def prepared(request, tmp_path_factory):
    """A data set in the form of the real builder `coco_captions`, with fewer fields and drawn pictures."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def examples(names):
        for name in names:
            value = int(name.removesuffix(".jpg"))
            yield {
                "image": np.full((5, 4 + value % 3, 3), value, np.uint8),
                "image/filename": name,
                "captions": {
                    "text": [] if value == 11 else [f" number {value} ", "é"],
                    "id": [] if value == 11 else [1, 2],
                },
            }

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(encoding_format="png"),
            "image/filename": tfds.features.Text(),
            "captions": tfds.features.Sequence({"text": tfds.features.Text(), "id": np.int64}),
        }
    )
    folder = tmp_path_factory.mktemp("tfds")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="coco_captions",
        version="1.1.0",
        config="2014",
        features=features,
        split_datasets={
            split: tf.data.Dataset.from_generator(
                lambda names=names: examples(names), output_signature=features.get_tensor_spec()
            )
            for split, names in TFDS.items()
        },
        data_dir=folder,
        file_format=request.param,
    )
    return folder


def test_coco_of_tensorflow_datasets(prepared):
    found = captioned.load_tfds(prepared)
    splits = dict(zip(found.pictures.names, found.splits, strict=True))
    train = dict.fromkeys(("10.jpg", "12.jpg", "13.jpg", "40.jpg"), "train")
    assert splits == {**train, "20.jpg": "validation", "30.jpg": "test"}
    for row, name in enumerate(found.pictures.names):
        value = int(name.removesuffix(".jpg"))
        assert found.captions[row] == (f"number {value}", "é")
        assert picture_red(found, row) == value
    assert found.notes == (
        "pictures of the split restval, which counts as training: 1",
        "1 picture has no caption, of 11.jpg; it is left out",
    )
    assert len(picture_files.survey(found.pictures).digests) == 6


def test_a_cut_tfds_file_is_told(prepared):
    for path in (prepared / "coco_captions" / "2014" / "1.1.0").glob("*train*"):
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"'coco_captions' in .* can't be read"):
        captioned.load_tfds(prepared)
