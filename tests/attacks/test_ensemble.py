"""Several networks as one: twice the same is that one, other classes and numbers of targets count alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.engine.ensemble import Joint, joint
from foolscape.attacks.parts.objectives import cross_entropy, dense_adversary
from foolscape.attacks.parts.targets import permuted
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for

from .toys import conv_net, linear_net, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


def entrant(problem: Problem) -> AttackItem:
    return AttackItem("0", problem, generator_for(0, "0"))


@pytest.mark.parametrize(
    ("name", "transforms"),
    [("pgd", None), ("mi-fgsm", "di,ti=3,si=2"), ("segpgd", None), ("dag", None), ("square", None)],
)
def test_twice_the_same_network_is_that_network(name: str, transforms: str | None) -> None:
    posed = problem_of(conv_net(), pictures(1))
    if name == "dag":
        posed = replace(posed, target=permuted(4)(posed.labels, [generator_for(1, "0")]))
    attack = plan(name, {"transforms": transforms, "steps": 8}, CLASSES).ascent
    both = replace(attack, objective=Joint((attack.objective, attack.objective)))
    (alone,) = ascend([entrant(posed)], attack)
    (together,) = ascend([entrant(joint([posed, posed], [4, 4]))], both)
    assert torch.equal(alone.adversarial, together.adversarial)
    assert (2 * alone.remaining, 2 * alone.targets) == (together.remaining, together.targets)


def test_losses_count_alike_whatever_the_classes_and_targets() -> None:
    images = pictures(1)
    few, many = problem_of(linear_net(3), images), problem_of(conv_net(5), images)
    labels = few.labels.clone()
    labels[:, 4:] = IGNORE
    few = replace(few, labels=labels)
    together = joint([few, many], [3, 5])
    scores = together.scores(images, *together.context)
    assert scores.shape == (1, 5, 2 * 12 * 16)
    seen = Joint((cross_entropy, cross_entropy))(scores, together, torch.zeros(1))
    own = [cross_entropy(p.scores(images), p, torch.zeros(1)) for p in (few, many)]
    means = [float(s.value.sum() / p.counted.sum()) for s, p in zip(own, (few, many), strict=True)]
    counted = (4 * 16 + 12 * 16) / 2
    assert float(seen.value.sum()) == pytest.approx(counted * sum(means), rel=1e-5)
    assert seen.active.sum() == sum(s.active.sum() for s in own)


def test_wanted_classes_stay_with_their_own_network() -> None:
    images = pictures(1)
    one, other = problem_of(linear_net(), images), problem_of(conv_net(), images)
    one = replace(one, target=permuted(4)(one.labels, [generator_for(1, "0")]))
    together = joint([one, other], [4, 4])

    def seen(scores: Tensor, problem: Problem, progress: Tensor) -> object:
        assert problem.target is None
        return cross_entropy(scores, problem, progress)

    found = Joint((dense_adversary, seen))(together.scores(images), together, torch.zeros(1))  # type: ignore[arg-type]
    assert torch.equal(
        found.value[:, : 12 * 16], dense_adversary(one.scores(images), one, torch.zeros(1)).value.flatten(1)
    )
