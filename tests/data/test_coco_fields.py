"""coco: every field of a record that is missing, doubled, contradictory, of another type or out of range."""

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from foolscape.data.coco_annotations import Annotation
from foolscape.data.coco_masks import _outline, runs_of
from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.strict import losses
from tests.data.made import box, note, runs

NAN = math.nan
PLAIN = [note(1, 1, 0, 0, 12, 12), note(1, 3, 4, 4, 4, 4), note(1, 63, 5, 5, 2, 2), note(2, 3, 0, 0, 8, 8)]


def labels(spec: str) -> np.ndarray:
    return open_data(f"{spec}?classes=coco").load("000001").labels


def changed(which: int, **fields: object) -> list[dict]:
    return [{**item, **fields} if place == which else item for place, item in enumerate(PLAIN)]


def without(name: str) -> list[dict]:
    return [{key: value for key, value in item.items() if key != name} for item in PLAIN]


def edited(coco, tmp_path: Path, change, annotations=PLAIN) -> str:
    """A set whose file is changed after its images have been written."""
    spec = coco(annotations)
    path = tmp_path / "annotations/instances_val2017.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return spec


# area


@pytest.mark.parametrize("area", [0, -1, NAN, math.inf, 192, "9", "much", None, [], True, 10**400])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_painting_order_does_not_depend_on_area(coco, area, which):
    want = labels(coco(PLAIN))
    np.testing.assert_array_equal(labels(coco(changed(which, area=area))), want)
    assert {want[0, 0], want[4, 4], want[5, 5]} == {1, 3, 58}  # the small ones lie on top


def test_nor_on_the_area_being_there_or_on_the_box(coco):
    want = labels(coco(PLAIN))
    np.testing.assert_array_equal(labels(coco(without("area"))), want)
    np.testing.assert_array_equal(labels(coco(without("bbox"))), want)


@pytest.mark.parametrize("area", [0, -1, NAN, 1e9, None, "x"])
def test_an_area_that_cannot_be_used_is_that_of_the_box(coco, area):
    data = open_detection(coco(changed(1, area=area)))
    truth = data.load("000001").truth
    assert truth.area.tolist() == [144, 16, 4]
    said = any("1 of 4 annotations have no usable area (a number above 0): computed" in note for note in data.notes)
    assert said or data.load("000001").notes == ("1 box with no usable area: that of the box taken",)


def test_which_images_show_a_class_does_not_depend_on_area_or_box(coco):
    """The car lies under two zebras that are smaller, whatever the file says of their areas and boxes."""
    hidden = [note(1, 3, 0, 0, 8, 8), note(1, 24, 0, 0, 8, 4), note(1, 24, 0, 4, 8, 4)]
    shown = note(2, 3, 0, 0, 8, 8)
    for odd in ({"area": 192}, {"area": 0}, {"area": NAN}, {"bbox": [15, 11, 1, 1]}, {"bbox": None}):
        spec = coco([*({**item, **odd} for item in hidden), shown])
        assert open_data(f"{spec}?classes=voc").ids == ("000002",)


# iscrowd


@pytest.mark.parametrize("value", ["0", "false", "no", 0.0, False, "0.0", None, "", NAN])
def test_no_crowd(coco, value):
    spec = coco([{**item, "iscrowd": value} for item in PLAIN])
    assert not open_detection(spec).load("000001").truth.crowd.any()
    np.testing.assert_array_equal(labels(spec), labels(coco(PLAIN)))


@pytest.mark.parametrize("value", ["1", "true", "yes", 1.0, True])
def test_crowd(coco, value):
    spec = coco(changed(1, iscrowd=value))
    assert open_detection(spec).load("000001").truth.crowd.tolist() == [False, True, False]
    assert labels(spec)[4, 4] == 255


def test_what_iscrowd_says_is_counted(coco):
    assert open_detection(coco(changed(1, iscrowd="0"))).notes[2:] == ("1 of 4 annotations give iscrowd as text",)
    want = "4 of 4 annotations do not say iscrowd: taken for single objects"
    assert open_detection(coco(without("iscrowd"))).notes[2:] == (want,)


@pytest.mark.parametrize("value", [2, -1, "maybe", [], {}])
def test_an_iscrowd_without_meaning_fails_its_image_alone(coco, value):
    spec = coco(changed(1, iscrowd=value))
    for data in (open_data(f"{spec}?classes=coco"), open_detection(spec)):
        want = r"000001\.png in .*: annotation 103: expected 0 or 1 .* as iscrowd, got .*; correct the annotation"
        with pytest.raises(SampleError, match=want):
            data.load("000001")
        data.load("000002")


# Ids


@pytest.mark.parametrize("form", [str, float, "{:012d}".format, " {} ".format, "{}.0".format])
@pytest.mark.parametrize("name", ["image_id", "category_id"])
def test_ids_in_other_forms(coco, tmp_path, form, name):
    want = open_detection(coco(PLAIN)).load("000001").truth

    def change(content):
        for item in content["annotations"]:
            item[name] = form(item[name])

    data = open_detection(edited(coco, tmp_path, change))
    got = data.load("000001").truth
    np.testing.assert_array_equal(got.boxes, want.boxes)
    np.testing.assert_array_equal(got.labels, want.labels)
    assert data.notes[2:] == (() if form is float else (f"4 of 4 annotations give {name} as text",))


def test_ids_of_the_images_as_text(coco, tmp_path):
    def change(content):
        for item in content["images"]:
            item["id"] = str(item["id"])

    data = open_detection(edited(coco, tmp_path, change))
    assert (data.ids, len(data.load("000001").truth.labels)) == (("000001", "000002", "000009"), 3)


def test_ids_that_are_words(coco, tmp_path):
    def change(content):
        for item in content["images"]:
            item["id"] = f"image-{item['id']}"
        for item in content["annotations"]:
            item["image_id"] = f"image-{item['image_id']}"

    data = open_detection(edited(coco, tmp_path, change))
    assert len(data.load("000001").truth.labels) == 3


@pytest.mark.parametrize("value", [77, "other", "77"])
def test_annotations_of_images_that_are_not_listed_are_counted(coco, tmp_path, value):
    spec = edited(coco, tmp_path, lambda content: content["annotations"][3].update(image_id=value))
    for data in (open_detection(spec), open_data(f"{spec}?classes=coco")):
        assert losses(data.notes) == ["1 of 4 annotations belong to no listed image and count nowhere"]


@pytest.mark.parametrize("value", [None, "", 1.5, NAN, True, [1], {"id": 1}])
def test_annotations_without_a_usable_image_are_counted(coco, tmp_path, value):
    spec = edited(coco, tmp_path, lambda content: content["annotations"][3].update(image_id=value))
    assert "1 of 4 annotations have no usable image_id and count nowhere" in open_detection(spec).notes
    spec = edited(coco, tmp_path, lambda content: content["annotations"].append(value))
    assert "1 of 5 annotations have no usable image_id and count nowhere" in open_detection(spec).notes


@pytest.mark.parametrize("value", [None, "", 1.5, [1], True])
def test_a_category_id_that_is_none_fails_its_image_alone(coco, value):
    data = open_detection(coco(changed(1, category_id=value)))
    with pytest.raises(SampleError, match="annotation 103: expected an id as category_id, got "):
        data.load("000001")
    assert len(data.load("000002").truth.labels) == 1


def test_several_bad_annotations_of_an_image(coco):
    data = open_detection(coco([{**item, "category_id": None} for item in PLAIN]))
    with pytest.raises(SampleError, match=r"expected an id as category_id, got None \(and 2 more\); correct"):
        data.load("000001")


# Doubled


def test_two_names_for_a_category(coco, tmp_path):
    spec = edited(coco, tmp_path, lambda content: content["categories"].append({"id": 1, "name": "car"}))
    want = "expected one name for each category id, got 'person' and 'car' for category 1 in annotation 101; correct"
    with pytest.raises(DataError, match=want):
        open_detection(spec)


def test_a_category_twice(coco, tmp_path):
    data = open_detection(
        edited(coco, tmp_path, lambda content: content["categories"].append({"id": "1", "name": "person"}))
    )
    assert data.notes[2:] == ("1 of 6 categories are listed again",)
    unused = edited(coco, tmp_path, lambda content: content["categories"].append({"id": 4, "name": "bus"}))
    assert len(open_detection(unused).load("000001").truth.labels) == 3


def test_two_ids_for_a_category_and_other_spellings(coco, tmp_path):
    def change(content):
        content["categories"] += [{"id": 70, "name": "Person"}, {"id": None, "name": "cat"}]
        content["annotations"][1]["category_id"] = 70

    data = open_detection(edited(coco, tmp_path, change))
    assert [data.classes[label] for label in data.load("000001").truth.labels] == ["person", "person", "couch"]
    assert data.notes[2:] == (
        "1 of 7 categories have no usable id and are left out",
        "1 of 7 categories share their name with another: all of them count",
        "1 of 7 categories are not written as COCO writes them: taken for those",
    )


def test_doubled_annotations_all_count(coco):
    data = open_detection(coco([*PLAIN, {**PLAIN[1], "id": 9}]))
    assert len(data.load("000001").truth.labels) == 4
    want = "1 of 5 annotations are the same as another of their image (category, box and mask); all count"
    assert data.notes[2:] == (want,)


def test_ids_of_annotations_only_name_them(coco):
    data = open_detection(coco([{**item, "id": 7} for item in PLAIN]))
    assert len(data.load("000001").truth.labels) == 3
    assert data.notes[2:] == ("3 of 4 annotations have no id of their own; it only names them in messages",)


@pytest.mark.parametrize("name", ["bbox", "iscrowd", "image_id"])
def test_a_field_twice_in_one_record(coco, tmp_path, name):
    spec = coco(PLAIN)
    path = tmp_path / "annotations/instances_val2017.json"
    once = json.dumps(name) + ": " + json.dumps(PLAIN[1][name])
    path.write_text(path.read_text().replace(once, f"{once}, {once}", 1))
    assert len(open_detection(spec).load("000001").truth.labels) == 3
    path.write_text(path.read_text().replace(once, f"{json.dumps(name)}: 55", 1))
    with pytest.raises(DataError, match=f"two values of '{name}' in one record"):
        open_detection(spec)


# bbox


@pytest.mark.parametrize(
    "value", [None, [], [1, 2], [1, 2, 3, 4, 5], "1 2 3 4", {"x": 1}, [1, 2, None, 4], [1, 2, [3], 4]]
)
def test_a_bbox_that_is_missing_is_that_of_the_mask(coco, value):
    data = open_detection(coco(changed(1, bbox=value)))
    assert data.load("000001").truth.boxes.tolist() == [[0, 0, 12, 12], [4, 4, 8, 8], [5, 5, 7, 7]]
    assert data.notes[2:] == ("1 of 4 annotations have no bbox of four numbers: that of the mask is taken",)


def test_a_bbox_as_text(coco):
    data = open_detection(coco(changed(1, bbox=["4", " 4.0", "4e0", "+4"])))
    assert data.load("000001").truth.boxes.tolist()[1] == [4, 4, 8, 8]
    assert data.notes[2:] == ("1 of 4 annotations give bbox as text",)


@pytest.mark.parametrize("shape", [None, [], [[1, 2]], "x", {"size": [12, 16], "counts": [192]}])
def test_neither_bbox_nor_mask(coco, shape):
    data = open_detection(coco(changed(1, bbox=None, segmentation=shape)))
    want = "expected a bbox of four numbers, or a mask, for annotation 103, got neither; correct the annotation"
    with pytest.raises(SampleError, match=want):
        data.load("000001")


# Masks


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        ("polygon", "no mask"),
        (5, "no mask"),
        ({"counts": [0, 192], "size": None}, "run lengths of size None"),
        ([1, 2, 3, 4, 5, 6], "a polygon that is not a list of at least 3 points"),
        ([[True, 2, 3, 4, 5, 6]], "a polygon whose coordinates are not finite numbers"),
        ([[10**400, 2, 3, 4, 5, 6]], "a polygon whose coordinates are not finite numbers"),
        ([[[1, 2], [3, 4], [5, 6]]], "no mask"),
        ([[-60, 0, 60, 12] * 21_500], "a polygon whose outline is longer than 5,000,000 pixels"),
        ({"size": [12, 16], "counts": [NAN, 192]}, "damaged run lengths"),
        ({"size": [12, 16], "counts": [math.inf, 192]}, "damaged run lengths"),
        ({"size": [12, 16], "counts": [0.5, 191.5]}, "damaged run lengths"),
        ({"size": [12, 16], "counts": ["0", "192"]}, "damaged run lengths"),
        ({"size": [12, 16], "counts": [[0], 192]}, "no mask"),
        ({"size": [12, 16], "counts": 192}, "damaged run lengths"),
        ({"size": [12, 16], "counts": None}, "damaged run lengths"),
        ({"size": [12, 16], "counts": "o" * 1_000_000}, "damaged run lengths"),
        ({"size": [12, 16], "counts": [10**300, 1]}, "run lengths of "),
    ],
)
def test_masks_that_cannot_be_used(coco, shape, want):
    data = open_data(f"{coco(changed(1, segmentation=shape))}?classes=coco")
    with pytest.raises(SampleError, match=f"expected polygons or run lengths for annotation 103, got {want}"):
        data.load("000001")
    data.fingerprint("000001")


def test_nesting_that_no_mask_has(coco, tmp_path):
    spec = coco(PLAIN)
    path = tmp_path / "annotations/instances_val2017.json"
    deep = "[" * 400 + "]" * 400
    text = path.read_text().replace(json.dumps(box(4, 4, 4, 4)), deep)
    path.write_text(text)
    data = open_data(f"{spec}?classes=coco")
    data.fingerprint("000001")
    with pytest.raises(SampleError, match="got no mask"):
        data.load("000001")
    path.write_text(text.replace('"name": "person"', f'"name": {deep}'))
    with pytest.raises(DataError, match="expected a text as name of each category, got "):
        open_detection(spec)
    path.write_text(text.replace(deep, "9" * 5000))
    with pytest.raises(DataError, match=r"got a number of more than 4,300 digits; download"):
        open_detection(spec)


def test_bounds_of_outlines():
    """What decides without painting holds for the pixels of every mask that does not cross itself."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
        around = np.stack([np.cos(angles), np.sin(angles)], 1) * rng.uniform(1, 23, (len(angles), 1))
        points = (around + np.array([32, 24])).ravel().tolist()
        item = Annotation("1", 1, NAN, None, False, [points])
        area = int(runs_of(item, (48, 64))[1::2].sum())
        outline = _outline(item.shape, (48, 64))
        assert outline.least <= area <= outline.most


# Images


@pytest.mark.parametrize("value", [-1, 0, None, "", "-1"])
@pytest.mark.parametrize("names", [("height", "width"), ("height",)])
def test_sizes_that_are_not_given_are_those_of_the_picture(coco, tmp_path, value, names):
    def change(content):
        for item in content["images"]:
            item.update(dict.fromkeys(names, value))

    spec = edited(coco, tmp_path, change)
    want = "3 of 3 images give no height or width above 0: that of the picture is taken"
    assert want in open_detection(spec).notes
    assert len(open_detection(spec).load("000001").truth.labels) == 3
    data = open_data(f"{spec}?classes=voc")
    assert data.ids == ("000001", "000002")
    assert data.load("000001").labels[4, 4] == 7


@pytest.mark.parametrize("value", ["12", 12.0])
def test_sizes_in_other_forms(coco, tmp_path, value):
    spec = edited(coco, tmp_path, lambda content: [item.update(height=value) for item in content["images"]])
    assert len(open_detection(spec).load("000001").truth.labels) == 3


@pytest.mark.parametrize("value", ["wide", 12.5, NAN, math.inf, [12], True, 10**400])
def test_sizes_without_meaning_fail_their_image_alone(coco, tmp_path, value):
    spec = edited(coco, tmp_path, lambda content: content["images"][2].update(height=value))
    for data in (open_detection(spec), open_data(f"{spec}?classes=voc")):
        with pytest.raises(SampleError, match="as height, got "):
            data.load("000001")
        assert data.load("000002").notes == ()


def test_sizes_that_contradict_the_picture(coco, tmp_path):
    spec = edited(coco, tmp_path, lambda content: content["images"][2].update(height=-1, width=15))
    with pytest.raises(SampleError, match="expected labels of the image's size 12x16, got unknownx15"):
        open_detection(spec).load("000001")


@pytest.mark.parametrize("side", [20_000, 100_000, 2**31, 2**40])
def test_a_giant_size_paints_nothing(coco, tmp_path, side):
    """A car hidden under a zebra of the same outline, so that only painting would tell."""
    hidden = [note(1, 3, 0, 0, 8, 8), note(1, 24, 0, 0, 8, 8), note(2, 3, 0, 0, 8, 8)]
    spec = edited(coco, tmp_path, lambda content: content["images"][2].update(height=side, width=side), hidden)
    tracemalloc.start()
    data = open_data(f"{spec}?classes=voc")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20e6
    assert "000001" in data.ids
    with pytest.raises(SampleError, match=r"expected labels of the image's size 12x16, got|as height, got"):
        data.load("000001")


@pytest.mark.parametrize(
    "value", ["", ".", "/", "..", "a\0b", "\ud800.png", None, 5, ["x.png"], "../x.png", "/etc/x", "x/../../y"]
)
def test_file_names_that_name_no_file_in_the_folder(coco, tmp_path, value):
    spec = edited(coco, tmp_path, lambda content: content["images"][2].update(file_name=value))
    for data in (open_detection(spec), open_data(f"{spec}?classes=voc")):
        assert data.ids[:2] == ("image 1", "000002")
        data.fingerprint("image 1")
        with pytest.raises(SampleError, match=r"image 1 in .*json: expected .* as file_name.*, got ") as caught:
            data.load("image 1")
        str(caught.value).encode()
        assert data.load("000002").notes == ()


def test_images_outside_of_the_folder_where_the_spec_asks_for_them(coco, tmp_path, save, picture):
    save(tmp_path / "elsewhere/a.png", picture)
    names = {1: "../elsewhere/a.png", 2: str(tmp_path / "elsewhere/a.png")}

    def change(content):
        for item in content["images"]:
            item["file_name"] = names.get(item["id"], item["file_name"])

    spec = edited(coco, tmp_path, change)
    data = open_detection(f"{spec}?outside=yes")
    assert len(data.load(data.ids[0]).truth.labels) == 3
    assert len(data.load(data.ids[1]).truth.labels) == 1
    data = open_detection(spec)
    with pytest.raises(SampleError, match=r"expected a path inside the folder as file_name \(or \?outside=yes\), got"):
        data.load("image 1")
    with pytest.raises(SettingError, match=r"expected 0 or 1 .* as outside, got 'perhaps'"):
        open_detection(f"{spec}?outside=perhaps")


def test_all_images_outside(coco, tmp_path):
    spec = edited(coco, tmp_path, lambda content: [item.update(file_name="../a.png") for item in content["images"]])
    with pytest.raises(DataError, match=r"expected an image whose file can be named, got none among 3, the first \(im"):
        open_detection(spec)


def test_an_image_may_be_called_as_one_without_a_file_is(coco, tmp_path, save, picture):
    save(tmp_path / "val2017/image 1.png", picture)

    def change(content):
        content["images"][1]["file_name"] = "image 1.png"
        content["images"][2]["file_name"] = ""

    assert open_detection(edited(coco, tmp_path, change)).ids == ("image 1'", "image 1", "000009")


def test_names_of_windows_and_of_the_folder(coco, tmp_path):
    def change(content):
        content["images"][2]["file_name"] = "val2017\\000001.png"
        content["images"][1]["file_name"] = "val2017/000002.png"
        content["images"][0]["file_name"] = ".//val2017/000009.png"

    data = open_detection(edited(coco, tmp_path, change))
    assert data.ids == ("val2017/000001", "val2017/000002", "val2017/000009")
    assert len(data.load("val2017/000001").truth.labels) == 3
    assert data.notes[2:] == ("1 of 3 images have \\ in file_name: read as /",)


def test_one_file_under_two_names(coco, tmp_path):
    spec = edited(coco, tmp_path, lambda content: content["images"][1].update(file_name="./000001.png"))
    with pytest.raises(DataError, match="expected each file_name once, got one twice"):
        open_detection(spec)


@pytest.mark.parametrize("value", [None, 5, "000001.png", [], {}])
def test_records_that_are_no_images_are_failures(coco, tmp_path, value):
    data = open_detection(edited(coco, tmp_path, lambda content: content["images"].append(value)))
    assert data.ids == ("000001", "000002", "000009", "image record 3")
    with pytest.raises(SampleError, match=r"image record 3 in .*: expected (a record|an id)"):
        data.load("image record 3")


@pytest.mark.parametrize("value", [None, "", True, 1.5, [1]])
def test_an_image_without_an_id_is_a_failure(coco, tmp_path, value):
    data = open_detection(edited(coco, tmp_path, lambda content: content["images"][2].update(id=value)))
    with pytest.raises(SampleError, match=r"000001\.png in .*: expected an id as id, got "):
        data.load("000001")
    assert "3 of 4 annotations belong to no listed image and count nowhere" in data.notes


def test_the_same_id_as_number_and_text(coco, tmp_path):
    spec = edited(coco, tmp_path, lambda content: content["images"][1].update(id="01"))
    with pytest.raises(DataError, match="expected each image id once, got 1 twice"):
        open_detection(spec)


def test_a_name_longer_than_any_file_system_takes(coco, tmp_path):
    spec = edited(coco, tmp_path, lambda content: content["images"][2].update(file_name="x" * 5000))
    data = open_detection(spec)
    with pytest.raises(SampleError, match="got no readable file"):
        data.load(data.ids[0])
    assert data.load("000002").notes == ()


def test_run_lengths_as_whole_floats(coco):
    mask = np.zeros((12, 16), bool)
    mask[4:8, 4:8] = True
    shape = runs(mask)
    spec = coco(changed(1, segmentation={"size": [12.0, 16.0], "counts": [float(one) for one in shape["counts"]]}))
    np.testing.assert_array_equal(labels(spec), labels(coco(PLAIN)))
