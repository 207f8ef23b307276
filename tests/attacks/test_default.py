"""The attack that is taken where none is named: bounded, strong, and one that takes every setting given."""

from __future__ import annotations

import pytest

from foolscape.attacks.default import STRONGEST, default_attack
from foolscape.attacks.registry import Settings
from foolscape.errors import SettingError, UnknownNameError
from foolscape.pixels import Levels

TASKS = ("segmentation", "detection", "video")


@pytest.mark.parametrize("task", TASKS)
def test_it_is_the_worst_case_and_steps_are_its_budget(task: str) -> None:
    plain = default_attack(task, {})
    assert (plain.name, plain.options, plain.why) == ("worst-case", {}, "default")
    longer = default_attack(task, {"steps": 60, "eps": Levels.parse("2/255")})
    assert (longer.name, longer.options) == ("worst-case", {"budget": 60, "eps": Levels.parse("2/255")})
    assert longer.why == "default; steps are its budget of gradients"


@pytest.mark.parametrize(
    ("task", "options", "name", "why"),
    [
        *(
            ("detection", {"goal": goal, "only_class": "car"}, "annealed", f"goal {goal} has one objective")
            for goal in ("mislabel", "vanish", "vanish-only", "fabricate")
        ),
        ("detection", {"resample_candidates": 5}, "annealed", "resample_candidates: worst-case compares its steps"),
        ("detection", {"goal": "vanish", "norm": "l2"}, "apgd", "goal vanish"),
        ("detection", {"resample_candidates": 5, "norm": "l2"}, "pgd", "resample_candidates"),
        ("segmentation", {"steps": 10}, "annealed", "budget: a fifth of it"),
        ("segmentation", {"step": Levels.parse("1/255"), "steps": 40}, "annealed", "step: worst-case"),
        ("segmentation", {"transforms": "di"}, "annealed", "transforms: is for"),
        ("segmentation", {"loss": "ce", "schedule": "shrinking"}, "apgd", "loss: is for"),
        ("video", {"sampling": "random"}, "annealed", "sampling: worst-case compares"),
    ],
)
def test_where_the_worst_case_does_not_apply_the_next_takes_its_place(
    task: str, options: Settings, name: str, why: str
) -> None:
    chosen = default_attack(task, options)
    assert (chosen.name, chosen.options) == (name, options)
    assert chosen.why.startswith("default; worst-case does not apply (")
    assert why in chosen.why


def test_an_l2_bound_is_no_reason_for_another() -> None:
    assert default_attack("segmentation", {"norm": "l2"}).name == "worst-case"


def test_one_change_for_several_networks_is_one_ascent() -> None:
    chosen = default_attack("segmentation", {"steps": 60}, shared=True)
    assert (chosen.name, chosen.options["steps"]) == ("annealed", 60)
    assert "one ascent" in chosen.why


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("segmentation", {"goal": "vanish"}, "goal: is for detectors"),
        ("detection", {"budget": 60, "steps": 60}, "steps: worst-case shares out a budget"),
        ("segmentation", {"budget": 10}, "budget: a fifth of it"),
        ("segmentation", {"steps": 0}, "budget: expected at least 1"),
    ],
)
def test_settings_that_none_takes_are_refused_in_the_words_of_the_strongest(
    task: str, options: Settings, message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        default_attack(task, options)
    assert str(caught.value).startswith(message)


def test_a_misspelt_setting_is_no_reason_for_another_attack() -> None:
    with pytest.raises(UnknownNameError, match="did you mean vanish"):
        default_attack("detection", {"goal": "vanisch"})


def test_each_of_them_is_bounded_by_itself() -> None:
    from foolscape.attacks.catalog import plan

    assert {str(plan(name, {}, ("a", "b", "c")).eps) for name in STRONGEST} == {"8/255"}
