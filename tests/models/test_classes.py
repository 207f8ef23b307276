from pathlib import Path

import pytest

from foolscape.class_file import read_class_names
from foolscape.data.class_map_file import read_names_map
from foolscape.errors import ClassMatchError, ModelError, SettingError
from foolscape.models.common.class_match import match_classes, meet
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


def test_other_writing_and_synonyms_are_forgiven_with_a_note() -> None:
    match = meet(("void", "traffic light", "Motorcycle", "car"), ("motorbike", "Traffic_Light", "Car"))
    assert match.channels == (2, 1, 3)
    assert match.notes == (
        "class 'motorbike' of the data taken for 'Motorcycle' of the model: synonym",
        "class 'Traffic_Light' of the data taken for 'traffic light' of the model: written otherwise",
        "class 'Car' of the data taken for 'car' of the model: written otherwise",
    )
    assert (
        match.line == "the model has all classes of the data (3, 3 of them under another name); not in the data: void"
    )
    same = meet(("a", "b"), ("b",))
    assert not same.notes
    assert same.line == "the model has all classes of the data (1); not in the data: a"


@pytest.mark.parametrize(
    ("model", "data", "lost"),
    [
        (("person", "car"), ("person", "pedestrian"), ("pedestrian",)),  # would be two classes in one
        (("sofa", "couch "), ("Couch", "settee"), ("settee",)),
        (("motorbike", "minibike"), ("motorcycle",), ("motorcycle",)),  # either may be meant
        (("traffic light",), ("traffic_light", "traffic-light"), ("traffic_light", "traffic-light")),
        (("vegetation",), ("tree",), ("tree",)),
    ],
)
def test_what_is_not_certain_is_not_guessed(model: tuple[str, ...], data: tuple[str, ...], lost: tuple[str]) -> None:
    match = meet(model, data)
    assert match.missing == lost
    with pytest.raises(ClassMatchError, match="expected a channel for each"):
        match.channels  # noqa: B018 - the property raises


def test_a_proposal_is_a_class_map(tmp_path: Path) -> None:
    model, data = ("car", "person", "a: b", "void"), ("Car", "persons", "pedestrian", "x, y", "a: b", "void", "zzz")
    with pytest.raises(ClassMatchError) as caught:
        match_classes(model, data)
    proposal = str(caught.value).partition("\n")[2]
    assert proposal.split("\n") == [
        "Car: car",
        "persons: person  # ?",
        "pedestrian: person",
        '"x, y": void  # ?',
        '"a: b": "a: b"',
        '"void": "void"',
        "zzz: void  # ?",
    ]
    (tmp_path / "map.yaml").write_text(proposal)
    read = read_names_map(tmp_path / "map.yaml")
    assert read.of(data) == ("car", "person", "person", None, "a: b", "void", None)
