"""Reading label maps, and resizing."""

import numpy as np
import pytest
from PIL import Image

from foolscape.data.images import resize
from foolscape.data.labels.file import read_label_file, read_values
from foolscape.data.labels.legend import numbered
from foolscape.data.sample import VOID, Sample
from foolscape.errors import SampleError, SettingError
from tests.data.made import png


def test_one_wrong_byte_in_a_label_map_is_found(tmp_path, save):
    """Pillow decodes most of these files without complaint, to other labels."""
    stored = np.kron(np.arange(64).reshape(8, 8) % 11, np.ones((20, 20))).astype(np.uint8)
    path = save(tmp_path / "a.png", stored)
    content = path.read_bytes()
    np.testing.assert_array_equal(read_values(path), stored)
    for place in range(content.index(b"IDAT") + 4, len(content) - 16, 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(SampleError, match="expected a label map, got a damaged file"):
            read_values(path)


def test_grey_labels(tmp_path, save):
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    labels = read_values(save(tmp_path / "a.png", stored))
    np.testing.assert_array_equal(labels, stored)


def test_palette_labels_keep_their_indices(tmp_path, save):
    stored = (np.arange(12 * 16).reshape(12, 16) % 21).astype(np.uint8)
    stored[0, 0] = 255
    image = Image.fromarray(stored)
    image.putpalette(np.random.default_rng(1).integers(0, 256, 768, dtype=np.uint8).tobytes())
    np.testing.assert_array_equal(read_values(save(tmp_path / "a.png", image)), stored)


def test_sixteen_bit_labels(tmp_path, save):
    stored = (np.arange(12 * 16).reshape(12, 16) % 256).astype(np.uint16)
    labels = read_values(save(tmp_path / "a.png", stored))
    np.testing.assert_array_equal(labels, stored)


def test_sixteen_bit_labels_beyond_a_byte(tmp_path, save):
    path = save(tmp_path / "a.png", np.full((9, 9), 300, np.uint16))
    np.testing.assert_array_equal(read_values(path), np.full((9, 9), 300))
    with pytest.raises(SampleError, match=r"expected label values 0 to 1, or 255 for void, got 300 \(81 pixels\)"):
        numbered(("a", "b")).read(read_label_file(path))


def test_grey_labels_stored_as_rgb(tmp_path, save):
    stored = (np.arange(12 * 16).reshape(12, 16) % 21).astype(np.uint8)
    np.testing.assert_array_equal(read_values(save(tmp_path / "a.png", np.stack([stored] * 3, 2))), stored)


@pytest.mark.parametrize("name", ["a.tif", "a.bmp", "a.gif"])
def test_formats_that_keep_every_pixel(tmp_path, save, name):
    stored = (np.arange(12 * 16).reshape(12, 16) % 21).astype(np.uint8)
    np.testing.assert_array_equal(read_values(save(tmp_path / name, stored)), stored)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("colour", [0, 3])
def test_labels_of_few_bits_are_not_widened(tmp_path, depth, colour):
    per_byte, highest = 8 // depth, 2**depth - 1
    stored = np.arange(64).reshape(8, 8) % (highest + 1)
    packed = bytes(
        sum(int(value) << (8 - depth * (place + 1)) for place, value in enumerate(group))
        for group in stored.reshape(-1, per_byte)
    )
    palette = [(b"PLTE", bytes(range(3 * (highest + 1))))] if colour == 3 else []
    path = tmp_path / "a.png"
    path.write_bytes(png(8, 8, depth, colour, packed, *palette))
    np.testing.assert_array_equal(read_values(path), stored)


def test_rgb_labels_are_refused(tmp_path, save, picture):
    path = save(tmp_path / "a.png", picture)
    want = "expected labels as single-channel class indices, got an image of mode RGB; store class indices in an 8-bit"
    with pytest.raises(SampleError, match=want):
        read_values(path)


def test_jpeg_labels_are_refused(tmp_path, save, picture):
    path = save(tmp_path / "a.png", picture[..., 0], format="JPEG")
    with pytest.raises(SampleError, match="expected a label map, got a file that is none of PNG"):
        read_values(path)


def test_missing_labels(tmp_path):
    with pytest.raises(SampleError, match=r"a\.png: expected a label map, got no readable file"):
        read_values(tmp_path / "a.png")


# Resizing


def test_resize_as_pillow_does(picture):
    labels = (np.arange(12 * 16).reshape(12, 16) % 5).astype(np.uint8)
    labels[3:6] = VOID
    sample = Sample("a", picture, labels, ("kept",))
    small = resize(sample, (9, 21))
    assert small.image.shape == (9, 21, 3)
    assert small.labels is not None
    np.testing.assert_array_equal(small.image, np.array(Image.fromarray(picture).resize((21, 9), Image.BILINEAR)))
    np.testing.assert_array_equal(small.labels, np.array(Image.fromarray(labels).resize((21, 9), Image.NEAREST)))
    assert set(np.unique(small.labels)) <= {0, 1, 2, 3, 4, VOID}
    assert (small.id, small.notes) == ("a", ("kept",))
    assert sample.image.shape == (12, 16, 3)


def test_resize_without_labels(picture):
    assert resize(Sample("a", picture, None), (20, 20)).labels is None


def test_resize_to_its_own_size_changes_nothing(picture):
    sample = Sample("a", picture, None)
    assert resize(sample, (12, 16)) is sample


@pytest.mark.parametrize("size", [(7, 20), (20, 0), (-1, 20)])
def test_resize_refuses_a_small_size(picture, size):
    with pytest.raises(SettingError, match=f"at least 8x8 pixels, got {size[0]}x{size[1]}"):
        resize(Sample("a", picture, None), size)
