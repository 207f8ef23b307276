"""What a field of an annotation file says."""

import math
from pathlib import Path

import pytest

from foolscape.data import fields

LONG = "9" * 5000


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (3, 3.0),
        (2.5, 2.5),
        ("3", 3.0),
        (" -2.50 ", -2.5),
        ("+1e2", 100.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-inf", -math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
    ],
)
def test_numbers(value, want):
    assert fields.number(value, "x") == want


def test_nan_is_a_number():
    assert math.isnan(fields.number("NaN", "x"))
    assert math.isnan(fields.number(math.nan, "x"))


@pytest.mark.parametrize("value", [None, True, "", "two", "1_0", "10,5", "0x10", "٣", "1 2", [1], {}, LONG, "1e99999"])
def test_no_numbers(value):
    with pytest.raises(ValueError, match="expected a number as xmin, got ") as caught:
        fields.number(value, "xmin")
    assert len(str(caught.value)) < 90


@pytest.mark.parametrize("value", [480, 480.0, "480", "480.0", " 480 "])
def test_sides(value):
    assert fields.side(value, "height") == 480


@pytest.mark.parametrize("value", [None, "", " ", 0, -1, "0", "-1", -1.0])
def test_sides_that_are_not_known(value):
    assert fields.side(value, "height") is None


@pytest.mark.parametrize("value", [480.5, "12.5", math.nan, math.inf, "wide", True, [480], 10**400, 1e300])
def test_no_sides(value):
    with pytest.raises(ValueError, match="as height, got "):
        fields.side(value, "height")


@pytest.mark.parametrize(
    "value", [1, 1.0, True, "1", " 1\n", "1.0", "+1", "true", "True", "TRUE", "t", "yes", "Y", "on"]
)
def test_yes(value):
    assert fields.truth(value, "difficult") is True


@pytest.mark.parametrize(
    "value", [0, 0.0, -0.0, False, "0", "0.0", "-0", "00", "false", "False", "f", "no", "N", "off"]
)
def test_no(value):
    assert fields.truth(value, "difficult") is False


@pytest.mark.parametrize(
    "value", [None, "", " ", math.nan, "nan", "Unspecified", "unknown", "None", "null", "N/A", "-"]
)
def test_what_says_nothing(value):
    assert fields.truth(value, "difficult") is None


@pytest.mark.parametrize("value", [2, -1, 0.5, math.inf, "2", "maybe", "truee", "1 0", [], [1], {}, LONG, 10**400])
def test_no_truth(value):
    with pytest.raises(ValueError, match=r"expected 0 or 1 \(or yes, no, true, false\) as difficult, got ") as caught:
        fields.truth(value, "difficult")
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("value", [42, 42.0, "42", " 42 ", "000000000042", "+42", "42.0"])
def test_ids_of_a_number(value):
    assert fields.identity(value, "id") == 42


@pytest.mark.parametrize("value", ["img_7", "4a", "1e3", "4.5", LONG, "٣"])
def test_ids_that_are_text(value):
    assert fields.identity(value, "id") == value


@pytest.mark.parametrize("value", [None, "", "  ", True, 4.5, math.nan, math.inf, [1], {"id": 1}])
def test_no_ids(value):
    with pytest.raises(ValueError, match="expected an id as image_id, got "):
        fields.identity(value, "image_id")


@pytest.mark.parametrize(
    ("value", "want"),
    [("a.jpg", "a.jpg"), ("./x//a.jpg", "x/a.jpg"), ("x\\a.jpg", "x/a.jpg"), ("a..b.jpg", "a..b.jpg"), ("~", "~")],
)
def test_paths_inside(value, want):
    assert fields.inside(value, "file_name") == Path(want)


@pytest.mark.parametrize(
    "value", ["../a.jpg", "x/../../a.jpg", "/etc/passwd", "x\\..\\a.jpg", "C:\\a.jpg", "c:/a.jpg", "\\\\host\\a.jpg"]
)
def test_paths_outside(value):
    with pytest.raises(ValueError, match="expected a path inside the folder as file_name, got "):
        fields.inside(value, "file_name")
    assert fields.inside(value, "file_name", outside=True) == Path(value.replace("\\", "/"))


@pytest.mark.parametrize(
    "value", ["", " ", ".", "..", "/", "//", "./", None, 5, True, ["a.jpg"], "a\0.jpg", "\ud800.jpg"]
)
def test_no_paths(value):
    for outside in (None, True):
        with pytest.raises(ValueError, match="expected the name of a file as file_name, got ") as caught:
            fields.inside(value, "file_name", outside=outside)
        str(caught.value).encode()  # can be printed


def test_names_that_are_alike():
    known = ("traffic light", "tv", "person")
    assert [fields.alike(name, known) for name in ("Traffic_Light", "TV", "PERSON", "traffic-light")] == [
        "traffic light",
        "tv",
        "person",
        "traffic light",
    ]
    assert [fields.alike(name, known) for name in ("persons", "", None, 3, ["tv"])] == [None] * 5
