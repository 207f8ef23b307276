"""Several objectives under one budget: what it costs, who wins, and that neighbours do not matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.parts.nms_objective import AndAppearing
from foolscape.attacks.parts.objective_table import Persistent, masked_cross_entropy
from foolscape.attacks.parts.objectives import cross_entropy
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.attacks.zoo.worst_case import WorstCase
from foolscape.errors import FoolscapeError
from foolscape.models.bundled.load import bundled
from foolscape.pixels import Levels, to_unit
from foolscape.problem import IGNORE, Problem
from foolscape.scenes import CLASSES as STREET
from foolscape.scenes import describe, render

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


class Nothing:
    """A keeper of nothing."""

    def load(self) -> None: ...

    def save(self, key: str, network: object) -> None: ...


def settled(eps: str = "1/255", budget: int = 60, schedule: str | None = None) -> Plan:
    return plan("worst-case", {"eps": Levels.parse(eps), "budget": budget, "schedule": schedule}, CLASSES)


def run(problem: Problem, attack: Plan, width: int = 3, keys: str = "012345") -> dict[str, Outcome]:
    chosen = (entrant for entrant in entrants(problem) if entrant.key in keys)
    return {outcome.key: outcome for outcome in attack.run(chosen, batch_size=width, memory=Nothing())}


def test_the_best_of_all_candidates_wins_and_none_is_outside() -> None:
    found = run(problem_of(conv_net(), pictures(6)), settled())
    assert found.keys() == set("012345")
    for outcome in found.values():
        assert [candidate.name for candidate in outcome.candidates] == ["js", "cospgd", "masked-ce", "soft-iou"]
        assert outcome.remaining == min(candidate.remaining for candidate in outcome.candidates)
        assert any(torch.equal(outcome.adversarial, candidate.adversarial) for candidate in outcome.candidates)
        assert all((c.adversarial - outcome.clean).abs().max() <= 1 / 255 + 1e-6 for c in outcome.candidates)


def test_an_image_costs_its_budget_of_gradients_and_no_more() -> None:
    problem, gradients = problem_of(conv_net(), pictures(1)), 0

    def counted(images: Tensor) -> Tensor:
        def note(gradient: Tensor) -> None:
            nonlocal gradients
            gradients += 1

        images.register_hook(note)
        scores: Tensor = problem.scores(images)
        return scores

    (outcome,) = run(replace(problem, scores=counted), settled(budget=61)).values()
    assert outcome.remaining > 0
    assert outcome.iterations == gradients == 61


def test_an_image_without_targets_left_leaves_at_once() -> None:
    for outcome in run(problem_of(conv_net(), pictures(3)), settled("255/255")).values():
        assert outcome.claimed
        assert outcome.remaining == 0
        assert outcome.iterations < 60
        # What came before it was not enough, and nothing came after.
        assert [candidate.remaining > 0 for candidate in outcome.candidates].count(False) == 1


@pytest.mark.parametrize("schedule", ["constant", "shrinking"])
def test_neighbours_do_not_change_a_bit(schedule: str) -> None:
    problem = problem_of(conv_net(), pictures(6))
    full = run(problem, settled("2/255", schedule=schedule))
    for key, outcome in run(problem, settled("2/255", schedule=schedule), keys="14").items():
        assert torch.equal(outcome.adversarial, full[key].adversarial)
        assert outcome.iterations == full[key].iterations


def test_under_l2_nothing_leaves_the_ball() -> None:
    problem = problem_of(conv_net(), pictures(2))
    eps = Levels.parse("20/255")
    attack = plan("worst-case", {"eps": eps, "budget": 30, "norm": "l2"}, CLASSES)
    for outcome in run(problem, attack, keys="01").values():
        length = float((outcome.adversarial - outcome.clean).norm())
        assert eps.unit / 2 < length <= eps.unit + 1e-6
        assert outcome.remaining < 0.8 * outcome.targets  # all are right before it


def part_of_street(network: str) -> Problem:
    """64 x 96 pixels of a test scene."""
    frame = render(describe(seed=2, index=0))
    rows, columns = slice(64, 128), slice(64, 160)
    labels = torch.from_numpy(frame.labels[rows, columns]).long()[None]
    return Problem(to_unit(frame.image[rows, columns].copy()), labels, bundled(network))


def cut(attack: Plan, parts: int) -> Plan:
    """Only the first parts of it."""
    assert isinstance(attack.runner, WorstCase)
    return replace(attack, runner=replace(attack.runner, parts=attack.runner.parts[:parts]))


def test_every_part_goes_on_from_the_best_image_before_it() -> None:
    problem, looks = part_of_street("scenes-unet"), []

    def noted(images: Tensor) -> Tensor:
        looks.append(images[:1].detach().clone())
        scores: Tensor = problem.scores(images)
        return scores

    attack = plan("worst-case", {"eps": Levels.parse("2/255"), "budget": 30}, STREET)
    (whole,) = run(replace(problem, scores=noted), attack, keys="0").values()
    # Six steps and a look at the last image for each of the first three.
    for n in range(1, 4):
        best = min(whole.candidates[:n], key=lambda candidate: candidate.remaining)
        assert torch.equal(looks[7 * n], best.adversarial)
    assert whole.remaining < 0.9 * whole.candidates[0].remaining


def test_what_comes_last_leaves_less_of_rare_classes() -> None:
    """Of the mean over classes of the IoU; the whole may well have fewer pixels right without it."""
    problem = part_of_street("scenes-unet")
    attack = plan("worst-case", {"eps": Levels.parse("2/255"), "budget": 60}, STREET)
    (whole,), (before,) = (run(problem, cut(attack, n), keys="0").values() for n in (4, 3))
    rare = next(candidate for candidate in whole.candidates if candidate.name == "soft-iou")
    assert mean_iou(problem, rare.adversarial) < mean_iou(problem, before.adversarial) - 0.005


def mean_iou(problem: Problem, image: Tensor) -> float:
    """Over the classes that the part of the scene shows."""
    with torch.no_grad():
        predicted = problem.scores(image).argmax(1)
    pairs = [(problem.labels == n, predicted == n) for n in problem.labels.unique()]
    return float(torch.stack([(truth & found).sum() / (truth | found).sum() for truth, found in pairs]).mean())


def boxes_of(net: torch.nn.Module, images: Tensor) -> Problem:
    """As candidates: the pixels of the first class are the background's."""
    problem = problem_of(net, images)
    labels = problem.labels.flatten(1)
    boxes = torch.zeros(*labels.shape, 4)
    return Problem(images, torch.where(labels == 0, IGNORE, labels), lambda x, _: net(x).flatten(2), context=(boxes,))


def detection(**options: Any) -> Plan:
    return plan("worst-case", {"budget": 30, **options}, CLASSES[1:], "detection")


def test_candidates_that_are_lost_are_pushed_on() -> None:
    problem = boxes_of(conv_net(), pictures(2))
    easy = detection(eps=Levels.parse("100/255"))
    for outcome in run(problem, easy, keys="01").values():
        assert outcome.remaining == 0
        assert outcome.iterations == 30
    # A stop that is asked for is kept to, and an image without an object takes no step.
    asked = detection(eps=Levels.parse("100/255"), stop=0.0)
    assert all(outcome.iterations < 30 for outcome in run(problem, asked, keys="01").values())
    empty = replace(problem, labels=torch.full_like(problem.labels, IGNORE))
    assert [outcome.iterations for outcome in run(empty, easy, keys="01").values()] == [0, 0]


def test_an_objective_gives_way_to_the_cross_entropy_where_nothing_is_right() -> None:
    problem, progress = problem_of(conv_net(), pictures(2)), torch.zeros(2)
    scores = problem.scores(problem.images)
    lost = torch.stack([scores[0], scores[1].scatter(0, problem.labels[1][None], -9.0)])
    seen = Persistent(masked_cross_entropy)(lost, problem, progress)
    assert torch.equal(seen.value[0], masked_cross_entropy(lost, problem, progress).value[0])
    assert torch.equal(seen.value[1], cross_entropy(lost, problem, progress).value[1])
    assert not seen.active[1].any()
    assert seen.value[1].min() > 0


def test_boxes_appear_where_nothing_is_and_are_no_targets() -> None:
    problem, progress = boxes_of(conv_net(), pictures(1)), torch.zeros(1)
    scores = problem.scores(problem.images, None).roll(-1, dims=1)  # the background comes last
    labels = torch.where(problem.labels == IGNORE, IGNORE, problem.labels - 1)
    problem = replace(problem, labels=labels)
    plain, both = (f(scores, problem, progress) for f in (cross_entropy, AndAppearing(cross_entropy, 0.0)))
    empty = labels == IGNORE
    assert torch.equal(both.value[~empty], plain.value[~empty])
    assert torch.allclose(both.value[empty], -0.1 * scores.log_softmax(1)[:, -1][empty], atol=1e-6)
    assert torch.equal(both.active, plain.active)


def test_an_image_is_chosen_by_what_the_model_still_finds_where_that_can_be_said() -> None:
    problem, judged = problem_of(conv_net(), pictures(1)), list[Tensor]()

    def remains(image: Tensor) -> float:
        judged.append(image)
        return abs(len(judged) - 2)  # the second is the best

    (entrant,) = entrants(problem)
    (outcome,) = settled().run([replace(entrant, remains=remains)], batch_size=1, memory=Nothing())
    assert len(judged) == len(outcome.candidates) == 4
    assert outcome.remaining > min(candidate.remaining for candidate in outcome.candidates)
    assert torch.equal(outcome.adversarial, outcome.candidates[1].adversarial)


def test_the_parts_add_up_to_the_budget() -> None:
    for budget in (30, 61, 119, 120):
        runner = settled(budget=budget).runner
        assert isinstance(runner, WorstCase)
        assert sum(part.ascent.steps for part in runner.parts) == budget


def test_its_settings_stand_in_the_record() -> None:
    settings = plan("worst-case", {}, CLASSES).settings
    assert (settings["budget"], settings["loss"]) == (120, "js, cospgd, masked-ce, soft-iou")
    assert plan("worst-case", {}, task="video").loss == "cospgd, ce"
    assert plan("worst-case", {}, CLASSES, "detection").loss == "js, cospgd, masked-ce and boxes"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "worst-case",
            {"budget": 24},
            "budget: a fifth of it is the part of js, of at least 5 steps, which needs 25, got 24",
        ),
        ("worst-case", {"budget": 0}, "budget: expected at least 1, got 0"),
        ("worst-case", {"budget": 49, "schedule": "shrinking"}, "budget: a fifth of it is the part of js, of at"),
        ("worst-case", {"steps": 50}, "steps: worst-case shares out a budget"),
        ("worst-case", {"loss": "js"}, "loss: is for annealed, apgd, fgsm"),
        ("pgd", {"budget": 50}, "budget: is for worst-case, got 50 for pgd"),
    ],
)
def test_settings_that_contradict_are_refused(name: str, options: Settings, message: str) -> None:
    with pytest.raises(FoolscapeError) as caught:
        plan(name, options, CLASSES)
    assert str(caught.value).startswith(message)


def test_goals_and_random_frames_are_refused() -> None:
    with pytest.raises(FoolscapeError, match="goal vanish has one objective"):
        plan("worst-case", {"goal": "vanish"}, CLASSES, "detection")
    with pytest.raises(FoolscapeError, match="sampling: worst-case compares its steps"):
        plan("worst-case", {"sampling": "random"}, task="video")
