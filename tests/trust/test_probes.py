"""Which attacks are tried beside a run's own, on how many images, and what that costs."""

from __future__ import annotations

from fractions import Fraction

import pytest

from foolscape.attacks.catalog import plan
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.pixels import Levels
from foolscape.run.trust.probes import LARGER, LONGER, SQUARE, STRONGER, UNBOUND, probed_images, probes

CLASSES = ("a", "b", "c")


def planned(name: str, options: Settings) -> Plan:
    return plan(name, options, CLASSES)


def on_clips(name: str, options: Settings) -> Plan:
    return plan(name, options, task="video")


def found(name: str, **options: object) -> dict[str, tuple[str, str, int]]:
    """The probes of an attack: name, bound and steps."""
    given = {**options}  # type: ignore[arg-type]
    tried = probes(planned(name, given), given, planned)
    return {what: (one.plan.name, str(one.plan.eps), one.plan.steps) for what, one in tried.items()}


def test_a_bounded_attack_is_tried_longer_stronger_wider_and_blind() -> None:
    assert found("pgd", eps=Levels(Fraction(4))) == {
        LONGER: ("pgd", "4/255", 40),
        STRONGER: ("worst-case", "4/255", 120),
        LARGER: ("pgd", "8/255", 20),
        UNBOUND: ("pgd", "64/255", 40),
        SQUARE: ("square", "4/255", 200),
    }


def test_the_worst_case_is_tried_with_twice_its_budget() -> None:
    tried = found("worst-case", eps=Levels(Fraction(2)))
    assert tried == {LONGER: ("worst-case", "2/255", 240), SQUARE: ("square", "2/255", 200)}


def test_what_has_one_step_or_no_bound_is_tried_as_far_as_it_goes() -> None:
    assert found("dag") == {}
    assert set(found("fgsm")) == {STRONGER, LARGER, SQUARE}
    assert set(found("pgd", norm="l2")) == {LONGER, STRONGER, LARGER, UNBOUND}
    assert {what: name for what, (name, _, _) in found("square").items()} == {LONGER: "square", STRONGER: "worst-case"}
    assert found("pgd-min", steps=50) == {LONGER: ("pgd-min", "None", 100)}


def test_a_goal_has_the_strongest_attack_that_takes_it() -> None:
    options = {"goal": "vanish", "eps": Levels(Fraction(4))}
    tried = probes(
        plan("pgd", options, CLASSES, "detection"), options, lambda name, given: plan(name, given, CLASSES, "detection")
    )
    stronger = tried[STRONGER].plan
    assert stronger.name == "annealed"
    assert stronger.goal is not None
    assert stronger.goal.name == "vanish"
    assert str(stronger.eps) == "4/255"


@pytest.mark.parametrize(
    ("name", "options", "objects"),
    [
        ("worst-case", {}, True),
        ("annealed", {"sampling": "first"}, True),
        ("pgd", {}, False),
        ("pgd", {"attack_pixels": "objects"}, True),
        ("worst-case", {"attack_pixels": "all"}, False),
    ],
)
def test_square_is_after_the_same_pixels_of_a_clip(name: str, options: Settings, objects: bool) -> None:
    window = probes(plan(name, options, task="video"), options, on_clips)[SQUARE].plan.window
    assert window is not None
    assert window.objects == objects


def test_frames_at_random_do_not_keep_the_strongest_attack_away() -> None:
    options = {"sampling": "random"}
    assert probes(plan("pgd", options, task="video"), options, on_clips)[STRONGER].plan.name == "worst-case"


def test_the_released_ara_is_not_compared_with_square() -> None:
    released = {"variant": "released"}
    assert SQUARE not in probes(plan("ara", released, task="video"), released, on_clips)


def tried(name: str) -> tuple[Plan, dict[str, object]]:
    settled = planned(name, {})
    return settled, probes(settled, {}, planned)


@pytest.mark.parametrize(
    ("name", "images", "wanted", "count", "share"),
    [
        ("worst-case", 40, None, 4, (4 * 240 + 200 / 3) / (40 * 120)),
        ("worst-case", 3, None, 3, (3 * 240 + 200 / 3) / (3 * 120)),
        ("worst-case", 1000, None, 16, (16 * 240 + 200 / 3) / (1000 * 120)),
        ("worst-case", 100, None, 9, (9 * 240 + 200 / 3) / (100 * 120)),
        ("pgd", 40, 0, 0, 0.0),
        ("pgd", 40, 2, 2, (2 * (40 + 120) + 20 + 40 + 200 / 3) / (40 * 20)),
    ],
)
def test_four_images_and_beyond_them_a_fifth_of_the_run(
    name: str, images: int, wanted: int | None, count: int, share: float
) -> None:
    settled, probed = tried(name)
    assert probed_images(images, (settled,), probed, wanted) == (count, pytest.approx(share))  # type: ignore[arg-type]
