"""Attacks that look for the smallest change: against what is known in closed form, and for every batch width."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.bisection import Search, Try
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.engine.smallest import LADDER
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.errors import FoolscapeError
from foolscape.pixels import WHITE, Levels
from foolscape.problem import Problem

from .toys import conv_net, entrants, linear_net, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


class Nothing:
    """A keeper of nothing."""

    def load(self) -> None: ...

    def save(self, key: str, network: object) -> None: ...


def run(problem: Problem, attack: Plan, width: int = 1, keys: str = "012345") -> dict[str, Outcome]:
    if attack.target is not None:
        generators = [torch.Generator().manual_seed(i) for i in range(len(problem))]
        problem = replace(problem, target=attack.target(problem.labels, generators))
    chosen = (entrant for entrant in entrants(problem) if entrant.key in keys)
    return {outcome.key: outcome for outcome in attack.run(chosen, batch_size=width, memory=Nothing())}


def levels(outcome: Outcome) -> int:
    return round(float((outcome.adversarial - outcome.clean).abs().max()) * WHITE)


def two_class_net() -> tuple[nn.Module, Tensor]:
    """A linear network of two classes, and the slopes of its difference with as many levels in every channel."""
    net = linear_net(classes=2)
    return net, net.weight[1].flatten() - net.weight[0].flatten()  # type: ignore[index,operator]


def smallest_levels(net: nn.Module, slope: Tensor, images: Tensor, share: float) -> list[int]:
    """By hand: a pixel is lost at the first level at which level * sum |slope| is above its gap."""
    gaps = (net(images)[:, 1] - net(images)[:, 0]).abs().flatten(1) * WHITE / slope.abs().sum()
    needed = (gaps.floor() + 1).sort(dim=1).values
    left = int(share * needed.shape[1])
    return [int(row[-1 - left]) for row in needed]


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_a_bisected_bound_is_the_smallest_of_a_linear_network(share: float) -> None:
    net, slope = two_class_net()
    problem = problem_of(net, pictures(6))
    expected = smallest_levels(net, slope, problem.images, share)
    assert len(set(expected)) > 2  # or the test shows little
    attack = plan("pgd-min", {"steps": 150, "stop": share, "loss": "margin"}, CLASSES[:2])
    found = run(problem, attack, width=6)
    assert [levels(found[str(i)]) for i in range(6)] == expected
    assert all(outcome.claimed for outcome in found.values())
    # DAG's steps are as long in the channel of the largest slope alone, and reach the corner of the cube slowly.
    slow = plan("dag-min", {"steps": 300, "stop": share, "step": Levels.parse("4/255")}, CLASSES[:2])
    slowly = run(problem, slow, width=6)
    assert [levels(slowly[str(i)]) for i in range(6)] == expected


def test_what_is_never_fooled_is_no_success_and_keeps_its_best() -> None:
    problem = problem_of(conv_net(), pictures(2))
    for outcome in run(problem, plan("pgd-min", {"eps": Levels.parse("2/255"), "steps": 40}, CLASSES)).values():
        assert not outcome.claimed
        assert outcome.iterations == 40
        assert levels(outcome) <= 2
        assert outcome.remaining < outcome.targets
        assert [candidate.name for candidate in outcome.within] == ["1/255", "2/255"]


@pytest.mark.parametrize("name", ["dag-min", "pgd-min", "alma-prox"])
def test_images_within_smaller_bounds_are_what_they_say(name: str) -> None:
    net = conv_net()
    problem = problem_of(net, pictures(3))
    for outcome in run(problem, plan(name, {"steps": 80}, CLASSES), width=3).values():
        label = problem.labels[int(outcome.key)]
        before = outcome.targets + 1
        assert outcome.within
        for candidate in outcome.within:
            bound = int(candidate.name.removesuffix("/255"))
            assert bound in LADDER
            change = (candidate.adversarial - outcome.clean) * WHITE
            assert change.abs().max() <= bound + 1e-3
            assert int((net(candidate.adversarial).argmax(1)[0] == label).sum()) == candidate.remaining < before
            before = candidate.remaining
        if outcome.claimed:
            assert levels(outcome) > max(int(one.name.removesuffix("/255")) for one in outcome.within)


@pytest.mark.parametrize("name", ["dag-min", "pgd-min", "alma-prox"])
def test_neighbours_and_the_width_of_the_batch_do_not_matter(name: str) -> None:
    net = conv_net()

    def singly(images: Tensor) -> Tensor:
        # A convolution's last bits depend on the width of its batch; what is asked here is whether the attack's do.
        return torch.cat([net(image[None]) for image in images])

    problem = replace(problem_of(net, pictures(4)), scores=singly)
    attack = plan(name, {"steps": 50}, CLASSES)
    full = run(problem, attack, 3)
    for others in (run(problem, attack, 1), run(problem, attack, 3, "13")):
        for key, outcome in others.items():
            assert torch.equal(outcome.adversarial, full[key].adversarial)
            assert [c.remaining for c in outcome.within] == [c.remaining for c in full[key].within]


def test_an_image_that_is_wrong_from_the_start_takes_no_step() -> None:
    net = conv_net()
    problem = replace(problem_of(net, pictures(1)), labels=(net(pictures(1)).argmax(1) + 1) % 4)
    for name in ("pgd-min", "alma-prox"):
        (outcome,) = run(problem, plan(name, {}, CLASSES)).values()
        assert outcome.claimed
        assert (outcome.iterations, levels(outcome)) == (0, 0)


def test_the_search_doubles_then_halves_then_walks_down() -> None:
    search = Search(largest=16, steps=100)
    first = search.first
    assert first == Try(low=0, high=17, bound=1, begin=0, end=10)
    assert search.after(first, 9, None) == first
    second = search.after(first, 10, None)
    assert second == Try(1, 17, 2, 10, 20)
    third = search.after(second, 20, None)
    won = search.after(third, 23, 4)
    assert (won.low, won.high, won.bound, won.begin) == (2, 4, 3, 23)
    assert won.end == 23 + 77 // 2  # one halving is left, and the walk down
    lost = search.after(won, won.end, None)
    assert (lost.low, lost.high, lost.bound, lost.end) == (3, 4, 3, 100)
    # What was given up is found after all: the next one down.
    late = search.after(lost, 80, 3)
    assert (late.low, late.high, late.bound, late.end) == (2, 3, 2, 100)


def test_the_search_stays_at_the_largest_bound_until_the_end() -> None:
    search = Search(largest=6, steps=80)
    current, bounds = search.first, [1]
    for taken in range(80):
        current = search.after(current, taken, None)
        bounds += [current.bound] if current.bound != bounds[-1] else []
    assert bounds == [1, 2, 4, 6]
    assert (current.low, current.end) == (6, 80)


def test_a_success_that_is_smaller_than_its_bound_counts_as_what_it_is() -> None:
    search = Search(largest=64, steps=500)
    current = search.after(Try(4, 65, 8, 90, 120), 100, 6)
    assert (current.low, current.high, current.bound) == (4, 6, 5)


def test_settings_stand_in_the_record() -> None:
    settings = plan("dag-min", {"eps": Levels.parse("32/255")}, CLASSES).settings
    assert (settings["largest"], settings["eps"], settings["steps"], settings["stop"]) == ("32/255", None, 500, 0.01)
    assert plan("alma-prox", {}, CLASSES).settings["largest"] is None
    assert plan("pgd-min", {}, CLASSES).settings["loss"] == "masked-ce"
    assert plan("dag-min", {}, CLASSES, "detection").settings["stop"] == 0.0
    assert "largest" not in plan("dag", {}, CLASSES).settings


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "dag-min",
            {"eps": Levels.parse("1.5/255")},
            "eps: an 8-bit image changes by whole levels; expected a larg",
        ),
        ("dag-min", {"stop": 0.05}, "stop: an image counts as fooled with at most 0.01 of it left, got 0.05"),
        ("dag-min", {"norm": "l2"}, "norm: dag-min looks for the smallest change in linf, got l2"),
        ("pgd-min", {"step": Levels.parse("1/255")}, "step: pgd-min begins every try with steps as long as"),
        ("alma-prox", {"eps": Levels.parse("8/255")}, "eps: alma-prox has no bound, it looks for the smallest"),
        ("alma-prox", {"loss": "js"}, "loss: is for annealed, apgd, fgsm"),
    ],
)
def test_settings_that_contradict_are_refused(name: str, options: Settings, message: str) -> None:
    with pytest.raises(FoolscapeError) as caught:
        plan(name, options, CLASSES)
    assert str(caught.value).startswith(message)


def test_what_the_attacks_cannot_do_is_refused() -> None:
    with pytest.raises(FoolscapeError, match="alma-prox needs 3 scores per pixel, got 2"):
        plan("alma-prox", {}, CLASSES[:2])
    with pytest.raises(FoolscapeError, match="attack: alma-prox is for segmentation, got detection"):
        plan("alma-prox", {}, CLASSES, "detection")
    with pytest.raises(FoolscapeError, match="resample_candidates: dag-min compares its steps"):
        plan("dag-min", {"resample_candidates": 5}, CLASSES, "detection")
