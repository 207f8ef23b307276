"""Which of several rivals is named."""

from __future__ import annotations

from typing import Any

from foolscape.run.wiring import wiring_reasons
from foolscape.run.wiring.rivals import PAIR, SINGLE
from foolscape.verdict import Reason


def rival(name: str, gain: float, low: float, rank: int = SINGLE) -> dict[str, Any]:
    return {
        "id": name, "says": f"with {name}", "rank": rank, "score": 20 + gain, "gain": gain, "low": low,
        "high": 2 * gain - low, "least": 0.0, "part": False, "advice": f"write {name}",
    }  # fmt: skip


def reason_of(*rivals: dict[str, Any]) -> Reason:
    floor = {"name": "nothing", "score": 1.0, "gain": 19.0, "low": 10.0, "high": 28.0}
    (reason,) = wiring_reasons({"score": "AP50", "images": 8, "clean": 20.0, "floor": floor, "rivals": list(rivals)})
    return reason


def test_of_two_that_explain_it_the_better_is_named_although_the_other_is_the_surer() -> None:
    reason = reason_of(rival("part", 20.0, 5.0), rival("all", 30.0, -1.0))
    assert (reason.ok, reason.advice) == (False, "write all")
    assert reason.seen == (
        "AP50 20.0; with all it would be 50.0 (+30.0), and more beyond chance with part (+20.0, 5.0 to 35.0)"
    )


def test_what_is_less_simple_and_not_sure_is_not_named() -> None:
    reason = reason_of(rival("part", 20.0, 5.0), rival("two", 30.0, -1.0, PAIR))
    assert (reason.ok, reason.advice) == (False, "write part")
    assert reason.seen == "AP50 20.0; with part it would be 40.0 (+20.0, 5.0 to 35.0)"


def test_a_win_within_chance_is_said_and_by_far_leaves_it_open() -> None:
    some = reason_of(rival("all", 6.0, -1.0))
    assert (some.ok, some.advice) == (True, "")
    assert some.seen.endswith("no likely mistake of wiring scores higher beyond chance: with all it would be 26.0 "
                              "(+6.0, -1.0 to 13.0)")  # fmt: skip
    far = reason_of(rival("all", 30.0, -1.0))
    assert (far.ok, far.seen) == (
        None,
        "AP50 20.0; with all it would be 50.0 (+30.0, -1.0 to 61.0), which may be chance",
    )
    assert far.advice == "too few images to be sure, raise --limit; if so: write all"
