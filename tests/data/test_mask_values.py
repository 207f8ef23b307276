"""Masks of clips: labels with void, or black and white with edges that resizing or JPEG made smooth."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from foolscape.data.clip_files import read_masks
from foolscape.data.load import open_clips
from foolscape.data.mask_values import SMOOTH_NOTE, TWO_NOTE, labels_of
from foolscape.errors import SampleError
from tests.data.made import frame, mask, palette, png

Resampling = Image.Resampling


def shape(*ellipses: tuple[tuple[int, int, int, int], int], size: tuple[int, int] = (160, 120)) -> Image.Image:
    image = Image.new("L", size)
    for box, value in ellipses:
        ImageDraw.Draw(image).ellipse(box, fill=value)
    return image


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


ONE = shape(((30, 20, 120, 90), 255))
TWO_PARTS = shape(((20, 20, 60, 100), 255), ((90, 30, 150, 80), 255))
THIN = shape(((30, 50, 130, 62), 255))
AT_THE_BORDER = shape(((-40, -30, 60, 151), 255))


def halved(image: Image.Image) -> Image.Image:
    return image.resize((80, 60), Resampling.BOX)


SMOOTH = {
    "averaged": halved,
    "lanczos": lambda image: image.resize((97, 71), Resampling.LANCZOS),
    "bicubic, larger": lambda image: image.resize((240, 180), Resampling.BICUBIC),
    "bilinear, doubled": lambda image: image.resize((320, 240), Resampling.BILINEAR),
    "JPEG 100": lambda image: jpeg(image, 100),
    "JPEG 95": lambda image: jpeg(image, 95),
    "JPEG 75": lambda image: jpeg(image, 75),
    "JPEG 20": lambda image: jpeg(image, 20),
    "averaged, JPEG 85": lambda image: jpeg(halved(image), 85),
    "of limited range": lambda image: Image.fromarray((np.array(halved(image)) * (219 / 255) + 16).astype(np.uint8)),
}


@pytest.mark.parametrize("how", SMOOTH)
@pytest.mark.parametrize("drawn", [ONE, TWO_PARTS, THIN, AT_THE_BORDER], ids=["one", "parts", "thin", "border"])
def test_smooth_edges_are_cut_at_128(drawn, how):
    grey = np.array(SMOOTH[how](drawn))
    labels, notes = labels_of(grey[None], "m.png")
    assert len(np.unique(grey)) > 2
    np.testing.assert_array_equal(labels[0], grey >= 128)
    assert notes == (SMOOTH_NOTE,)


def body() -> np.ndarray:
    out = np.zeros((60, 80), np.uint8)
    out[15:45, 20:60] = 255
    return out


def test_a_noisy_pixel_is_no_object():
    grey = body()
    grey[14, 30], grey[45, 50] = 2, 1
    labels, notes = labels_of(grey[None], "m.png")
    assert (int((labels == 1).sum()), int((labels > 1).sum()), notes) == (1200, 0, (SMOOTH_NOTE,))
    grey[30, 40] = 254
    np.testing.assert_array_equal(labels_of(grey[None], "m.png")[0], labels)


@pytest.mark.parametrize(
    ("grey", "want"),
    [
        (128, r"m\.png: expected masks of 0 and 255, or of labels, got the value 128 besides 255, which may be void"),
        (200, "got the value 200 besides 255, which may be void or an object; store labels 1, 2, .. in a palette"),
        (40, "got the value 40 besides 255"),
        (22, "got the value 22 besides 255"),
    ],
)
def test_two_greys_are_refused(grey, want):
    values = body()
    values[3:10, 3:15] = grey
    with pytest.raises(SampleError, match=want):
        labels_of(values[None], "m.png")


def test_two_greys_after_jpeg_are_refused():
    drawn = shape(((30, 20, 80, 90), 255), ((100, 40, 150, 80), 128))
    with pytest.raises(SampleError, match=r"or of at most 20 labels, got \d+ grey values besides; make each pixel 0"):
        labels_of(np.array(jpeg(drawn, 90))[None], "m.png")


def test_labels_with_void_are_left_as_they_are():
    drawn = np.array(shape(((30, 20, 80, 90), 255), ((34, 24, 76, 86), 1), ((100, 40, 150, 80), 2)))
    labels, notes = labels_of(drawn[None], "m.png")
    np.testing.assert_array_equal(labels[0], drawn)
    assert notes == ()


def test_a_tiny_label_beside_void_is_refused_and_alone_is_kept():
    drawn = np.array(shape(((30, 20, 80, 90), 255), ((34, 24, 76, 86), 1)))
    drawn[100, 100:102] = 2
    with pytest.raises(SampleError, match="got the values 1, 2 besides 255"):
        labels_of(drawn[None], "m.png")
    drawn[drawn == 255] = 0
    np.testing.assert_array_equal(labels_of(drawn[None], "m.png")[0][0], drawn)


def test_far_greys_are_objects_as_before():
    drawn = np.array(shape(((30, 20, 80, 90), 38), ((100, 40, 150, 80), 200)))
    labels, notes = labels_of(drawn[None], "m.png")
    np.testing.assert_array_equal(labels[0], drawn)
    assert notes == ()


@pytest.mark.parametrize("how", [halved, lambda image: jpeg(image, 95)])
def test_label_maps_that_were_made_smooth_are_refused(how):
    drawn = how(shape(((30, 20, 80, 90), 4), ((85, 40, 150, 80), 9)))
    with pytest.raises(SampleError, match=r"expected labels, each of an object, got the values? \d.* only in specks"):
        labels_of(np.array(drawn)[None], "m.png")


def test_a_photograph_is_no_mask():
    photo = np.random.default_rng(0).integers(0, 256, (60, 80)).astype(np.uint8)
    with pytest.raises(SampleError, match="got 254 grey values besides"):
        labels_of(photo[None], "m.png")


# Palettes and bits


def test_a_palette_of_colours_says_labels(tmp_path, save):
    values = body()
    values[0:2, 0:2] = 1
    path = save(tmp_path / "m.png", palette(values))
    labels, notes = read_masks([path])
    np.testing.assert_array_equal(labels[0], values)
    assert notes == ()


def grey_palette(values: np.ndarray, *greys: int) -> Image.Image:
    image = Image.fromarray(values).convert("P")
    image.putpalette([grey for grey in greys for _ in range(3)])
    return image


def test_a_palette_of_greys_that_an_optimiser_sorted(tmp_path, save):
    grey = np.array(halved(ONE))
    order = np.array([255, 0, 64, 192, 128], np.uint8)  # by how often they occur, say
    indices = np.argsort(order)[np.searchsorted(np.sort(order), grey)].astype(np.uint8)
    labels, notes = read_masks([save(tmp_path / "m.png", grey_palette(indices, *order.tolist()))])
    np.testing.assert_array_equal(labels[0], grey >= 128)
    assert notes == (SMOOTH_NOTE,)


def test_a_palette_of_greys_for_labels(tmp_path, save):
    values = mask(1, 2, 3)
    labels, notes = read_masks([save(tmp_path / "m.png", grey_palette(values, 0, 85, 170, 255))])
    np.testing.assert_array_equal(labels[0], values)
    assert notes == ()


def test_a_palette_that_is_turned_round_is_refused(tmp_path, save):
    path = save(tmp_path / "m.png", grey_palette(mask(1), 255, 0))
    with pytest.raises(SampleError, match="expected 0 to be black, got a palette in which a higher value is"):
        read_masks([path])


def test_sixteen_greys_in_four_bits(tmp_path):
    """As an optimiser stores a mask whose greys are all multiples of 17."""
    rows = np.zeros((12, 16), np.uint8)
    rows[3:9, 4:12] = 15
    rows[3, 4:12], rows[8, 4:12], rows[3:9, 4] = 8, 3, 6
    packed = (rows[:, ::2] << 4 | rows[:, 1::2]).astype(np.uint8).tobytes()
    path = tmp_path / "m.png"
    path.write_bytes(png(16, 12, 4, 0, packed))
    labels, notes = read_masks([path])
    np.testing.assert_array_equal(labels[0], rows >= 8)
    assert notes == (SMOOTH_NOTE,)


def test_one_bit_beside_eight(tmp_path, save):
    """An optimiser makes the masks of one bit that it can: 1 here is 255 there."""
    first = save(tmp_path / "0.png", Image.fromarray(mask(255)).convert("1"))
    second = save(tmp_path / "1.png", mask(0, 255))
    labels, notes = read_masks([first, second])
    np.testing.assert_array_equal(labels, np.stack([mask(255), mask(0, 255)]) // 255)
    assert notes == (TWO_NOTE,)
    assert read_masks([first])[1] == ()


def test_palettes_beside_black_and_white_are_refused(tmp_path, save):
    first, second = save(tmp_path / "0.png", palette(mask(1))), save(tmp_path / "1.png", mask(255))
    with pytest.raises(SampleError, match="expected masks of one kind, got some with a palette of colours, whose 255"):
        read_masks([first, second])
    without = save(tmp_path / "2.png", mask(1))
    np.testing.assert_array_equal(read_masks([first, without])[0], np.stack([mask(1), mask(1)]))


# The readers


def tree(root: Path, save, masks: list[Image.Image]) -> None:
    for index, one in enumerate(masks):
        save(root / f"JPEGImages/480p/bear/{index:05d}.jpg", frame(index, one.height, one.width))
        save(root / f"Annotations/480p/bear/{index:05d}.png", one)


@pytest.mark.parametrize("kind", ["davis2016", "davis2017"])
def test_davis(tmp_path, save, kind):
    masks = [halved(ONE), halved(TWO_PARTS), Image.new("L", (80, 60))]
    tree(tmp_path, save, masks)
    clip = open_clips(f"{kind}:{tmp_path}").load("bear")
    np.testing.assert_array_equal(clip.truth, np.stack([np.array(one) >= 128 for one in masks]))
    assert clip.notes == (SMOOTH_NOTE,)


def test_one_smooth_frame_judges_the_clip(tmp_path, save):
    """The exact masks of the other frames are none of labels and void."""
    masks = [ONE.resize((80, 60), Resampling.NEAREST), halved(ONE)]
    tree(tmp_path, save, masks)
    clip = open_clips(f"davis2016:{tmp_path}").load("bear")
    np.testing.assert_array_equal(clip.truth, np.stack([np.array(one) >= 128 for one in masks]))


def test_video(tmp_path, save):
    for index in range(2):
        save(tmp_path / f"frames/{index}.png", frame(index, 60, 80))
    drawn = halved(ONE)
    first = save(tmp_path / "m.png", drawn, pnginfo=PngImagePlugin.PngInfo())
    clip = open_clips(f"video:{tmp_path / 'frames'}?mask={first}").load("frames")
    np.testing.assert_array_equal(clip.given[0].mask, np.array(drawn) >= 128)
    assert clip.notes == (SMOOTH_NOTE,)
