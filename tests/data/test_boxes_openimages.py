"""openimages:, from a tree written here in the published layout."""

import shutil

import numpy as np
import pytest

from foolscape.data.load import open_detection
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.metrics.boxes import Detected, everywhere
from foolscape.strict import LossNote
from tests.data.made import frame
from tests.metrics.coco_ap import coco_ap

HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
NAMES = "/m/011k07,Tortoise\n/m/0jbk,Animal\n/m/02s195,Vase\n"


def line(image: str, label="/m/0jbk", box=(0.25, 0.75, 0.5, 1), group="0") -> str:
    return f"{image},xclick,{label},1,{','.join(map(str, box))},0,0,{group},0,0\n"


@pytest.fixture
def tree(tmp_path, save):
    """Writes the tables of validation, and the images named."""

    def write(*lines: str, images="ab", names=NAMES, head=HEAD, table="validation-annotations-bbox.csv") -> str:
        for name in images:
            save(tmp_path / f"validation/{name}.jpg", frame(1))
        (tmp_path / "class-descriptions-boxable.csv").write_text(names)
        (tmp_path / table).write_text(head + "".join(lines))
        return f"openimages:{tmp_path}"

    return write


def test_boxes(tree):
    data = open_detection(tree(line("b"), line("a", "/m/02s195", (0, 0.5, 0, 0.25), "1"), line("a")))
    assert (data.ids, data.split) == (("a", "b"), "validation")
    assert data.classes == ("Tortoise", "Animal", "Vase")
    assert data.notes == (
        "3 classes of class-descriptions-boxable.csv; boxes of groups (IsGroupOf) are crowds",
        "detections of classes that nobody looked for in an image count as false, other than in Open Images' own score"
        "; with validation-annotations-human-imagelabels-boxable.csv beside the table they do not",
    )
    sample = data.load("a")
    # The columns are XMin, XMax, YMin, YMax.
    assert sample.truth.boxes.tolist() == [[0, 0, 8, 3], [4, 6, 12, 12]]
    assert sample.truth.labels.tolist() == [2, 1]
    assert sample.truth.crowd.tolist() == [True, False]
    assert sample.notes == ()


@pytest.mark.parametrize(
    "name", ["validation-annotations-human-imagelabels-boxable", "oidv7-validation-annotations-human-imagelabels"]
)
def test_classes_that_nobody_looked_for(tree, tmp_path, name):
    spec = tree(line("a"), line("b", "/m/02s195"))
    before = open_detection(spec).fingerprint("a")
    rows = ("a,verification,/m/02s195,0", "a,verification,/m/none,1", "b,verification,/m/02s195,1", "c,x,/m/0jbk,1")
    (tmp_path / f"{name}.csv").write_text("\n".join(("ImageID,Source,LabelName,Confidence", *rows)))
    data = open_detection(spec)
    assert data.notes[1].startswith(
        f"detections of classes that nobody looked for in an image count nowhere, by {name}.csv"
    )
    assert data.fingerprint("a") != before
    truths = [data.load(one).truth for one in "ab"]
    assert [one.labels[everywhere(one)].tolist() for one in truths] == [[0], [0, 1]]
    assert [one.labels[~one.crowd].tolist() for one in truths] == [[1], [2]]
    # In image a there is no vase, which was looked for; of tortoises nothing is known there, nor of animals in b.
    box = np.array([[4, 6, 12, 12], [0, 0, 3, 3.0]])
    found = [Detected(box, np.array([0.8, 0.9]), np.array(labels)) for labels in ([1, 0], [2, 1])]
    np.testing.assert_allclose(coco_ap(truths, found, 3)[0], [np.nan, 100, 100])
    found = [Detected(box, np.array([0.8, 0.9]), np.array(labels)) for labels in ([1, 2], [2, 1])]
    np.testing.assert_allclose(coco_ap(truths, found, 3)[0], [np.nan, 100, 50])
    shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path)
    zipped = open_detection(f"openimages:{tmp_path}/all.zip")
    assert (zipped.ids, zipped.notes[1]) == (data.ids, data.notes[1])
    (tmp_path / f"{name}.csv").write_text("ImageID,x\n")
    with pytest.raises(
        DataError, match=r"imagelabels.*expected the columns ImageID and LabelName, got \['ImageID', 'x'\]"
    ):
        open_detection(spec)


def test_other_names_of_the_tables(tree, tmp_path):
    spec = tree(line("a"), names="LabelName,DisplayName\n" + NAMES, table="oidv6-train-annotations-bbox.csv")
    (tmp_path / "class-descriptions-boxable.csv").rename(tmp_path / "oidv7-class-descriptions-boxable.csv")
    (tmp_path / "validation").rename(tmp_path / "data")
    assert (open_detection(spec).split, open_detection(spec).classes[0]) == ("train", "Tortoise")
    (tmp_path / "oidv6-train-annotations-bbox.csv").rename(tmp_path / "mine.csv")
    (tmp_path / "data").rename(tmp_path / "x")
    with pytest.raises(DataError, match=r"expected SPLIT-annotations-bbox\.csv in .*, got no such file; check"):
        open_detection(spec)
    with pytest.raises(DataError, match=r"expected images in one of .*mine, .*, got none; use \?images=DIR"):
        open_detection(f"{spec}?annotations=mine.csv")
    assert open_detection(f"{spec}?annotations=mine.csv&images=x").split == "mine"


def test_images_and_lines_without_partner(tree):
    data = open_detection(tree(line("a"), line("q"), line("q"), line("r"), images="abc"))
    assert data.ids == ("a",)
    assert [note.partition(" in ")[0] for note in data.notes[2:]] == ["2 of 3 images", "2 images of the table are not"]
    assert all(isinstance(note, LossNote) for note in data.notes[2:])
    with pytest.raises(DataError, match=r"expected lines of the images in .*validation, got none of 3; use"):
        open_detection(tree(line("q"), images="abc"))


def test_a_line_that_is_no_box_fails_its_image(tree):
    short = ",".join(line("b").split(",")[:5]) + "\n"
    for bad, want in (
        (line("b", box=("x", 1, 0, 1)), "expected a number as XMin, got 'x'"),
        (line("b", group="maybe"), r"expected 0 or 1 .* as IsGroupOf, got 'maybe'"),
        (short, "fewer columns than the first line has"),
    ):
        data = open_detection(tree(line("a"), line("b"), bad))
        assert len(data.load("a").truth.labels) == 1
        with pytest.raises(
            SampleError, match=rf"validation-annotations-bbox\.csv: line 4: {want}; correct it or leave"
        ):
            data.load("b")


def test_groups_that_are_not_told(tree):
    data = open_detection(tree(line("a", group="-1"), line("a", group="0")))
    assert data.load("a").truth.crowd.tolist() == [False, False]
    assert data.notes[-1] == "1 boxes do not say IsGroupOf: taken for single objects"


@pytest.mark.parametrize(
    ("more", "want"),
    [
        ({"head": HEAD.replace("YMax", "Bottom")}, "expected the columns ImageID, .*, got no YMax in"),
        (
            {"names": "/m/011k07,Tortoise\n"},
            "expected labels that the class descriptions name, got '/m/0jbk' in line 2",
        ),
        ({"names": ""}, r"boxable\.csv: expected labels and their names, got an empty file"),
        ({"names": "/m/0jbk\n"}, r"expected a label and its name, each label once, got \['/m/0jbk'\] in line 1"),
        ({"names": "/m/0jbk,A\n/m/0jbk,B\n"}, "each label once, got .* in line 2"),
        ({"head": "", "names": NAMES}, "expected the columns ImageID"),
        ({"head": HEAD + '"'}, "expected a table in CSV, got "),
        ({"head": HEAD + "\n,x,/m/0jbk\n"}, "expected an ImageID in line 3, got none"),
    ],
)
def test_tables_of_another_form(tree, more, want):
    with pytest.raises(DataError, match=want):
        open_detection(tree(line("a"), **more))


def test_the_split_is_named(tree, tmp_path):
    spec = tree(line("a"))
    (tmp_path / "test-annotations-bbox.csv").write_text(HEAD + line("a"))
    (tmp_path / "train-annotations-bbox.csv").write_text(HEAD + line("a"))
    assert open_detection(spec, split="val").split == "validation"
    with pytest.raises(SettingError, match=r"expected one split for 't', got test, train; name one of them"):
        open_detection(spec, split="t")


def test_fingerprint(tree):
    before = open_detection(tree(line("a"), line("b"))).fingerprint("a")
    assert open_detection(tree(line("a"), line("b", group="1"))).fingerprint("a") == before
    assert open_detection(tree(line("a", group="1"), line("b"))).fingerprint("a") != before
    assert open_detection(tree(line("a"), names=NAMES.replace("Vase", "Pot"))).fingerprint("a") != before
