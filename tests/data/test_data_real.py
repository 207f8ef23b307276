"""The real CamVid and COCO subsets, where they are present."""

import json

import numpy as np
import pytest
from PIL import Image
from skimage.draw import polygon2mask

from foolscape.data.coco_classes import CATEGORIES
from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.data.voc import CLASSES

OF_VOC = {
    "airplane": "aeroplane", "motorcycle": "motorbike", "potted plant": "pottedplant", "dining table": "diningtable",
    "couch": "sofa", "tv": "tvmonitor",
}  # fmt: skip


def test_camvid(real):
    root = real / "data/camvid"
    data = open_data(f"camvid:{root}")
    assert len(data.ids) == 40
    assert len(open_data(f"camvid:{root}", split="train").ids) == 60
    seen = set()
    for name in data.ids:
        sample = data.load(name)
        assert sample.image.shape == (360, 480, 3)
        stored = np.array(Image.open(root / "testannot" / f"{name}.png"))
        np.testing.assert_array_equal(sample.labels, np.where(stored == 11, VOID, stored))
        seen |= set(np.unique(sample.labels).tolist())
    assert seen == {*range(11), VOID}
    assert len({data.fingerprint(name) for name in data.ids}) == 40


def by_runs(shape: dict) -> np.ndarray:
    """Run lengths column by column, without pycocotools."""
    height, width = shape["size"]
    mask = np.zeros(height * width, bool)
    start = 0
    for number, count in enumerate(shape["counts"]):
        mask[start : start + count] = number % 2 == 1
        start += count
    return mask.reshape(width, height).T


def repainted(content: dict, image: dict) -> np.ndarray:
    """The VOC label map with pycocotools' own reading of the file, annotation by annotation."""
    from pycocotools import mask as codec

    names = {category["id"]: category["name"] for category in content["categories"]}
    height, width = image["height"], image["width"]
    labels = np.zeros((height, width), np.uint8)
    own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
    drawn = []
    for a in own:
        name = OF_VOC.get(names[a["category_id"]], names[a["category_id"]])
        value = CLASSES.index(name) if name in CLASSES else 0
        if a["iscrowd"]:
            if value:
                drawn.append((by_runs(a["segmentation"]), VOID))
            continue
        mask = np.zeros((height, width), bool)
        for points in a["segmentation"]:  # one at a time, united here and not by pycocotools
            mask |= codec.decode(codec.frPyObjects([points], height, width))[..., 0] > 0
        drawn.append((mask, value))
    # By the masks themselves: the crowd in 376322 has an area of 12,561 in the file, and 6,963 pixels.
    for mask, value in sorted(drawn, key=lambda one: one[0].sum(), reverse=True):
        labels[mask] = value
    return labels


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools under numpy 2
def test_coco_as_voc(real):
    root = real / "data/coco_val_mini"
    content = json.loads((root / "annotations/instances_val2017.json").read_text())
    data = open_data(f"coco:{root}?classes=voc")
    want = {image["file_name"][:-4]: repainted(content, image) for image in content["images"]}
    shown = sorted(name for name, labels in want.items() if np.any((labels > 0) & (labels < VOID)))
    assert list(data.ids) == shown
    assert len(shown) == 132
    for name in data.ids:
        sample = data.load(name)
        np.testing.assert_array_equal(sample.labels, want[name], err_msg=name)
        assert sample.image.shape[:2] == sample.labels.shape
    assert any((want[name] == VOID).any() for name in shown)


def test_coco_masks_against_another_rasteriser(real):
    """scikit-image fills the same polygons; only pixels on an outline may differ."""
    root = real / "data/coco_val_mini"
    content = json.loads((root / "annotations/instances_val2017.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    data = open_data(f"coco:{root}?classes=coco")
    compared = 0
    for image in content["images"]:
        own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        if len(own) > 2 or any(a["iscrowd"] for a in own):
            continue
        want = np.zeros((image["height"], image["width"]), np.uint8)
        for a in sorted(own, key=lambda a: -a["area"]):
            for points in a["segmentation"]:
                outline = np.array(points).reshape(-1, 2)[:, ::-1] - 0.5
                want[polygon2mask(want.shape, outline)] = 1 + CATEGORIES.index(names[a["category_id"]])
        got = data.load(image["file_name"][:-4]).labels
        assert (got > 0).any()
        assert np.mean(got != want) < 0.01, image["file_name"]
        assert set(np.unique(got)) == set(np.unique(want))
        compared += 1
    assert compared >= 10


def test_coco_own_classes(real):
    data = open_data(f"coco:{real / 'data/coco_val_mini'}", classes=("background", *CATEGORIES))
    assert (len(data.ids), len(data.classes)) == (158, 81)
    content = json.loads((real / "data/coco_val_mini/annotations/instances_val2017.json").read_text())
    in_order = [category["name"] for category in sorted(content["categories"], key=lambda c: c["id"])]
    assert data.classes == ("background", *in_order)
    assert len({data.fingerprint(name) for name in data.ids}) == 158


def test_folder_of_photographs(real):
    data = open_data(f"folder:{real / 'data/coco_val_mini/val2017'}")
    assert len(data.ids) == 158
    assert data.load(data.ids[0]).notes == ()
