"""coco: for detection, from annotations written here by hand and from the real subset."""

import json

import numpy as np
import pytest

from foolscape.data import voc
from foolscape.data.coco_classes import CATEGORIES
from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SampleError, UnknownNameError
from tests.data.made import note

NAN = float("nan")


def test_boxes(coco, picture):
    crowd = note(1, 3, 8, 0, 8, 12, iscrowd=1, area=50)
    data = open_detection(coco([note(1, 1, 2, 3, 5, 4), crowd, note(2, 24, 0.5, 0.25, 4, 4)]))
    assert data.classes == CATEGORIES
    assert (data.ids, data.split) == (("000001", "000002", "000009"), "val2017")
    assert data.notes == (
        "80 classes of COCO; ?classes=voc for the 20 of VOC",
        "3 images, 1 of them without an object of these classes",
    )
    sample = data.load("000001")
    np.testing.assert_array_equal(sample.image, picture)
    assert (sample.id, sample.notes) == ("000001", ())
    assert sample.truth.boxes.tolist() == [[8, 0, 16, 12], [2, 3, 7, 7]]
    assert [data.classes[i] for i in sample.truth.labels] == ["car", "person"]
    assert sample.truth.crowd.tolist() == [True, False]
    assert sample.truth.difficult.tolist() == [False, False]
    assert sample.truth.area.tolist() == [50, 20]
    assert data.load("000002").truth.boxes.tolist() == [[0.5, 0.25, 4.5, 4.25]]


def test_types(coco):
    for name in ("000001", "000009"):
        truth = open_detection(coco([note(1, 1, 2, 3, 5, 4)])).load(name).truth
        assert truth.boxes.shape == (len(truth.labels), 4)
        types = [truth.boxes.dtype, truth.labels.dtype, truth.difficult.dtype, truth.crowd.dtype, truth.area.dtype]
        assert types == [np.float64, np.int64, np.bool_, np.bool_, np.float64]


def test_voc_classes(coco):
    spec = coco([note(1, 24, 0, 0, 9, 9), note(1, 63, 2, 3, 5, 4), note(1, 4, 0, 0, 2, 2), note(2, 24, 0, 0, 4, 4)])
    data = open_detection(f"{spec}?classes=voc")
    assert data.classes == voc.CLASSES[1:]
    assert data.ids == ("000001", "000002", "000009")  # the zebra's image can still have false positives
    assert [data.classes[i] for i in data.load("000001").truth.labels] == ["sofa", "motorbike"]
    assert data.load("000002").truth.boxes.shape == (0, 4)
    assert data.notes[1] == "3 images, 2 of them without an object of these classes"


def test_unknown_class_set(coco):
    with pytest.raises(UnknownNameError, match=r"unknown class set in coco:.* 'vco'; did you mean voc"):
        open_detection(f"{coco([note(1, 1, 0, 0, 4, 4)])}?classes=vco")


def test_bad_boxes(coco):
    boxes = [[0, 0, 0, 4], [3, 3, -2, 4], [NAN, 0, 4, 4], [0, 0, 1e400, 4], [40, 0, 4, 4], [14, 2, 9, 3], [1, 1, 2, 2]]
    data = open_detection(coco([note(1, 1, 0, 0, 4, 4, bbox=box, area=1) for box in boxes]))
    sample = data.load("000001")
    assert sample.truth.boxes.tolist() == [[14, 2, 16, 5], [1, 1, 3, 3]]
    assert sample.notes == (
        "2 boxes whose corners are not finite numbers left out",
        "3 boxes without area inside the image left out",
        "1 box clipped to the image",
    )


def test_thousands_of_boxes(coco):
    data = open_detection(coco([note(1, 1, i % 12, i % 8, 4, 4) for i in range(5000)]))
    assert data.load("000001").truth.boxes.shape == (5000, 4)


def test_masks_are_not_read(coco):
    """A damaged mask is no reason to leave a box out."""
    sample = open_detection(coco([note(1, 1, 0, 0, 4, 4, segmentation=[[1, 2]])])).load("000001")
    assert (len(sample.truth.labels), sample.notes) == (1, ())


def test_images_missing_on_disk(coco, tmp_path):
    spec = coco([note(i, 1, 0, 0, 4, 4) for i in range(1, 9)])
    for i in range(1, 8):
        (tmp_path / f"val2017/00000{i}.png").unlink()
    data = open_detection(spec)
    names = ", ".join(f"00000{i}.png" for i in range(1, 6))
    assert data.notes[2] == f"7 of 9 images are missing in {tmp_path / 'val2017'}: {names} and 2 more"
    assert len(data.ids) == 9
    with pytest.raises(SampleError, match=r"000001\.png: expected an image, got no readable file"):
        data.load("000001")
    assert len(data.load("000008").truth.labels) == 1


def test_image_of_another_size(coco, save, tmp_path, picture):
    data = open_detection(coco([note(1, 1, 0, 0, 4, 4)]))
    save(tmp_path / "val2017/000001.png", picture[:10])
    with pytest.raises(SampleError, match="expected labels of the image's size 10x16, got 12x16"):
        data.load("000001")


def test_unknown_category(coco):
    with pytest.raises(DataError, match="got category 999 in annotation 101, which is not there"):
        open_detection(coco([note(1, 1, 0, 0, 4, 4, category_id=999)]))


def test_not_coco(coco, tmp_path):
    spec = coco([])
    (tmp_path / "annotations/instances_val2017.json").write_text('{"shapes": []}')
    with pytest.raises(DataError, match="expected COCO's instances form"):
        open_detection(spec)


def test_fingerprint(coco, save, tmp_path, picture):
    spec = coco([note(1, 1, 0, 0, 4, 4), note(2, 3, 0, 0, 4, 4)])
    data = open_detection(spec)
    first = data.fingerprint("000001")
    assert open_detection(spec).fingerprint("000001") == first
    assert len({first, data.fingerprint("000002"), open_detection(f"{spec}?classes=voc").fingerprint("000001")}) == 3
    for change in ({"bbox": [0, 0, 4, 5]}, {"area": 3}, {"iscrowd": 1}):
        assert open_detection(coco([note(1, 1, 0, 0, 4, 4, **change)])).fingerprint("000001") != first
    save(tmp_path / "val2017/000001.png", picture[::-1])
    assert data.fingerprint("000001") != first


# The real subset


def test_real_boxes_are_those_of_the_file(real):
    root = real / "data/coco_val_mini"
    content = json.loads((root / "annotations/instances_val2017.json").read_text())
    data = open_detection(f"coco:{root}")
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert data.classes == tuple(names[number] for number in sorted(names))
    assert len(data.ids) == len(content["images"]) == 158
    boxes = crowds = 0
    for image in content["images"]:
        sample = data.load(image["file_name"].removesuffix(".jpg"))
        assert sample.image.shape == (image["height"], image["width"], 3)
        assert sample.notes == ()
        own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        want = sorted((*a["bbox"], a["area"], a["iscrowd"], names[a["category_id"]]) for a in own)
        truth = sample.truth
        corner, side = truth.boxes[:, :2], truth.boxes[:, 2:] - truth.boxes[:, :2]
        got = sorted(zip(*corner.T, *side.T, truth.area, truth.crowd, truth.labels, strict=True))
        np.testing.assert_allclose([row[:6] for row in got], [row[:6] for row in want], atol=0.011)
        assert [data.classes[row[6]] for row in got] == [row[6] for row in want]
        boxes += len(truth.labels)
        crowds += int(truth.crowd.sum())
    assert (boxes, crowds) == (len(content["annotations"]), 16) == (1424, 16)


def test_real_boxes_with_the_classes_of_voc(real):
    root = real / "data/coco_val_mini"
    data = open_detection(f"coco:{root}?classes=voc")
    assert len(data.ids) == 158
    with_objects = [name for name in data.ids if len(data.load(name).truth.labels)]
    # What shows a VOC class as a label map has a box of one, and the other way round unless it is a crowd alone.
    assert set(with_objects) >= set(open_data(f"coco:{root}?classes=voc").ids)
    assert len(with_objects) == 132
