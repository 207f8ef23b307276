"""coco-panoptic: ids of segments in three channels, crowds, categories with gaps, and files that do not fit."""

import copy
import json

import numpy as np
import pytest

from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.metrics.segmentation import count, mean_iou

PERSON, CROWD, SKY, ROAD = 3937500, 5120499, 70000, 7
"""Ids of segments: beyond 16 bits, beyond 8, and below."""

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 187, "name": "sky-other-merged"}, {"id": 149, "name": "road"}]


def segment(number: int, category: int, crowd: object = 0) -> dict:
    return {"id": number, "category_id": category, "iscrowd": crowd, "area": 32, "bbox": [0, 0, 16, 2]}


def coloured(*ids: int) -> np.ndarray:
    """(12, 16, 3): the ids in as many rows as the others, red the lowest byte."""
    rows = np.repeat(np.array(ids), 12 // len(ids))[:, None] * np.ones((1, 16), np.int64)
    return np.stack([rows % 256, rows // 256 % 256, rows // 65536], axis=2).astype(np.uint8)


@pytest.fixture
def panoptic(tmp_path, save, picture):
    """Writes a data set of one or two images; the content of its file is changed by a function first."""
    segments = [segment(PERSON, 1), segment(CROWD, 1, 1), segment(SKY, 187), segment(ROAD, 149)]
    content = {
        "images": [{"id": 139, "file_name": "000000000139.jpg", "height": 12, "width": 16}],
        "annotations": [{"image_id": 139, "file_name": "000000000139.png", "segments_info": segments}],
        "categories": CATEGORIES,
    }

    def write(change=lambda content: None) -> str:
        changed = copy.deepcopy(content)
        change(changed)
        save(tmp_path / "val2017/000000000139.jpg", picture)
        save(tmp_path / "annotations/panoptic_val2017/000000000139.png", coloured(PERSON, CROWD, SKY, ROAD, 0, PERSON))
        (tmp_path / "annotations/panoptic_val2017.json").write_text(json.dumps(changed))
        return f"coco-panoptic:{tmp_path}"

    return write


def test_panoptic(panoptic):
    data = open_data(panoptic())
    assert (data.split, data.ids) == ("val2017", ("000000000139",))
    assert data.classes == ("person", "sky-other-merged", "road")
    assert data.notes == ("3 categories of panoptic_val2017.json; crowds, and pixels of no segment, are void",)
    labels = data.load("000000000139").labels
    assert labels.dtype == np.uint8
    assert labels[::2].tolist() == [[value] * 16 for value in (0, VOID, 1, 2, VOID, 0)]
    # Person everywhere: 64 of the 128 pixels that count; neither sky nor road is found.
    assert float(mean_iou(count(np.zeros((12, 16), np.uint8), labels, 3))) == pytest.approx(100 * (64 / 128) / 3)
    assert open_data(data.spec, split="val").ids == data.ids


def test_label_maps_beside_the_images(panoptic, tmp_path):
    spec = panoptic()
    (tmp_path / "annotations/panoptic_val2017").rename(tmp_path / "panoptic_val2017")
    (tmp_path / "annotations/panoptic_val2017.json").rename(tmp_path / "panoptic_val2017.json")
    (tmp_path / "images").mkdir()
    (tmp_path / "val2017").rename(tmp_path / "images/val2017")
    assert open_data(spec).load("000000000139").labels[0, 0] == 0


def test_a_segment_that_the_file_does_not_list(panoptic):
    spec = panoptic(lambda content: content["annotations"][0]["segments_info"].pop(2))
    want = (
        rf"expected pixels of the 3 segments that panoptic_val2017\.json lists, or 0 .*got segment {SKY} \(32 pixels\)"
    )
    with pytest.raises(SampleError, match=want):
        open_data(spec).load("000000000139")


def test_red_is_the_lowest_byte(panoptic, tmp_path, save):
    spec = panoptic()
    save(tmp_path / "annotations/panoptic_val2017/000000000139.png", coloured(PERSON)[..., ::-1].copy())
    with pytest.raises(SampleError, match=r"got segment 14423100 \(192 pixels\)"):
        open_data(spec).load("000000000139")


@pytest.mark.parametrize(
    ("field", "value", "want"),
    [
        ("category_id", 2, f"expected a listed category of segment {PERSON}, got 2"),
        ("category_id", None, "expected an id as category_id, got None"),
        ("id", 0, "expected an id of a segment from 1 to 16,777,215, got 0"),
        ("id", 1 << 24, "expected an id of a segment from 1 to 16,777,215, got 16777216"),
        ("id", SKY, f"expected each segment once, got {SKY} twice"),
        ("iscrowd", "perhaps", "expected 0 or 1 .* as iscrowd, got 'perhaps'"),
    ],
)
def test_an_annotation_that_cannot_be_used(panoptic, field, value, want):
    def change(content):
        content["annotations"][0]["segments_info"][0][field] = value

    data = open_data(panoptic(change))
    with pytest.raises(SampleError, match=rf"000000000139\.png in .*panoptic_val2017\.json: {want}.*; correct"):
        data.load(data.ids[0])


def test_what_has_no_partner_is_counted(panoptic, tmp_path, save, picture):
    def change(content):
        content["images"].append({"id": 7, "file_name": "000000000007.jpg"})
        content["annotations"].append({"image_id": 8, "file_name": "000000000008.png", "segments_info": []})

    spec = panoptic(change)
    save(tmp_path / "val2017/000000000009.jpg", picture)
    save(tmp_path / "annotations/panoptic_val2017/000000000010.png", coloured(0))
    assert open_data(spec).notes[1:] == (
        "1 of 2 annotations belong to no listed image and were left out",
        "1 of 2 images have no annotation and were left out",
        "1 images in val2017 have no annotation and were left out (000000000009.jpg)",
        "1 label maps in panoptic_val2017 have no annotation and were left out (000000000010.png)",
    )


def test_segments_that_do_not_say_whether_they_are_crowds(panoptic):
    def change(content):
        content["annotations"][0]["segments_info"][0].pop("iscrowd")
        content["annotations"][0]["segments_info"][1]["iscrowd"] = None

    data = open_data(panoptic(change))
    assert data.notes[1:] == ("2 segments do not say whether they are crowds: taken for none",)
    assert data.load("000000000139").labels[2, 0] == 0


def test_the_fingerprint_covers_the_segments(panoptic):
    before = open_data(panoptic()).fingerprint("000000000139")
    assert open_data(panoptic()).fingerprint("000000000139") == before

    def no_crowd(content):
        content["annotations"][0]["segments_info"][1]["iscrowd"] = 0

    assert open_data(panoptic(no_crowd)).fingerprint("000000000139") != before


@pytest.mark.parametrize(
    ("change", "want"),
    [
        (lambda c: c.pop("categories"), "expected a list called categories, got None; use a panoptic"),
        (lambda c: c.update(images=[]), "expected images, got an empty list"),
        (lambda c: c.update(annotations=[]), "expected an image with an annotation, got none of 1"),
        (lambda c: c["images"].append(c["images"][0]), "expected each image id once, got 139 twice"),
        (lambda c: c["annotations"].append(c["annotations"][0]), "expected one annotation of each image, got two of"),
        (lambda c: c["categories"].append({"id": 5, "name": "road"}), r"expected each category once, got 5 \('road'\)"),
        (lambda c: c["categories"].append({"id": 5}), "expected a name of category 5, got None"),
        (lambda c: c["categories"].extend({"id": n, "name": f"{n}"} for n in range(200, 460)), "expected 1 to 254 cat"),
        (lambda c: c["images"][0].update(file_name="../a.jpg"), "expected a path inside the folder as file_name"),
        (lambda c: c["images"].append(3), "expected a record of an image, got 3"),
    ],
)
def test_a_file_that_cannot_be_used(panoptic, change, want):
    with pytest.raises(DataError, match=want):
        open_data(panoptic(change))


def test_layouts_that_are_not_there(panoptic, tmp_path):
    spec = panoptic()
    with pytest.raises(UnknownNameError, match=r"unknown split of .* 'train2017'; did you mean val2017"):
        open_data(spec, split="train2017")
    (tmp_path / "annotations/panoptic_val2014.json").write_text("{}")
    with pytest.raises(SettingError, match="expected one split for 'val', got val2014, val2017; name one"):
        open_data(spec)
    (tmp_path / "val2017/000000000139.jpg").rename(tmp_path / "val2017/other.jpg")
    with pytest.raises(DataError, match=r"expected the images of panoptic_val2017\.json in .*, got other\.jpg; check"):
        open_data(spec, split="val2017")
    (tmp_path / "annotations/panoptic_val2017").rename(tmp_path / "annotations/elsewhere")
    with pytest.raises(DataError, match=r"expected the label maps in .*, got no such folder; unpack them there"):
        open_data(spec, split="val2017")
    with pytest.raises(DataError, match=r"expected panoptic_SPLIT\.json in .*, got other\.jpg; check the path"):
        open_data(f"{spec}/val2017")
