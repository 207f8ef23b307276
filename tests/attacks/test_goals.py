"""What each goal asks of each candidate, on hand-written labels."""

import pytest
import torch

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.goals import GOALS, goal_of, only_class_of
from foolscape.attacks.parts.objectives import towards
from foolscape.errors import SettingError, UnknownNameError
from foolscape.problem import IGNORE, Problem

CLASSES = ("person", "bicycle", "car")
BACKGROUND = 3
LABELS = torch.tensor([[0, 2, BACKGROUND, 1, BACKGROUND]])
# Candidate 2 is likeliest a car among the objects, candidate 4 a person.
SCORES = torch.tensor([[[3.0, 0, 0.1, 0, 0.9], [0, 0, 0.2, 3, 0.1], [0, 3, 0.7, 0, 0.3], [1, 1, 5, 1, 5]]])


def aim(goal: str, only_class: int | None = None) -> tuple[list[int], list[int] | None]:
    found = goal_of(goal).aim(LABELS, SCORES, only_class, torch.Generator().manual_seed(0))
    return found.labels[0].tolist(), None if found.target is None else found.target[0].tolist()


def test_untargeted_touches_objects_alone() -> None:
    assert aim("untargeted") == ([0, 2, IGNORE, 1, IGNORE], None)
    assert aim("untargeted", only_class=2) == ([IGNORE, 2, IGNORE, IGNORE, IGNORE], None)


def test_mislabel_moves_every_object_to_another_class_by_one_permutation() -> None:
    labels, target = aim("mislabel")
    assert labels == [0, 2, IGNORE, 1, IGNORE]
    assert target is not None
    assert target[2] == target[4] == IGNORE
    moved = {0: target[0], 2: target[1], 1: target[3]}
    assert sorted(moved.values()) == [0, 1, 2]
    assert all(old != new for old, new in moved.items())


def test_vanish_sends_objects_to_the_background_and_keeps_the_others_with_a_victim() -> None:
    assert aim("vanish") == ([0, 2, IGNORE, 1, IGNORE], [BACKGROUND, BACKGROUND, IGNORE, BACKGROUND, IGNORE])
    assert aim("vanish", only_class=2) == ([0, 2, IGNORE, 1, IGNORE], [0, BACKGROUND, IGNORE, 1, IGNORE])


def test_vanish_only_holds_the_background_that_is_quiet() -> None:
    held = [BACKGROUND, BACKGROUND, BACKGROUND, BACKGROUND, BACKGROUND]
    assert aim("vanish-only") == ([0, 2, BACKGROUND, 1, BACKGROUND], held)
    # A candidate that the clean image takes for an object where none is: nobody wants it held.
    loud = SCORES.clone()
    loud[0, 0, 4] = 9.0
    found = goal_of("vanish-only").aim(LABELS, loud, None, torch.Generator())
    assert found.labels[0].tolist() == [0, 2, BACKGROUND, 1, IGNORE]
    with_only_class = aim("vanish-only", only_class=2)
    assert with_only_class == ([0, 2, BACKGROUND, 1, BACKGROUND], [0, BACKGROUND, BACKGROUND, 1, BACKGROUND])


def test_without_the_victim_there_is_nothing_to_attack() -> None:
    for goal in ("vanish", "vanish-only", "mislabel"):
        found = goal_of(goal).aim(torch.tensor([[0, 3]]), SCORES[:, :, :2], 1, torch.Generator())
        assert (found.labels == IGNORE).all()


def test_a_weak_bystander_is_left_alone() -> None:
    scores = SCORES.clone()
    scores[0, 0, 0] = 0.5  # the person, below the background even with its floor of log-odds
    scores[0, 3, 0] = 5.0
    for goal in ("vanish", "mislabel"):
        found = goal_of(goal).aim(LABELS, scores, 2, torch.Generator().manual_seed(0))
        assert found.labels[0].tolist()[:2] == [IGNORE, 2]
        assert found.target is not None
        assert found.target[0, 3] == 1  # the bicycle, which holds


def test_fabricate_turns_the_background_into_its_likeliest_class_or_the_victim() -> None:
    empty = [IGNORE, IGNORE, BACKGROUND, IGNORE, BACKGROUND]
    assert aim("fabricate") == (empty, [IGNORE, IGNORE, 2, IGNORE, 0])
    assert aim("fabricate", only_class=1) == (empty, [IGNORE, IGNORE, 1, IGNORE, 1])


def test_towards_weighs_a_kept_class_only_while_it_is_lost() -> None:
    scores = torch.tensor([[[3.0, 0, 0], [0, 3, 4], [0, 0, 5]]]).requires_grad_(True)
    problem = Problem(torch.zeros(1, 3, 1, 3), torch.tensor([[0, 1, 1]]), lambda x: x, torch.tensor([[1, 1, 1]]))
    seen = towards(scores, problem, torch.zeros(1))
    assert seen.active.tolist() == [[True, False, True]]
    expected = torch.stack([scores[0, 1, 0] - scores[0, 0, 0], torch.zeros(()), scores[0, 1, 2] - scores[0, 2, 2]])
    torch.testing.assert_close(seen.value[0], expected)
    (gradient,) = torch.autograd.grad(seen.value.sum(), scores, retain_graph=True)
    (reference,) = torch.autograd.grad(expected.sum(), scores)
    torch.testing.assert_close(gradient, reference)


@pytest.mark.parametrize("attack", ["dag", "pgd", "fgsm", "mi-fgsm"])
@pytest.mark.parametrize("goal", ["mislabel", "vanish", "vanish-only", "fabricate"])
def test_every_attack_reaches_every_goal_on_a_linear_detector(attack: str, goal: str) -> None:
    # Five candidates, each reading three pixels of its own: every goal is within reach of small steps.
    weights = torch.randn(4, 3, generator=torch.Generator().manual_seed(3))
    images = torch.full((1, 3, 1, 5), 0.5)
    offset = SCORES[0] - weights @ images[0, :, 0]

    def scores(pixels: torch.Tensor) -> torch.Tensor:
        return torch.einsum("cd,bdn->bcn", weights, pixels[:, :, 0]) + offset

    settled = plan(attack, {"goal": goal, "steps": 1 if attack == "fgsm" else None}, CLASSES, "detection")
    assert settled.goal is not None
    generator = torch.Generator().manual_seed(0)
    found = settled.goal.aim(LABELS, SCORES, None, generator)
    problem = Problem(images, found.labels, scores, found.target)
    (outcome,) = ascend([AttackItem("a", problem, generator)], settled.ascent)
    assert found.target is not None
    wanted = found.target != IGNORE

    def margin(pixels: torch.Tensor) -> float:
        chances = scores(pixels).log_softmax(1)
        return float(chances.gather(1, found.target.clamp(min=0)[:, None])[:, 0][wanted].sum())  # type: ignore[union-attr]

    assert margin(outcome.adversarial) > margin(images)


def test_an_image_without_targets_is_left_as_it_is() -> None:
    settled = plan("pgd", {}, CLASSES, "detection")
    images = torch.full((1, 3, 4, 4), 0.5)
    problem = Problem(images, torch.full((1, 2), IGNORE), lambda x: torch.zeros(1, 4, 2) + 0 * x.sum())
    (outcome,) = ascend([AttackItem("a", problem, torch.Generator())], settled.ascent)
    assert torch.equal(outcome.adversarial, images)
    assert (outcome.iterations, outcome.targets) == (0, 0)


def test_defaults_and_refusals() -> None:
    own = plan("dag", {}, CLASSES, "detection").goal
    assert own is not None
    assert (own.name, own.targeted) == ("untargeted", True)  # by adversarial labels, as in the paper
    assert plan("dag", {}, CLASSES, "detection").steps == 150
    assert plan("pgd", {}, CLASSES, "detection").goal == goal_of("untargeted")
    assert [goal.name for goal in GOALS] == ["untargeted", "mislabel", "vanish", "vanish-only", "fabricate"]
    assert only_class_of(None, CLASSES) is None
    with pytest.raises(UnknownNameError, match="vanish"):
        goal_of("vanquish")
    with pytest.raises(UnknownNameError, match="bicycle"):
        only_class_of("bycicle", CLASSES)
    with pytest.raises(SettingError, match="several classes"):
        only_class_of("car", ("car",))
    with pytest.raises(SettingError, match="goal: is for detectors"):
        plan("pgd", {"goal": "vanish"}, CLASSES)
