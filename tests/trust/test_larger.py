"""Verdicts on what is made of runs: transfers, hardenings, universal patterns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from foolscape.attacks.catalog import plan
from foolscape.attacks.plan import Plan
from foolscape.metrics.paired import Difference
from foolscape.records.conditions import ADVERSARIAL, NOISE, PERMUTED
from foolscape.records.row import Control, failure
from foolscape.records.training import LeftOut
from foolscape.run.scores.controls import ControlSizes
from foolscape.run.trust.harden import harden_trust
from foolscape.run.trust.own_run import own_run
from foolscape.run.trust.transfer import Column, transfer_trust, transferred
from foolscape.run.trust.universal import Learnt, universal_reasons
from foolscape.verdict import Reason, judged

from .made import row

CLASSES = ("a", "b", "c")
BOUND = {"name": "universal", "eps": "8/255", "norm": "linf", "step": None}
LONGER = "foolscape universal --epochs 6"


def trust(ok: bool | None, assumed: str = "") -> dict[str, Any]:
    return judged([Reason(id="converged", check="has converged", ok=ok, seen="5 less", assumed=assumed).to_json()])


NAMES = {"one": ("one",), "two": ("two",), "one+two": ("one", "two"), "two&three": ("two", "three")}


def lines() -> list[dict[str, Any]]:
    """Clean images, every change alone, a sum, two ensembles and a control."""
    found = [
        {"name": name, "sources": sources, "permuted": False, "joint": name == "two&three"}
        for name, sources in NAMES.items()
    ]
    clean = {"name": "clean", "sources": (), "permuted": False, "joint": False}
    joint = {"name": "one&two", "sources": ("one", "two"), "permuted": False, "joint": True}
    shuffled = {"name": "two, PERM", "sources": ("two",), "permuted": True, "joint": False}
    return [clean, *found, joint, shuffled]


def left(own: list[float], other: list[float], ensemble: float = 90.0) -> dict[str, dict[str, float]]:
    """What the network `one` has right by line and image; under sums and its own ensembles nothing."""

    def images(values: list[float]) -> dict[str, float]:
        return {str(i): value for i, value in enumerate(values)}

    nothing = images([0.0] * len(own))
    return {
        "clean": images([95.0] * len(own)), "one": images(own), "two": images(other), "one+two": nothing,
        "two&three": images([ensemble] * len(own)), "one&two": nothing, "two, PERM": nothing,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        (left([5.0] * 4, [60.0] * 4), True),
        (left([5.0] * 4, [4.5] * 4), True),
        (left([30.0, 31.0, 32.0, 33.0], [20.0] * 4), False),
        (left([30.0, 31.0, 32.0, 33.0], [60.0] * 4, ensemble=10.0), False),
        (left([30.0, 0.0, 0.0, 0.0], [10.0, 0.0, 0.0, 0.0]), None),  # less, but on one image alone
        (left([30.0], [10.0]), None),
        (left([5.0], [60.0], ensemble=6.0), None),  # one image has no interval
        (left([5.0] * 4, [60.0] * 4, ensemble=5.0), True),
        (left([5.0, 6.0], [5.0, 60.0]), None),  # more, but the interval reaches below 0
        (left([5.0, 6.0] * 4, [5.0, 60.0] * 4), True),  # eight images are enough
        (left([5.0, 6.0], [4.0, 90.0], ensemble=30.0), None),  # what is not sure, beside what is
        (left([], []), None),
    ],
)
def test_a_change_for_others_must_not_be_the_stronger_one(found: dict[str, dict[str, float]], ok: bool | None) -> None:
    # Sums, which are larger than the bound, and ensembles that the network is part of are no transfer.
    (reason,) = transferred("one", plan("pgd", {}, CLASSES), lines(), found)
    assert reason.ok is ok


@pytest.mark.parametrize(
    "settled",
    [plan("dag", {}, CLASSES), plan("pgd", {"goal": "vanish"}, CLASSES, "detection")],
    ids=["no bound", "a goal"],
)
def test_changes_that_differ_in_size_or_goal_are_not_compared(settled: Plan) -> None:
    assert transferred("one", settled, lines(), left([30.0] * 4, [20.0] * 4)) == ()


def column(own: dict[str, Any]) -> Column:
    """The network `one` on four images: 5 % are right under its own change, 60 % under the other."""
    shares = {"clean": 95.0, "one": 5.0, "two": 60.0}
    found = {name: {str(i): percent for i in range(4)} for name, percent in shares.items()}
    return Column("net.py:one", "segmentation", plan("pgd", {}, CLASSES), own, found)


@pytest.mark.parametrize(
    ("own", "word"),
    [(trust(True), "trusted"), (trust(False), "not trusted"), (trust(None), "not decided")],
)
def test_the_sources_own_run_decides_what_a_transfer_says(own: dict[str, Any], word: str) -> None:
    found = transfer_trust({"one": column(own)}, lines(), [], 4)
    assert found["verdict"] == word
    assert found["models"] == {"one": word}
    assert ("5 less" in found["reasons"][0]["seen"]) == (word != "trusted")


def test_the_advice_of_a_run_ends_in_one_command() -> None:
    told = ["this does better: foolscape run --attack pgd", "mend that", "this does better: foolscape run --steps 9"]
    own = judged([Reason(id=str(i), check="is so", ok=False, seen="x", advice=a).to_json() for i, a in enumerate(told)])
    (reason,) = own_run("runs/one", own)
    assert reason.advice == "mend that; this does better: foolscape run --attack pgd"
    assert reason.seen == "not trusted (is so? NO: x; is so? NO: x; is so? NO: x)"


def test_what_a_run_rests_on_the_transfer_rests_on() -> None:
    own = trust(None, "the clean predictions are right")
    found = transfer_trust({"one": column(own)}, lines(), [], 4)
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
    found = harden_trust({"before": trust(before), "after": trust(True)}, gain, "mIoU", [], 8)
    assert found["verdict"] == word


def test_advice_on_a_hardening_names_its_own_options() -> None:
    told = ["too few images to tell: raise --limit or --probes", "this does better: foolscape run --limit 4"]
    own = judged([Reason(id=str(i), check="is so", ok=False, seen="x", advice=a).to_json() for i, a in enumerate(told)])
    found = harden_trust({"before": own, "after": trust(True)}, Difference(20.0, 15.0, 25.0), "mIoU", [], 8)
    assert found["reasons"][0]["advice"] == (
        "too few images to tell: raise --test-limit; this does better: foolscape run --limit 4"
    )


def by_image(left: int, moving: int) -> dict[str, float]:
    """By image the percentage of `moving` targets that moved: `left` on the first, one more on each that follows."""
    return {str(i): 100 * min(left + i, moving) / moving for i in range(5) if moving}


def learnt(adversarial: int, noise: int, moved: list[float], moving: int = 100, apart: float | None = None) -> Learnt:
    found = {ADVERSARIAL: by_image(adversarial, moving)} | dict.fromkeys((NOISE, PERMUTED), by_image(noise, moving))
    controls = ControlSizes()
    for i in range(5):
        size = Control(kind=PERMUTED, l2=1.0, of_attack=1.0, apart=apart)
        controls.add(row(PERMUTED, str(i), 0.0, control=size))
    pooled = sum(found[ADVERSARIAL].values()) / 5 if moving else None
    epochs = {"moved": moved, "stayed": [90.0] * len(moved)}
    return Learnt(found, pooled, controls, epochs, {"ok": True, "kind": "right"}, BOUND, LONGER)


def test_a_pattern_that_is_the_same_in_any_order_has_no_shuffled_control() -> None:
    pattern = learnt(80, 80, [84.0, 85.0], apart=0.0)
    (reason,) = (one for one in universal_reasons(pattern) if one.id == "beats-shuffled")
    assert reason.ok is None
    assert reason.assumed


@pytest.mark.parametrize(
    ("pattern", "doubts"),
    [
        (learnt(80, 5, [70.0, 84.0, 85.0]), {}),
        (replace(learnt(80, 5, [84.0, 85.0]), bound=BOUND | {"eps": "0.5/255"}), {"bound-below-a-level": False}),
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


def test_a_pattern_that_seems_stronger_on_a_few_images_is_not_accused() -> None:
    pattern = learnt(50, 5, [84.0, 85.0])
    own = {str(i): 95.0 if i == 0 else 6.0 for i in range(5)}
    pattern = replace(pattern, moved={**pattern.moved, ADVERSARIAL: own})
    assert {one.id: one.ok for one in universal_reasons(pattern) if one.id.startswith("beats")} == {
        "beats-noise": None, "beats-shuffled": None
    }  # fmt: skip


def test_the_longer_learning_is_a_command() -> None:
    (found,) = (one for one in universal_reasons(learnt(80, 5, [70.0, 84.0])) if one.id == "converged")
    assert found.advice == f"give it more: {LONGER}"


def test_a_transfer_that_lost_half_of_its_images_is_not_trusted() -> None:
    lost = [failure("net.py:one", name, "torn") for name in ("4", "5", "6", "7")]
    found = transfer_trust({"one": column(trust(True))}, lines(), lost, 8)
    assert found["verdict"] == "not trusted"
    assert [one["id"] for one in found["reasons"] if one["ok"] is False] == ["failures"]


def test_a_hardening_that_lost_half_of_its_training_images_is_not_trusted() -> None:
    lost = [LeftOut(id=str(i), reason="torn") for i in range(4)]
    found = harden_trust({"before": trust(True), "after": trust(True)}, Difference(20.0, 15.0, 25.0), "mIoU", lost, 8)
    assert [one["id"] for one in found["reasons"] if one["ok"] is False] == ["training-failures"]
    assert found["verdict"] == "not trusted"
