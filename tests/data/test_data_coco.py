"""coco:, from annotations written here by hand, whose label maps can be seen at a glance."""

import numpy as np
import pytest
from pycocotools import mask as codec

from foolscape.data.coco_classes import CATEGORIES
from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SettingError, UnknownNameError
from tests.data.made import note, runs

PERSON, CAR, SOFA = 15, 7, 18


def test_eighty_categories():
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 80


def test_voc_labels(coco, picture):
    spec = coco([note(1, 1, 2, 3, 5, 4), note(1, 63, 8, 0, 8, 12), note(2, 24, 0, 0, 4, 4), note(3, 3, 0, 0, 4, 4)])
    data = open_data(f"{spec}?classes=voc")
    assert data.ids == ("000001", "000003")  # 2 shows a zebra, 9 nothing at all
    assert len(data.classes) == 21
    assert data.notes[0] == "21 classes of VOC, as the spec says"
    assert data.notes[2] == "2 of 4 images show a VOC class, the others are left out"
    want = np.zeros((12, 16), np.uint8)
    want[3:7, 2:7] = PERSON
    want[:, 8:] = SOFA
    sample = data.load("000001")
    np.testing.assert_array_equal(sample.labels, want)
    np.testing.assert_array_equal(sample.image, picture)
    assert {name: data.classes[i] for name, i in (("person", PERSON), ("car", CAR), ("sofa", SOFA))} == {
        "person": "person",
        "car": "car",
        "sofa": "sofa",
    }


def test_coco_labels(coco):
    spec = coco([note(1, 1, 2, 3, 5, 4), note(2, 24, 0, 0, 4, 4), note(2, 72, 8, 8, 4, 4)])
    data = open_data(f"{spec}?classes=coco")
    assert data.ids == ("000001", "000002")
    assert data.classes == ("background", *CATEGORIES)
    assert data.notes[2] == "2 of 3 images have an annotation, the others are left out"
    labels = data.load("000002").labels
    assert labels.dtype == np.uint8
    assert labels[0, 0] == data.classes.index("zebra") == 23
    assert labels[9, 9] == data.classes.index("tv") == 63
    assert (labels == 0).sum() == 192 - 32


def test_small_objects_lie_on_top(coco):
    small, large = note(1, 3, 4, 4, 4, 4), note(1, 1, 0, 0, 12, 12)
    for order in ([small, large], [large, small]):
        labels = open_data(f"{coco(order)}?classes=voc").load("000001").labels
        assert labels[5, 5] == CAR
        assert labels[1, 1] == PERSON


def test_other_categories_hide_what_lies_below(coco):
    labels = open_data(f"{coco([note(1, 24, 4, 4, 4, 4), note(1, 1, 0, 0, 12, 12)])}?classes=voc").load("000001").labels
    assert labels[5, 5] == 0
    assert labels[1, 1] == PERSON


def test_crowds(coco):
    mask = np.zeros((12, 16), bool)
    mask[1:4, 2:9] = True
    crowd = {"iscrowd": 1, "segmentation": runs(mask), "area": 21}
    spec = coco([note(1, 1, 0, 0, 12, 12), note(1, 1, 0, 0, 1, 1, **crowd), note(2, 3, 0, 0, 16, 12)])
    labels = open_data(f"{spec}?classes=voc").load("000001").labels
    np.testing.assert_array_equal(labels == VOID, mask)
    assert (labels == PERSON).sum() == 144 - 21


def test_crowds_of_other_categories(coco):
    mask = np.zeros((12, 16), bool)
    mask[1:4, 2:9] = True
    spec = coco([note(1, 1, 0, 0, 12, 12), note(1, 24, 0, 0, 1, 1, iscrowd=1, segmentation=runs(mask), area=21)])
    ignored = open_data(f"{spec}?classes=voc").load("000001").labels
    assert (ignored == PERSON).sum() == 144
    void = open_data(f"{spec}?classes=coco").load("000001").labels
    np.testing.assert_array_equal(void == VOID, mask)


@pytest.mark.parametrize("compressed", [False, True])
def test_run_lengths_of_one_object(coco, compressed):
    mask = np.random.default_rng(3).random((12, 16)) < 0.3
    shape = runs(mask)
    if compressed:
        shape = codec.encode(np.asfortranarray(mask.astype(np.uint8)))
        shape = {"size": shape["size"], "counts": shape["counts"].decode()}
    spec = coco([note(1, 3, 0, 0, 16, 12, segmentation=shape, area=int(mask.sum()))])
    labels = open_data(f"{spec}?classes=voc").load("000001").labels
    np.testing.assert_array_equal(labels, np.where(mask, CAR, 0))


def test_a_voc_object_hidden_by_others_is_not_shown(coco):
    """The car lies under two zebras that are smaller; only painting tells."""
    hidden = [note(1, 3, 0, 0, 8, 8), note(1, 24, 0, 0, 8, 4), note(1, 24, 0, 4, 8, 4)]
    assert open_data(f"{coco([*hidden, note(2, 3, 0, 0, 8, 8)])}?classes=voc").ids == ("000002",)


def test_an_object_beside_others_is_shown(coco):
    beside = [note(1, 3, 0, 0, 4, 4), note(1, 24, 5, 5, 3, 3)]
    assert open_data(f"{coco(beside)}?classes=voc").ids == ("000001",)


def test_a_crowd_alone_shows_no_class(coco):
    crowd = note(1, 3, 0, 0, 4, 4, iscrowd=1)
    assert open_data(f"{coco([crowd, note(2, 3, 0, 0, 4, 4)])}?classes=voc").ids == ("000002",)


# Which classes


@pytest.mark.parametrize(
    ("classes", "count", "why"),
    [
        (None, 81, "81 classes of COCO, its own; ?classes=voc for the 21 of VOC"),
        (
            ("__background__", "Aeroplane", "PERSON", "sofa"),
            21,
            "21 classes of VOC, because of the model's 4 class names 3 are VOC's and 1 are COCO's",
        ),
        (
            ("background", *CATEGORIES),
            81,
            "81 classes of COCO, because of the model's 81 class names 14 are VOC's and 80 are COCO's",
        ),
    ],
)
def test_the_model_chooses_the_classes(coco, classes, count, why):
    data = open_data(coco([note(1, 1, 0, 0, 4, 4)]), classes=classes)
    assert len(data.classes) == count
    assert data.notes[0] == why


def test_the_spec_overrules_the_model(coco):
    data = open_data(f"{coco([note(1, 1, 0, 0, 4, 4)])}?classes=voc", classes=CATEGORIES)
    assert len(data.classes) == 21


def test_unknown_class_set(coco):
    with pytest.raises(UnknownNameError, match=r"unknown class set in coco:.* 'vco'; did you mean voc"):
        open_data(f"{coco([note(1, 1, 0, 0, 4, 4)])}?classes=vco")


def test_no_image_shows_a_voc_class(coco):
    with pytest.raises(DataError, match="expected an image that shows a VOC class, got none among 2"):
        open_data(f"{coco([note(1, 24, 0, 0, 4, 4)])}?classes=voc")


def test_no_annotations(coco):
    with pytest.raises(DataError, match="expected an image with an annotation, got none among 1"):
        open_data(coco([]))


# Which files


def test_split(coco):
    coco([note(1, 1, 0, 0, 4, 4)])
    spec = coco([note(5, 1, 0, 0, 4, 4)], file="annotations/instances_train2017.json", folder="train2017")
    assert open_data(spec).ids == ("000001",)
    for name in ("train", "train2017"):
        data = open_data(spec, split=name)
        assert (data.split, data.ids) == ("train2017", ("000005",))
    with pytest.raises(UnknownNameError, match=r"unknown split of coco:.* 'test'; .*train2017"):
        open_data(spec, split="test")


def test_the_only_split_is_taken(coco):
    spec = coco([note(5, 1, 0, 0, 4, 4)], file="annotations/instances_minitrain.json", folder="images/minitrain")
    assert open_data(spec).split == "minitrain"


def test_two_files_for_a_split(coco):
    coco([note(1, 1, 0, 0, 4, 4)])
    spec = coco([note(1, 1, 0, 0, 4, 4)], file="annotations/instances_val2014.json", folder="val2014")
    with pytest.raises(SettingError, match="expected one split for 'val', got val2014, val2017; name one of them"):
        open_data(spec)
    assert open_data(spec, split="val2014").split == "val2014"


@pytest.mark.parametrize("folder", ["val2017", "images/val2017", "images"])
def test_image_folder_is_found(coco, folder):
    assert open_data(coco([note(1, 1, 0, 0, 4, 4)], folder=folder)).load("000001").image.shape == (12, 16, 3)


def test_image_folder_is_not_found(coco):
    spec = coco([note(1, 1, 0, 0, 4, 4)], folder="photos")
    with pytest.raises(DataError, match=r"expected the images of .*val2017, .* got none of its images there; use \?im"):
        open_data(spec)
    assert open_data(f"{spec}?images=photos").ids == ("000001",)
    assert open_data(f"{spec}?images={spec.removeprefix('coco:')}/photos").ids == ("000001",)


def test_annotation_file_by_option(coco):
    spec = coco([note(1, 1, 0, 0, 4, 4)], file="my.json", folder="photos")
    with pytest.raises(DataError, match=r"expected instances_SPLIT\.json in .*annotations, got no such file"):
        open_data(spec)
    assert open_data(f"{spec}?annotations=my.json&images=photos").ids == ("000001",)
    with pytest.raises(DataError, match=r"expected an annotation file at .*your\.json, got none"):
        open_data(f"{spec}?annotations=your.json")


def test_ids_keep_folders_and_clashes_apart(coco):
    files = ["x/a.png", "b.png", "b.jpg"]
    images = [{"id": i + 1, "file_name": name, "height": 12, "width": 16} for i, name in enumerate(files)]
    data = open_data(coco([note(i, 1, 0, 0, 4, 4) for i in (1, 2, 3)], images=images))
    assert data.ids == ("x/a", "b.png", "b.jpg")


def test_fingerprint(coco, save, tmp_path, picture):
    spec = coco([note(1, 1, 0, 0, 4, 4), note(2, 3, 0, 0, 4, 4)])
    as_voc, as_coco = open_data(f"{spec}?classes=voc"), open_data(f"{spec}?classes=coco")
    first = as_voc.fingerprint("000001")
    assert open_data(f"{spec}?classes=voc").fingerprint("000001") == first
    assert as_voc.fingerprint("000002") != first
    assert as_coco.fingerprint("000001") != first
    coco([note(1, 1, 0, 0, 5, 4), note(2, 3, 0, 0, 4, 4)])
    assert open_data(f"{spec}?classes=voc").fingerprint("000001") != first
    save(tmp_path / "val2017/000001.png", picture[::-1])
    assert as_voc.fingerprint("000001") != first
    (tmp_path / "val2017/000001.png").unlink()
    assert as_voc.fingerprint("000001") != first
