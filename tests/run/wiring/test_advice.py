"""What is to be written, also where the spec says something already; and the reasons of records at the edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foolscape.run.wiring import wiring_reasons
from foolscape.run.wiring.check import spread
from foolscape.run.wiring.judge import best_numbering, fitted_apart
from foolscape.run.wiring.rivals import Rival, advised


@pytest.mark.parametrize(
    ("spec", "change", "says"),
    [
        ("net.py:build", {"input": "bgr"}, "add --input bgr, or ?input=bgr to the model"),
        ("net.py:build?weights=w", {"range": "255"}, "add --input 255, or ?range=255 to the model"),
        ("net.py:build", {"offset": "-1"}, "add --input offset=-1, or ?offset=-1 to the model"),
        ("net.py:build?input=bgr", {"input": "bgr"}, "take input=bgr away from the model"),
        ("net.py:build?range=255", {"range": "1/255"}, "take range=255 away from the model"),
        ("net.py:build?normalise=imagenet", {"normalise": "undo-imagenet"}, "take normalise=imagenet away"),
        ("net.py:build?range=255", {"input": "bgr"}, "add --input bgr, or ?input=bgr to the model"),
        ("net.py:build?boxes=xywh", {"boxes": "shares"}, "put it into the network"),
        ("net.py:build?mean=0,0,0", {"normalise": "imagenet"}, "put it into the network"),
        ("bundled:scenes-unet", {"input": "bgr"}, "foolscape feeds this network itself"),
    ],
)
def test_what_to_write(spec: str, change: dict[str, str], says: str) -> None:
    assert advised(spec, Rival("some", "", change)).startswith(says)


def test_the_best_numbering_leaves_classes_without_evidence_where_they_are() -> None:
    table = np.diag([50, 0, 30, 0])
    assert best_numbering(table).tolist() == [0, 1, 2, 3]
    assert best_numbering(table[:, [2, 1, 0, 3]]).tolist() == [2, 1, 0, 3]


def test_a_numbering_is_fitted_on_the_other_half() -> None:
    straight, crossed = np.diag([9, 9]), np.array([[0, 9], [9, 0]])
    assert [fit.tolist() for fit in fitted_apart([straight, crossed, straight])] == [[1, 0], [0, 1], [1, 0]]


def test_images_are_spread_over_all() -> None:
    assert spread([str(i) for i in range(100)], 4) == ["0", "33", "66", "99"]
    assert spread(["a", "b"], 16) == ["a", "b"]


def record(**changes: Any) -> dict[str, Any]:
    floor = {"name": "road at every pixel", "score": 5.0, "gain": 45.0, "low": 40.0, "high": 50.0}
    return {"score": "mIoU", "images": 16, "clean": 50.0, "floor": floor, "rivals": []} | changes


def rival(**changes: Any) -> dict[str, Any]:
    base = {"id": "bgr", "says": "in BGR", "rank": 0, "score": 60.0, "gain": 10.0, "low": 8.0, "high": 12.0}
    return base | {"least": 5.0, "part": False, "advice": "add it"} | changes


def test_the_simplest_of_equal_rivals_is_named() -> None:
    (reason,) = wiring_reasons(
        record(rivals=[rival(id="classes", says="renamed", rank=2, score=61.0, gain=11.0), rival()])
    )
    assert (reason.ok, reason.advice) == (False, "add it")
    assert reason.seen == "mIoU 50.0; in BGR it would be 60.0 (+10.0, 8.0 to 12.0)"
    (reason,) = wiring_reasons(
        record(rivals=[rival(id="classes", says="renamed", rank=2, score=70.0, gain=20.0), rival()])
    )
    assert "renamed it would be 70.0" in reason.seen


def test_a_win_within_chance_accuses_nobody() -> None:
    (reason,) = wiring_reasons(record(rivals=[rival(low=-1.0)]))
    assert reason.ok
    (reason,) = wiring_reasons(record(rivals=[rival(low=-1.0)], images=3))
    assert reason.ok is None
    (reason,) = wiring_reasons(record(rivals=[rival(low=-1.0, least=-2.0)], images=3))
    assert reason.ok


@pytest.mark.parametrize(
    ("floor", "ok"),
    [
        ({"gain": -1.0, "low": -3.0, "high": 1.0}, False),
        ({"gain": 6.0, "low": -3.0, "high": 15.0}, None),
        ({"gain": 1.0, "low": 0.5, "high": 1.5}, False),
        ({"gain": 30.0, "low": -3.0, "high": 63.0}, None),
        ({"gain": 30.0, "low": None, "high": None}, None),
        ({"gain": 1.0, "low": None, "high": None}, None),
    ],
)
def test_against_the_constant_answer(floor: dict[str, Any], ok: bool | None) -> None:
    (reason,) = wiring_reasons(record(floor={"name": "road at every pixel", "score": 5.0} | floor))
    assert reason.ok is ok
    assert reason.assumed == ""


@pytest.mark.parametrize(("clean", "seen"), [(0.0, "nothing can be told"), (30.0, "too few to be sure")])
def test_a_single_image_without_a_constant_answer_is_not_known(clean: float, seen: str) -> None:
    alone = {name: value for name, value in record(score="AP50", images=1, clean=clean).items() if name != "floor"}
    (reason,) = wiring_reasons(alone)
    assert (reason.ok, reason.assumed) == (None, "")
    assert seen in reason.seen
    assert "more images" in reason.advice or "--limit" in reason.advice


@pytest.mark.parametrize(("images", "low"), [(1, None), (2, -3.0)])
def test_on_few_images_that_leave_it_open_more_of_them_are_asked_for(images: int, low: float | None) -> None:
    floor = record()["floor"] | {"low": low, "high": None if low is None else 93.0}
    (reason,) = wiring_reasons(record(images=images, floor=floor))
    assert (reason.ok, reason.advice) == (None, "too few images to be sure: raise --limit")
    elsewhere = {"score": 10.0, "alike": 20.0, "gain": 40.0, "low": low, "high": 90.0}
    (reason,) = wiring_reasons(record(images=images, elsewhere=elsewhere))
    assert (reason.ok, reason.advice) == (None, "too few images to be sure: raise --limit")


def test_data_on_which_a_constant_answer_is_good_tells_nothing() -> None:
    still = {"name": "the first mask kept still", "score": 93.0, "gain": -1.0, "low": -3.0, "high": 0.5}
    (reason,) = wiring_reasons(record(score="J&F", clean=92.0, floor=still))
    assert (reason.ok, reason.assumed) == (None, "the clean predictions are right")
    (reason,) = wiring_reasons(record(score="J&F", clean=40.0, floor=still | {"gain": -53.0, "high": -40.0}))
    assert reason.ok is False
    nothing = {"name": "its boxes on another image", "score": 0.0, "gain": None, "low": None, "high": None}
    (reason,) = wiring_reasons(record(score="AP50", clean=0.0, floor=nothing))
    assert (reason.ok, reason.assumed) == (None, "the clean predictions are right")


def test_what_could_not_be_tried_is_not_decided() -> None:
    (reason,) = wiring_reasons({"failed": "no image could be read"})
    assert (reason.ok, reason.assumed) == (None, "")
