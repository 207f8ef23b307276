"""Data sets that keep to MAITE's protocol for object detection."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from maite.protocols import object_detection
from maite.spotcheck import SpotcheckError, spotcheck_component

from foolscape.data.attributes import attributes_of
from foolscape.data.load import open_data, open_detection, register
from foolscape.data.own import data_set_of
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.run.settings.user_data import enter_data
from foolscape.testing import check_data

PHOTO = np.random.default_rng(0).integers(0, 256, (3, 12, 16), dtype=np.uint8)


@dataclass
class Target:
    boxes: Any
    labels: Any
    scores: Any


class Photos:
    """Two images with a box each; the second as floats."""

    def __init__(self, **metadata: Any) -> None:
        self.metadata = {"id": "photos", "index2label": {0: "cat", 1: "dog"}} | metadata

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        target = Target(np.array([[1.0, 2, 6, 8]]), np.array([index]), np.array([1.0]))
        return (PHOTO / 255 if index else PHOTO), target, {"id": f"photo {index}"}


class Fieldwise(Photos):
    def get_metadata(self, index: int) -> Any:
        return {"id": f"photo {index}", "camera": "left", "size": (8, 8)}


def test_metadata_are_attributes() -> None:
    assert attributes_of(opened(Fieldwise()), "photo 1") == {"camera": "left"}
    assert attributes_of(opened(Photos()), "000001") == {}


def opened(source: Any):
    register("maite:made:Photos", data_set_of("maite:made:Photos", source))
    return open_detection("maite:made:Photos")


def test_it_keeps_to_the_protocol_while_it_is_read() -> None:
    watched = spotcheck_component(object_detection.Dataset)
    assert opened(watched(Photos())).load("000001").truth.labels.tolist() == [1]

    class Odd(Photos):
        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index)[:2]

    with pytest.raises((SpotcheckError, SampleError, DataError)):
        opened(watched(Odd())).load("000000")


@pytest.mark.parametrize(("source", "ids"), [(Photos(), ("000000", "000001")), (Fieldwise(), ("photo 0", "photo 1"))])
def test_images_and_boxes(source: Any, ids: tuple[str, ...]) -> None:
    data = opened(source)
    assert (data.ids, data.classes) == (ids, ("cat", "dog"))
    for index, name in enumerate(ids):
        sample = data.load(name)
        np.testing.assert_array_equal(sample.image, PHOTO.transpose(1, 2, 0))
        assert sample.truth is not None
        assert sample.truth.boxes.tolist() == [[1, 2, 6, 8]]
        assert sample.truth.labels.tolist() == [index]
    assert check_data(data, "detection", samples=1).ok


@pytest.mark.parametrize("spec", ["maite:{}/mine.py:photos", "{}/mine.py:photos"])
def test_a_factory_in_a_file(tmp_path: Path, spec: str) -> None:
    (tmp_path / "mine.py").write_text(
        "from tests.data.test_maite import Photos\n\n\ndef photos():\n    return Photos()\n"
    )
    text = spec.format(tmp_path)
    enter_data(text)
    assert open_detection(text).classes == ("cat", "dog")


def test_what_it_must_tell() -> None:
    with pytest.raises(DataError, match="expected index2label in the metadata"):
        opened(Photos(index2label={}))
    with pytest.raises(DataError, match="expected names of the labels 0 to 1 in index2label, got 1, 2"):
        opened(Photos(index2label={1: "cat", 2: "dog"}))
    opened(Photos())
    with pytest.raises(SettingError, match="has no labels of classes"):
        open_data("maite:made:Photos")


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (PHOTO[0], r"expected an image \(3, H, W\), got \(12, 16\)"),
        (PHOTO * 1.0, "expected a tensor with values in .0, 1., got 0 to 255; leave the normalising out"),
        (PHOTO.astype(np.int64), "expected an image of uint8 or floats, got int64"),
    ],
)
def test_images_that_are_none(image: Any, words: str) -> None:
    class Odd(Photos):
        def __getitem__(self, index: int) -> Any:
            return image, *super().__getitem__(index)[1:]

    with pytest.raises((SampleError, DataError), match=words):
        opened(Odd()).load("000000")
