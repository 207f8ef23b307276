"""Gradients in bfloat16, verdicts in float32."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.attacks.zoo.ara_released import Network, ReleasedAra
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.problem import Problem

from .test_driver import CLASSES, NAMES, SETTINGS, by_key, dag_problem
from .toys import entrants


class Nothing:
    """A keeper that keeps nothing."""

    def load(self) -> Network | None:
        return None

    def save(self, key: str, network: Network) -> None:
        raise AssertionError


def in_bf16(name: str, options: Settings | None = None) -> Plan:
    return plan(name, options or {}, CLASSES).at_precision(bf16=True)


def spied(problem: Problem, rough: Callable[[Tensor], Tensor]) -> Problem:
    """`problem` with `rough` done to the scores under autocast."""

    def scores(images: Tensor) -> Tensor:
        exact: Tensor = problem.scores(images)
        return rough(exact) if torch.is_autocast_enabled("cpu") else exact

    return replace(problem, scores=scores)


def left_in_float32(problem: Problem, outcome: Outcome, attack: Ascent) -> int:
    """The active targets in the image that an outcome holds, as the attack looks at images, counted once more."""
    one, image = problem.take(torch.tensor([int(outcome.key)])), outcome.adversarial
    if attack.quantise_steps:
        image = attack.constraint.quantise(image, one.images).to(image.dtype) / 255
    return int(attack.objective(one.scores(image), one, torch.ones(1)).active.sum())


@pytest.mark.parametrize("name", [name for name in NAMES if not plan(name, {}, CLASSES).ascent.ladder])
def test_what_an_image_lands_with_is_counted_in_float32(name: str) -> None:
    problem, attack = dag_problem(4), in_bf16(name, SETTINGS.get(name))
    if attack.target is None:
        problem = replace(problem, target=None)
    for outcome in attack.run(entrants(problem), batch_size=3, memory=Nothing()):
        assert outcome.failure is None
        assert outcome.remaining == left_in_float32(problem, outcome, attack.ascent)


def test_an_image_is_not_done_because_bf16_says_so() -> None:
    problem = replace(dag_problem(3), target=None)
    attack = in_bf16("pgd", {"steps": 3, "eps": Levels.parse("1/255"), "stop": 0.0}).ascent
    # Under autocast no target is right from the start: the classes change places.
    lying = spied(problem, lambda scores: scores.roll(1, dims=1))
    for outcome in ascend(entrants(lying), attack, batch_size=2):
        assert outcome.iterations == 3
        assert not outcome.claimed
        assert outcome.remaining == left_in_float32(problem, outcome, attack) > 0


def test_what_bf16_did_not_see_done_is_claimed_in_float32() -> None:
    problem = replace(dag_problem(1), target=None)
    attack = in_bf16("mi-fgsm", {"steps": 20, "eps": Levels.parse("64/255"), "stop": 0.5}).ascent
    # Under autocast every target stays right, whatever the image, by too little to change where the gradient points.
    right = 0.1 * functional.one_hot(problem.labels, 4).movedim(-1, 1)
    (outcome,) = ascend(entrants(spied(problem, lambda scores: 1e-3 * scores + right)), attack)
    (honest,) = ascend(entrants(problem), attack)
    assert 0 < honest.iterations < outcome.iterations == 20
    assert outcome.claimed
    assert outcome.remaining == left_in_float32(problem, outcome, attack)


def test_scores_that_are_not_finite_in_bf16_are_a_failure_of_that_image_alone() -> None:
    problem = dag_problem(3)
    problem.images[1, :, 0, 0] = 1.0

    def broken(images: Tensor) -> Tensor:
        scores: Tensor = problem.scores(images)
        poison = torch.where(images[:, 0, 0, 0] > 0.9, float("nan"), 0.0)[:, None, None, None].detach()
        return scores + poison if torch.is_autocast_enabled("cpu") else scores

    outcomes = by_key(ascend(entrants(replace(problem, scores=broken)), in_bf16("pgd").ascent, batch_size=3))
    assert "not finite" in (outcomes["1"].failure or "")
    assert outcomes["0"].failure is outcomes["2"].failure is None


@pytest.mark.parametrize("name", ["pgd", "dag", "apgd"])
def test_neighbours_do_not_change_a_bit_in_bf16(name: str) -> None:
    problem, attack = dag_problem(6), in_bf16(name).ascent
    full = by_key(ascend(entrants(problem), attack, batch_size=3))
    resumed = by_key(ascend((e for e in entrants(problem) if e.key in {"1", "4"}), attack, batch_size=3))
    for key, outcome in resumed.items():
        assert torch.equal(outcome.adversarial, full[key].adversarial)
        assert outcome.remaining == full[key].remaining


@pytest.mark.parametrize("bf16", [False, True])
def test_float32_costs_no_further_pass_and_bf16_one_without_gradient(bf16: bool) -> None:
    problem = replace(dag_problem(1), target=None)
    calls: list[tuple[bool, bool]] = []

    def scores(images: Tensor) -> Tensor:
        found: Tensor = problem.scores(images)
        calls.append((torch.is_autocast_enabled("cpu"), found.requires_grad))
        return found

    attack = plan("pgd", {"steps": 5}, CLASSES).at_precision(bf16=bf16).ascent
    list(ascend(entrants(replace(problem, scores=scores)), attack))
    assert calls == [(bf16, True)] * 6 + [(False, False)] * bf16


def test_a_network_runs_in_bf16_or_the_tests_above_show_nothing() -> None:
    problem = dag_problem(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert problem.scores(problem.images).dtype == torch.bfloat16


def test_the_settings_say_so_and_the_released_ara_is_refused() -> None:
    assert in_bf16("pgd").settings["precision"] == "bf16"
    assert "precision" not in plan("pgd", {}, CLASSES).settings
    released = plan("ara", {"variant": "released"}, task="video")
    assert isinstance(released.runner, ReleasedAra)
    with pytest.raises(SettingError, match="precision: ara takes its gradients in float32 as its release does"):
        released.at_precision(bf16=True)
    assert released.at_precision(bf16=False).runner == released.runner


@pytest.mark.parametrize("name", ["dag-min", "pgd-min", "alma-prox"])
def test_attacks_that_look_for_the_smallest_change_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=f"precision: {name} compares sizes"):
        in_bf16(name)
