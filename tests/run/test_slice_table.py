"""`--slices FILE.csv`: what a table may look like, and what is said of one that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from foolscape.errors import LossError, SettingError
from foolscape.run.slices.given import given_of, joined
from foolscape.run.slices.table import matched, read_table, table_of
from foolscape.strict import losses, strictly


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "known.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_told_apart_by_what_the_header_has(separator: str, tmp_path: Path) -> None:
    text = "\ufeffid,night,camera\r\na/1,yes,left\r\n\r\n a/2 , ,right \r\n".replace(",", separator)
    found = read_table(table(tmp_path, text))
    assert found.names == ("night", "camera")
    assert found.lines == (("a/1", {"night": "yes", "camera": "left"}), ("a/2", {"camera": "right"}))
    assert found.notes == ()


def test_fields_may_be_quoted(tmp_path: Path) -> None:
    found = read_table(table(tmp_path, 'id,road\n"a,1","wet, with ""ice"""\n'))
    assert found.lines == (("a,1", {"road": 'wet, with "ice"'}),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "got an empty file"),
        ("id,night\n", "got 1 lines"),
        ("id\na\nb\n", "got 3 lines, the first of 1 columns"),
        ("id,night,night\na,1,2\n", "expected a name of its own above each column"),
        ("id,night,\na,1,2\n", "expected a name of its own above each column"),
        ('id,night\na,"yes\nb,no\n', "expected a table of images"),
        ("id,night\na,yes\n".encode("utf-16"), "expected a table of images"),
        (b"id,night\na,\xff\n", "expected a table of images"),
        (b"id,night\na,y\0s\n", "a NUL in line 2"),
    ],
)
def test_what_is_no_table_is_refused(content: str | bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=says):
        read_table(table(tmp_path, content))


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SettingError, match="expected a table of images"):
            table_of(place)
    with pytest.raises(SettingError, match="expected the path of a table"):
        table_of(3)
    assert table_of(None) is None


def test_odd_lines_are_counted(tmp_path: Path) -> None:
    found = read_table(table(tmp_path, "id,night,rain\na,yes\nb,no,no,what\n,yes,yes\nc,no,no\n"))
    assert [name for name, _ in found.lines] == ["a", "b", "c"]
    assert [note.partition(": ")[2] for note in found.notes] == [
        "1 of 4 lines have no id and are left out",
        "1 of 4 lines have more fields than the header; what is beyond is left out",
        "1 of 4 lines have fewer fields than the header; those attributes are not known",
    ]


def test_ids_are_those_of_the_data_with_or_without_an_ending(tmp_path: Path) -> None:
    found, notes = matched(
        read_table(table(tmp_path, "id,n\nx/a.png,1\nx/b,2\nc,3\nx/a,1\n")), ["x/a", "x/b", "c", "d"], ["x/a", "c", "d"]
    )
    assert found == {"x/a": {"n": "1"}, "c": {"n": "3"}}
    assert losses(notes) == []
    assert [note.split(" of ")[0] for note in notes] == ["1", "1", "1"]
    assert "repeat an image, with the same values, such as x/a" in notes[0]
    assert "1 of 3 images are not in" in notes[1]
    assert "taken without their ending" in notes[2]


def test_lines_that_contradict_each_other_leave_the_value_open(tmp_path: Path) -> None:
    found, notes = matched(read_table(table(tmp_path, "id,n,m\na,1,5\na,2,5\na,,5\n")), ["a"], ["a"])
    assert found == {"a": {"m": "5"}}
    assert "repeat an image with other values" in losses(notes)[0]


class Photos:
    spec, classes, ids, notes, split = "photos:", None, ("a", "b"), (), None

    def fingerprint(self, sample_id: str) -> str:
        return sample_id

    def load(self, sample_id: str) -> None:
        del sample_id

    def attributes(self, sample_id: str) -> dict[str, object]:
        return {"weather": "fog", "n": 0, "size": (1, 2), "wet": sample_id == "a"}


def test_a_table_wins_over_the_data_set_and_strictness_holds(tmp_path: Path) -> None:
    given = given_of(Photos(), ("a", "b"), read_table(table(tmp_path, "id,n\na,1\nz,2\n")))
    assert given.attributes == {"a": {"weather": "fog", "wet": "yes", "n": "1"}, "b": {"weather": "fog", "wet": "no"}}
    with strictly(True), pytest.raises(LossError, match="name no image of the data, such as z"):
        given_of(Photos(), ("a", "b"), read_table(tmp_path / "known.csv"))
    assert given_of(Photos(), ("a",), None).attributes == {"a": {"weather": "fog", "wet": "yes", "n": "0"}}
    assert joined({"a": {"n": "0"}}, {}, ["n"]) == {}
