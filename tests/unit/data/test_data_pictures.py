import contextlib
import hashlib
import io
import random
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, features

from grit.data.pictures import open_picture, open_sample_picture, picture_hash, picture_size
from grit.data.sample import Sample
from grit.errors import PictureError

LETTERS = {
    "A": (255, 0, 0),
    "B": (0, 255, 0),
    "C": (0, 0, 255),
    "D": (255, 255, 0),
    "E": (0, 0, 0),
    "F": (255, 255, 255),
}
BLOCK = 16
STORED = "ABC/DEF"

# From the EXIF standard's words on tag 274: which visual side the stored row 0 and column 0 are.
SHOWN = {
    1: "ABC/DEF",  # row 0 top, column 0 left
    2: "CBA/FED",  # top, right
    3: "FED/CBA",  # bottom, right
    4: "DEF/ABC",  # bottom, left
    5: "AD/BE/CF",  # row 0 left, column 0 top
    6: "DA/EB/FC",  # right, top
    7: "FC/EB/DA",  # right, bottom
    8: "CF/BE/AD",  # left, bottom
}


def mosaic(layout):
    rows = [[LETTERS[letter] for letter in row] for row in layout.split("/")]
    pixels = np.array(rows, dtype=np.uint8)
    return Image.fromarray(pixels.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1))


def layout_of(image):
    """Letters whose colours the block centres are nearest to."""
    pixels = np.asarray(image, dtype=int)[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]

    def nearest(pixel):
        return min(LETTERS, key=lambda letter: np.abs(pixel - LETTERS[letter]).sum())

    return "/".join("".join(nearest(pixel) for pixel in row) for row in pixels)


def exif_bytes(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def png_chunk(name, content):
    crc = zlib.crc32(name + content)
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", crc)


FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", *(["AVIF"] if features.check("avif") else [])]


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("file_format", FORMATS)
def test_a_picture_is_turned_as_its_exif_says(tmp_path, file_format, orientation):
    path = tmp_path / "picture"
    mosaic(STORED).save(path, file_format, exif=exif_bytes(orientation))
    image = open_picture(path)
    assert layout_of(image) == SHOWN[orientation]
    assert picture_size(path) == image.size
    assert image.size == ((32, 48) if orientation >= 5 else (48, 32))


def test_orientation_after_a_pngs_pixels_counts_too(tmp_path):
    path = tmp_path / "late.png"
    mosaic(STORED).save(path)
    content = path.read_bytes()
    end = content.index(b"IEND") - 4
    late = png_chunk(b"eXIf", exif_bytes(6).removeprefix(b"Exif\0\0"))
    path.write_bytes(content[:end] + late + content[end:])
    assert layout_of(open_picture(path)) == SHOWN[6]
    assert picture_size(path) == (32, 48)


def test_the_upright_picture_carries_no_orientation_to_apply_twice(tmp_path):
    path = tmp_path / "a.jpg"
    mosaic(STORED).save(path, exif=exif_bytes(6))
    image = open_picture(path)
    assert image.getexif().get(0x0112) is None
    assert image.info == {}


@pytest.mark.parametrize("exif", [exif_bytes(0), exif_bytes(99), b"Exif\0\0broken", b"junk"])
@pytest.mark.filterwarnings("ignore")
def test_unusable_exif_leaves_the_picture_as_stored(tmp_path, exif):
    path = tmp_path / "a.webp"
    mosaic(STORED).save(path, exif=exif)
    assert layout_of(open_picture(path)) == STORED


def saved(tmp_path, image, name="a.png", **keywords):
    path = tmp_path / name
    image.save(path, **keywords)
    return path


def one_pixel(path):
    image = open_picture(path)
    assert image.mode == "RGB"
    return image.getpixel((0, 0))


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("1", 1, "a.png", (255, 255, 255)),
        ("L", 90, "a.png", (90, 90, 90)),
        ("LA", (0, 0), "a.png", (255, 255, 255)),
        ("LA", (0, 51), "a.png", (204, 204, 204)),  # 255 · (1 − 51/255)
        ("RGBA", (255, 0, 0, 0), "a.png", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), "a.png", (255, 0, 0)),
        ("RGBA", (0, 0, 0, 204), "a.webp", (51, 51, 51)),
        ("I;16", 65535, "a.png", (255, 255, 255)),
        ("I;16", 257 * 100, "a.png", (100, 100, 100)),
        ("I;16", 257 * 100, "a.tiff", (100, 100, 100)),
        ("I", 257 * 100, "a.tiff", (100, 100, 100)),
        ("I", 100, "a.tiff", (100, 100, 100)),
        ("F", 0.4, "a.tiff", (102, 102, 102)),
        ("F", 102.0, "a.tiff", (102, 102, 102)),
        ("F", float("nan"), "a.tiff", (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "a.tiff", (255, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, colour, name, expected):
    keywords = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path, Image.new(mode, (4, 3), colour), name, **keywords)
    assert one_pixel(path) == expected


def test_a_palette_and_its_transparency_are_resolved(tmp_path):
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert one_pixel(saved(tmp_path, image)) == (200, 100, 50)
    assert one_pixel(saved(tmp_path, image, "b.png", transparency=1)) == (255, 255, 255)
    assert one_pixel(saved(tmp_path, image, "c.gif", transparency=1)) == (255, 255, 255)


def test_a_cmyk_jpeg_keeps_its_colour(tmp_path):
    path = saved(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.jpg", quality=95)
    assert np.allclose(one_pixel(path), (255, 0, 0), atol=6)


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert one_pixel(path) == (255, 0, 0)


def refusal(path, **keywords):
    with pytest.raises(PictureError) as caught:
        open_picture(path, **keywords)
    message = str(caught.value)
    assert str(path) in message
    assert "; " in message, "no fix"
    return message


def test_a_missing_picture_is_refused(tmp_path):
    assert "not there" in refusal(tmp_path / "none.png")
    with pytest.raises(PictureError, match=r"none\.png"):
        picture_size(tmp_path / "none.png")
    with pytest.raises(PictureError, match=r"none\.png"):
        picture_hash(tmp_path / "none.png")


def test_a_folder_is_refused(tmp_path):
    assert "directory" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "the file is empty"),
        (b"<html><body>404</body></html>", "<html>"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_first_bytes(tmp_path, content, word):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert word in refusal(path)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_picture_is_refused(tmp_path, file_format):
    path = tmp_path / "a"
    Image.effect_noise((64, 64), 60).convert("RGB").save(path, file_format)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "copy or download it again" in refusal(path) or "no picture" in refusal(path)


def test_a_picture_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path):
    path = saved(tmp_path, Image.new("1", (200, 100)))
    assert "200×100 pixels, more than the limit of 19999" in refusal(path, max_pixels=19_999)
    assert open_picture(path, max_pixels=20_000).size == (200, 100)
    with pytest.raises(PictureError, match="limit"):
        picture_size(path, max_pixels=19_999)


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_decompression_bomb_is_refused_and_pillows_own_limit_stays(tmp_path, side):
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b""))
    before = Image.MAX_IMAGE_PIXELS
    assert "smaller" in refusal(path)
    assert before == Image.MAX_IMAGE_PIXELS


def test_size_is_read_without_decoding(tmp_path):
    path = saved(tmp_path, Image.effect_noise((64, 48), 60).convert("RGB"))
    path.write_bytes(path.read_bytes()[:200])
    assert picture_size(path) == (64, 48)
    refusal(path)


def test_an_error_about_a_samples_picture_names_the_sample(tmp_path):
    sample = Sample("rows:7", tmp_path / "none.png", "q", "a", "vsr")
    with pytest.raises(PictureError, match=r"sample rows:7: picture .*none\.png"):
        open_sample_picture(sample)


def test_the_hash_is_that_of_the_files_bytes(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"any bytes")
    assert picture_hash(path) == hashlib.sha256(b"any bytes").hexdigest()


def test_mutilated_files_give_a_picture_or_a_picture_error(tmp_path):
    random_source = random.Random(0)
    noise = Image.effect_noise((24, 18), 60).convert("RGBA")
    whole = []
    for file_format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "ICO"):
        if file_format not in FORMATS and file_format == "AVIF":
            continue
        stream = io.BytesIO()
        noise.convert("RGB" if file_format in ("JPEG", "BMP") else "RGBA").save(stream, file_format)
        whole.append(stream.getvalue())
    path = tmp_path / "a"
    for _ in range(400):
        content = bytearray(random_source.choice(whole))
        for _ in range(random_source.choice([1, 3, 10])):
            place = random_source.randrange(min(len(content), random_source.choice([80, 10**6])))
            content[place] = random_source.randrange(256)
        path.write_bytes(content[: random_source.choice([len(content), len(content) // 2])])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for read in (open_picture, picture_size):
                with contextlib.suppress(PictureError):
                    read(path, max_pixels=10**6)
