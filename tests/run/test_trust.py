"""What speaks against a run's figures: nothing where the attack is sound, and each sign by its name where it is not."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from foolscape.attacks.catalog import plan, plan_detection, plan_video
from foolscape.attacks.plan import Options, Plan
from foolscape.pixels import Levels
from foolscape.run.trust import LARGER, LONGER, SQUARE, UNBOUND, findings, probes, transferred

from .made import do_run, timeless, write_net, write_photos

CLASSES = ("a", "b", "c")
GRADIENT = {"ok": True, "kind": "right"}


def conditions(**scores: float | None) -> dict[str, Any]:
    known = {"clean": 90.0, "adversarial": 5.0, "adversarial_float": 4.5, "permuted": 88.0, "noise": 89.0}
    return {name: {"mIoU": score} for name, score in (known | scores).items()}


def rows(left: int = 3) -> list[dict[str, Any]]:
    return [{"id": "a", "attack": {"left": left, "targets": 100}}]


SOUND = {"a": {LARGER: 0.0, LONGER: 0.02, UNBOUND: 0.0, SQUARE: 0.6}}


def doubts(found: list[dict[str, Any]]) -> list[str]:
    return [one["check"] for one in found if one["ok"] is False]


def test_a_sound_attack_raises_no_doubt() -> None:
    found = findings(conditions(), rows(), GRADIENT, SOUND)
    assert doubts(found) == []
    assert len(found) == 8
    assert all(one["ok"] for one in found)


@pytest.mark.parametrize(
    ("scores", "gradient", "probed", "doubt"),
    [
        ({"noise": 4.0}, GRADIENT, SOUND, "stronger than noise of its size"),
        ({"permuted": 5.0}, GRADIENT, SOUND, "stronger than its own change shuffled"),
        ({"adversarial": 20.0}, GRADIENT, SOUND, "holds at 8 bits"),
        ({}, {"ok": False, "kind": "zero"}, SOUND, "right in its gradient"),
        ({}, GRADIENT, {"a": SOUND["a"] | {LARGER: 0.2}}, "no worse with twice the bound"),
        ({}, GRADIENT, {"a": SOUND["a"] | {LONGER: 0.2}}, "no worse with twice the steps"),
        ({}, GRADIENT, {"a": SOUND["a"] | {UNBOUND: 0.2}}, "nothing is left with no bound"),
        ({}, GRADIENT, {"a": SOUND["a"] | {SQUARE: 0.005}}, f"as strong as {SQUARE}"),
    ],
)
def test_each_sign_is_named(scores: Any, gradient: Any, probed: Any, doubt: str) -> None:
    assert doubts(findings(conditions(**scores), rows(), gradient, probed)) == [doubt]


def test_what_is_not_known_is_no_doubt() -> None:
    found = findings(conditions(noise=None), rows(), None, {"failed": "out of memory"})
    assert [one["check"] for one in found if one["ok"] is None] == ["stronger than noise of its size", "probes"]
    assert doubts(found) == []


def planned(name: str, options: Options) -> Plan:
    return plan(name, options, CLASSES)


def test_probes_change_one_thing() -> None:
    options = Options(eps=Levels(Fraction(4)))
    found = probes(plan("pgd", options, CLASSES), options, planned)
    assert [(name, str(one.eps), str(one.step), one.steps) for name, one in found.items()] == [
        (LARGER, "8/255", "2/255", 20),
        (LONGER, "4/255", "1/255", 40),
        (UNBOUND, "64/255", "16/255", 40),
        (SQUARE, "4/255", "8/255", 200),
    ]
    assert found[SQUARE].name == "square"


def test_what_has_no_bound_or_one_step_is_probed_as_far_as_it_goes() -> None:
    assert probes(plan("dag", Options(), CLASSES), Options(), planned) == {}
    assert list(probes(plan("fgsm", Options(), CLASSES), Options(), planned)) == [LARGER, SQUARE]
    assert list(probes(plan("worst-case", Options(), CLASSES), Options(), planned)) == [SQUARE]
    assert probes(plan("square", Options(), CLASSES), Options(), planned) == {}
    round_ = Options(norm="l2")
    assert SQUARE not in probes(plan("pgd", round_, CLASSES), round_, planned)
    released = Options(variant="released")
    assert probes(plan_video("ara", released), released, plan_video) == {}


def test_square_is_after_the_same_pixels_of_a_clip_as_the_attack_beside_it() -> None:
    for name, options, objects in (
        ("worst-case", Options(), True),
        ("annealed", Options(sampling="first"), True),
        ("pgd", Options(), False),
        ("pgd", Options(against="objects"), True),
        ("worst-case", Options(against="all"), False),
    ):
        window = probes(plan_video(name, options), options, plan_video)[SQUARE].window
        assert window is not None
        assert window.objects == objects


def test_what_finds_its_targets_anew_is_not_compared_by_what_is_left_of_them() -> None:
    assert list(probes(plan_video("annealed", Options()), Options(), plan_video)) == [UNBOUND]
    assert len(probes(plan_video("pgd", Options()), Options(), plan_video)) == 4


def test_a_run_probes_its_first_image_and_says_so(tmp_path: Path) -> None:
    net, photos = write_net(tmp_path), write_photos(tmp_path / "photos")
    settings = {"models": [f"{net}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 10}
    summary = do_run(tmp_path / "out", **settings)
    (probed,) = (tmp_path / "out/probes").iterdir()
    assert list(json.loads(probed.read_text())) == ["photo0"]
    trust = {one["check"]: one["ok"] for one in summary["models"][0]["trust"]}
    assert trust["right in its gradient"] is True
    assert trust["nothing is left with no bound"] is True
    assert trust[f"as strong as {SQUARE}"] is True
    assert len(trust) == 8
    page = (tmp_path / "out/report.html").read_text()
    assert "Can this be trusted?" in page
    assert page.count("yes: ") == 8
    assert timeless(do_run(tmp_path / "out", **settings)) == timeless(summary)
    silent = do_run(tmp_path / "silent", probes=0, **settings)
    assert not (tmp_path / "silent/probes").exists()
    assert len(silent["models"][0]["trust"]) == 4


def test_an_attack_whose_steps_are_too_small_is_doubted(tmp_path: Path) -> None:
    net, photos = write_net(tmp_path), write_photos(tmp_path / "photos")
    settings = {"models": [f"{net}:net"], "data": f"folder:{photos}", "attack": "mi-fgsm"}
    summary = do_run(tmp_path / "out", eps="4/255", steps=1, step="0.1/255", **settings)
    assert doubts(summary["models"][0]["trust"])
    assert "NO: " in (tmp_path / "out/report.html").read_text()


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
    assert transferred("one", "mIoU", plan("pgd", Options(), CLASSES), found)["ok"] is ok


def test_changes_of_different_size_are_not_compared() -> None:
    found = transferred("one", "mIoU", plan("dag", Options(), CLASSES), lines(30.0, 20.0))
    assert found["ok"] is None
    goal = plan_detection("pgd", Options(goal="vanish"), CLASSES)
    assert transferred("one", "AP50", goal, lines(30.0, 20.0))["ok"] is None
