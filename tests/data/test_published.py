"""The standard sets of label maps, from trees in the form in which they are published."""

import json

import numpy as np
import pytest
import scipy.io

from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.data.sets import ade20k, cityscapes, coco_stuff, pascal_context
from foolscape.errors import DataError, SampleError, UnknownNameError
from foolscape.strict import LossNote
from foolscape.testing import check_data
from tests.data.label_maps import filled, miou
from tests.data.made import palette


@pytest.fixture
def tree(tmp_path, save, picture):
    """Writes images below a folder."""

    def write(*images: str):
        for name in images:
            save(tmp_path / name, picture)
        return tmp_path

    return write


# ade20k:


def test_ade20k(tree, save):
    root = tree("images/validation/ADE_val_00000001.jpg", "images/training/ADE_train_00000001.jpg")
    save(root / "annotations/validation/ADE_val_00000001.png", filled(0, 1, 3, 150))
    data = open_data(f"ade20k:{root}")
    assert (data.split, data.ids, data.classes) == ("validation", ("ADE_val_00000001",), ade20k.CLASSES)
    assert data.classes[:3] == ("wall", "building", "sky")
    assert (data.classes[12], data.classes[149], len(set(data.classes))) == ("person", "flag", 150)
    assert data.notes == ("label value 0 is void, 1 to 150 are the classes",)
    np.testing.assert_array_equal(data.load("ADE_val_00000001").labels, filled(VOID, 0, 2, 149))
    # Zero is void, not wall: 48 pixels of wall of 48, sky 48 of 96 because it is said for the flag, the flag 0.
    assert miou(filled(0, 0, 2, 2), data) == pytest.approx(100 * (1 + 0.5 + 0) / 3)
    assert open_data(f"ade20k:{root}", split="val").ids == data.ids
    with pytest.raises(
        DataError, match=r"expected label maps in .*annotations/training, got no such folder; use folder:"
    ):
        open_data(f"ade20k:{root}", split="train")
    with pytest.raises(UnknownNameError, match=r"unknown split of .* 'test'; known: training, validation"):
        open_data(f"ade20k:{root}", split="test")


def test_ade20k_value_above_its_classes(tree, save):
    root = tree("images/validation/a.jpg")
    save(root / "annotations/validation/a.png", filled(0, 151))
    with pytest.raises(SampleError, match=r"expected label values 1 to 150, or 0 for void, got 151 \(96 pixels\)"):
        open_data(f"ade20k:{root}").load("a")


# pascal-context:


@pytest.fixture
def context(tree, save):
    root = tree("VOC2010/JPEGImages/2008_000008.jpg", "VOC2010/JPEGImages/2008_000009.jpg")
    save(root / "VOC2010/SegmentationClassContext/2008_000008.png", filled(0, 1, 37, 59))
    lists = root / "VOC2010/ImageSets/SegmentationContext"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("2008_000008\n")
    return root


def test_pascal_context(context):
    data = open_data(f"pascal-context:{context}")
    assert (data.split, data.ids, data.classes) == ("val", ("2008_000008",), pascal_context.CLASSES)
    assert data.notes[0] == "59 classes: label value 0, background, is void; ?classes=60 makes it a class"
    np.testing.assert_array_equal(data.load("2008_000008").labels, filled(VOID, 0, 36, 58))
    assert (data.classes[36], len(data.classes)) == ("person", 59)
    whole = open_data(f"pascal-context:{context / 'VOC2010'}?classes=60")
    assert whole.classes == ("background", *data.classes)
    assert whole.fingerprint("2008_000008") != data.fingerprint("2008_000008")
    np.testing.assert_array_equal(whole.load("2008_000008").labels, filled(0, 1, 37, 59))
    # One guess, person everywhere: 48 of 144 pixels that count with 59 classes, 48 of 192 with 60.
    assert miou(filled(36), data) == pytest.approx(100 * (48 / 144) / 3)
    assert miou(filled(37), whole) == pytest.approx(100 * (48 / 192) / 4)


def test_pascal_context_takes_the_classes_of_the_model(context):
    for count_of in (59, 60, 21):
        classes = tuple(f"class {number}" for number in range(count_of))
        assert len(open_data(f"pascal-context:{context}", classes=classes).classes) == (60 if count_of == 60 else 59)
    with pytest.raises(UnknownNameError, match=r"unknown number of classes in .* '61'"):
        open_data(f"pascal-context:{context}?classes=61")
    with pytest.raises(UnknownNameError, match=r"unknown split of .* 'train'; known: val"):
        open_data(f"pascal-context:{context}", split="train")


@pytest.fixture
def released(tree):
    """The archives unpacked: four of the 459 labels, and labels that are none of the 59 beside them, in their order."""
    root = tree("VOC2010/JPEGImages/2008_000008.jpg") / "VOC2010"
    (root / "ImageSets/Main").mkdir(parents=True)
    (root / "ImageSets/Main/val.txt").write_text("2008_000008\n")
    (root / "ImageSets/Main/dog_val.txt").write_text("2008_000008 1\n")
    names = sorted(("accordion", "airplane model", *pascal_context.CLASSES, "zoo"))
    (root / "labels.txt").write_text("".join(f"{2 * place + 1}: {name}\n" for place, name in enumerate(names)))
    values = {name: 2 * place + 1 for place, name in enumerate(names)}
    (root / "trainval").mkdir()
    rows = filled(0, values["aeroplane"], values["zoo"], values["person"], dtype=np.uint16)
    scipy.io.savemat(root / "trainval/2008_000008.mat", {"LabelMap": rows, "x": "beside"})
    return root


def test_pascal_context_as_it_is_published(released, save):
    data = open_data(f"pascal-context:{released}")
    assert (data.split, data.ids, data.classes) == ("val", ("2008_000008",), pascal_context.CLASSES)
    assert data.notes[0].startswith("59 classes: 0 and the labels of labels.txt that are none of them, background, is")
    np.testing.assert_array_equal(data.load("2008_000008").labels, filled(VOID, 0, VOID, 36))
    whole = open_data(f"pascal-context:{released.parent}?classes=60")
    np.testing.assert_array_equal(whole.load("2008_000008").labels, filled(0, 1, 0, 37))
    assert miou(filled(36), data) == pytest.approx(100 * (48 / 96) / 2)
    assert miou(filled(0, 0, 0, 37), whole) == pytest.approx(100 * (96 / 144 + 0 + 1) / 3)
    # The smaller archive has another order: that of its own list, VOC's classes first.
    order = ("aeroplane", "person", *(name for name in pascal_context.CLASSES if name not in ("aeroplane", "person")))
    (released / "trainval").rename(released / "unused")
    (released / "59_labels.txt").write_text("".join(f"{place}: {name}\n" for place, name in enumerate(order, 1)))
    save(released / "59_context_labels/2008_000008.png", filled(0, 1, 0, 2))
    smaller = open_data(f"pascal-context:{released}")
    np.testing.assert_array_equal(smaller.load("2008_000008").labels, filled(VOID, 0, VOID, 36))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (None, "expected the names of the labels, got .*No such file"),
        (
            "1: aeroplane\n2: bag\n",
            "expected the names of all 59 classes, got no bed, bedclothes, bench, bicycle, bird among",
        ),
        ("1: a\n1: b\n", "expected a number and its name, 12: bag, each once, got '1: b' in line 2"),
        ("aeroplane\n", "expected a number and its name, 12: bag, each once, got 'aeroplane' in line 1"),
    ],
)
def test_pascal_context_without_its_names(released, text, want):
    (released / "labels.txt").unlink()
    if text is not None:
        (released / "labels.txt").write_text(text)
    with pytest.raises(DataError, match=rf"labels\.txt: {want}"):
        open_data(f"pascal-context:{released}")


@pytest.mark.parametrize(
    ("content", "want"),
    [
        ({"Other": np.ones((12, 16))}, "got no LabelMap"),
        ({"LabelMap": np.ones((2, 12, 16))}, r"got an array of shape \(2, 12, 16\)"),
        ({"LabelMap": filled(1, 2) + 0.5}, "expected labels from 0 to 65,535, got others, or fractions"),
        ({"LabelMap": np.full((12, 16), np.nan)}, "expected labels from 0 to 65,535"),
        ({"LabelMap": filled(1, 2).astype(np.int16) - 2}, "expected labels from 0 to 65,535"),
        (
            {"LabelMap": filled(2, 1)},
            r"expected label values 3, 7, .*, or 0 to 1, 5, 123 for void, got 2 \(96 pixels\)",
        ),
        (b"", "expected a MATLAB file"),
        (b"MATLAB 7.3 MAT-file" + b" " * 200, "expected a MATLAB file"),
        (None, "got no readable file"),
    ],
)
def test_files_of_matlab_that_hold_no_label_map(released, content, want):
    path = released / "trainval/2008_000008.mat"
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        scipy.io.savemat(path, content)
    with pytest.raises(SampleError, match=want):
        open_data(f"pascal-context:{released}").load("2008_000008")


# coco-stuff:


@pytest.fixture
def stuff(tree, save):
    """Person (0), stop sign (12), banner (91), wood (181) and void."""
    root = tree("images/val2017/000000000139.jpg")
    save(root / "annotations/val2017/000000000139.png", filled(0, 12, 91, 181, 255, 255))
    return root


def test_coco_stuff_ids_have_gaps(stuff):
    data = open_data(f"coco-stuff:{stuff}")
    assert (data.split, data.ids, data.classes) == ("val2017", ("000000000139",), coco_stuff.CLASSES)
    assert data.notes == ("label maps *.png: 171 classes, the values 0 to 181 with gaps, 255 is void",)
    np.testing.assert_array_equal(data.load("000000000139").labels, filled(0, 11, 80, 170, VOID, VOID))
    assert [data.classes[place] for place in (0, 11, 80, 170)] == ["person", "stop sign", "banner", "wood"]
    # The ids taken for train ids would be wrong from the stop sign on.
    assert miou(filled(0, 12, 91, 0, 0, 0), data) == pytest.approx(100 * (32 / 64 + 0 + 0 + 0) / 4)
    assert open_data(f"coco-stuff:{stuff}", split="val").split == "val2017"


def test_coco_stuff_train_ids(stuff, save):
    save(stuff / "annotations/val2017/000000000139_labelTrainIds.png", filled(0, 11, 80, 170, 255, 255))
    by_ids, by_train = open_data(f"coco-stuff:{stuff}"), open_data(f"coco-stuff:{stuff}?labels=trainIds")
    assert by_ids.notes[0].startswith("label maps *.png; there are *_labelTrainIds.png too: ?labels=trainIds: 171")
    assert by_train.notes == ("label maps *_labelTrainIds.png, as the spec says: 171 classes, 255 is void",)
    np.testing.assert_array_equal(by_ids.load("000000000139").labels, by_train.load("000000000139").labels)
    (stuff / "annotations/val2017/000000000139.png").unlink()
    assert open_data(f"coco-stuff:{stuff}").notes == ("label maps *_labelTrainIds.png: 171 classes, 255 is void",)


def test_coco_stuff_value_in_a_gap(stuff, save):
    save(stuff / "annotations/val2017/000000000139.png", filled(0, 11))
    want = r"expected label values 0 to 10, 12 to 24, .*, or 255 for void, got 11 \(96 pixels\)"
    with pytest.raises(SampleError, match=want):
        open_data(f"coco-stuff:{stuff}").load("000000000139")


def test_coco_stuff_of_stuff_alone(tree, save):
    root = tree("images/val2017/000000000139.jpg")
    save(root / "annotations/stuff_val2017_pixelmaps/000000000139.png", filled(0, 92, 182, 183))
    for spec in (f"coco-stuff:{root}", f"coco-stuff:{root}?labels=stuff"):
        data = open_data(spec)
        assert data.classes == (*coco_stuff.STUFF, "other")
        assert "183 is other; 0 is void" in data.notes[0]
        np.testing.assert_array_equal(data.load("000000000139").labels, filled(VOID, 0, 90, 91))
    assert miou(filled(0, 0, 90, 90), data) == pytest.approx(100 * (1 + 0.5 + 0) / 3)
    with pytest.raises(DataError, match=r"expected label maps in .*annotations/val2017, got no such folder"):
        open_data(f"coco-stuff:{root}?labels=ids")
    save(root / "annotations/val2017/000000000139.png", filled(0, 91, 181, 255))
    assert open_data(f"coco-stuff:{root}").classes == coco_stuff.CLASSES
    (root / "annotations/val2017/000000000139.png").unlink()
    (root / "annotations/val2017").rmdir()
    (root / "annotations/stuff_val2017_pixelmaps").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"expected label maps in .*stuff_val2017_pixelmaps, got no such folder"):
        open_data(f"coco-stuff:{root}?labels=stuff")
    with pytest.raises(DataError, match=r"expected label maps in .*annotations/val2017, got no such folder"):
        open_data(f"coco-stuff:{root}")


# bdd100k:


def test_bdd100k(tree, save):
    root = tree("images/10k/val/a-1.jpg", "images/10k/val/b-2.jpg", "images/10k/test/c-3.jpg")
    save(root / "labels/sem_seg/masks/val/a-1.png", filled(0, 13, 18, 255))
    data = open_data(f"bdd100k:{root}")
    assert (data.split, data.ids, data.classes) == ("val", ("a-1",), cityscapes.CLASSES)
    assert data.notes == (
        "label value 255 is void",
        "1 images have no label map in val and were left out (b-2.jpg)",
    )
    assert isinstance(data.notes[1], LossNote)
    np.testing.assert_array_equal(data.load("a-1").labels, filled(0, 13, 18, VOID))
    assert miou(filled(0, 13, 13, 13), data) == pytest.approx(100 * (1 + 0.5 + 0) / 3)
    with pytest.raises(DataError, match=r"expected label maps in .*masks/test, got no such folder; use folder:"):
        open_data(f"bdd100k:{root}", split="test")
    with pytest.raises(DataError, match=r"expected the folders images/10k/val and .* in .*, got 10k; check the path"):
        open_data(f"bdd100k:{root / 'images'}")


def test_bdd100k_as_it_was_published_first(tree, save):
    root = tree("seg/images/val/a-1.jpg", "seg/images/val/b-2.jpg", "seg/images/test/c-3.jpg")
    save(root / "seg/labels/val/a-1_train_id.png", filled(0, 13, 18, 255))
    save(root / "seg/color_labels/val/a-1_train_color.png", filled(0, 13, 18, 255))
    for place in (root, root / "seg"):
        data = open_data(f"bdd100k:{place}")
        assert (data.split, data.ids, data.classes) == ("val", ("a-1",), cityscapes.CLASSES)
        assert data.notes[1:] == (
            "label maps *_train_id.png",
            "1 images have no label map in val and were left out (b-2.jpg)",
        )
        np.testing.assert_array_equal(data.load("a-1").labels, filled(0, 13, 18, VOID))
    assert miou(filled(0, 13, 13, 13), data) == pytest.approx(100 * (1 + 0.5 + 0) / 3)


# mapillary:


@pytest.fixture
def vistas(tree, save):
    """Bird and Sky are classes of 1.2, Ego Vehicle is not evaluated; 2.0 has Car between them."""
    root = tree("validation/images/a_1.jpg", "testing/images/c_3.jpg")
    bird, car, sky = ({"name": f"x--{name}", "readable": name, "evaluate": True} for name in ("Bird", "Car", "Sky"))
    ego = {"name": "void--ego-vehicle", "readable": "Ego Vehicle", "evaluate": False}
    for version, labels in (("1.2", [bird, ego, sky]), ("2.0", [bird, car, ego, sky])):
        (root / f"config_v{version}.json").write_text(json.dumps({"version": version, "labels": labels}))
        values = filled(0, 1, 2) if version == "1.2" else filled(0, 1, 2, 3)
        save(root / f"validation/v{version}/labels/a_1.png", palette(values))
    return root


def test_mapillary(vistas):
    data = open_data(f"mapillary:{vistas}")
    assert (data.split, data.ids, data.classes) == ("validation", ("a_1",), ("Bird", "Car", "Sky"))
    assert data.notes == (
        "version 2.0; ?version=1.2 is there too: 3 classes of config_v2.0.json, 1 that are not evaluated are void",
    )
    np.testing.assert_array_equal(data.load("a_1").labels, filled(0, 1, VOID, 2))
    before = data.fingerprint("a_1")
    config = json.loads((vistas / "config_v2.0.json").read_text())
    config["labels"][1]["evaluate"] = False
    (vistas / "config_v2.0.json").write_text(json.dumps(config))
    assert open_data(f"mapillary:{vistas}").fingerprint("a_1") != before
    older = open_data(f"mapillary:{vistas}?version=1.2", split="val")
    assert older.classes == ("Bird", "Sky")
    np.testing.assert_array_equal(older.load("a_1").labels, filled(0, VOID, 1))
    assert miou(filled(0, 0, 0, 1), older) == pytest.approx(100 * (64 / 80 + 48 / 64) / 2)


def test_mapillary_of_one_version(vistas, tree):
    (vistas / "validation/v1.2/labels").rename(vistas / "validation/labels")
    for version in ("validation/v2.0/labels/a_1.png", "config_v2.0.json"):
        (vistas / version).unlink()
    (vistas / "validation/v2.0/labels").rmdir()
    (vistas / "config_v1.2.json").rename(vistas / "config.json")
    data = open_data(f"mapillary:{vistas}")
    assert data.notes == ("the only version: 2 classes of config.json, 1 that are not evaluated are void",)
    np.testing.assert_array_equal(data.load("a_1").labels, filled(0, VOID, 1))


def test_mapillary_bad(vistas, save):
    with pytest.raises(DataError, match=r"expected label maps in v2\.0/labels, .*testing, got images; use folder:"):
        open_data(f"mapillary:{vistas}", split="testing")
    with pytest.raises(UnknownNameError, match=r"unknown version of .* '3\.0'"):
        open_data(f"mapillary:{vistas}?version=3.0")
    save(vistas / "validation/v2.0/labels/a_1.png", filled(0, 4))
    with pytest.raises(SampleError, match=r"expected label values 0 to 1, 3, or 2 for void, got 4 \(96 pixels\)"):
        open_data(f"mapillary:{vistas}").load("a_1")
    for labels, want in (
        ([{"readable": "Bird"}], "label 0: expected true or false as evaluate, got None"),
        ([{"readable": "Bird", "evaluate": "maybe"}], "label 0: expected 0 or 1 .* as evaluate, got 'maybe'"),
        ([{"evaluate": True}], "label 0: expected a name as readable, got None"),
        ([[]], "label 0: expected a record with readable and evaluate"),
        ([{"readable": "Bird", "evaluate": True}] * 2, "label 1: expected each class once, got 'Bird' twice"),
        ([{"readable": "Bird", "evaluate": False}], "expected 1 to 254 labels that are evaluated, got 0"),
        ({}, "expected a list called labels"),
    ):
        (vistas / "config_v2.0.json").write_text(json.dumps({"labels": labels}))
        with pytest.raises(DataError, match=want):
            open_data(f"mapillary:{vistas}")
    (vistas / "config_v2.0.json").unlink()
    with pytest.raises(
        DataError, match=r"config_v2\.0\.json: expected the classes of Mapillary Vistas .* in JSON, got"
    ):
        open_data(f"mapillary:{vistas}")


# All of them


@pytest.mark.parametrize("name", ["context", "released", "stuff", "vistas"])
def test_the_contract_of_a_data_set(name, request):
    scheme = {"context": "pascal-context", "released": "pascal-context", "stuff": "coco-stuff", "vistas": "mapillary"}[
        name
    ]
    report = check_data(open_data(f"{scheme}:{request.getfixturevalue(name)}"), "segmentation")
    assert report.ok, report
