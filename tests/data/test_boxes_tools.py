"""labelme:, cvat: and label-studio:, from files written here as the tools write them."""

import json
import shutil

import numpy as np
import pytest

from foolscape.data.load import open_detection
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.metrics.boxes import Detected
from foolscape.strict import LossNote
from tests.data.made import frame
from tests.data.made_boxes import save
from tests.metrics.coco_ap import coco_ap

OUTLINED = "{} objects are outlines or turned boxes: the upright box around each"


def lost(data) -> list[str]:
    return [str(note) for note in data.notes if isinstance(note, LossNote)]


def boxes(data, name: str) -> list[tuple]:
    """Class and rounded corners of each object, in the order of the file."""
    truth = data.load(name).truth
    return [(data.classes[k], *np.round(box, 4).tolist()) for k, box in zip(truth.labels, truth.boxes, strict=True)]


# labelme:


def shape(label, kind, *points, **more):
    return {"label": label, "shape_type": kind, "points": [list(one) for one in points], "flags": {}, **more}


@pytest.fixture
def labelme(tmp_path):
    """Writes images of 12x16 and their JSON."""

    def write(folder="", path="{}.png", **shapes) -> str:
        for number, (name, drawn) in enumerate(shapes.items()):
            save(tmp_path / folder / f"{name}.png", frame(number))
            content = {"version": "5.5.0", "flags": {}, "imagePath": path.format(name), "imageData": "aGVsbG8="}
            content |= {"shapes": [], "imageHeight": 12, "imageWidth": 16}
            content |= drawn if isinstance(drawn, dict) else {"shapes": drawn}
            (tmp_path / folder / f"{name}.json").write_text(json.dumps(content))
        return f"labelme:{tmp_path}"

    return write


def test_labelme(labelme):
    drawn = [
        shape("dog", "rectangle", (9, 8), (1, 2)),  # from the lower right corner
        shape("cat", "polygon", (4, 3), (12, 3), (8, 9)),
        shape("cat", "circle", (8, 6), (8, 3)),
        shape("dog", "mask", (2, 3), (4, 5), mask="iVBOR"),
        shape("dog", "rotation", (8, 3), (12, 6), (8, 9), (4, 6)),
        shape("dog", "point", (1, 1)),
        shape("dog", "line", (1, 1), (2, 2)),
        shape("dog", "linestrip", (1, 1), (2, 2), (3, 3)),
        shape("dog", "points", (1, 1)),
    ]
    old = shape("cat", None, (0, 0), (4, 0), (4, 4))  # version 3 knew polygons alone
    data = open_detection(labelme(a=drawn, b=[], c=[old]))
    assert (data.ids, data.split, data.classes) == (("a", "b", "c"), None, ("cat", "dog"))
    assert data.notes[0].startswith("2 classes, those that are used, in the order of the alphabet; ?classes=FILE")
    assert data.notes[1] == "3 files of labelme"
    assert [note.split(":")[0] for note in lost(data)] == ["1 x point", "1 x line", "1 x linestrip", "1 x points"]
    assert boxes(data, "a") == [
        ("dog", 1, 2, 9, 8),
        ("cat", 4, 3, 12, 9),
        ("cat", 5, 3, 11, 9),
        ("dog", 2, 3, 5, 6),
        ("dog", 4, 3, 12, 9),
    ]
    assert data.load("a").notes == (OUTLINED.format(4),)
    np.testing.assert_array_equal(data.load("b").image, frame(1))
    assert (boxes(data, "b"), boxes(data, "c")) == ([], [("cat", 0, 0, 4, 4)])
    # Of two cats one is found behind a false one, of three dogs the first: AP50 of 25.5 (51 of 101 levels at a half)
    # and of a third at 34 of 101.
    found = Detected(
        np.array([[0, 0, 1, 1], [4, 3, 12, 9], [1, 2, 9, 8.0]]), np.array([0.9, 0.8, 0.9]), np.array([0, 0, 1])
    )
    truth = data.load("a").truth
    np.testing.assert_allclose(coco_ap([truth], [found], 2)[0], [100 * 51 / 101 / 2, 100 * 34 / 101])


def test_labelme_parts_of_one_object(labelme):
    drawn = [
        shape("bus", "polygon", (0, 0), (4, 0), (4, 4), group_id=1),
        shape("bus", "rectangle", (8, 2), (10, 9), group_id=1),
        shape("car", "rectangle", (8, 2), (10, 9), group_id=1),
        shape("bus", "rectangle", (8, 2), (10, 9), group_id=2),
        shape("bus", "rectangle", (8, 2), (10, 9)),
    ]
    data = open_detection(labelme(a=drawn))
    assert boxes(data, "a") == [("bus", 0, 0, 10, 9), ("car", 8, 2, 10, 9), ("bus", 8, 2, 10, 9), ("bus", 8, 2, 10, 9)]
    assert data.load("a").notes == (
        "2 shapes are parts of 1 objects (group_id)",
        OUTLINED.format(1),
        "1 objects are the same as another (class and box); all count",
    )


def test_labelme_files_beside(labelme, tmp_path):
    spec = labelme(a=[shape("cat", "rectangle", (0, 0), (4, 4))])
    save(tmp_path / "bare.png", frame(3))
    (tmp_path / "other.json").write_text('{"images": []}')
    assert lost(open_detection(spec)) == [
        "1 JSON files are none of labelme and were left out (other.json)",
        "1 images have no JSON and were left out (bare.png)",
    ]
    labelme(folder="val", b=[shape("dog", "rectangle", (0, 0), (4, 4))])
    assert open_detection(spec).ids == ("a", "val/b")
    part = open_detection(spec, split="val")
    assert (part.ids, part.split, part.classes) == (("b",), "val", ("dog",))
    with pytest.raises(UnknownNameError, match=r"unknown split of labelme:.* 'train'; known: val"):
        open_detection(spec, split="train")
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    assert open_detection(f"{spec}?classes=names.txt").classes == ("dog", "cat")
    (tmp_path / "names.txt").write_text("dog\ncow\n")
    with pytest.raises(SampleError, match=r"a\.json: expected labels of the 2 classes, got 'cat'; correct"):
        open_detection(f"{spec}?classes=names.txt").load("a")
    before = part.fingerprint("b")
    labelme(folder="val", b=[shape("dog", "rectangle", (0, 0), (4, 5))])
    assert open_detection(spec, split="val").fingerprint("b") != before


def test_labelme_images_elsewhere(labelme, tmp_path):
    one = [shape("cat", "rectangle", (0, 0), (4, 4))]
    labelme(folder="labels", path="..\\images\\{}.png", a=one)
    (tmp_path / "images").mkdir()
    (tmp_path / "labels/a.png").rename(tmp_path / "images/a.png")
    assert open_detection(f"labelme:{tmp_path}").load("labels/a").truth.labels.tolist() == [0]
    # Out of the folder that is named only where the spec says so; by the name alone else.
    inner = f"labelme:{tmp_path}/labels"
    for spec in (f"{inner}?outside=yes", f"{inner}?images={tmp_path}/images"):
        assert open_detection(spec).load("a").truth.labels.tolist() == [0]
    data = open_detection(inner)
    assert any("1 of 1 images are not there" in note for note in data.notes)
    with pytest.raises(SampleError, match=r"labels.a\.png: expected an image, got no readable file"):
        data.load("a")


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ({"imagePath": None}, "expected the name of a file as imagePath, got None"),
        ({"imageHeight": 13}, "expected labels of the image's size 12x16, got 13x16"),
        ({"imageWidth": "x"}, "expected a number as imageWidth, got 'x'"),
        ({"shapes": {}}, "expected a list of shapes, got {}"),
        ({"shapes": [3]}, "expected a record as shape 0, got 3"),
        (
            {"shapes": [shape("", "rectangle", (0, 0), (4, 4))]},
            "shape 0: expected the name of a class as label, got ''",
        ),
        ({"shapes": [shape("a", "rectangle", (0, 0))]}, "shape 0: expected a rectangle, circle or mask of two points"),
        ({"shapes": [shape("a", "star", (0, 0), (1, 1), (2, 2))]}, "or a polygon of three or more, got 'star' of 3"),
        ({"shapes": [shape("a", "rectangle", (0, 0), (4, "b"))]}, "expected a number as y, got 'b'"),
        ({"shapes": [{"label": "a", "points": 3}]}, "expected points x, y, got 3"),
    ],
)
def test_labelme_that_says_nothing_sound(labelme, said, want):
    data = open_detection(labelme(a=said, b=[shape("cat", "rectangle", (0, 0), (4, 4))]))
    with pytest.raises(SampleError, match=rf"a\.json: .*{want}"):
        data.load("a")
    assert boxes(data, "b") == [("cat", 0, 0, 4, 4)]


def test_archives_as_the_tools_export_them(labelme, cvat, studio, tmp_path):
    one = [shape("cat", "rectangle", (0, 0), (4, 4))]
    labelme(folder="set/labels", path="../images/{}.png", a=one)
    save(tmp_path / "set/images/a.png", frame(1))
    (tmp_path / "set/labels/a.png").unlink()
    shutil.make_archive(str(tmp_path / "drawn"), "zip", tmp_path / "set")
    assert boxes(open_detection(f"labelme:{tmp_path}/drawn.zip"), "labels/a") == [("cat", 0, 0, 4, 4)]
    cvat(("a.png", BOX.format("")))
    studio(task(1, "/data/upload/1/a.png", RECTANGLE))
    export = tmp_path / "export"
    export.mkdir()
    for name in ("annotations.xml", "export.json", "images"):
        (tmp_path / name).rename(export / name)
    shutil.make_archive(str(tmp_path / "task"), "zip", export)
    assert boxes(open_detection(f"cvat:{tmp_path}/task.zip"), "a") == [("cat", 1, 2, 9.5, 8)]
    assert boxes(open_detection(f"label-studio:{tmp_path}/task.zip/export.json"), "1/a") == [("cat", 4, 6, 12, 9)]


def test_labelme_folders_without_any(tmp_path, labelme):
    with pytest.raises(DataError, match=r"expected JSON of labelme, with shapes, below .*, got no JSON"):
        open_detection(f"labelme:{tmp_path}")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DataError, match="got 1 others"):
        open_detection(f"labelme:{tmp_path}")
    with pytest.raises(DataError, match="expected objects with classes, got none in 1 images"):
        open_detection(labelme(a=[shape("a", "point", (0, 0))]))
    (tmp_path / "a.json").write_text('{"shapes": [')
    labelme(b=[shape("cat", "rectangle", (0, 0), (4, 4))])
    data = open_detection(f"labelme:{tmp_path}")
    with pytest.raises(SampleError, match=r"a\.json: expected shapes of labelme in JSON, got"):
        data.load("a")


# cvat:

META = "<meta><task><name>x</name><labels>{}</labels></task></meta>"
LABELS = "".join(f"<label><name>{name}</name><color>#fff</color></label>" for name in ("dog", "cat"))
PART = "<label><name>nose</name><type>points</type><parent>face</parent></label>"
LISTED = META.format(LABELS + PART)


@pytest.fixture
def cvat(tmp_path):
    """Writes images of 12x16 and annotations.xml."""

    def write(*images: tuple[str, str], meta=LISTED, folder="images", size=(12, 16), attributes=""):
        body = []
        for number, (name, inner) in enumerate(images):
            save(tmp_path / folder / name, frame(number))
            sides = f'width="{size[1]}" height="{size[0]}"'
            body.append(f'<image id="{number}" name="{name}" {sides} {attributes}>{inner}</image>')
        text = f"<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version>{meta}{''.join(body)}"
        (tmp_path / "annotations.xml").write_text(f"{text}</annotations>")
        return f"cvat:{tmp_path}"

    return write


BOX = '<box label="cat" source="manual" occluded="1" xtl="1" ytl="2" xbr="9.5" ybr="8" z_order="0">{}</box>'


def test_cvat(cvat, tmp_path):
    drawn = (
        BOX.format('<attribute name="age">3</attribute>'),
        '<box label="cat" xtl="4" ytl="4" xbr="12" ybr="6" rotation="90.00"/>',
        '<polygon label="dog" points="4.0,3.0;12.0,3.0;8.0,9.0"/>',
        '<ellipse label="dog" cx="8" cy="6" rx="3" ry="2" rotation="90"/>',
        '<mask label="cat" rle="1, 2, 4, 2" left="3" top="2" width="3" height="3"/>',
        '<polyline label="dog" points="1,1;2,2"/><points label="dog" points="1,1"/><cuboid label="dog"/>',
        '<tag label="dog"/><skeleton label="face"><points label="nose"/></skeleton>',
        BOX.format("").replace("occluded", 'outside="1" occluded'),
    )
    spec = cvat(("a.png", "".join(drawn)), ("deep/b.png", ""))
    for place in (spec, f"{spec}/annotations.xml"):
        data = open_detection(place)
        assert (data.ids, data.split, data.classes) == (("a", "deep/b"), None, ("dog", "cat"))
        assert data.notes[:2] == ("2 classes, listed in the file", "2 images of annotations.xml")
    assert sorted(note.split(":")[0] for note in lost(data)) == [
        "1 x cuboid", "1 x outside of the image", "1 x points", "1 x polyline", "1 x skeleton", "1 x tag",
    ]  # fmt: skip
    # A box of 8x2 about (8, 5), stood on end; a mask whose first column of pixels is empty.
    assert boxes(data, "a") == [
        ("cat", 1, 2, 9.5, 8),
        ("cat", 7, 1, 9, 9),
        ("dog", 4, 3, 12, 9),
        ("dog", 6, 3, 10, 9),
        ("cat", 4, 2, 6, 5),
    ]
    assert data.load("a").notes == (OUTLINED.format(4),)
    assert boxes(data, "deep/b") == []
    assert open_detection(f"{spec}?images=images").ids == data.ids
    (tmp_path / "images/a.png").rename(tmp_path / "a.png")
    assert open_detection(spec).load("a").truth.labels.tolist() == [1, 1, 0, 0, 1]
    with pytest.raises(SettingError, match="expected no split, as there are no subsets, got 'val'"):
        open_detection(spec, split="val")


def test_cvat_subsets_of_a_project(cvat, tmp_path):
    spec = cvat(("a.png", BOX.format("")), folder="images/Train", attributes='subset="Train" task_id="3"', meta="")
    data = open_detection(spec)
    assert (data.ids, data.split, data.classes) == (("a",), "Train", ("cat",))
    assert boxes(data, "a") == [("cat", 1, 2, 9.5, 8)]
    with pytest.raises(UnknownNameError, match=r"unknown split of cvat:.* 'val'; known: Train"):
        open_detection(spec, split="val")
    text = (tmp_path / "annotations.xml").read_text()
    (tmp_path / "annotations.xml").write_text(
        text.replace(
            "</annotations>", '<image name="b.png" width="1"/><image name="c.png" subset="val2"/></annotations>'
        )
    )
    (tmp_path / "names.txt").write_text("cat\n")
    assert open_detection(f"{spec}?classes=names.txt", split="default").ids == ("b",)
    assert open_detection(f"{spec}?classes=names.txt", split="val").ids == ("c",)


@pytest.mark.parametrize(
    ("inner", "want"),
    [
        (BOX.format("").replace('"cat"', '"cow"'), "expected labels of the 2 classes, got 'cow'"),
        (BOX.format("").replace('label="cat"', ""), "element 0, box: expected the name of a class as label, got None"),
        (BOX.format("").replace('xtl="1"', 'xtl="a"'), "element 0, box: expected a number as xtl, got 'a'"),
        (BOX.format("").replace('xtl="1"', ""), "expected a number as xtl, got None"),
        (BOX.format("").replace("occluded=", 'outside="7" occluded='), "expected 0 or 1 .* as outside, got '7'"),
        ('<polygon label="dog" points="1,1;2,2"/>', "expected three points or more, got 2"),
        ('<polygon label="dog" points="1,1;2;3,3"/>', "expected a number as y of a point, got ''"),
        (
            '<mask label="dog" rle="1,2" left="0" top="0" width="2" height="2"/>',
            "expected run lengths of 4 pixels, got 3",
        ),
        ('<mask label="dog" rle="4" left="0" top="0" width="2" height="2"/>', "expected a mask of 'dog' with pixels"),
        ('<mask label="dog" rle="" left="0" top="0" width="2" height="2"/>', "expected a number as rle, got ''"),
        (
            '<mask label="dog" rle="1" left="0" top="0" width="99999999" height="9999999"/>',
            "expected a mask of at most",
        ),
        ('<star label="dog"/>', "expected a box, polygon, ellipse or mask"),
    ],
)
def test_cvat_that_says_nothing_sound(cvat, inner, want):
    data = open_detection(cvat(("a.png", inner), ("b.png", BOX.format(""))))
    with pytest.raises(SampleError, match=rf"a\.png in .*annotations\.xml: .*{want}"):
        data.load("a")
    assert boxes(data, "b") == [("cat", 1, 2, 9.5, 8)]


def test_other_files_than_those_of_images(cvat, tmp_path):
    spec = cvat(("a.png", BOX.format("")), size=(24, 16))
    with pytest.raises(SampleError, match="expected labels of the image's size 12x16, got 24x16"):
        open_detection(spec).load("a")
    for text, want in (
        ("<annotations><track/></annotations>", 'got 1 tracks of a video; export it as "CVAT for images 1.1"'),
        ("<annotation><image/></annotation>", "got <annotation> without images"),
        ("<annotations>", "expected an annotation in XML, got a damaged file"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotations/>", "expected an annotation without a document type"),
    ):
        (tmp_path / "annotations.xml").write_text(text)
        with pytest.raises(DataError, match=want):
            open_detection(spec)
    (tmp_path / "annotations.xml").unlink()
    with pytest.raises(DataError, match=r"expected annotations\.xml in .*, got no such file; name it, cvat:FILE"):
        open_detection(spec)


# label-studio:


def region(kind, labels, *, size=(12, 16), **value):
    """Percent of an image of 12x16."""
    beside = {"original_height": size[0], "original_width": size[1], "image_rotation": 0, "id": "r", "to_name": "image"}
    return {"type": kind, "from_name": "label", "value": {**value, kind: labels}, **beside}


@pytest.fixture
def studio(tmp_path):
    """Writes tasks; images lie in `images`."""

    def write(*tasks: dict, names=()) -> str:
        for number, name in enumerate(names):
            save(tmp_path / "images" / name, frame(number))
        (tmp_path / "export.json").write_text(json.dumps(tasks))
        return f"label-studio:{tmp_path}/export.json"

    return write


def task(number, image, *results, **more):
    annotation = {"id": 9, "was_cancelled": False, "ground_truth": False, "result": list(results), **more}
    return {"id": number, "data": {"image": image}, "annotations": [annotation], "predictions": [{"result": 3}]}


RECTANGLE = region("rectanglelabels", ["cat"], x=25, y=50, width=50, height=25, rotation=0)


def test_label_studio(studio, tmp_path):
    results = (
        RECTANGLE,
        # Turned about its first corner, in pixels: 8x3 at (8, 3), a quarter clockwise.
        region("rectanglelabels", ["cat"], x=50, y=25, width=50, height=25, rotation=90),
        region("polygonlabels", ["dog"], points=[[25, 25], [75, 25], [50, 75]]),
        region("ellipselabels", ["dog"], x=50, y=50, radiusX=25, radiusY=25, rotation=0),
        region("labels", ["dog"], x=0, y=0, width=25, height=50, rotation=0),
        {**region("rectangle", [], x=0, y=0, width=25, height=50, rotation=0), "id": "r"},
        {**region("rectangle", [], x=0, y=0, width=25, height=50, rotation=0), "id": "other"},
        region("rectanglelabels", [], x=0, y=0, width=25, height=50, rotation=0),
        region("rectanglelabels", ["cat", "dog"], x=0, y=0, width=100, height=100),
        region("brushlabels", ["dog"], format="rle", rle=[1]),
        {"type": "choices", "value": {"choices": ["night"]}, "from_name": "c", "to_name": "image"},
    )
    spec = studio(
        task(1, "/data/upload/3/1a2b3c4d-a.png", *results),
        task(2, "/data/local-files/?d=set/b%201.png"),
        task(3, "https://example.com/x/c.png?token=1", RECTANGLE),
        {"id": 4, "data": {"image": "s3://bucket/d.png"}, "annotations": []},
        task(5, "s3://bucket/e.png", RECTANGLE, was_cancelled=True),
        names=("a.png", "set/b 1.png", "c.png"),
    )
    data = open_detection(spec)
    assert (data.ids, data.split, data.classes) == (("3/1a2b3c4d-a", "set/b 1", "x/c"), None, ("cat", "dog"))
    assert data.notes[1] == "3 tasks of export.json"
    assert lost(data)[0] == "2 tasks have no annotation and were left out (task 4)"
    assert sorted(note.split(":")[0] for note in lost(data)[1:]) == [
        "1 x 'brushlabels'", "1 x 'choices'", "1 x rectangle without a label", "1 x rectanglelabels without a label",
    ]  # fmt: skip
    assert boxes(data, "3/1a2b3c4d-a") == [
        ("cat", 4, 6, 12, 9),
        ("cat", 5, 3, 8, 11),
        ("dog", 4, 3, 12, 9),
        ("dog", 4, 3, 12, 9),
        ("dog", 0, 0, 4, 6),
        ("cat", 0, 0, 16, 12),
        ("dog", 0, 0, 16, 12),
    ]
    assert data.load("3/1a2b3c4d-a").notes[0] == OUTLINED.format(3)
    assert boxes(data, "set/b 1") == []
    assert boxes(data, "x/c") == [("cat", 4, 6, 12, 9)]
    with pytest.raises(SettingError, match="expected no split, as an export has none, got 'val'"):
        open_detection(spec, split="val")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "images/c.png").rename(tmp_path / "elsewhere/c.png")
    assert any("1 of 3 images are not there" in note for note in open_detection(spec).notes)
    assert boxes(open_detection(f"{spec}?images=elsewhere"), "x/c") == [("cat", 4, 6, 12, 9)]


def test_label_studio_of_several_annotators(studio):
    twice = task(1, "a.png", RECTANGLE)
    twice["annotations"].append({"id": 10, "result": [RECTANGLE, RECTANGLE]})
    marked = json.loads(json.dumps({**twice, "data": {"photo": "b.png", "note": "of a car"}}))
    marked["annotations"][1]["ground_truth"] = True
    old = {"data": {"image": "c.png"}, "completions": [{"result": [RECTANGLE]}]}
    data = open_detection(studio(twice, marked, old, task(3, "c.png", RECTANGLE), names=("a.png", "b.png", "c.png")))
    with pytest.raises(
        SampleError, match=r"task 1 in .*: expected one annotation, or one that is marked as ground truth"
    ):
        data.load("task 0")
    assert len(boxes(data, "b.png")) == 2
    assert any("1 images are there more than once, each with its own objects (c.png)" in note for note in data.notes)
    assert len([name for name in data.ids if name.startswith("c")]) == 2


@pytest.mark.parametrize(
    ("result", "want"),
    [
        (
            {**RECTANGLE, "original_width": None},
            "expected original_width and original_height, as shapes are in percent",
        ),
        (
            {**RECTANGLE, "image_rotation": 90},
            "expected an image that was not turned in the tool, got image_rotation 90",
        ),
        ({**RECTANGLE, "value": []}, r"result 1: expected a record as value, got \[\]"),
        ({**RECTANGLE, "original_width": 32}, "expected one size for all results"),
        (region("polygonlabels", ["a"], points=[[1, 2], [3, 4]]), "expected three points or more"),
        (region("polygonlabels", ["a"], points=[[1, 2], [3, 4], 5]), "expected points x, y, got"),
        (region("rectanglelabels", ["a"], x=1, y=2, width="x"), "expected a number as width, got 'x'"),
        (region("rectanglelabels", [3], x=1, y=2, width=1, height=1), "expected the name of a class as label, got 3"),
    ],
)
def test_label_studio_that_says_nothing_sound(studio, result, want):
    data = open_detection(
        studio(task(7, "a.png", RECTANGLE, result), task(8, "b.png", RECTANGLE), names=("a.png", "b.png"))
    )
    with pytest.raises(SampleError, match=rf"task 7 in .*export\.json: .*{want}"):
        data.load(data.ids[0])
    assert boxes(data, "b") == [("cat", 4, 6, 12, 9)]


def test_other_exports(studio, tmp_path):
    with pytest.raises(DataError, match=r"expected a file, label-studio:export\.json, got none at"):
        open_detection(f"label-studio:{tmp_path}")
    spec = studio({"image": "a.png", "label": [{"x": 1, "rectanglelabels": ["a"]}]})
    with pytest.raises(DataError, match="export it as JSON, not as JSON-MIN"):
        open_detection(spec)
    with pytest.raises(DataError, match="expected tasks with annotations, got none among 1"):
        open_detection(studio({"id": 1, "data": {}}))
    data = open_detection(studio(task(1, "b.png", RECTANGLE), task(2, None), names=("b.png",)))
    with pytest.raises(SampleError, match="expected the path of one image in data, got"):
        data.load("task 1")
