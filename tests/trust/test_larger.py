"""Verdicts on what is made of runs: transfers, hardenings, universal patterns."""

from __future__ import annotations

from typing import Any

import pytest

from foolscape.attacks.catalog import plan, plan_detection
from foolscape.attacks.plan import Options, Plan
from foolscape.metrics.paired import Difference
from foolscape.run.trust.harden import harden_trust
from foolscape.run.trust.transfer import transfer_trust, transferred
from foolscape.run.trust.universal import Learnt, universal_reasons
from foolscape.verdict import Reason, judged

CLASSES = ("a", "b", "c")


def trust(ok: bool | None, assumed: str = "") -> dict[str, Any]:
    return judged([Reason(id="converged", check="has converged", ok=ok, seen="5 less", assumed=assumed).to_json()])


def lines(own: float | None, other: float, ensemble: float = 90.0) -> list[dict[str, Any]]:
    def line(sources: tuple[str, ...], score: float | None, **kind: bool) -> dict[str, Any]:
        kinds = {"permuted": False, "joint": False} | kind
        return {"name": "+".join(sources), "sources": sources, "scores": {"one": score}, **kinds}

    return [
        line((), 95.0), line(("one",), own), line(("two",), other), line(("one", "two"), 0.0),
        line(("two", "three"), ensemble, joint=True), line(("one", "two"), 0.0, joint=True),
        line(("two",), 0.0, permuted=True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        (lines(5.0, 60.0), True),
        (lines(5.0, 4.5), True),
        (lines(30.0, 20.0), False),
        (lines(30.0, 60.0, ensemble=10.0), False),
        (lines(None, 60.0), None),
    ],
)
def test_a_change_for_others_must_not_be_the_stronger_one(found: list[dict[str, Any]], ok: bool | None) -> None:
    # Sums, which are larger than the bound, and ensembles that the network is part of are no transfer.
    (reason,) = transferred("one", "mIoU", plan("pgd", Options(), CLASSES), found)
    assert reason.ok is ok


@pytest.mark.parametrize(
    "settled",
    [plan("dag", Options(), CLASSES), plan_detection("pgd", Options(goal="vanish"), CLASSES)],
    ids=["no bound", "a goal"],
)
def test_changes_that_differ_in_size_or_goal_are_not_compared(settled: Plan) -> None:
    assert list(transferred("one", "mIoU", settled, lines(30.0, 20.0))) == []


@pytest.mark.parametrize(
    ("own", "word"),
    [(trust(True), "trusted"), (trust(False), "not trusted"), (trust(None), "not decided")],
)
def test_the_sources_own_run_decides_what_a_transfer_says(own: dict[str, Any], word: str) -> None:
    found = transfer_trust({"one": own}, {"one": plan("pgd", Options(), CLASSES)}, {"one": "mIoU"}, lines(5.0, 60.0))
    assert found["verdict"] == word
    assert found["models"] == {"one": word}
    assert ("5 less" in found["reasons"][0]["seen"]) == (word != "trusted")


def test_what_a_run_rests_on_the_transfer_rests_on() -> None:
    own = trust(None, "the clean predictions are right")
    found = transfer_trust({"one": own}, {"one": plan("pgd", Options(), CLASSES)}, {"one": "mIoU"}, lines(5.0, 60.0))
    assert (found["verdict"], found["if"]) == ("trusted", ["the clean predictions are right"])


@pytest.mark.parametrize(
    ("before", "gain", "word"),
    [
        (True, Difference(20.0, 15.0, 25.0), "trusted"),
        (True, Difference(2.0, -1.0, 5.0), "not trusted"),
        (True, Difference(2.0, None, None), "not decided"),
        (False, Difference(20.0, 15.0, 25.0), "not trusted"),
    ],
)
def test_a_hardening_needs_sound_runs_and_a_gain_beyond_chance(before: bool, gain: Difference, word: str) -> None:
    found = harden_trust({"before": trust(before), "after": trust(True)}, gain, "mIoU")
    assert found["verdict"] == word


def learnt(adversarial: int, noise: int, moved: list[float], moving: int = 100) -> Learnt:
    def rows(left: int) -> list[dict[str, Any]]:
        return [{"id": str(i), "universal": {"moving": moving, "left": min(left + i, moving)}} for i in range(5)]

    found = {"adversarial": rows(adversarial), "noise": rows(noise), "permuted": rows(noise)}
    for row in found["permuted"]:
        row["control"] = {"kind": "permuted", "l2": 1.0, "of_attack": 1.0}
    return Learnt(found, "left", {"moved": moved, "stayed": [90.0] * len(moved)}, {"ok": True, "kind": "right"})


def test_a_pattern_that_is_the_same_in_any_order_has_no_shuffled_control() -> None:
    pattern = learnt(80, 80, [84.0, 85.0])
    for row in pattern.rows["permuted"]:
        row["control"]["apart"] = 0.0
    (reason,) = (one for one in universal_reasons(pattern) if one.id == "beats-shuffled")
    assert reason.ok is None
    assert reason.assumed


@pytest.mark.parametrize(
    ("pattern", "doubts"),
    [
        (learnt(80, 5, [70.0, 84.0, 85.0]), {}),
        (learnt(80, 80, [84.0, 85.0]), {"beats-noise": False, "beats-shuffled": False}),
        (learnt(80, 5, [98.0, 99.0]), {"generalises": False}),
        (learnt(80, 5, [70.0, 84.0]), {"converged": False}),
        (learnt(80, 5, [84.0]), {"converged": None}),
        (learnt(80, 5, []), {}),  # measured as it was given
        (learnt(0, 0, [84.0, 85.0], 0), {"beats-noise": None, "beats-shuffled": None, "generalises": None}),
    ],
)
def test_a_pattern_is_stronger_than_its_controls_and_learnt_to_its_end(
    pattern: Learnt, doubts: dict[str, bool | None]
) -> None:
    assert {one.id: one.ok for one in universal_reasons(pattern) if one.ok is not True} == doubts
