"""Bounds that no 8-bit image uses and steps beyond the bound are told by name, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.registry import Attack
from foolscape.pixels import Levels
from foolscape.run.checks.bounds import bound_notes, bound_reasons

from .made import do_run, write_net, write_photos

CLASSES = ("a", "b", "c")


def settings(name: str, **options: Any) -> dict[str, Any]:
    known = {key: Levels.parse(text) if key in ("eps", "step") else text for key, text in options.items()}
    return plan(name, {**known}, CLASSES).settings


@pytest.mark.parametrize("attack", CATALOG, ids=lambda attack: attack.name)
@pytest.mark.parametrize("eps", [None, "1/255", "1.5/255", "8/255"])
def test_no_attack_is_accused_as_it_comes(attack: Attack, eps: str | None) -> None:
    options = {"eps": None if eps is None else Levels.parse(eps)}
    for task in ("segmentation", "detection"):
        if task in attack.tasks and not (eps and attack.name in ("alma-prox", "dag-min", "pgd-min")):
            assert bound_reasons(plan(attack.name, options, CLASSES, task).settings) == ()


@pytest.mark.parametrize("name", ["fgsm", "pgd", "mi-fgsm", "worst-case", "apgd", "annealed", "square"])
def test_a_bound_below_a_level_is_named(name: str) -> None:
    (reason,) = bound_reasons(settings(name, eps="0.5/255"))
    assert (reason.id, reason.ok) == ("bound-below-a-level", False)
    assert reason.seen.startswith("no 8-bit image lies within 0.5/255 of the clean one but itself")
    assert "--eps 1/255" in reason.advice


def test_a_bound_below_a_level_in_l2_is_named_too() -> None:
    (reason,) = bound_reasons(settings("pgd", eps="0.9/255", norm="l2"))
    assert reason.id == "bound-below-a-level"
    assert bound_reasons(settings("pgd", eps="1.5/255", norm="l2")) == ()
    assert bound_notes(settings("pgd", eps="1.5/255", norm="l2")) == ()


@pytest.mark.parametrize("name", ["fgsm", "pgd", "mi-fgsm", "segpgd", "dag"])
def test_a_step_beyond_the_bound_is_named(name: str) -> None:
    (reason,) = bound_reasons(settings(name, eps="2/255", step="2.5/255"))
    assert (reason.id, reason.ok) == ("step-larger-than-bound", False)
    assert "2.5/255" in reason.seen
    assert "--step 2/255" in reason.advice
    assert bound_reasons(settings(name, eps="2/255", step="2/255")) == ()


@pytest.mark.parametrize("name", ["apgd", "annealed"])
def test_steps_that_shrink_by_themselves_are_not_accused(name: str) -> None:
    assert bound_reasons(settings(name, eps="2/255", step="8/255")) == ()


def test_what_is_not_bounded_has_no_bound() -> None:
    assert bound_reasons({"name": "none"}) == bound_reasons(settings("dag")) == ()


def test_a_bound_between_levels_is_remarked() -> None:
    assert bound_notes(settings("pgd", eps="1.5/255")) == (
        "8-bit images change by whole levels: within 1.5/255 they are within 1/255",
    )
    assert bound_notes(settings("pgd", eps="8/255")) == ()


def test_a_run_says_so_before_it_starts(tmp_path: Path) -> None:
    said: list[str] = []
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 1)
    do_run(tmp_path / "out", said, models=[f"{nets}:net"], data=f"folder:{photos}", attack="fgsm", eps="0.5/255")
    assert said[0].startswith("no 8-bit image lies within 0.5/255")
