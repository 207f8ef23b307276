"""What speaks against a run's figures: nothing where the attack is sound, and each sign by its name where it is not."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from foolscape.attacks.catalog import plan, plan_video
from foolscape.attacks.plan import Options
from foolscape.pixels import Levels
from foolscape.run.trust import LARGER, LONGER, UNBOUND, findings, probes

from .made import do_run, timeless, write_net, write_photos

CLASSES = ("a", "b", "c")
GRADIENT = {"ok": True, "kind": "right"}


def conditions(**scores: float | None) -> dict[str, Any]:
    known = {"clean": 90.0, "adversarial": 5.0, "adversarial_float": 4.5, "permuted": 88.0, "noise": 89.0}
    return {name: {"mIoU": score} for name, score in (known | scores).items()}


def rows(left: int = 3) -> list[dict[str, Any]]:
    return [{"id": "a", "attack": {"left": left, "targets": 100}}]


SOUND = {"a": {LARGER: 0.0, LONGER: 0.02, UNBOUND: 0.0}}


def doubts(found: list[dict[str, Any]]) -> list[str]:
    return [one["check"] for one in found if one["ok"] is False]


def test_a_sound_attack_raises_no_doubt() -> None:
    found = findings(conditions(), rows(), GRADIENT, SOUND)
    assert doubts(found) == []
    assert len(found) == 7
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
    ],
)
def test_each_sign_is_named(scores: Any, gradient: Any, probed: Any, doubt: str) -> None:
    assert doubts(findings(conditions(**scores), rows(), gradient, probed)) == [doubt]


def test_what_is_not_known_is_no_doubt() -> None:
    found = findings(conditions(noise=None), rows(), None, {"failed": "out of memory"})
    assert [one["check"] for one in found if one["ok"] is None] == ["stronger than noise of its size", "probes"]
    assert doubts(found) == []


def test_probes_change_one_thing() -> None:
    def planned(options: Options) -> Any:
        return plan("pgd", options, CLASSES)

    options = Options(eps=Levels(Fraction(4)))
    found = probes(planned(options), options, planned)
    assert [(name, str(one.eps), str(one.step), one.steps) for name, one in found.items()] == [
        (LARGER, "8/255", "2/255", 20),
        (LONGER, "4/255", "1/255", 40),
        (UNBOUND, "64/255", "16/255", 40),
    ]


def test_what_has_no_bound_or_one_step_is_probed_as_far_as_it_goes() -> None:
    assert probes(plan("dag", Options(), CLASSES), Options(), lambda options: plan("dag", options, CLASSES)) == {}
    fgsm = probes(plan("fgsm", Options(), CLASSES), Options(), lambda options: plan("fgsm", options, CLASSES))
    assert list(fgsm) == [LARGER]
    released = Options(variant="released")
    assert probes(plan_video("ara", released), released, lambda options: plan_video("ara", options)) == {}


def test_what_finds_its_targets_anew_is_not_compared_by_what_is_left_of_them() -> None:
    found = probes(plan_video("annealed", Options()), Options(), lambda options: plan_video("annealed", options))
    assert list(found) == [UNBOUND]
    assert len(probes(plan_video("pgd", Options()), Options(), lambda options: plan_video("pgd", options))) == 3


def test_a_run_probes_its_first_image_and_says_so(tmp_path: Path) -> None:
    net, photos = write_net(tmp_path), write_photos(tmp_path / "photos")
    settings = {"models": [f"{net}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 10}
    summary = do_run(tmp_path / "out", **settings)
    (probed,) = (tmp_path / "out/probes").iterdir()
    assert list(json.loads(probed.read_text())) == ["photo0"]
    trust = {one["check"]: one["ok"] for one in summary["models"][0]["trust"]}
    assert trust["right in its gradient"] is True
    assert trust["nothing is left with no bound"] is True
    assert len(trust) == 7
    page = (tmp_path / "out/report.html").read_text()
    assert "Can this be trusted?" in page
    assert page.count("yes: ") == 7
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
