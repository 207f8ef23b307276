"""Reading one image or label file: every conversion noted, every unusable file refused."""

import io
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from foolscape.data.images import MAX_PIXELS, read_image
from foolscape.errors import SampleError
from tests.data.made import png


def test_rgb_is_read_as_it_is(tmp_path, save, picture):
    image, notes = read_image(save(tmp_path / "a.png", picture))
    assert image.dtype == np.uint8
    assert image.flags.writeable
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, picture)
    assert notes == ()


def test_grey(tmp_path, save, picture):
    image, notes = read_image(save(tmp_path / "a.png", picture[..., 0]))
    np.testing.assert_array_equal(image, np.repeat(picture[..., :1], 3, axis=2))
    assert notes == ("grey made RGB",)


def test_one_bit(tmp_path, save, picture):
    image, notes = read_image(save(tmp_path / "a.png", Image.fromarray(picture[..., 0] > 127)))
    np.testing.assert_array_equal(image[..., 2], np.where(picture[..., 0] > 127, 255, 0))
    assert notes == ("grey made RGB",)


def test_palette(tmp_path, save):
    indices = (np.arange(12 * 16).reshape(12, 16) % 3).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    got, notes = read_image(save(tmp_path / "a.png", image))
    np.testing.assert_array_equal(got, np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]])[indices])
    assert notes == ("palette made RGB",)


def test_cmyk_jpeg(tmp_path, save):
    ink = Image.new("CMYK", (16, 12), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    image, notes = read_image(save(tmp_path / "a.jpg", ink, quality=100))
    assert np.abs(image.astype(int) - [255, 0, 0]).max() <= 3
    assert notes == ("CMYK made RGB",)


@pytest.mark.parametrize(("stored", "wanted"), [(0, 0), (128, 0), (129, 1), (32768, 128), (65406, 254), (65535, 255)])
def test_sixteen_bit_grey_is_rounded(tmp_path, save, stored, wanted):
    path = save(tmp_path / "a.png", np.full((9, 10), stored, np.uint16))
    image, notes = read_image(path)
    assert image.shape == (9, 10, 3)
    assert np.unique(image).tolist() == [wanted]
    assert notes == ("16 bits made 8", "grey made RGB")


def test_mode_i_is_taken_for_sixteen_bits(tmp_path, save):
    image, notes = read_image(save(tmp_path / "a.tif", np.full((9, 10), 65535, np.int32)))
    assert np.unique(image).tolist() == [255]
    assert notes == ("16 bits made 8", "grey made RGB")


def test_mode_i_beyond_sixteen_bits_is_refused(tmp_path, save):
    path = save(tmp_path / "a.tif", np.full((9, 10), 70000, np.int32))
    with pytest.raises(SampleError, match="expected 16-bit pixels from 0 to 65535, got values from 70000 to 70000"):
        read_image(path)


def test_float_pixels_are_refused(tmp_path, save):
    path = save(tmp_path / "a.tif", np.full((9, 10), 0.5, np.float32))
    with pytest.raises(SampleError, match="got floating-point pixels, whose range is not known; convert it to 8 bits"):
        read_image(path)


def test_sixteen_bit_rgb_is_noted(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(8, 8, 16, 2, struct.pack(">3H", 0x1234, 0x80FF, 0xFFFF) * 64))
    image, notes = read_image(path)
    assert image[3, 4].tolist() == [0x12, 0x80, 0xFF]
    assert notes == ("16 bits made 8 (the lower byte dropped)",)


def test_opaque_alpha_is_dropped(tmp_path, save, picture):
    rgba = np.dstack([picture, np.full((12, 16), 255, np.uint8)])
    image, notes = read_image(save(tmp_path / "a.png", rgba))
    np.testing.assert_array_equal(image, picture)
    assert notes == ("opaque alpha dropped",)


def test_alpha_is_composited_over_white(tmp_path, save):
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:4] = (200, 0, 100, 0)
    rgba[4:] = (200, 0, 100, 51)  # a fifth of the colour over four fifths of white
    image, notes = read_image(save(tmp_path / "a.png", rgba))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[7, 7].tolist() == [244, 204, 224]
    assert notes == ("alpha composited over white",)


def test_transparent_palette_entry_is_composited(tmp_path, save):
    indices = np.zeros((8, 8), np.uint8)
    indices[4:] = 1
    image = Image.fromarray(indices)
    image.putpalette([10, 20, 30, 40, 50, 60])
    got, notes = read_image(save(tmp_path / "a.png", image, transparency=bytes([0, 255])))
    assert got[0, 0].tolist() == [255, 255, 255]
    assert got[7, 0].tolist() == [40, 50, 60]
    assert notes == ("palette made RGB", "alpha composited over white")


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),  # to be turned 90 degrees clockwise
        (7, lambda a: np.rot90(a.transpose(1, 0, 2), 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_exif_orientation(tmp_path, save, picture, orientation, upright, extension):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image, notes = read_image(save(tmp_path / f"a.{extension}", picture, exif=exif))
    np.testing.assert_array_equal(image, upright(picture))
    assert notes == (() if orientation == 1 else (f"turned upright (EXIF orientation {orientation})",))


def test_exif_rotation_of_a_jpeg(tmp_path, save):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:, :16] = 255  # white on the left; turned clockwise it is on top
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image, notes = read_image(save(tmp_path / "a.jpg", stored, exif=exif, quality=100))
    assert image.shape == (32, 16, 3)
    assert image[:15].min() > 240
    assert image[17:].max() < 15
    assert notes == ("turned upright (EXIF orientation 6)",)


def test_exif_of_a_grey_sixteen_bit_image(tmp_path, save):
    stored = np.arange(9 * 10, dtype=np.uint16).reshape(9, 10) * 257
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image, notes = read_image(save(tmp_path / "a.png", stored, exif=exif))
    np.testing.assert_array_equal(image[..., 0], np.rot90(stored // 257, -1))
    assert notes == ("turned upright (EXIF orientation 6)", "16 bits made 8", "grey made RGB")


def test_first_frame_of_several(tmp_path, save):
    frames = [Image.new("L", (8, 8), level) for level in (10, 200)]
    image, notes = read_image(save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:]))
    assert np.unique(image).tolist() == [10]
    assert notes[0] == "first of 2 frames taken"


def encoded(picture: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.tile(picture, (8, 8, 1))).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(tmp_path, picture, kind, share):
    content = encoded(picture, kind)
    path = tmp_path / "photo.jpg"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SampleError) as caught:
        read_image(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: expected an image, got a")
    assert text.endswith("; copy or download the file again, or leave it out")


def test_truncated_names_the_reason(tmp_path, picture):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(picture, "JPEG")[:3000])
    with pytest.raises(SampleError, match=r"got a damaged file \(OSError: image file is truncated"):
        read_image(path)


def test_damaged_png(tmp_path, picture):
    content = bytearray(encoded(picture, "PNG"))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(SampleError, match="got a damaged file"):
        read_image(path)


def test_empty_file(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(
        SampleError, match=re.escape(f"{path}: expected an image, got an empty file (zero bytes); copy")
    ):
        read_image(path)


def test_text_is_no_image(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("not a photograph")
    with pytest.raises(SampleError, match="expected an image, got a file that is none of JPEG, PNG"):
        read_image(path)


def test_postscript_is_not_interpreted(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n")
    with pytest.raises(SampleError, match="none of JPEG"):
        read_image(path)


def test_missing_file(tmp_path):
    with pytest.raises(SampleError, match=r"nothing\.png: expected an image, got no readable file \(No such file"):
        read_image(tmp_path / "nothing.png")


def test_folder_instead_of_a_file(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(SampleError, match=r"a\.png: expected an image, got no readable file \(a folder, not a regular"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("size", "named"), [((1, 1), "1x1"), ((7, 100), "100x7"), ((100, 7), "7x100")])
def test_too_small(tmp_path, save, size, named):
    path = save(tmp_path / "a.png", Image.new("RGB", size))
    with pytest.raises(SampleError, match=f"expected an image of at least 8x8 pixels, got {named}; leave it out"):
        read_image(path)


def test_smallest_size(tmp_path, save):
    assert read_image(save(tmp_path / "a.png", Image.new("RGB", (8, 8))))[0].shape == (8, 8, 3)


@pytest.mark.parametrize("width", [MAX_PIXELS // 8000 + 1, 15_000, 60_000])
def test_decompression_bomb(tmp_path, width):
    """Below Pillow's warning, at its warning and at its error: a few bytes that claim to be huge."""
    path = tmp_path / "a.png"
    path.write_bytes(png(width, 8000, 8, 2, b"\0" * 8000))
    with pytest.raises(SampleError, match=r"expected at most 89,000,000 pixels, got .*; make it smaller, or leave it"):
        read_image(path)


def test_a_warning_of_pillow_becomes_a_note(tmp_path, save, picture):
    path = save(tmp_path / "a.jpg", picture)
    content = path.read_bytes()
    broken = b"Exif\0\0MM\0*\0\0\0\x08\0\x05"  # announces five tags and has none
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(broken) + 2) + broken + content[2:])
    image, notes = read_image(path)
    assert image.shape == (12, 16, 3)
    assert any("Pillow: Corrupt EXIF data" in note for note in notes)


def test_every_format_in_a_fresh_process(tmp_path, save, picture):
    """Pillow loads most of its decoders late; the first image of a process must not depend on others before it."""
    code = "import sys; from pathlib import Path; from foolscape.data.images import read_image; "
    code += "print(read_image(Path(sys.argv[1]))[0].shape)"
    for extension in ("webp", "tif"):
        path = save(tmp_path / f"a.{extension}", picture)
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "(12, 16, 3)"


def test_reading_never_touches_the_global_setting(tmp_path, save, picture):
    from PIL import ImageFile

    read_image(save(Path(tmp_path / "a.png"), picture))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
