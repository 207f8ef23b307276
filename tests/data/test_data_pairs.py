"""camvid: and voc:, from small files made here."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.data import camvid, voc
from foolscape.data.load import open_data
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError

# camvid:


@pytest.fixture
def camvid_root(tmp_path, pair):
    for split, names in (("train", ("t1",)), ("test", ("s2", "s1"))):
        for name in names:
            pair(tmp_path / split / f"{name}.png", tmp_path / f"{split}annot" / f"{name}.png", 12)
    return tmp_path


def test_camvid(camvid_root, picture):
    data = open_data(f"camvid:{camvid_root}")
    assert (data.split, data.ids) == ("test", ("s1", "s2"))
    assert data.classes == camvid.CLASSES
    assert (len(data.classes), data.classes[0], data.classes[8]) == (11, "Sky", "Car")
    assert data.notes == ("label value 11 is void",)
    sample = data.load("s2")
    np.testing.assert_array_equal(sample.image, picture)
    assert sample.labels.dtype == np.uint8
    stored = np.arange(12 * 16).reshape(12, 16) % 12
    np.testing.assert_array_equal(sample.labels, np.where(stored == 11, VOID, stored))


def test_camvid_split(camvid_root):
    assert open_data(f"camvid:{camvid_root}", split="train").ids == ("t1",)


def test_camvid_names_the_splits_that_exist(camvid_root):
    with pytest.raises(UnknownNameError, match=r"unknown split of camvid:.* 'val'; known: test, train"):
        open_data(f"camvid:{camvid_root}", split="val")


def test_camvid_with_train_alone(tmp_path, pair):
    pair(tmp_path / "train/a.png", tmp_path / "trainannot/a.png", 11)
    assert open_data(f"camvid:{tmp_path}").split == "train"


def test_camvid_other_layout(tmp_path):
    (tmp_path / "images").mkdir()
    want = r"expected the folders train and trainannot, .* \(at least one pair\) in .*, got images"
    with pytest.raises(DataError, match=want):
        open_data(f"camvid:{tmp_path}")


def test_camvid_without_label_folder(tmp_path, save, picture):
    save(tmp_path / "test/a.png", picture)
    with pytest.raises(DataError, match=r"expected label maps in .*testannot, got no such folder; use folder:"):
        open_data(f"camvid:{tmp_path}")


def test_camvid_with_an_empty_split(tmp_path):
    (tmp_path / "test").mkdir()
    (tmp_path / "testannot").mkdir()
    with pytest.raises(DataError, match=r"expected images in .*test, got none"):
        open_data(f"camvid:{tmp_path}")


def test_camvid_label_missing(camvid_root):
    (camvid_root / "testannot/s1.png").unlink()
    data = open_data(f"camvid:{camvid_root}")
    with pytest.raises(SampleError, match=r"testannot.s1\.png: expected a label map, got no readable file"):
        data.load("s1")


def test_camvid_counts_labels_without_image(camvid_root):
    (camvid_root / "test/s1.png").unlink()
    assert open_data(f"camvid:{camvid_root}").notes[1:] == (
        "1 label maps in testannot have no image and were left out (s1.png)",
    )


def test_camvid_label_of_another_size(camvid_root, save):
    save(camvid_root / "testannot/s1.png", np.zeros((16, 12), np.uint8))
    want = r"s1\.png: expected labels of the image's size 12x16, got 16x12; use the labels of this image"
    with pytest.raises(SampleError, match=want):
        open_data(f"camvid:{camvid_root}").load("s1")


def test_camvid_label_value_that_is_no_class(camvid_root, save):
    labels = np.zeros((12, 16), np.uint8)
    labels[0, :2] = 12
    labels[1, 0] = 255
    save(camvid_root / "testannot/s1.png", labels)
    want = r"expected label values 0 to 10, or 11 for void, got 12 \(2 pixels\), 255 \(1 pixels\); map them"
    with pytest.raises(SampleError, match=want):
        open_data(f"camvid:{camvid_root}").load("s1")


def test_many_bad_values_are_not_all_listed(camvid_root, save):
    save(camvid_root / "testannot/s1.png", np.arange(192, dtype=np.uint8).reshape(12, 16))
    with pytest.raises(SampleError, match=r"got 12 \(1 pixels\), .*16 \(1 pixels\) and 175 more; map"):
        open_data(f"camvid:{camvid_root}").load("s1")


def test_camvid_colour_labels(camvid_root, save, picture):
    save(camvid_root / "testannot/s1.png", picture)
    with pytest.raises(SampleError, match="expected labels as single-channel class indices, got an image of mode RGB"):
        open_data(f"camvid:{camvid_root}").load("s1")


def test_camvid_fingerprint_covers_the_labels(camvid_root, save):
    data = open_data(f"camvid:{camvid_root}")
    before = data.fingerprint("s1"), data.fingerprint("s2")
    save(camvid_root / "testannot/s1.png", np.zeros((12, 16), np.uint8))
    assert data.fingerprint("s1") != before[0]
    assert data.fingerprint("s2") == before[1]
    (camvid_root / "testannot/s1.png").unlink()
    assert data.fingerprint("s1") not in before


# voc:


def make_year(root: Path, lists: dict[str, list[str]], pair) -> Path:
    folder = root / "ImageSets/Segmentation"
    folder.mkdir(parents=True)
    for split, names in lists.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            pair(root / f"JPEGImages/{name}.jpg", root / f"SegmentationClass/{name}.png", 21, 255)
    return root


def test_voc_year(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"val": ["z", "a"], "train": ["t"]}, pair)
    data = open_data(f"voc:{root}")
    assert (data.split, data.ids) == ("val", ("z", "a"))
    assert data.classes == voc.CLASSES
    assert (len(data.classes), data.classes[15]) == (21, "person")
    assert data.notes == ("VOC2012, split val",)
    assert open_data(f"voc:{root}", split="train").ids == ("t",)


def test_voc_palette_labels(tmp_path, pair, save):
    root = make_year(tmp_path / "VOC2012", {"val": ["a"]}, pair)
    stored = (np.arange(12 * 16).reshape(12, 16) % 21).astype(np.uint8)
    stored[2:4] = 255
    image = Image.fromarray(stored)
    image.putpalette(np.random.default_rng(1).integers(0, 256, 768, dtype=np.uint8).tobytes())
    save(root / "SegmentationClass/a.png", image)
    sample = open_data(f"voc:{root}").load("a")
    np.testing.assert_array_equal(sample.labels, stored)
    assert sample.image.shape == (12, 16, 3)


def test_voc_takes_the_newest_year(tmp_path, pair):
    for year in ("2007", "2012"):
        make_year(tmp_path / f"VOC{year}", {"val": [f"of{year}"]}, pair)
    assert open_data(f"voc:{tmp_path}").ids == ("of2012",)
    assert open_data(f"voc:{tmp_path}?year=2007").ids == ("of2007",)
    with pytest.raises(UnknownNameError, match=r"unknown year of voc:.* '2010'; did you mean"):
        open_data(f"voc:{tmp_path}?year=2010")


def test_voc_year_of_a_year(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"val": ["a"]}, pair)
    assert open_data(f"voc:{root}?year=2012").ids == ("a",)
    with pytest.raises(SettingError, match=r"expected \?year= only with VOCdevkit, got \?year=2007 with"):
        open_data(f"voc:{root}?year=2007")


def test_voc_other_layout(tmp_path):
    with pytest.raises(DataError, match=r"expected VOCdevkit \(with VOC2012/ImageSets/Segmentation\) or one year"):
        open_data(f"voc:{tmp_path}")


def test_voc_without_labels(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"val": ["a"]}, pair)
    (root / "SegmentationClass/a.png").unlink()
    with pytest.raises(SampleError, match=r"SegmentationClass.a\.png: expected a label map, got no readable"):
        open_data(f"voc:{root}").load("a")
    (root / "SegmentationClass").rmdir()
    with pytest.raises(DataError, match=r"expected the folder .*SegmentationClass, got none; unpack all of VOC"):
        open_data(f"voc:{root}")


def test_voc_image_missing(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"val": ["a"]}, pair)
    (root / "JPEGImages/a.jpg").unlink()
    with pytest.raises(SampleError, match=r"a\.jpg: expected an image, got no readable file"):
        open_data(f"voc:{root}").load("a")


def test_voc_names_the_splits_that_exist(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"train": ["a"], "trainval": ["a"]}, pair)
    with pytest.raises(UnknownNameError, match=r"unknown split of voc:.* 'val'; did you mean trainval\?"):
        open_data(f"voc:{root}")
    with pytest.raises(UnknownNameError, match=r"unknown split of voc:.* 'xyz'; known: train, trainval"):
        open_data(f"voc:{root}", split="xyz")


def test_voc_list_with_blank_lines_and_repetitions(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"val": ["b", "a"]}, pair)
    (root / "ImageSets/Segmentation/val.txt").write_bytes(b"b\r\n\r\na\r\nb\r\n")
    data = open_data(f"voc:{root}")
    assert data.ids == ("b", "a")
    assert data.notes[1] == "1 repeated names in val.txt left out"


def test_voc_with_an_empty_list(tmp_path, pair):
    root = make_year(tmp_path / "VOC2012", {"val": ["a"]}, pair)
    (root / "ImageSets/Segmentation/val.txt").write_text("\n")
    with pytest.raises(DataError, match=r"val\.txt: expected a list of image names, got an empty file"):
        open_data(f"voc:{root}")


def test_voc_with_a_class_too_many(tmp_path, pair, save):
    root = make_year(tmp_path / "VOC2012", {"val": ["a"]}, pair)
    save(root / "SegmentationClass/a.png", np.full((12, 16), 21, np.uint8))
    with pytest.raises(SampleError, match=r"expected label values 0 to 20, or 255 for void, got 21 \(192 pixels\)"):
        open_data(f"voc:{root}").load("a")
