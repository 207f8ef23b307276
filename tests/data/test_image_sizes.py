"""How large images are is told without decoding them, and those of one size come together."""

from pathlib import Path

import pytest
from PIL import Image

from foolscape.data import images
from foolscape.data.image_sizes import by_size, image_size
from foolscape.data.load import open_data, open_detection
from foolscape.data.own import data_set_of
from foolscape.data.part import Part
from foolscape.spec import parse

SIZES = {"a": (16, 24), "b": (24, 16), "c": (16, 24), "d": (32, 32), "e": (24, 16)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height), "teal").save(tmp_path / f"{name}.png")
    return tmp_path


def test_images_of_one_size_come_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, boxes = open_data(f"folder:{folder}"), open_detection(f"folder:{folder}")
    monkeypatch.setattr(images, "decode", lambda *_: pytest.fail("it was decoded"))
    for one in (data, Part(data, None, data.ids), boxes):
        assert {name: image_size(one, name) for name in one.ids} == SIZES
        assert by_size(one, one.ids) == ["a", "c", "b", "e", "d"]
    assert by_size(data, ["e", "a", "b"]) == ["e", "b", "a"]


def test_what_does_not_tell_keeps_its_order(folder: Path) -> None:
    (folder / "b.png").write_bytes(b"no picture")
    data = open_data(f"folder:{folder}")
    assert image_size(data, "b") is None
    assert by_size(data, data.ids) == ["a", "c", "b", "d", "e"]
    scenes = open_data("scenes:")
    assert by_size(scenes, scenes.ids[:3]) == list(scenes.ids[:3])
    own = data_set_of("memory:mine", [(data.load(name).image, None) for name in "ade"])
    opened = own.openers["segmentation"](parse("memory:mine", ()), None, None)
    assert by_size(opened, opened.ids) == list(opened.ids)
