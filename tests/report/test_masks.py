"""Objects over a frame, and which frames of a clip are shown."""

import base64
import io

import numpy as np
from PIL import Image

from foolscape.report.pictures.figures import palette
from foolscape.report.pictures.film import brought_to, evenly
from foolscape.report.pictures.masks import laid_over, outline, tint, tint_url

COLOURS = palette([[0, 0, 0], [200, 0, 0], [0, 100, 0]], 256)


def _labels() -> np.ndarray:
    labels = np.zeros((20, 30), np.uint8)
    labels[4:14, 4:14] = 1
    labels[4:14, 14:24] = 2
    labels[18:] = 255
    return labels


def test_an_object_is_its_colour_with_a_lighter_contour_and_void_is_nothing() -> None:
    shown = tint(_labels(), COLOURS)
    rgba = shown.rgba[shown.index]
    assert rgba[9, 9].tolist() == [200, 0, 0, 120]
    assert rgba[9, 19, :3].tolist() == [0, 100, 0]
    assert rgba[9, 4, 3] == rgba[9, 5, 3] == 255  # two pixels wide
    assert rgba[9, 6, 3] == 120
    assert rgba[9, 4, 0] > 200
    assert not rgba[0, 0].any()
    assert not rgba[19].any()


def test_an_object_at_the_border_has_no_contour_there() -> None:
    shown = tint(np.ones((6, 6), np.uint8), COLOURS)
    assert (shown.index == 1).all()


def test_the_truth_is_a_line_with_a_rim() -> None:
    shown = outline(_labels())
    rgba = shown.rgba[shown.index]
    assert rgba[9, 4].tolist() == [255, 255, 255, 255]
    assert 0 < rgba[9, 3, 3] < 255
    assert rgba[9, 9, 3] == 0
    assert rgba[9, 13, 3] == rgba[9, 14, 3] == 255  # between two objects
    assert not rgba[16:].any()


def test_what_lies_below_shines_through() -> None:
    photo = np.full((20, 30, 3), 100, np.uint8)
    drawn = laid_over(photo, tint(_labels(), COLOURS))
    assert drawn[0, 0].tolist() == [100, 100, 100]
    assert drawn[9, 9].tolist() == [147, 53, 53]


def test_a_png_keeps_what_can_be_seen_through() -> None:
    shown = tint(_labels(), COLOURS)
    file = base64.b64decode(tint_url(shown).removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(file)) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image.convert("RGBA")), shown.rgba[shown.index])


def test_a_frame_without_objects_and_one_with_every_label() -> None:
    assert not tint(np.zeros((4, 4), np.uint8), COLOURS).index.any()
    every = np.arange(256, dtype=np.uint8).repeat(8).reshape(32, 64)
    shown = tint(every, COLOURS)
    assert shown.index.max() < len(shown.rgba) <= 256


def test_evenly() -> None:
    assert evenly(70, 6) == [0, 14, 28, 41, 55, 69]
    assert evenly(3, 6) == [0, 1, 2]
    assert evenly(1, 6) == [0]
    assert len(evenly(1000, 60)) == 60


def test_label_maps_are_thinned_out_not_mixed() -> None:
    assert set(np.unique(brought_to(_labels(), (7, 5), smooth=False))) <= {0, 1, 2, 255}
