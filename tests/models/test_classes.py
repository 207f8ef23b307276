from pathlib import Path

import pytest

from foolscape.class_file import read_class_names
from foolscape.errors import ModelError, SettingError
from foolscape.models.common.class_map import match_classes
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.models.segmenters.adapter import name_classes

from .networks import Tiny

CAMVID = ("Sky", "Building", "Pole", "Road")


def _unnamed(channels: int, classes: tuple[str, ...] = ()) -> ModuleSegmenter:
    return ModuleSegmenter(Tiny(classes=channels), classes, 1, (), channels)


def test_matching_ignores_case_order_and_outer_spaces() -> None:
    assert match_classes(("void", "road", " Sky ", "POLE", "Building"), CAMVID) == (2, 4, 3, 1)


def test_a_class_the_model_lacks_is_named_with_near_misses() -> None:
    with pytest.raises(ModelError, match=r"'Pole' \(is it 'Poles'\?\).*'Road'; the model's 3 classes: Sky, Building"):
        match_classes(("Sky", "Building", "Poles"), CAMVID)


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(ModelError, match="expected distinct class names, got 'Sky' and 'sky '"):
        match_classes(("Sky", "sky "), ("Sky",))
    with pytest.raises(ModelError, match="got 'Sky' and 'Sky'"):
        match_classes(("Sky", "Sky"), ("Sky",))


def test_unnamed_channels_take_the_names_of_the_data() -> None:
    named = name_classes(_unnamed(4), CAMVID)
    assert named.classes == CAMVID
    assert named.notes == ("the network names no classes: those of the data set, in its order",)
    assert name_classes(_unnamed(2), None).classes == ("class 0", "class 1")
    assert name_classes(_unnamed(2, ("a", "b")), CAMVID).classes == ("a", "b")


def test_unnamed_channels_of_another_number_are_refused() -> None:
    with pytest.raises(ModelError, match=r"\(4: Sky, Building, Pole, Road\), got 5 channels without names"):
        name_classes(_unnamed(5), CAMVID)


def test_a_class_file_may_hold_comments(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("\ufeff# CamVid\nSky\n\n  Traffic Light \n", encoding="utf-8")
    assert read_class_names(path) == ("Sky", "Traffic Light")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"Sky\n", "expected at least 2 class names"),
        (b"Sky\nRoad\nsky\n", "classes.txt: expected distinct class names"),
        (b"\xff\xfe\x00", "expected a class file"),
    ],
)
def test_a_class_file_that_does_not_do(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(SettingError, match=text):
        read_class_names(tmp_path / "classes.txt")
    with pytest.raises(SettingError, match="expected a class file"):
        read_class_names(tmp_path / "absent.txt")
