"""APGD: its checkpoints, its halving steps, its bounds in stages, and what it gains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.ascent import Ascent, never
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.parts.constraints import L2, Linf, PixelRange
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.parts.updates import Sign
from foolscape.attacks.registry import Settings
from foolscape.attacks.zoo.apgd import Apgd
from foolscape.attacks.zoo.apgd_stages import CONSTANT, SHRINKING, staged
from foolscape.errors import FoolscapeError
from foolscape.pixels import Levels
from foolscape.problem import Problem
from foolscape.seeds import generator_for

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


def test_checkpoints_are_the_papers() -> None:
    (stage,) = staged(100, CONSTANT)
    assert list(stage.checkpoints)[:8] == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(stage.checkpoints.values())[:4] == [22, 19, 16, 13]


def test_stages_share_the_steps_three_to_three_to_four() -> None:
    stages = staged(300, SHRINKING)
    assert [(s.begin, s.end, s.radius) for s in stages] == [(0, 90, 2.0), (90, 180, 1.5), (180, 300, 1.0)]
    assert all(s.begin < at < s.end for s in stages for at in s.checkpoints)
    assert [s.end - s.begin for s in staged(10, SHRINKING)] == [3, 3, 4]


def climbed(value: Callable[[Tensor], Tensor], steps: int, step: float, eps: float = 0.5) -> list[float]:
    """The values of one pixel's red channel, from 0.5, that APGD looks at when it makes `value` large."""
    looks: list[float] = []

    def scores(images: Tensor) -> Tensor:
        looks.append(images[0, 0, 0, 0].item())
        return images[:, :2]

    def objective(seen: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        return ObjectiveValue(value(seen[:, 0]), torch.ones_like(problem.labels, dtype=torch.bool))

    clean = torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64)
    problem = Problem(clean, torch.zeros(1, 1, 1, dtype=torch.long), scores)
    attack = Ascent(
        objective=objective,
        update=Apgd(staged(steps, CONSTANT), Sign()),
        constraint=Linf(eps),
        step=step,
        steps=steps,
        stop=never,
    )
    list(ascend([AttackItem("0", problem, generator_for(0))], attack))
    return looks


def test_momentum_is_a_quarter_of_the_last_movement() -> None:
    # Uphill all the way: the first step is whole, then x + .75 step + .25 (x - before).
    looks = climbed(lambda x: x, 4, 0.01)
    assert looks == pytest.approx([0.5, 0.51, 0.52, 0.53, 0.54])


def test_a_step_that_overshoots_is_halved_until_it_settles_on_the_peak() -> None:
    looks = climbed(lambda x: -(x - 0.613).abs(), 100, 0.2)
    assert abs(looks[-1] - 0.613) < 0.01
    assert max(abs(look - 0.613) for look in looks[:20]) > 0.05
    before, after = looks[22], looks[23]
    # At the first checkpoint it goes on from the best iterate so far, with half the step.
    best = min(looks[:23], key=lambda look: abs(look - 0.613))
    assert abs(after - best) <= 0.1 + 0.25 * abs(before - best) + 1e-9


def test_a_step_that_pays_is_kept() -> None:
    looks = climbed(lambda x: x, 50, 0.001)
    assert looks[-1] == pytest.approx(0.5 + 50 * 0.001)


@pytest.mark.parametrize("schedule", ["constant", "shrinking"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_result_is_inside_whatever_the_schedule(schedule: str, norm: str) -> None:
    problem = problem_of(conv_net(), pictures(3))
    settled = plan("apgd", {"eps": Levels.parse("4/255"), "steps": 20, "schedule": schedule, "norm": norm}, CLASSES)
    widest = 0.0

    def watched(images: Tensor) -> Tensor:
        nonlocal widest
        widest = max(widest, (images[0] - problem.images[0]).detach().abs().max().item())
        scores: Tensor = problem.scores(images)
        return scores

    for outcome in ascend(
        entrants(replace(problem, scores=watched)), replace(settled.ascent, stop=never), batch_size=3
    ):
        change = outcome.perturbation
        size = change.abs().max() if norm == "linf" else change.norm()
        assert size <= 4 / 255 + 1e-6
        assert outcome.iterations == 20
        assert 0 < outcome.remaining < outcome.targets or outcome.remaining == 0
    if norm == "linf":
        assert (widest > 5 / 255) == (schedule == "shrinking")


def results(keys: set[str], width: int, schedule: str) -> dict[str, Outcome]:
    problem = problem_of(conv_net(), pictures(6))
    attack = plan("apgd", {"eps": Levels.parse("2/255"), "steps": 30, "schedule": schedule}, CLASSES).ascent
    # They come one by one, so that images at different stages share a batch.
    found = ascend((e for e in entrants(problem) if e.key in keys), attack, batch_size=width)
    return {outcome.key: outcome for outcome in found}


@pytest.mark.parametrize("schedule", ["constant", "shrinking"])
def test_neighbours_at_other_stages_do_not_change_a_bit(schedule: str) -> None:
    full = results({"0", "1", "2", "3", "4", "5"}, 3, schedule)
    for key, outcome in results({"1", "4"}, 3, schedule).items():
        assert torch.equal(outcome.adversarial, full[key].adversarial)
        assert outcome.remaining == full[key].remaining


def test_a_scaled_constraint_has_another_radius() -> None:
    assert Linf(0.1).scaled(2) == Linf(0.2)
    assert L2(1.0).scaled(1.5) == L2(1.5)
    assert PixelRange().scaled(2) == PixelRange()


def test_apgd_beats_pgd_for_as_many_steps() -> None:
    problem = problem_of(conv_net(), pictures(6))

    def left(name: str) -> int:
        attack = plan(name, {"eps": Levels.parse("2/255"), "steps": 40, "loss": "masked-ce"}, CLASSES).ascent
        return sum(outcome.remaining for outcome in ascend(entrants(problem), attack, batch_size=3))

    assert left("apgd") <= left("pgd")


def test_what_apgd_is_settled_to_stands_in_the_record() -> None:
    settings = plan("apgd", {"schedule": "shrinking", "loss": "js"}, CLASSES).settings
    assert (settings["schedule"], settings["loss"], settings["step"], settings["steps"]) == (
        "shrinking",
        "js",
        "16/255",
        100,
    )
    assert "schedule" not in plan("pgd", {}, CLASSES).settings


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("apgd", {"schedule": "shrink"}, "unknown schedule 'shrink'; did you mean shrinking?"),
        ("pgd", {"schedule": "shrinking"}, "schedule: is for apgd and worst-case, got shrinking for pgd"),
        ("apgd", {"schedule": "shrinking", "steps": 9}, "steps: a shrinking bound needs at least 10, got 9"),
        ("apgd", {"schedule": "shrinking", "quantise_steps": True}, "quantise_steps: a shrinking bound leaves the one"),
    ],
)
def test_settings_that_contradict_are_refused(name: str, options: Settings, message: str) -> None:
    with pytest.raises(FoolscapeError) as caught:
        plan(name, options, CLASSES)
    assert str(caught.value).startswith(message)


def test_candidates_found_anew_are_refused() -> None:
    with pytest.raises(FoolscapeError, match="resample_candidates: apgd compares its steps"):
        plan("apgd", {"resample_candidates": 3}, CLASSES, "detection")


def test_random_frames_are_refused() -> None:
    with pytest.raises(FoolscapeError, match="sampling: apgd compares its steps"):
        plan("apgd", {"sampling": "random"}, task="video")
