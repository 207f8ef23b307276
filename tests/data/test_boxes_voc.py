"""voc: for detection, from annotations written here by hand."""

from pathlib import Path

import numpy as np
import pytest

from foolscape.data import voc
from foolscape.data.load import open_data, open_detection
from foolscape.errors import DataError, SampleError, UnknownNameError

SIZE = "<size><width>16</width><height>12</height><depth>3</depth></size>"


def thing(name: str, xmin, ymin, xmax, ymax, more: str = "") -> str:
    box = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    return f"<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"


@pytest.fixture
def year(tmp_path, save, picture):
    """Writes VOC2012 with the lists val (z, a) and train (t), and the same annotation for each image."""

    def write(*objects: str, size: str = SIZE, text: str | bytes | None = None) -> str:
        root = tmp_path / "VOC2012"
        lists = {"val": "z\na\n", "train": "t\n", "cat_val": "z  1\na -1\n", "train_val": "z -1\na 1\n"}
        for name, content in lists.items():
            path = root / f"ImageSets/Main/{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (root / "Annotations").mkdir(exist_ok=True)
        xml = f"<annotation>{size}{''.join(objects)}</annotation>" if text is None else text
        for name in "zat":
            save(root / f"JPEGImages/{name}.jpg", picture)
            (root / f"Annotations/{name}.xml").write_bytes(xml if isinstance(xml, bytes) else xml.encode())
        return f"voc:{tmp_path}"

    return write


def test_boxes(year):
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    spec = year(
        thing("person", 3, 4, 10, 8, f"<difficult>1</difficult>{part}"),
        thing("tvmonitor", 1, 1, 16, 12, "<difficult>0</difficult>"),
        thing("aeroplane", 5, 5, 5, 5),
        thing("car", "2.5", "1.25", "4.5", "6"),
    )
    data = open_detection(spec)
    assert (data.split, data.ids, data.notes) == ("val", ("z", "a"), ("VOC2012, split val",))
    assert data.classes == voc.CLASSES[1:]
    sample = data.load("a")
    assert (sample.image.shape, sample.notes) == ((12, 16, 3), ())
    # Pixels 3 to 10 counted from 1 are the 8 columns between 2 and 10.
    assert sample.truth.boxes.tolist() == [[2, 3, 10, 8], [0, 0, 16, 12], [4, 4, 5, 5], [1.5, 0.25, 4.5, 6]]
    assert sample.truth.area.tolist() == [40, 192, 1, 17.25]
    assert [data.classes[i] for i in sample.truth.labels] == ["person", "tvmonitor", "aeroplane", "car"]
    assert sample.truth.difficult.tolist() == [True, False, False, False]
    assert not sample.truth.crowd.any()


def test_no_objects(year):
    truth = open_detection(year()).load("z").truth
    assert (truth.boxes.shape, truth.boxes.dtype) == ((0, 4), np.float64)
    assert (truth.labels.dtype, truth.difficult.dtype, truth.area.dtype) == (np.int64, np.bool_, np.float64)


def test_splits_without_the_lists_of_classes(year):
    spec = year()
    assert open_detection(spec, split="train").ids == ("t",)
    for split in ("cat_val", "train_val"):
        with pytest.raises(UnknownNameError, match=f"unknown split of voc:.* '{split}'; did you mean"):
            open_detection(spec, split=split)


def test_year(year, tmp_path):
    year()
    assert open_detection(f"voc:{tmp_path / 'VOC2012'}").ids == ("z", "a")
    assert open_detection(f"voc:{tmp_path}?year=2012").ids == ("z", "a")
    with pytest.raises(UnknownNameError, match=r"unknown year of voc:.* '2010'"):
        open_detection(f"voc:{tmp_path}?year=2010")


def test_boxes_alone_are_no_label_maps(year):
    with pytest.raises(DataError, match=r"expected VOCdevkit \(with VOC2012/ImageSets/Segmentation\)"):
        open_data(year())


def test_annotations_folder_missing(year, tmp_path):
    spec = year()
    (tmp_path / "VOC2012/Annotations").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"expected the folder .*Annotations, got none; unpack all of VOC"):
        open_detection(spec)


def test_bad_boxes(year):
    spec = year(
        thing("dog", "nan", 1, 5, 5),
        thing("dog", 9, 3, 5, 5),
        thing("dog", 30, 3, 35, 5),
        thing("dog", 9, 3, 20, 5),
        thing("cat", 1, 1, 2, 2),
    )
    sample = open_detection(spec).load("a")
    assert sample.truth.boxes.tolist() == [[8, 2, 16, 5], [0, 0, 2, 2]]
    assert sample.truth.area.tolist() == [24, 4]
    assert sample.notes == (
        "1 box whose corners are not finite numbers left out",
        "2 boxes without area inside the image left out",
        "1 box clipped to the image",
    )


@pytest.mark.parametrize(
    ("content", "want"),
    [
        (thing("", 1, 1, 2, 2), "expected one of VOC's 20 classes, got ''"),
        ("<object><name>cat</name></object>", "expected a bndbox in each object"),
        (thing("cat", 1, 1, "two", 2), "expected a number as xmax, got 'two'"),
        ("<object><name>cat</name><bndbox/></object>", "expected a number as xmin, got ''"),
    ],
)
def test_damaged_objects(year, content, want):
    data = open_detection(year(content))
    with pytest.raises(SampleError, match=rf"a\.xml: {want}.*; correct the annotation or leave the image out$"):
        data.load("a")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<annotation>",
        b"no xml",
        b"<annotation>\xff</annotation>",
        b"<annotation>&what;</annotation>",
        b"<?xml version='1.0' encoding='klingon'?><annotation/>",
        b"<?xml version='1.0' encoding='utf-7'?><annotation/>",
    ],
)
def test_no_xml(year, text):
    with pytest.raises(SampleError, match=r"a\.xml: expected an annotation in XML, got a damaged file \("):
        open_detection(year(text=text)).load("a")


def test_xml_of_something_else(year):
    with pytest.raises(SampleError, match="expected VOC's element annotation, got html"):
        open_detection(year(text="<html/>")).load("a")


def bomb(levels: int) -> str:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, levels))
    body = f"<annotation><object><name>&l{levels - 1};</name></object></annotation>"
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]>{body}'


@pytest.mark.parametrize(
    "text",
    [
        bomb(9),
        bomb(9).encode("utf-16"),
        '<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><annotation/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>',
        "<!DOCTYPE annotation><annotation/>",
    ],
    ids=["bomb", "bomb in UTF-16", "outside DTD", "outside entity", "empty"],
)
def test_document_types_are_refused(year, text):
    with pytest.raises(SampleError, match=r"a\.xml: expected an annotation without a document type, got one"):
        open_detection(year(text=text)).load("a")


def test_other_encodings(year):
    owner = "<owner>Ibáñez</owner>"
    text = f"<?xml version='1.0' encoding='iso-8859-1'?><annotation>{owner}{thing('cat', 1, 1, 2, 2)}</annotation>"
    assert len(open_detection(year(text=text.encode("iso-8859-1"))).load("a").truth.labels) == 1


def test_size(year):
    with pytest.raises(SampleError, match=r"a\.xml: expected labels of the image's size 12x16, got 16x12"):
        open_detection(year(size="<size><width>12</width><height>16</height></size>")).load("a")
    with pytest.raises(SampleError, match=r"expected a whole number as height, got 12\.5"):
        open_detection(year(size="<size><width>12</width><height>12.5</height></size>")).load("a")
    assert open_detection(year(thing("cat", 1, 1, 2, 2), size="")).load("a").truth.boxes.tolist() == [[0, 0, 2, 2]]


@pytest.mark.parametrize(("file", "want"), [("Annotations/a.xml", "an annotation"), ("JPEGImages/a.jpg", "an image")])
def test_file_missing(year, tmp_path, file, want):
    data = open_detection(year())
    (tmp_path / "VOC2012" / file).unlink()
    with pytest.raises(SampleError, match=rf"{Path(file).name}: expected {want}, got no readable file"):
        data.load("a")
    assert data.load("z").id == "z"


def test_fingerprint(year, tmp_path):
    data = open_detection(year(thing("cat", 1, 1, 2, 2)))
    before = data.fingerprint("a")
    assert data.fingerprint("z") == before  # the same bytes
    (tmp_path / "VOC2012/Annotations/a.xml").write_text(f"<annotation>{thing('cat', 1, 1, 2, 3)}</annotation>")
    assert data.fingerprint("a") != before
    assert data.fingerprint("z") == before
