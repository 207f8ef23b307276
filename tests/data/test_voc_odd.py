"""voc: as other tools write it: words for truth values, other extensions, lists with marks, columns and paths."""

from pathlib import Path

import numpy as np
import pytest

from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SampleError

SIZE = "<size><width>16</width><height>12</height></size>"
BOX = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>10</xmax><ymax>8</ymax></bndbox>"
CAT = f"<object><name>cat</name>{BOX}</object>"


@pytest.fixture
def year(tmp_path, save, picture):
    """Writes VOC2012 with the images a and b, the same annotation for both and the same labels."""

    def write(
        objects: str = CAT,
        size: str = SIZE,
        listed: str | bytes = "a\nb\n",
        image: str = ".jpg",
        xml: str = ".xml",
        label: str = ".png",
        names: tuple[str, ...] = ("a", "b"),
    ) -> str:
        root = tmp_path / "VOC2012"
        for task in ("Main", "Segmentation"):
            path = root / f"ImageSets/{task}/val.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(listed.encode() if isinstance(listed, str) else listed)
        for name in names:
            save(root / f"JPEGImages/{name}{image}", picture, **({"format": "JPEG"} if "jp" in image.lower() else {}))
            save(root / f"SegmentationClass/{name}{label}", np.full((12, 16), 8, np.uint8), format="PNG")
            annotation = root / f"Annotations/{name}{xml}"
            annotation.parent.mkdir(parents=True, exist_ok=True)
            annotation.write_text(f"<annotation>{size}{objects}</annotation>")
        return f"voc:{tmp_path}"

    return write


def flags(*difficult: str) -> str:
    return "".join(f"<object><name>cat</name>{flag}{BOX}</object>" for flag in difficult)


@pytest.mark.parametrize("word", ["1", " 1\n", "1.0", "true", "True", "yes", "<!-- hard -->1"])
def test_difficult(year, word):
    sample = open_detection(year(flags(f"<difficult>{word}</difficult>"))).load("a")
    assert (sample.truth.difficult.tolist(), sample.notes) == ([True], ())


@pytest.mark.parametrize("word", ["0", "0.0", "false", "No", ""])
def test_not_difficult(year, word):
    sample = open_detection(year(flags(f"<difficult>{word}</difficult>"))).load("a")
    assert (sample.truth.difficult.tolist(), sample.notes) == ([False], ())


def test_upper_case_elements(year):
    text = (
        CAT.replace("object", "Object")
        .replace("<name>", "<difficult>1</difficult><name>")
        .replace("difficult", "Difficult")
    )
    assert open_detection(year(text)).load("a").truth.difficult.tolist() == [True]


def test_words_that_say_nothing_are_said(year):
    words = ("<difficult>Unspecified</difficult>", "<difficult>1</difficult>", "<difficult>Unspecified</difficult>")
    sample = open_detection(year(flags(*words))).load("a")
    assert sample.truth.difficult.tolist() == [False, True, False]
    assert sample.notes[0] == "2 objects with 'Unspecified' as difficult: taken as no"
    assert sample.notes[1] == "2 objects are the same as another (class and box); all count"


@pytest.mark.parametrize("word", ["2", "-1", "maybe", "0.5", "1 0"])
def test_words_without_meaning_are_refused(year, word):
    data = open_detection(year(flags(f"<difficult>{word}</difficult>")))
    with pytest.raises(SampleError, match=r"a\.xml: expected 0 or 1 \(or yes, no, true, false\) as difficult, got '"):
        data.load("a")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (flags("<difficult>0</difficult><difficult>1</difficult>"), "expected one difficult in each object, got 2"),
        (CAT.replace("</object>", "<name>dog</name></object>"), "expected one name in each object, got 2 that differ"),
        (CAT.replace("</bndbox>", "<xmin>4</xmin></bndbox>"), "expected one xmin in each bndbox, got 2 that differ"),
        (CAT.replace("<xmin>3", "<xmin>1_0"), "expected a number as xmin, got '1_0'"),
        (
            CAT.replace("<name>", f"{'<difficult>' * 3000}{'</difficult>' * 3000}" * 2 + "<name>"),
            "expected one difficult",
        ),
        (SIZE.replace("16", "15") + CAT, "expected one size in each annotation, got 2 that differ"),
    ],
)
def test_contradictions_are_refused(year, text, want):
    with pytest.raises(SampleError, match=want):
        open_detection(year(text)).load("a")


def test_the_same_twice_is_no_contradiction(year):
    text = CAT.replace("<name>", "<difficult>1</difficult><difficult>1</difficult><name>")
    assert open_detection(year(text)).load("a").truth.difficult.tolist() == [True]


@pytest.mark.parametrize(
    "size",
    [
        "<size/>",
        "<size><width>0</width><height>0</height></size>",
        "<size><width>-1</width><height>-1</height></size>",
        "<size><width></width><height> </height></size>",
    ],
)
def test_sizes_that_are_not_given(year, size):
    sample = open_detection(year(size=size)).load("a")
    assert sample.truth.boxes.tolist() == [[2, 3, 10, 8]]
    assert sample.notes == ("no height or width above 0 given: that of the picture taken",)


def test_a_size_as_a_float(year):
    assert open_detection(year(size=SIZE.replace("12", "12.0"))).load("a").notes == ()


def test_names_of_classes_in_other_spellings(year):
    data = open_detection(year(CAT.replace("cat", "TVMonitor")))
    assert [data.classes[label] for label in data.load("a").truth.labels] == ["tvmonitor"]


# Extensions


@pytest.mark.parametrize("image", [".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".bmp"])
def test_images_of_other_extensions(year, image):
    spec = year(image=image)
    for data in (open_detection(spec), open_data(spec)):
        assert data.ids == ("a", "b")
        assert data.load("b").image.shape == (12, 16, 3)
        assert data.notes == ("VOC2012, split val",)


def test_truth_in_upper_case(year):
    spec = year(xml=".XML", label=".PNG")
    assert len(open_detection(spec).load("a").truth.labels) == 1
    assert open_data(spec).load("a").labels.max() == 8


def test_of_several_images_of_a_name_the_jpg_counts(year, save, tmp_path, picture):
    spec = year()
    save(tmp_path / "VOC2012/JPEGImages/a.bmp", picture[::-1])
    plain = open_detection(year()).load("a").image
    data = open_detection(spec)
    np.testing.assert_array_equal(data.load("a").image, plain)
    assert data.notes[1] == "1 names have files of several extensions: .jpg and .xml count"


# Lists


@pytest.mark.parametrize(
    ("listed", "notes"),
    [
        ("\ufeffa\nb\n", ()),
        ("a\r\nb\r\n", ()),
        ("a\rb", ()),
        ("  a \n\n\tb\n", ()),
        ("a.jpg\nb.jpg\n", ("2 names in val.txt without their folder or extension",)),
        ("a.xml\nb\n", ("1 names in val.txt without their folder or extension",)),
        ("JPEGImages/a.jpg\nVOC2012/JPEGImages/b.jpg\n", ("2 names in val.txt without their folder or extension",)),
        ("a  1\nb -1\n", ("2 lines of val.txt have more columns than the name: left out",)),
        ("a\t0\nb\n", ("1 lines of val.txt have more columns than the name: left out",)),
        (
            "JPEGImages/a.jpg SegmentationClass/a.png\nb\n",
            ("1 lines of val.txt have more columns than the name: left out",),
        ),
        (
            "a\nb\na.jpg\n",
            ("1 names in val.txt without their folder or extension", "1 repeated names in val.txt left out"),
        ),
    ],
)
def test_lists(year, listed, notes):
    spec = year(listed=listed)
    for data in (open_detection(spec), open_data(spec)):
        assert data.ids == ("a", "b")
        assert data.notes == ("VOC2012, split val", *notes)
        data.load("a")


def test_names_with_spaces_folders_and_points(year):
    names = ("cam 1/a 1", "x.y", "c -1")
    data = open_detection(year(names=names, listed="\n".join(names)))
    assert data.ids == names
    assert [len(data.load(name).truth.labels) for name in names] == [1, 1, 1]


def test_a_listed_image_that_is_missing(year):
    data = open_detection(year(listed="a\nc 1\n"))
    assert data.ids == ("a", "c")
    with pytest.raises(SampleError, match=r"c\.jpg: expected an image, got no readable file"):
        data.load("c")


@pytest.mark.parametrize("line", ["../a", "/etc/passwd", "x/../../a", ".", "..\\a"])
def test_names_that_lead_out_of_the_folder(year, line):
    spec = year(listed=f"a\n{line}\n")
    for opener in (open_detection, open_data):
        with pytest.raises(DataError, match=r"val\.txt: line 2: expected (a path inside|the name of a file)"):
            opener(spec)


@pytest.mark.parametrize("content", [b"a\nb\xff\n", b"\xff\xfea\0\n\0", b"a\nb\0\n"])
def test_a_list_that_is_no_utf8(year, content):
    with pytest.raises(DataError, match=r"val\.txt: expected a list of image names, got "):
        open_detection(year(listed=content))


def test_fingerprints_follow_the_file_that_is_read(year, tmp_path):
    spec = year(image=".PNG")
    data = open_detection(spec)
    before = data.fingerprint("a")
    path: Path = tmp_path / "VOC2012/JPEGImages/a.PNG"
    path.write_bytes(path.read_bytes() + b"x")
    assert data.fingerprint("a") != before
