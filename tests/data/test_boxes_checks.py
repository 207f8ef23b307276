"""Boxes that cannot be used, and samples at another size."""

import dataclasses

import numpy as np
import pytest

from foolscape.data.boxes import DetectionSample, check_boxes, resize_boxes
from foolscape.data.images import resize
from foolscape.data.load import catalog, open_data, open_detection, select
from foolscape.data.sample import Sample
from foolscape.errors import SettingError, UnknownNameError
from foolscape.metrics.boxes import Truth

NAN, INF = float("nan"), float("inf")


def truth(*boxes: tuple[float, float, float, float], area: list[float] | None = None) -> Truth:
    """Labels count up from 0; the second object is difficult, the third a crowd."""
    count = len(boxes)
    array = np.array(boxes, np.float64).reshape(-1, 4)
    return Truth(
        array,
        np.arange(count),
        np.arange(count) == 1,
        np.arange(count) == 2,
        np.arange(1.0, count + 1) if area is None else np.array(area, np.float64),
    )


def test_good_boxes_stay_as_they_are():
    given = truth((0, 0, 16, 12), (1.5, 2.25, 3, 4), (15, 11, 16, 12))
    kept, notes = check_boxes(given, (12, 16))
    assert notes == ()
    for field in dataclasses.fields(Truth):
        np.testing.assert_array_equal(getattr(kept, field.name), getattr(given, field.name))
        assert getattr(kept, field.name).dtype == getattr(given, field.name).dtype


def test_no_boxes():
    kept, notes = check_boxes(truth(), (12, 16))
    assert (kept.boxes.shape, notes) == ((0, 4), ())


@pytest.mark.parametrize("bad", [(NAN, 0, 4, 4), (0, 0, INF, 4), (0, -INF, 4, 4), (NAN, NAN, NAN, NAN)])
def test_boxes_that_are_not_finite(bad):
    kept, notes = check_boxes(truth((0, 0, 4, 4), bad, (1, 1, 5, 5)), (12, 16))
    assert kept.labels.tolist() == [0, 2]
    assert kept.crowd.tolist() == [False, True]
    assert kept.difficult.tolist() == [False, False]
    assert kept.area.tolist() == [1, 3]
    assert notes == ("1 box whose corners are not finite numbers left out",)


@pytest.mark.parametrize(
    "bad",
    [(3, 3, 3, 8), (3, 3, 8, 3), (8, 3, 3, 8), (8, 8, 3, 3), (20, 0, 30, 4), (-9, 0, -1, 4), (0, 12, 4, 15)],
    ids=["no width", "no height", "negative", "both negative", "right of it", "left of it", "below it"],
)
def test_boxes_without_area_inside(bad):
    kept, notes = check_boxes(truth(bad, (0, 0, 4, 4), bad), (12, 16))
    assert kept.labels.tolist() == [1]
    assert notes == ("2 boxes without area inside the image left out",)


def test_boxes_partly_outside():
    kept, notes = check_boxes(truth((-2, -3, 4, 5), (10, 2, 99, 6), area=[30, 10]), (12, 16))
    assert kept.boxes.tolist() == [[0, 0, 4, 5], [10, 2, 16, 6]]
    assert kept.area.tolist() == [20, 10]  # at most the clipped box; a mask may be smaller
    assert notes == ("2 boxes clipped to the image",)


def test_rounding_of_the_file_is_not_worth_a_note():
    kept, notes = check_boxes(truth((10, 2, 16.01, 12.01), area=[55]), (12, 16))
    assert kept.boxes.tolist() == [[10, 2, 16, 12]]
    assert (kept.area.tolist(), notes) == ([55], ())


@pytest.mark.parametrize("bad", [NAN, INF, -1])
def test_areas_that_cannot_be_used(bad):
    kept, notes = check_boxes(truth((0, 0, 4, 5), (0, 0, 1, 1), area=[bad, 0]), (12, 16))
    assert kept.area.tolist() == [20, 0]
    assert notes == ("1 box with no usable area: that of the box taken",)


def test_every_kind_of_change_has_its_note():
    kept, notes = check_boxes(truth((NAN, 0, 1, 1), (0, 0, 0, 1), (-5, 0, 1, 1), area=[NAN, NAN, NAN]), (12, 16))
    assert kept.boxes.tolist() == [[0, 0, 1, 1]]
    assert [note.split(" ", 2)[2].split()[0] for note in notes] == ["whose", "without", "clipped", "with"]


def test_the_argument_is_not_changed():
    given = truth((-2, -3, 4, 5), (NAN, 0, 4, 4))
    before = given.boxes.copy()
    check_boxes(given, (12, 16))
    np.testing.assert_array_equal(given.boxes, before)


# Another size


def test_resize(picture):
    sample = DetectionSample("a", picture, truth((0, 0, 16, 12), (2, 3, 8, 9), area=[192, 20]), ("grey made RGB",))
    small = resize_boxes(sample, (24, 8))
    np.testing.assert_array_equal(small.image, resize(Sample("a", picture, None), (24, 8)).image)
    assert small.truth.boxes.tolist() == [[0, 0, 8, 24], [1, 6, 4, 18]]
    assert small.truth.area.tolist() == [192, 20]
    assert (small.id, small.notes) == ("a", ("grey made RGB",))
    assert small.truth.labels.tolist() == [0, 1]
    assert small.truth.difficult.tolist() == [False, True]
    double = resize_boxes(sample, (24, 32))
    assert double.truth.area.tolist() == [768, 80]
    assert sample.truth.boxes[0].tolist() == [0, 0, 16, 12]


def test_resize_without_truth(picture):
    sample = resize_boxes(DetectionSample("a", picture, None), (24, 32))
    assert (sample.image.shape, sample.truth) == ((24, 32, 3), None)


def test_resize_to_the_same_size_changes_nothing(picture):
    sample = DetectionSample("a", picture, truth((1.1, 2.3, 7.7, 9.9)))
    same = resize_boxes(sample, (12, 16))
    np.testing.assert_array_equal(same.image, picture)
    np.testing.assert_array_equal(same.truth.boxes, sample.truth.boxes)


def test_resize_refuses_tiny_sizes(picture):
    with pytest.raises(SettingError, match="expected a size of at least 8x8 pixels, got 7x16"):
        resize_boxes(DetectionSample("a", picture, None), (7, 16))


# Opening


def test_every_kind_with_boxes_opens_for_detection():
    assert [kind.name for kind in catalog() if "detection" in kind.openers] == [
        "coco", "cvat", "folder", "hf", "kitti", "label-studio", "labelme", "lvis", "objects365", "openimages",
        "scenes", "voc", "yolo",
    ]  # fmt: skip
    for kind in catalog():
        if "detection" in kind.openers:
            with pytest.raises(UnknownNameError, match="unknown option in"):
                open_detection(f"{kind.name}:x?nonsense=1")


def test_camvid_has_no_boxes():
    with pytest.raises(
        SettingError,
        match=r"got camvid, which has no boxes; use one of coco, cvat, folder, hf, kitti, label-studio, labelme, lvis, "
        r"objects365, openimages, scenes, voc, yolo$",
    ):
        open_detection("camvid:somewhere")


def test_unknown_data_set():
    with pytest.raises(UnknownNameError, match=r"unknown data set 'coca'; did you mean coco"):
        open_detection("coca:somewhere")


def test_folder(tmp_path, save, picture):
    for name in "ba":
        save(tmp_path / f"{name}.png", picture[..., 0])
    data, other = open_detection(f"folder:{tmp_path}"), open_data(f"folder:{tmp_path}")
    assert (data.ids, data.classes, data.split, data.notes) == (("a", "b"), None, None, ())
    assert (data.spec, data.fingerprint("a")) == (other.spec, other.fingerprint("a"))
    sample = data.load("b")
    assert (sample.id, sample.truth, sample.notes) == ("b", None, ("grey made RGB",))
    np.testing.assert_array_equal(sample.image, other.load("b").image)
    assert select(data, ["b"]) == ("b",)
    with pytest.raises(UnknownNameError, match="unknown image id"):
        data.load("c")
