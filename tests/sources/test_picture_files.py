"""Picture files: plain ones as they are stored, others made plain, and damage told with its place."""

import io
import tarfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import picture_files
from keras_recurrent.pipelines.sources.picture_files import InMemory
from keras_recurrent.pipelines.sources.picture_folders import open_pictures

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)  # [rows, columns, RGB]
RGB = Image.fromarray(PIXELS)
GRAY = RGB.convert("L")
ORIENTATION = 0x0112
EXIF_TURNS = {  # what shows a stored picture upright, by its orientation, as the Exif standard draws it
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: x.transpose(1, 0, 2)[:, ::-1],
    7: lambda x: x.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda x: x.transpose(1, 0, 2)[::-1],
}


def saved(picture, form, **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[ORIENTATION] = orientation
    return data


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def by_tensorflow(content):
    import tensorflow as tf

    return tf.io.decode_image(content, channels=3, expand_animations=False).numpy()


def only(content):
    """One picture in memory."""
    return InMemory(("a.jpg",), (content,))


# What is done to a picture


@pytest.mark.parametrize(
    "content",
    [
        saved(RGB, "JPEG"),
        saved(RGB, "JPEG", progressive=True, exif=exif(1)),
        saved(GRAY, "JPEG"),
        saved(RGB, "PNG"),
        saved(GRAY, "PNG", exif=exif(1)),
        saved(RGB.resize((1, 1)), "JPEG"),
        saved(RGB.resize((1, 1)), "PNG"),
        saved(RGB.resize((2048, 3)), "JPEG"),
    ],
)
def test_a_plain_picture_is_given_as_it_is_stored(content):
    assert picture_files.normalised(content, "a.jpg") == (content, [])
    assert only(content).encoded(0) == content
    assert by_tensorflow(content).shape[2] == 3


half = Image.fromarray(np.dstack([PIXELS, np.full((20, 30), 128, np.uint8)]))
clear = Image.fromarray(np.dstack([PIXELS, np.zeros((20, 30), np.uint8)]))
sixteen = Image.fromarray((np.arange(600, dtype=np.uint16) * 109).reshape(20, 30))
palette = RGB.quantize(16)
bits = Image.fromarray((PIXELS[:, :, 0] > 127).astype(np.uint8) * 255).convert("1")
WHITE = np.full((20, 30, 3), 255, np.uint8)
OTHERS = {
    "clear": (saved(clear, "PNG"), WHITE, ["put on white"]),
    "half": (saved(half, "PNG"), np.round(PIXELS * (128 / 255) + 127), ["put on white"]),
    "gray and clear": (saved(clear.convert("LA"), "PNG"), WHITE, ["put on white"]),
    "CMYK": (saved(RGB.convert("CMYK"), "TIFF"), PIXELS, ["made PNG from TIFF", "made RGB from CMYK"]),
    "palette": (saved(palette, "PNG"), np.asarray(palette.convert("RGB")), ["made RGB from a palette"]),
    "16 bits": (saved(sixteen, "PNG"), np.asarray(sixteen)[..., None] // 256, ["reduced from 16 bits to 8"]),
    "1 bit": (saved(bits, "PNG"), np.asarray(bits)[..., None] * 255, ["made gray from black and white"]),
    "BMP": (saved(RGB, "BMP"), PIXELS, ["made PNG from BMP"]),
    "WebP": (saved(RGB, "WEBP", lossless=True), PIXELS, ["made PNG from WEBP"]),
    "frames": (
        saved(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        np.asarray(palette.convert("RGB")),
        ["made PNG from GIF", "taken by the first of several frames", "made RGB from a palette"],
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_picture_is_made_plain(kind):
    content, expected, treatments = OTHERS[kind]
    plain, done = picture_files.normalised(content, "a.jpg")
    assert done == treatments
    assert only(content).encoded(0) == plain
    np.testing.assert_allclose(by_tensorflow(plain), np.broadcast_to(expected, (20, 30, 3)), atol=1)


def test_a_cmyk_jpeg_is_made_rgb():
    content = saved(Image.new("CMYK", (16, 8), (255, 0, 255, 0)), "JPEG")  # cyan and yellow ink: green
    plain, done = picture_files.normalised(content, "a.jpg")
    assert done == ["made RGB from CMYK"]
    np.testing.assert_allclose(by_tensorflow(plain)[4, 8], [0, 255, 0], atol=3)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", EXIF_TURNS)
def test_a_picture_is_turned_as_its_exif_data_say(form, orientation):
    content = saved(RGB, form, exif=exif(orientation))
    plain, done = picture_files.normalised(content, "a.jpg")
    assert done == ["turned as the EXIF data say"]
    assert only(content).encoded(0) == plain
    np.testing.assert_array_equal(pixels(plain), EXIF_TURNS[orientation](pixels(content)))
    assert picture_files.normalised(plain, "a.png") == (plain, [])  # it is not turned twice


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_data_without_a_known_orientation_are_passed_over():
    for data in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", exif(9).tobytes()):
        content = saved(RGB, "JPEG", exif=data)
        assert picture_files.normalised(content, "a.jpg") == (content, [])


@pytest.mark.parametrize(
    ("form", "size", "wanted"),
    [("JPEG", (12_000, 10), (2048, 2)), ("PNG", (12_000, 1), (2048, 1)), ("JPEG", (30, 6_000), (10, 2048))],
)
def test_a_large_picture_is_reduced(form, size, wanted):
    content = saved(Image.new("RGB", size, (250, 120, 10)), form)
    plain, done = picture_files.normalised(content, "a.jpg")
    assert done == [f"reduced from {size[0]} x {size[1]}"]
    assert only(content).encoded(0) == plain
    found = pixels(plain)
    assert found.shape == (*reversed(wanted), 3)
    np.testing.assert_allclose(found.astype(int), np.broadcast_to([250, 120, 10], found.shape), atol=3)


def test_a_jpeg_of_12_000_x_12_000_is_read_without_a_warning(recwarn):
    plain, done = picture_files.normalised(saved(Image.new("L", (12_000, 12_000), 77), "JPEG"), "a.jpg")
    assert done == ["reduced from 12000 x 12000"]
    assert pixels(plain).shape == (2048, 2048)
    assert not recwarn.list


def test_an_absurd_size_is_refused():
    header = saved(Image.new("1", (8, 8)), "PNG")
    chunk = b"IHDR" + (20_000).to_bytes(4, "big") * 2 + header[24:29]
    crc = zlib.crc32(chunk).to_bytes(4, "big")
    with pytest.raises(DataError, match=r"^big\.png has more than 178,956,970 pixels; make it smaller\.$"):
        picture_files.normalised(header[:12] + chunk + crc + header[33:], "big.png")


def changed_png(at):
    content = bytearray(saved(RGB, "PNG"))
    content[at] ^= 1
    return bytes(content)


BROKEN = {
    "half a JPEG": (saved(RGB, "JPEG")[:-300], "damaged"),
    "half a PNG": (saved(RGB, "PNG")[:-300], "damaged"),
    "a PNG with another byte": (changed_png(200), "damaged"),
    "a PNG with another checksum of its pixels": (changed_png(-13), "damaged"),
    "text": (b"hello", "read as an image"),
    "nothing": (b"", "an empty file"),
    "numbers of 32 bits": (saved(Image.new("F", (3, 3)), "TIFF"), "32 bits"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_picture_is_named(kind):
    content, words = BROKEN[kind]
    with pytest.raises(DataError, match=rf"^some/a\.jpg .*{words}[^\n]*$"):
        picture_files.normalised(content, "some/a.jpg")


def test_what_lacks_only_its_end_is_saved_anew():
    content = saved(GRAY, "PNG")
    plain, done = picture_files.normalised(content[:-4], "a.png")
    assert done == ["saved anew as PNG of 8 bits"]
    np.testing.assert_array_equal(by_tensorflow(plain)[:, :, 0], np.asarray(GRAY))


# 4 x 4, coded as in ITU-T T.81, annex H: each number less its left neighbour, or the one above in the first column.
LOSSLESS = bytes.fromhex(
    "ffd8ffc3000b080004000401011100ffc4001c0000000009000000000000000000000000000102030405060708"
    "ffda000801010001000087f4c4c4c6f1313131bc4c4c4c6f1313133fffd9"
)


def test_a_lossless_jpeg_which_tensorflow_refuses_is_saved_anew():
    with pytest.raises(Exception, match="Invalid JPEG data"):
        by_tensorflow(LOSSLESS)
    plain, done = picture_files.normalised(LOSSLESS, "a.jpg")
    assert done == ["saved anew as PNG of 8 bits"]
    assert only(LOSSLESS).encoded(0) == plain
    np.testing.assert_array_equal(by_tensorflow(plain)[:, :, 0], np.add.outer(60 * np.arange(4), 12 * np.arange(4)))


# Folders and tars


@pytest.fixture
def folder(tmp_path):
    """Fixture: a folder with pictures in two folders, and what is none."""
    for name, value in (("images/1.png", 1), ("images/2.png", 2), ("more/deep/3.png", 3)):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), value).save(path)
    (tmp_path / "data/images/.hidden.png").write_bytes(b"")
    (tmp_path / "data/captions.json").write_text("[]")
    return tmp_path / "data"


def packed(folder, path, mode="w", prefix=""):
    with tarfile.open(path, mode) as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.add(file, f"{prefix}{file.relative_to(folder).as_posix()}")
    return path


def values(pictures):
    return {name: int(pixels(pictures.encoded(row))[0, 0]) for row, name in enumerate(pictures.names)}


def test_the_files_of_a_folder(folder):
    pictures, notes = open_pictures(folder)
    assert (pictures.names, notes) == (("captions.json", "images/1.png", "images/2.png", "more/deep/3.png"), ())
    chosen = pictures.take([3, 1])
    assert (len(chosen), values(chosen)) == (2, {"more/deep/3.png": 3, "images/1.png": 1})
    assert chosen.place(0) == str(folder / "more/deep/3.png")
    assert values(open_pictures(folder / "images")[0]) == {"1.png": 1, "2.png": 2}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_members_of_a_tar(folder, tmp_path, form):
    (tmp_path / "set").mkdir()
    long = "a" * 90 + "/" + "b" * 60
    (folder / long).parent.mkdir()
    Image.new("L", (2, 2), 9).save(folder / f"{long}.png")
    path = tmp_path / "set" / "images.tar"
    with tarfile.open(path, "w", format=form) as archive:
        archive.add(folder, ".")
    for pictures, notes in (open_pictures(path), open_pictures(path.parent)):
        assert notes == ()
        rows = [row for row, name in enumerate(pictures.names) if name.endswith(".png")]
        found = values(pictures.take(rows))
        assert {Path(name).name: value for name, value in found.items()} == {
            "1.png": 1, "2.png": 2, "3.png": 3, f"{'b' * 60}.png": 9
        }  # fmt: skip
        assert pictures.take(rows).place(0).startswith(f"{path}: ")


def test_a_tar_is_read_from_many_threads(tmp_path):
    contents = {f"{row}.png": saved(Image.new("L", (3, 3), row), "PNG") for row in range(100)}
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    pictures, _ = open_pictures(tmp_path / "a.tar")
    with ThreadPoolExecutor(8) as pool:
        rows = [*range(100)] * 5
        assert list(pool.map(pictures.encoded, rows)) == [contents[pictures.names[row]] for row in rows]


def test_a_tar_beside_pictures_is_told(folder):
    packed(folder, folder / "images.tar")
    assert open_pictures(folder)[1] == ("images.tar beside the pictures is not read",)


def test_compressed_archives_are_refused(folder, tmp_path):
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped/images.zip", "w") as archive:
        archive.write(folder / "images/1.png")
    gz = packed(folder, tmp_path / "images.tar.gz", "w:gz")
    misnamed = packed(folder, tmp_path / "images.tar", "w:bz2")
    for path in (gz, misnamed, tmp_path / "zipped", tmp_path / "zipped/images.zip"):
        with pytest.raises(DataError, match=r"is compressed, .* unpack it"):
            open_pictures(path)


def test_paths_without_pictures_are_refused(folder, tmp_path):
    damaged = packed(folder, tmp_path / "damaged.tar")
    damaged.write_bytes(damaged.read_bytes()[:2_300])
    (tmp_path / "several").mkdir()
    for name in ("a.tar", "b.tar"):
        packed(folder, tmp_path / "several" / name)
    (tmp_path / "none").mkdir()
    for name, words in (
        ("missing", "there is no such folder or file"),
        ("data/captions.json", "is no tar"),
        ("damaged.tar", "or is damaged"),
        ("several", r"several tars \(a.tar, b.tar\); set data.path"),
        ("none", "holds no pictures"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            open_pictures(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_file_that_went_or_was_cut_is_told(folder, tmp_path):
    path = packed(folder / "images", tmp_path / "a.tar")
    inside, _ = open_pictures(path)
    files, _ = open_pictures(folder / "images")
    path.write_bytes(path.read_bytes()[: inside.spans[0][0] + 8])
    (folder / "images/1.png").unlink()
    with pytest.raises(DataError, match=r"a\.tar: 1\.png is cut off: 8 of \d+ bytes"):
        inside.encoded(0)
    with pytest.raises(DataError, match=r"1\.png can't be read: No such file"):
        files.encoded(0)


# The survey


def test_the_same_picture_is_found_in_another_file():
    same = [
        saved(RGB, "PNG"),
        saved(RGB, "PNG", compress_level=0),
        saved(RGB, "BMP"),
        saved(RGB, "WEBP", lossless=True),
    ]
    turned = Image.fromarray(EXIF_TURNS[8](PIXELS))
    same.append(saved(turned, "PNG", exif=exif(6)))
    tagged = PngImagePlugin.PngInfo()
    tagged.add_text("Comment", "another")
    same.append(saved(RGB, "PNG", pnginfo=tagged))
    jpeg = saved(RGB, "JPEG")
    others = [saved(turned, "PNG"), jpeg, saved(Image.fromarray(PIXELS.reshape(30, 20, 3)), "PNG")]
    contents = (*same, *others, saved(RGB, "JPEG", comment="another"), saved(Image.open(io.BytesIO(jpeg)), "PNG"))
    digests = picture_files.survey(InMemory(tuple(map(str, range(len(contents)))), contents)).digests
    assert len(set(digests[:6])) == 1
    assert len(set(digests)) == 4
    assert digests[7] == digests[9] == digests[10]


def test_treatments_are_counted():
    wide = [saved(Image.new("L", (width, 2)), "PNG") for width in (3_000, 4_000)]
    contents = (*wide, OTHERS["clear"][0], saved(RGB, "JPEG"))
    found = picture_files.survey(InMemory(tuple("abcd"), contents))
    assert found.treatments == {"reduced to sides of at most 2048 pixels": 2, "put on white": 1}
    assert found.notes() == (
        "2 pictures are reduced to sides of at most 2048 pixels",
        "1 picture is put on white",
    )


def test_damaged_pictures_are_counted_and_the_first_is_named(tmp_path):
    good, bad = saved(RGB, "PNG"), BROKEN["half a PNG"][0]
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in (("1.png", good), ("2.png", bad), ("3.png", good), ("4.png", b"")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    pictures, _ = open_pictures(tmp_path / "a.tar")
    with pytest.raises(DataError, match=r"a\.tar: 2\.png is damaged.* one of 2 pictures of 4 that can't be read\.$"):
        picture_files.survey(pictures)
    with pytest.raises(DataError, match=r"a\.tar: 4\.png is an empty file, no picture\.$"):
        picture_files.survey(pictures.take([0, 3]))
