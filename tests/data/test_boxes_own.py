"""Boxes of classes of one's own: the same set as COCO, YOLO and VOC, and what each of these files may look like."""

import json

import numpy as np
import pytest

from foolscape.data import voc
from foolscape.data.coco_classes import CATEGORIES
from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from foolscape.metrics.boxes import Detected
from tests.data.made import frame, note
from tests.data.made_boxes import save as save_image
from tests.data.made_boxes import voc_xml, write_coco, write_voc, write_yolo
from tests.metrics.coco_ap import coco_ap

CLASSES = ("helmet", "vest", "boot", "cone")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """The same 6 images as COCO, YOLO and VOC; one shows nothing."""
    root, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(5)
    scenes = {}
    for index in range(6):
        height, width = 60 + 7 * index, 80 - 3 * index
        things = []
        for place in range(0 if index == 3 else 2 + index):
            w, h = (int(rng.integers(4, side // 2)) for side in (width, height))
            x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            things.append((CLASSES[place % 4], x, y, w, h))
        scenes[f"site{index}"] = (frame(index, height, width), things)
    ids = {"helmet": 3, "boot": 40, "vest": 12, "cone": 900}
    for name in ("coco", "yolo", "voc"):
        (root / name).mkdir()
    specs = (
        write_coco(root / "coco", scenes, ids),
        write_yolo(root / "yolo", scenes, CLASSES),
        write_voc(root / "voc", scenes),
    )
    return scenes, tuple(open_detection(spec) for spec in specs)


def test_one_set_written_three_times_is_the_same_truth(three):
    scenes, sets = three
    assert [data.classes for data in sets] == [
        ("helmet", "vest", "boot", "cone"),  # 3, 12, 40, 900
        ("helmet", "vest", "boot", "cone"),
        ("boot", "cone", "helmet", "vest"),
    ]
    for name, (image, things) in scenes.items():
        want = sorted((label, x, y, x + w, y + h, w * h) for label, x, y, w, h in things)
        for data in sets:
            sample = data.load(name)
            np.testing.assert_array_equal(sample.image, image)
            truth = sample.truth
            rows = zip(truth.labels, truth.boxes, truth.area, strict=True)
            got = sorted((data.classes[label], *np.round(box, 6), round(area, 6)) for label, box, area in rows)
            assert got == want
            assert not truth.difficult.any()
            assert not truth.crowd.any()
            assert sample.notes == ()


def test_one_set_written_three_times_gives_the_same_ap(three):
    scenes, sets = three
    rng = np.random.default_rng(9)
    guesses = {}
    for name, (_, things) in scenes.items():
        boxes = np.array([[x, y, x + w, y + h] for _, x, y, w, h in things] or [[1, 1, 9, 9]], np.float64)
        labels = [label for label, *_ in things] or ["cone"]
        guesses[name] = (boxes + rng.normal(0, 1.5, boxes.shape), rng.random(len(boxes)), labels)
    figures = []
    for data in sets:
        found = [
            Detected(boxes, scores, np.array([data.classes.index(label) for label in labels]))
            for boxes, scores, labels in guesses.values()
        ]
        by_class = coco_ap([data.load(name).truth for name in scenes], found, 4)
        figures.append({name: by_class[:, place] for place, name in enumerate(data.classes)})
    assert 10 < np.mean([*figures[0].values()]) < 95
    for other in figures[1:]:
        for name in CLASSES:
            np.testing.assert_allclose(other[name], figures[0][name], atol=1e-6)


# coco:


def renamed(coco, tmp_path, names: dict[int, str], annotations=None, **more) -> str:
    """A set of the images 1 and 2 whose categories are `names`."""
    spec = coco(annotations or [note(1, 1, 2, 3, 5, 4), note(2, 24, 0, 0, 4, 4), note(2, 3, 6, 6, 3, 3)])
    path = tmp_path / "annotations/instances_val2017.json"
    content = json.loads(path.read_text())
    content["categories"] = [{"id": key, "name": name} for key, name in names.items()]
    path.write_text(json.dumps(content | more))
    return spec


def test_own_categories_in_the_order_of_their_ids(coco, tmp_path):
    spec = renamed(coco, tmp_path, {24: "scratch", 1: "dent", 3: "car", 70: "rust"})
    data = open_detection(spec)
    assert data.classes == ("dent", "car", "scratch", "rust")
    assert data.notes[0] == (
        "4 classes, the file's own categories in the order of their ids, since COCO's 80 do not have 'dent', "
        "'scratch', 'rust'"
    )
    assert [data.classes[label] for label in data.load("000002").truth.labels] == ["scratch", "car"]
    maps = open_data(spec)
    assert maps.classes == ("background", "dent", "car", "scratch", "rust")
    labels = maps.load("000002").labels
    assert (labels[0, 0], labels[7, 7], labels[11, 15]) == (3, 2, 0)
    assert open_data(spec, classes=("background", "dent")).classes == maps.classes


def test_the_classes_that_the_spec_chooses(coco, tmp_path):
    spec = renamed(coco, tmp_path, {24: "scratch", 1: "person", 3: "couch"})
    for choice, classes, kept in (("coco", CATEGORIES, ["couch"]), ("voc", voc.CLASSES[1:], ["sofa"])):
        data = open_detection(f"{spec}?classes={choice}")
        assert data.classes == classes
        assert [data.classes[label] for label in data.load("000002").truth.labels] == kept
        assert "objects of 'scratch', none of COCO's 80 categories, left out" in data.notes
        maps = open_data(f"{spec}?classes={choice}")
        assert maps.classes == ("background", *classes)
        assert maps.load("000002").labels[7, 7] == 1 + classes.index(kept[0])
        assert maps.load("000002").labels[0, 0] == 0
    own = open_detection(f"{coco([note(1, 1, 2, 3, 5, 4)])}?classes=own")
    assert own.classes == ("person", "car", "motorcycle", "zebra", "couch", "tv")
    with pytest.raises(UnknownNameError, match=r"unknown class set in coco:.* 'mine'; known: coco, own, voc"):
        open_detection(f"{spec}?classes=mine")


def test_a_category_that_only_stands_above_others(coco, tmp_path):
    """As Roboflow's first one does."""
    spec = renamed(coco, tmp_path, {})
    path = tmp_path / "annotations/instances_val2017.json"
    content = json.loads(path.read_text())
    names = ((0, "parts", "none"), (1, "dent", "parts"), (3, "nut", "parts"), (24, "bolt", "parts"))
    content["categories"] = [{"id": key, "name": name, "supercategory": above} for key, name, above in names]
    path.write_text(json.dumps(content))
    data = open_detection(spec)
    assert data.classes == ("dent", "nut", "bolt")
    assert data.notes[-1] == "category 'parts' left out as a class: no annotation has it, and others stand below it"
    content["annotations"][0]["category_id"] = 0
    path.write_text(json.dumps(content))
    assert open_detection(spec).classes == ("parts", "dent", "nut", "bolt")


def test_categories_of_one_name(coco, tmp_path):
    data = open_detection(renamed(coco, tmp_path, {1: "Dent", 3: "dent", 24: "rust"}))
    assert data.classes == ("Dent", "rust")
    assert data.load("000002").truth.labels.tolist() == [1, 0]
    assert "1 of 3 categories share their name with another: all of them count" in data.notes


def test_a_category_called_background(coco, tmp_path):
    spec = renamed(coco, tmp_path, {1: "dent", 3: "Background", 24: "rust"})
    assert open_detection(spec).classes == ("dent", "Background", "rust")
    maps = open_data(spec)
    assert maps.classes == ("background", "dent", "rust")
    assert sorted(np.unique(maps.load("000002").labels)) == [0, 2]


def test_too_many_categories_for_label_maps(coco, tmp_path):
    spec = renamed(coco, tmp_path, {number: f"kind {number}" for number in range(300)})
    assert len(open_detection(spec).classes) == 300
    with pytest.raises(DataError, match="expected at most 254 categories for label maps of 8 bits, got 300; use"):
        open_data(spec)


def test_an_annotation_file_alone(coco, tmp_path):
    coco([note(1, 1, 2, 3, 5, 4)], file="boxes.json", folder="photos")
    for spec in (f"coco:{tmp_path}/boxes.json?images=photos", f"coco:{tmp_path}/boxes.json?images={tmp_path}/photos"):
        data = open_detection(spec)
        assert (data.split, data.ids, len(data.load("000001").truth.labels)) == ("boxes", ("000001", "000009"), 1)
    with pytest.raises(DataError, match=r"expected the images of .*boxes\.json in .*; use \?images=DIR"):
        open_detection(f"coco:{tmp_path}/boxes.json")
    with pytest.raises(SettingError, match=r"expected \?annotations= with a folder, got it with a file"):
        open_detection(f"coco:{tmp_path}/boxes.json?annotations=boxes.json")


def test_folders_of_roboflow(coco, tmp_path):
    for split, number in (("train", 1), ("valid", 2), ("test", 3)):
        coco([note(number, 1, 2, 3, 5, 4)], file=f"{split}/_annotations.coco.json", folder=split)
    for asked, split, number in ((None, "valid", 2), ("train", "train", 1), ("test", "test", 3), ("val", "valid", 2)):
        data = open_detection(f"coco:{tmp_path}", split=asked)
        assert (data.split, data.ids) == (split, (f"00000{number}", "000009"))
        assert len(data.load(f"00000{number}").truth.labels) == 1
    assert open_detection(f"coco:{tmp_path}/test").split == "test"
    with pytest.raises(UnknownNameError, match=r"unknown split of coco:.* 'xyz'; known: test, train, valid"):
        open_detection(f"coco:{tmp_path}", split="xyz")


def test_the_names_are_part_of_what_a_sample_is(coco, tmp_path):
    names = {1: "dent", 3: "nut", 24: "bolt"}
    before = open_detection(renamed(coco, tmp_path, names)).fingerprint("000001")
    assert open_detection(renamed(coco, tmp_path, names)).fingerprint("000001") == before
    assert open_detection(renamed(coco, tmp_path, names | {1: "scratch"})).fingerprint("000001") != before


# voc:


@pytest.fixture
def tree(tmp_path):
    """Writes annotations and images into folders, and gives the spec."""

    def write(annotations="Annotations", images="JPEGImages", below="", extension=".png", **things) -> str:
        for name, objects in things.items():
            scene = {name: (frame(1), objects)}
            xml = tmp_path / below / annotations / f"{name}.xml"
            xml.parent.mkdir(parents=True, exist_ok=True)
            xml.write_text(voc_xml(*scene[name]))
            save_image(tmp_path / below / images / f"{name}{extension}", frame(1))
        return f"voc:{tmp_path}"

    return write


A, B = [("cone", 1, 2, 3, 4), ("Helmet", 0, 0, 5, 5)], [("cat", 1, 1, 4, 4)]


def test_own_names(tree, tmp_path):
    spec = tree(a=A, b=B)
    data = open_detection(spec)
    assert (data.ids, data.split, data.classes) == (("a", "b"), None, ("Helmet", "cat", "cone"))
    assert data.load("a").truth.labels.tolist() == [2, 0]
    assert data.notes[0].endswith(", without lists in ImageSets/Main: all 2 images with an annotation")
    assert data.notes[1].startswith(
        "3 classes, those that the annotations of the split name in the order of the alphabet, since 'Helmet' is none "
        "of VOC's 20"
    )
    before = data.fingerprint("b")
    tree(a=[("vest", 1, 1, 2, 2)])
    assert open_detection(spec).fingerprint("b") != before  # a class less, and cat another number
    tree(a=B)
    assert len(open_detection(spec).classes) == 20


def test_own_list_of_classes(tree, tmp_path):
    spec = tree(a=A, b=B)
    (tmp_path / "names.txt").write_text("Cone\nhelmet\n\nvest\r\n")
    data = open_detection(f"{spec}?classes=names.txt")
    assert data.classes == ("Cone", "helmet", "vest")
    assert data.load("a").truth.labels.tolist() == [0, 1]
    assert data.notes[1] == "3 classes, listed in names.txt"
    with pytest.raises(SampleError, match=r"b\.xml: expected one of the 3 classes of .*names\.txt, got 'cat'; correct"):
        data.load("b")
    for text, kind, want in (
        ("a\nA\n", SettingError, "expected distinct class names, got 'a' and 'A'"),
        ("a_b\nA b\n", DataError, "expected each class once, got 'a_b' and 'A b'"),
        ("\n", SettingError, "expected at least 1 class name, one per line, in .*, got 0"),
    ):
        (tmp_path / "names.txt").write_text(text)
        with pytest.raises(kind, match=want):
            open_detection(f"{spec}?classes=names.txt")
    with pytest.raises(DataError, match=r"expected a list of classes at .*other\.txt or other\.txt, got no such file"):
        open_detection(f"{spec}?classes=other.txt")


@pytest.mark.parametrize(
    ("annotations", "images"), [("", ""), ("Annotations", "images"), ("Annotations", "Annotations")]
)
def test_trees_without_lists(tree, annotations, images):
    data = open_detection(tree(annotations, images, extension=".bmp", a=B))
    assert (data.ids, data.load("a").truth.boxes.tolist()) == (("a",), [[1, 1, 5, 5]])
    with pytest.raises(SettingError, match="expected no split, as there are no lists in ImageSets/Main, got 'train'"):
        open_detection(data.spec, split="train")


def test_a_folder_for_each_split(tree):
    tree("", "", "train", a=A)
    spec = tree("", "", "valid", b=B)
    assert (open_detection(spec).split, open_detection(spec).ids) == ("valid", ("b",))
    assert open_detection(spec, split="train").ids == ("a",)
    with pytest.raises(UnknownNameError, match=r"unknown split of voc:.* 'xyz'; known: train, valid"):
        open_detection(spec, split="xyz")


def test_what_has_no_partner_is_counted(tree, tmp_path):
    spec = tree(a=B, b=B, c=B)
    (tmp_path / "Annotations/b.xml").unlink()
    (tmp_path / "JPEGImages/c.png").unlink()
    data = open_detection(spec)
    assert data.ids == ("a",)
    assert data.notes[1:] == (
        "1 images have no annotation and are left out (b.png)",
        "1 annotations have no image and are left out (c.xml)",
    )
    (tmp_path / "JPEGImages/a.png").unlink()
    with pytest.raises(DataError, match=r"expected the images of its annotations in .*JPEGImages, .*, got none"):
        open_detection(spec)


def test_a_damaged_annotation_does_not_hide_the_names_of_others(tree, tmp_path):
    spec = tree(a=A, b=B)
    (tmp_path / "Annotations/b.xml").write_text("<annotation>")
    data = open_detection(spec)
    assert data.classes == ("Helmet", "cone")
    with pytest.raises(SampleError, match=r"b\.xml: expected an annotation in XML"):
        data.load("b")
