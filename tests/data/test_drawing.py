"""Samples of a data set: seeded, with the share of every folder and class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foolscape.data.drawing import MOST_READ, draw
from foolscape.data.load import open_detection
from foolscape.data.part import Part
from foolscape.data.sample import VOID, Sample
from foolscape.errors import SampleError, SettingError

from .made_boxes import write_coco, write_voc, write_yolo

CITIES = {"aachen": 60, "bonn": 30, "koeln": 9, "ulm": 1}
IDS = tuple(f"{city}/{n:03d}" for city, count in CITIES.items() for n in range(count))


@dataclass(frozen=True)
class Maps:
    """Label maps of three classes: 0 everywhere, 1 in every fourth, 2 in one image of a hundred."""

    ids: Sequence[str] = IDS
    classes: tuple[str, ...] | None = ("road", "car", "train")
    spec: str = "made:"
    split: str | None = None
    notes: tuple[str, ...] = ()
    read: list[str] = field(default_factory=list)

    def fingerprint(self, sample_id: str) -> str:
        return sample_id

    def load(self, sample_id: str) -> Sample:
        self.read.append(sample_id)
        if sample_id == "aachen/000":
            raise SampleError("damaged")
        place = list(self.ids).index(sample_id)
        labels = np.zeros((8, 8), np.uint8)
        labels[0, 0], labels[1, 1], labels[2, 2] = VOID, place % 4 == 0, 2 * (place % 100 == 37)
        return Sample(sample_id, np.zeros((8, 8, 3), np.uint8), labels)


class Listed(Maps):
    """The same, which tells its classes without reading an image."""

    def shows(self, sample_id: str) -> tuple[int, ...]:
        place = list(self.ids).index(sample_id)
        return (0, *([1] * (place % 4 == 0)), *([2] * (place % 100 == 37)))


def cities(ids: Sequence[str]) -> dict[str, int]:
    return dict(Counter(name.partition("/")[0] for name in ids))


def test_every_folder_has_its_share_and_at_least_one() -> None:
    data = Maps(classes=None)
    drawn = draw(data, IDS, 20, 0)
    assert cities(drawn.ids) == {"aachen": 11, "bonn": 6, "koeln": 2, "ulm": 1}
    assert list(drawn.ids) == sorted(drawn.ids)
    assert drawn.remarks == ("sample: 20 of 100 images, drawn by seed 0, over 4 folders",)
    assert not data.read
    assert cities(draw(data, IDS, 3, 0).ids) == {"aachen": 2, "bonn": 1}
    assert draw(data, IDS, 20, 0).ids == drawn.ids != draw(data, IDS, 20, 1).ids


def test_a_sample_grows_and_shrinks_with_the_data() -> None:
    data = Maps(classes=None)
    many = set(draw(data, IDS[:60], 20, 0).ids)
    more = set(draw(data, IDS[:55], 20, 0).ids)
    assert len(many & more) >= 15


@pytest.mark.parametrize("seed", range(5))
def test_rare_classes_are_there(seed: int) -> None:
    data = Listed()
    drawn = draw(data, IDS, 12, seed)
    assert not data.read
    assert len(drawn.ids) == 12
    assert "aachen/037" in drawn.ids
    assert 3 <= sum(1 in data.shows(name) for name in drawn.ids) <= 4
    assert drawn.remarks[0].endswith("over 4 folders and classes")
    assert draw(Part(data, None, IDS), IDS, 12, seed).ids == drawn.ids


def test_label_maps_are_read_within_bounds() -> None:
    data = Maps()
    drawn = draw(data, IDS, 10, 0)
    assert len(data.read) == 40
    assert drawn.remarks[0] == (
        "sample: 10 of 100 images, drawn by seed 0, over 4 folders and classes, which were read in 40 of them"
    )
    assert cities(drawn.ids) == {"aachen": 5, "bonn": 3, "koeln": 1, "ulm": 1}
    many = Maps(ids=tuple(f"{n:04d}" for n in range(1000)))
    assert len(draw(many, many.ids, 300, 0).ids) == 300
    assert len(many.read) == MOST_READ


def test_clips_are_not_read() -> None:
    data = Maps(classes=("object",))
    drawn = draw(data, IDS, 20, 0, "clip")
    assert drawn.remarks == ("sample: 20 of 100 clips, drawn by seed 0, over 4 folders",)
    assert cities(drawn.ids)["ulm"] == 1
    assert not data.read


def test_all_where_there_are_no_more() -> None:
    drawn = draw(Maps(), IDS[:5], 5, 0)
    assert drawn.ids == IDS[:5]
    assert drawn.remarks == ("sample: all 5 images, since no more than 5 are there",)
    with pytest.raises(SettingError, match="expected a sample of at least 1 image, got 0"):
        draw(Maps(), IDS, 0, 0)


def test_boxes_in_files_tell_their_classes_without_an_image(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    things = {f"i{n}": (image, [("car", 0, 0, 8, 8)] + [("bus", 8, 8, 8, 8)] * (n == 7)) for n in range(20)}
    for spec in (write_yolo(tmp_path / "yolo", things, ("car", "bus")), write_voc(tmp_path / "voc", things)):
        data = open_detection(spec)
        (bus,) = (data.classes.index("bus"),) if data.classes else (-1,)
        rare = [name for name in data.ids if bus in load_classes(data, name)]
        for path in (tmp_path / ("yolo" if spec.startswith("yolo") else "voc")).rglob("*.png"):
            path.write_bytes(b"no image")
        assert rare[0] in draw(data, data.ids, 3, 0).ids
    write_coco(tmp_path / "coco", things, {"car": 3, "bus": 9})
    for path in (tmp_path / "coco").rglob("*.png"):
        path.write_bytes(b"no image")
    data = open_detection(f"coco:{tmp_path / 'coco/boxes.json'}?images=photos&classes=own")
    drawn = draw(data, data.ids, 3, 0)
    assert data.ids[7] in drawn.ids
    assert "read" not in drawn.remarks[0]


def load_classes(data: Any, name: str) -> set[int]:
    return set(data.load(name).truth.labels.tolist())
