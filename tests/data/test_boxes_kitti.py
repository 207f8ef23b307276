"""kitti:, from a tree written here in the published layout."""

import numpy as np
import pytest

from foolscape.data.load import open_detection
from foolscape.errors import DataError, SampleError, UnknownNameError
from foolscape.metrics.boxes import Detected
from foolscape.metrics.matching import FALSE, HIT, LEFT_OUT, match_coco
from tests.data.made import frame

REST = "1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
CAR = f"Car 0.00 0 -1.58 1.50 2.00 9.50 8.00 {REST}"
DONT_CARE = "DontCare -1 -1 -10 10.00 1.00 15.00 7.00 -1 -1 -1 -1000 -1000 -1000 -10"


@pytest.fixture
def tree(tmp_path, save):
    """Writes training/image_2 and training/label_2."""

    def write(**labels: str | None) -> str:
        for name, text in labels.items():
            save(tmp_path / f"training/image_2/{name}.png", frame(1))
            (tmp_path / "training/label_2").mkdir(exist_ok=True)
            if text is not None:
                (tmp_path / f"training/label_2/{name}.txt").write_text(text)
        return f"kitti:{tmp_path}"

    return write


def test_boxes(tree, tmp_path):
    data = open_detection(tree(a=f"{CAR}\n{CAR.replace('Car', 'Person_sitting')}\n", b="\n"))
    assert (data.ids, data.split, len(data.classes)) == (("a", "b"), "training", 8)
    assert data.notes == ("8 classes, split training; all objects count, however small, hidden or cut off",)
    sample = data.load("a")
    assert sample.truth.boxes.tolist() == [[1.5, 2, 9.5, 8]] * 2
    assert [data.classes[label] for label in sample.truth.labels] == ["Car", "Person_sitting"]
    assert (sample.truth.area.tolist(), sample.notes) == ([48, 48], ())
    assert len(data.load("b").truth.labels) == 0
    assert open_detection(f"kitti:{tmp_path}/training").ids == ("a", "b")


def test_regions_that_nobody_labelled(tree):
    sample = open_detection(tree(a=f"{DONT_CARE}\n{CAR}\n")).load("a")
    truth = sample.truth
    assert truth.labels.tolist() == [0, *range(8)]
    assert truth.crowd.tolist() == [False] + [True] * 8
    assert sample.notes == ("1 regions marked DontCare: a crowd of each of the 8 classes, which counts nowhere",)
    # A car that is found, a truck and a car within the region, a cyclist elsewhere.
    boxes = [[1.5, 2, 9.5, 8], [11, 2, 14, 6], [11, 2, 14, 6], [0, 8, 4, 12]]
    found = Detected(np.array(boxes), np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 2, 0, 5]))
    matched = match_coco(truth, found, 8)
    assert dict(zip(matched.scores.tolist(), matched.outcome[0].tolist(), strict=True)) == {
        0.9: HIT,
        0.8: LEFT_OUT,
        0.7: LEFT_OUT,
        0.6: FALSE,
    }
    assert matched.truths.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (f"{CAR} 0.9", r"expected 15 columns, got 16 \(a score makes it a result\)"),
        ("Car 0 0 0 1 2 3 4", "expected 15 columns, got 8"),
        (CAR.replace("Car", "Bus"), "expected one of Car, Van, .*, got 'Bus'"),
        (CAR.replace("9.50", "right"), "expected a number as right, got 'right'"),
    ],
)
def test_lines_that_are_no_object(tree, line, want):
    with pytest.raises(SampleError, match=rf"a\.txt: line 2: {want}; correct the annotation or leave the image out"):
        open_detection(tree(a=f"{CAR}\n{line}\n")).load("a")


def test_partners(tree, tmp_path):
    spec = tree(a=CAR, b=CAR, c=None)
    (tmp_path / "training/image_2/b.png").unlink()
    data = open_detection(spec)
    assert data.ids == ("a", "c")
    assert data.notes[1:] == ("1 label files have no image and count nowhere (b.txt)",)
    with pytest.raises(SampleError, match=r"c\.txt: expected a label file, got No such file"):
        data.load("c")
    (tmp_path / "testing/image_2").mkdir(parents=True)
    with pytest.raises(DataError, match=r"expected training/image_2 and training/label_2 in .*testing, got neither"):
        open_detection(f"kitti:{tmp_path}/testing")


def test_lists_of_splits(tree, tmp_path):
    spec = tree(a=CAR, b=CAR)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets/val.txt").write_text("b\nb.png\nz\n")
    data = open_detection(spec, split="val")
    assert (data.ids, data.notes[1:]) == (("b", "z"), ("1 repeated names in val.txt left out",))
    with pytest.raises(SampleError, match=r"z\.png: expected an image, got no readable file"):
        data.load("z")
    with pytest.raises(UnknownNameError, match=r"unknown split of kitti:.* 'test'; known: training, val"):
        open_detection(spec, split="test")
    (tmp_path / "ImageSets/val.txt").write_text("../b\n")
    with pytest.raises(DataError, match=r"val\.txt: expected a list of image names, got expected a path inside"):
        open_detection(spec, split="val")


def test_classes_of_ones_own(tree, tmp_path):
    (tmp_path / "names.txt").write_text("car\nroadsign\n")
    data = open_detection(tree(a=f"{CAR}\n{DONT_CARE}\n") + "?classes=names.txt")
    assert data.classes == ("car", "roadsign")
    assert data.load("a").truth.labels.tolist() == [0, 0, 1]
    assert data.fingerprint("a") != open_detection(f"kitti:{tmp_path}").fingerprint("a")
