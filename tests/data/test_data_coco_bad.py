"""coco: with annotation files, masks and images that cannot be used."""

import json
from pathlib import Path

import pytest

from foolscape.data.load import open_data
from foolscape.errors import DataError, SampleError
from tests.data.made import note


def broken(coco, tmp_path: Path, change) -> str:
    spec = coco([note(1, 1, 0, 0, 4, 4)])
    path = tmp_path / "annotations/instances_val2017.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return spec


@pytest.mark.parametrize(
    ("change", "want"),
    [
        (lambda c: c.pop("images"), "expected COCO's instances form .*got KeyError: 'images'; use an instances_"),
        (lambda c: c.pop("categories"), "got KeyError: 'categories'"),
        (lambda c: c.pop("annotations"), "got KeyError: 'annotations'"),
        (lambda c: c.update(images={"0": 1}), "got TypeError: 'images' is no list"),
        (lambda c: c.update(annotations=3), "got TypeError: 'int' object is not iterable"),
        (lambda c: c.update(images=[]), "expected images, got an empty list"),
        (lambda c: c["images"].append(c["images"][0]), "expected each image id once, got 9 twice"),
        (
            lambda c: c["images"].append({**c["images"][0], "id": 77}),
            "expected each file_name once, got one twice; correct the file",
        ),
        (
            lambda c: c["annotations"][0].update(category_id=999),
            "expected every category in its list 'categories', got category 999 in annotation 101, which is not there",
        ),
        (
            lambda c: c["categories"][0].update(name=["unicorn"]),
            r"expected a text as name of each category, got \['unicorn'\] \(category 1 in annotation 101\); name it",
        ),
    ],
)
def test_damaged_annotation_file(coco, tmp_path, change, want):
    with pytest.raises(DataError, match=want):
        open_data(broken(coco, tmp_path, change))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_no_json(coco, tmp_path, content):
    spec = coco([note(1, 1, 0, 0, 4, 4)])
    (tmp_path / "annotations/instances_val2017.json").write_bytes(content)
    with pytest.raises(DataError, match=r"expected COCO annotations in JSON, got .*; download the file again"):
        open_data(spec)


def test_json_of_something_else(coco, tmp_path):
    spec = coco([note(1, 1, 0, 0, 4, 4)])
    (tmp_path / "annotations/instances_val2017.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="expected COCO's instances form"):
        open_data(spec)


def test_an_unused_category_may_be_unknown(coco, tmp_path):
    spec = broken(coco, tmp_path, lambda c: c["categories"].append({"id": 500, "name": "grass"}))
    assert open_data(spec).ids == ("000001",)


# Bad samples


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        ([], "got no mask"),
        (None, "got no mask"),
        ({"size": [12, 16]}, "got no mask"),
        ([[1, 2, 3, 4]], "got a polygon that is not a list of at least 3 points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "got a polygon that is not a list of at least 3 points"),
        ([[1, 2, 3, 4, 5, float("nan")]], "got a polygon whose coordinates are not finite numbers"),
        ([[1, 2, 3, 4, 5, "6"]], "got a polygon whose coordinates are not finite numbers"),
        ([[1, 2, 3, 4, 5, 1e9]], "got a polygon far outside the image"),
        ({"size": [16, 12], "counts": [192]}, r"got run lengths of size \[16, 12\] in an image of \[12, 16\]"),
        ({"size": [12, 16], "counts": [5, 5]}, "got run lengths of 10 pixels in an image of 192"),
        ({"size": [12, 16], "counts": [-8, 200]}, "got a run length below 0"),
        ({"size": [12, 16], "counts": [None]}, "got damaged run lengths"),
        ({"size": [12, 16], "counts": "0000"}, "got run lengths of 0 pixels"),
        ({"size": [12, 16], "counts": "\xff"}, "got damaged run lengths"),
        ({"size": [12, 16], "counts": " "}, "got damaged run lengths"),
    ],
)
def test_bad_mask(coco, shape, want):
    """pycocotools itself reads unset memory for some of these."""
    data = open_data(coco([note(1, 1, 0, 0, 4, 4, segmentation=shape)]))
    with pytest.raises(SampleError, match="expected polygons or run lengths for annotation 101, " + want) as caught:
        data.load("000001")
    assert "000001.png in " in str(caught.value)
    assert str(caught.value).endswith("; correct the annotation or leave the image out")


def test_an_image_with_a_bad_mask_is_still_listed(coco):
    spec = coco([note(1, 1, 0, 0, 2, 2, segmentation=[])])
    assert open_data(f"{spec}?classes=voc").ids == ("000001",)


def test_image_of_another_size(coco, save, tmp_path, picture):
    data = open_data(coco([note(1, 1, 0, 0, 4, 4)]))
    save(tmp_path / "val2017/000001.png", picture[:10])
    with pytest.raises(SampleError, match="expected labels of the image's size 10x16, got 12x16"):
        data.load("000001")


def test_image_missing(coco, tmp_path):
    data = open_data(coco([note(1, 1, 0, 0, 4, 4), note(2, 1, 0, 0, 4, 4)]))
    (tmp_path / "val2017/000001.png").unlink()
    with pytest.raises(SampleError, match=r"000001\.png: expected an image, got no readable file"):
        data.load("000001")
