"""What the records say of files: their JSON Schema in the docs, conditions with a bound, places, arrays as numbers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from foolscape.metrics.boxes import Detected, Truth
from foolscape.records.conditions import ADVERSARIAL, NOISE, Condition, label_of
from foolscape.records.json_schema import schemas
from foolscape.records.places import Kind, layout_of, place_of
from foolscape.records.row import Failure, Row, failure
from foolscape.records.types import dumped, read, to_json

DOCS = Path(__file__).parents[2] / "docs/schema"


def test_the_schemas_of_the_docs_are_those_of_the_records() -> None:
    assert {path.name: json.loads(path.read_text()) for path in DOCS.iterdir()} == schemas(), "run: make schema"


def test_a_condition_is_a_name_and_a_bound() -> None:
    one = ADVERSARIAL.at("4/255")
    assert (str(one), one.name, one.bound) == ("adversarial@4/255", "adversarial", "4/255")
    assert one.at("8/255") == Condition("adversarial@8/255")
    assert (NOISE.name, NOISE.bound, label_of(NOISE)) == ("noise", None, "random noise")
    assert label_of(one) == "attacked, 4/255"
    assert (Condition("a@b").name, Condition("a@b").bound) == ("a@b", None)
    row = Row[None, int](model="m", id="a", condition=one, size=(1, 1), measured=3)
    back = read(Row[None, int], json.loads(dumped(to_json(Row[None, int], row))))
    assert back == row
    assert back.condition.bound == "4/255"


def test_every_file_of_an_image_has_its_own_place() -> None:
    places = [
        place_of(Kind.IMAGE, "a b"),
        place_of(Kind.IMAGE, "a b", "net", ADVERSARIAL),
        place_of(Kind.IMAGE, "a b", "net", ADVERSARIAL.at("4/255")),
        place_of(Kind.IMAGE, "a b", "net", ADVERSARIAL.at("8/255")),
        place_of(Kind.TRUTH, "a b", "segmentation"),
        place_of(Kind.LABELS, "a b", "segmentation"),
        place_of(Kind.PREDICTION, "a b", "net", NOISE),
        place_of(Kind.PREDICTION, "a b", "net", NOISE, "0001"),
        place_of(Kind.FRAME, "a b", frame="0001"),
    ]
    assert len(set(places)) == len(places)
    assert all(set(place) <= set("abcdefghijklmnopqrstuvwxyz0123456789/.-_") for place in places)
    assert places[:2] == ["clean/a-b-c8687a08.png", "images/net/a-b-c8687a08.png"]


def test_the_files_of_many_samples_lie_in_sub_folders_by_the_order_of_run_json() -> None:
    ids = [f"photo{number}" for number in range(1001)]
    layout = layout_of(ids)
    kinds = (Kind.IMAGE, Kind.TRUTH, Kind.LABELS, Kind.PREDICTION, Kind.FRAME)
    places = [layout.place(kind, name, "net") for kind in kinds for name in ids]
    assert len(set(places)) == len(places)
    assert layout.place(Kind.IMAGE, "photo500", "net", ADVERSARIAL) == "images/net/0001/photo500.png"
    assert (
        layout.place(Kind.PREDICTION, "photo1000", "net", NOISE, "01") == "predictions/net/noise/0002/photo1000/01.png"
    )
    assert max(Counter(place.rpartition("/")[0] for place in places).values()) <= 1000
    assert layout_of(ids[:1000]).place(Kind.IMAGE, "photo500") == "clean/photo500.png"


def test_a_run_of_many_samples_that_was_written_to_one_folder_is_read_there(tmp_path: Path) -> None:
    layout = layout_of([f"photo{number}" for number in range(1001)])
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "photo7.png").write_bytes(b"")
    assert layout.found(tmp_path, Kind.IMAGE, "photo7") == "clean/photo7.png"
    assert layout.found(tmp_path, Kind.IMAGE, "photo8") == "clean/0000/photo8.png"
    (tmp_path / "clean" / "0000").mkdir()
    (tmp_path / "clean" / "0000" / "photo7.png").write_bytes(b"")
    assert layout.found(tmp_path, Kind.IMAGE, "photo7") == "clean/0000/photo7.png"


def test_boxes_come_back_to_the_last_bit_and_take_few_digits() -> None:
    rng = np.random.default_rng(0)
    boxes, scores = (rng.random(shape).astype(np.float32).astype(np.float64) for shape in ((100, 4), 100))
    found = Detected(300 * boxes.astype(np.float32).astype(np.float64), scores, np.arange(100))
    found = Detected(found.boxes.astype(np.float32).astype(np.float64), scores, found.labels)
    line = dumped(to_json(Detected, found))
    back = read(Detected, json.loads(line))
    assert np.array_equal(back.boxes, found.boxes)
    assert np.array_equal(back.scores, found.scores)
    assert len(line) < 6500
    exact = Truth(rng.random((2, 4)), np.arange(2), np.zeros(2, np.bool_), np.ones(2, np.bool_), rng.random(2))
    again = read(Truth, json.loads(dumped(to_json(Truth, exact))))
    assert np.array_equal(again.boxes, exact.boxes)
    assert np.array_equal(again.area, exact.area)
    assert again.crowd.all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["a"]}, "labels: Value error, expected integers alone"),
        ({"scores": 5}, "scores: Value error, expected a list of numbers, got int"),
        ({"boxes": [[1, 2, 3]]}, "boxes: Value error, cannot reshape"),
    ],
)
def test_damaged_boxes_are_named(change: dict[str, object], words: str) -> None:
    whole: dict[str, object] = {"boxes": [[1, 2, 3, 4]], "scores": [0.5], "labels": [0]}
    with pytest.raises(ValueError, match=words):
        read(Detected, whole | change)


def test_a_name_that_is_no_utf_8_is_kept() -> None:
    lost = failure(None, "a\udcff", "torn")
    assert read(Failure, json.loads(dumped(to_json(Failure, lost)))) == lost
