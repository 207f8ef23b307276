"""Class maps: what a file says, and what becomes of label maps and boxes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foolscape.data.boxes import DetectionSample
from foolscape.data.class_map_file import read_names_map
from foolscape.data.mapped import Mapped, with_class_map
from foolscape.data.sample import VOID, Sample
from foolscape.errors import SettingError
from foolscape.metrics.boxes import Truth

NAMES = ("road", "pave, ment", "car", "van", "sky", "void")


@dataclass(frozen=True)
class Listed:
    """A data set of one sample."""

    sample: Any
    classes: tuple[str, ...] | None = NAMES
    spec: str = "made:"
    ids: tuple[str, ...] = ("a",)
    split: str | None = None
    notes: tuple[str, ...] = ("as it is",)

    def fingerprint(self, sample_id: str) -> str:
        return f"print of {sample_id}"

    def load(self, sample_id: str) -> Any:
        assert sample_id == self.sample.id
        return self.sample


def written(folder: Path, text: str) -> Path:
    path = folder / "map.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    text = """# theirs: ours
    Road: "street: wide"   # a comment
    "pave, ment": street#2
    car, 'van': vehicle
    sky: void
    void: "void"
    """
    read = read_names_map(written(tmp_path, text))
    assert read.of(NAMES) == ("street: wide", "street#2", "vehicle", "vehicle", None, "void")
    others = read_names_map(written(tmp_path, "car: car\n*: void\n"))
    assert others.of(NAMES) == (None, None, "car", None, None, None)
    assert read_names_map(written(tmp_path, "\ufeffcar: bus\r\n")).of(NAMES)[:3] == ("road", "pave, ment", "bus")
    assert read_names_map(written(tmp_path, "car: car\n*: rest\n")).of(NAMES)[0] == "rest"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("car bus", "line 1: expected lines such as .* got 'car bus'"),
        ("\ncar:", "line 2: expected lines such as"),
        ("car: bus\ncar: van", "line 2: expected each name once, got 'car' again"),
        ("# nothing", "expected lines such as .*, got an empty file"),
        ('car: "bu', "line 1: expected lines such as"),
        ("- car: bus", "got '- car: bus'"),
        ("car: bus\nCAR: van", "got 'CAR'"),
        ('"": bus', "expected a name, got an empty one"),
        ("cat: bus", r"expected names of the data set on the left \(road, .*got 'cat' \(is it 'car'\?\); correct"),
        ("*: void", "got void for all 6"),
    ],
)
def test_a_file_that_does_not_do(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingError, match=why):
        with_class_map(Listed(Sample("a", np.zeros((8, 8, 3), np.uint8), None)), written(tmp_path, text))


def test_a_file_that_is_not_there_and_data_without_classes(tmp_path: Path) -> None:
    bare = Listed(Sample("a", np.zeros((8, 8, 3), np.uint8), None), classes=None)
    assert with_class_map(bare, None) is bare
    with pytest.raises(SettingError, match=r"class_map: expected a file of lines .* got No such file"):
        with_class_map(bare, tmp_path / "absent")
    with pytest.raises(SettingError, match="expected data with classes, got made:"):
        with_class_map(bare, written(tmp_path, "car: bus"))


def test_label_maps_are_renamed_merged_and_void(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 2, 3, 4, 5, VOID, 0]] * 8, np.uint8)
    source = Listed(Sample("a", np.zeros((8, 8, 3), np.uint8), labels))
    mapped = with_class_map(source, written(tmp_path, "van: car\nroad: street\nsky: void\nvoid: void\n"))
    assert mapped.classes == ("street", "pave, ment", "car")
    assert mapped.load("a").labels is not None
    assert mapped.load("a").labels[0].tolist() == [0, 1, 2, 2, VOID, VOID, VOID, 0]
    said = "class map map.yaml: 6 classes of the data are 3; road -> street; car, van -> car; void: sky, void"
    assert mapped.notes == ("as it is", said)
    assert (mapped.spec, mapped.split, mapped.ids) == ("made:", None, ("a",))
    other = with_class_map(source, written(tmp_path, "van: car\nroad: street\nsky: void\n"))
    assert len({source.fingerprint("a"), mapped.fingerprint("a"), other.fingerprint("a")}) == 3
    assert isinstance(mapped, Mapped)
    assert mapped.renamed[3:5] == (("van", "car"), ("sky", None))


def test_void_objects_are_a_crowd_of_every_class(tmp_path: Path) -> None:
    boxes = np.arange(12, dtype=np.float64).reshape(3, 4)
    truth = Truth(boxes, np.array([4, 3, 2]), np.array([False, True, False]), np.zeros(3, bool), np.array([5.0, 6, 7]))
    source = Listed(DetectionSample("a", np.zeros((8, 8, 3), np.uint8), truth))
    mapped = with_class_map(source, written(tmp_path, "van: car\ncar: car\nroad: street\n*: void\n"))
    assert mapped.classes == ("street", "car")
    found = mapped.load("a").truth
    assert found is not None
    assert found.labels.tolist() == [1, 1, 0, 1]
    assert found.crowd.tolist() == [False, False, True, True]
    assert found.difficult.tolist() == [True, False, False, False]
    assert found.boxes.tolist() == [boxes[1].tolist(), boxes[2].tolist(), boxes[0].tolist(), boxes[0].tolist()]
    assert found.area.tolist() == [6, 7, 5, 5]
