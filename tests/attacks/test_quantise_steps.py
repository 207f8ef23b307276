"""`Ascent.quantise_steps`, `Ascent.resample_targets` and the objective that looks at boxes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.nms_objective import SURE, dense_adversary_strong
from foolscape.attacks.parts.targets import permuted
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


def test_a_rounded_attack_claims_what_its_eight_bit_image_shows() -> None:
    net, images = conv_net(), pictures(6)
    labels = net(images).argmax(1)
    target = permuted(4)(labels, [generator_for(0, str(i)) for i in range(6)])
    problem = problem_of(net, images, target)
    left = {}
    for quantise_steps in (True, False):
        settled = plan("dag", {"quantise_steps": quantise_steps}, CLASSES).ascent
        assert settled.quantise_steps is quantise_steps
        left[quantise_steps] = []
        for outcome in ascend(entrants(problem), settled):
            assert outcome.claimed
            written = settled.constraint.quantise(outcome.adversarial, outcome.clean).float() / 255
            still = (net(written).argmax(1) == labels[int(outcome.key)]).sum()
            left[quantise_steps].append(int(still))
            # The iterate itself stays between the levels, so that small steps add up.
            assert not torch.equal(outcome.adversarial, written)
    assert left[True] == [0] * 6
    assert sum(left[False]) > 0


def test_dag_looks_at_eight_bit_images_unless_told_otherwise() -> None:
    assert plan("dag", {}, CLASSES).settings["quantise_steps"] is True
    assert plan("pgd", {}, CLASSES).settings["quantise_steps"] is False
    assert plan("pgd", {"quantise_steps": True}, CLASSES).ascent.quantise_steps


def _renewing(seen: list[Tensor], labels: Tensor, net: torch.nn.Module) -> AttackItem:
    image = pictures(1)

    def view(iterate: Tensor) -> Problem:
        seen.append(iterate)
        return Problem(iterate, labels, net)

    return AttackItem("one", Problem(image, net(image).argmax(1), net), generator_for(0), view)


def test_targets_are_found_anew_after_every_so_many_steps() -> None:
    net, seen = conv_net(), list[Tensor]()
    settled = plan("pgd", {"steps": 7}, CLASSES).ascent
    labels = torch.full((1, 12, 16), IGNORE)
    labels[:, :3] = 2
    (outcome,) = ascend([_renewing(seen, labels, net)], replace(settled, resample_targets=3))
    assert len(seen) == 2  # after 3 and after 6 of 7 steps
    assert not torch.equal(seen[0], seen[1])
    assert outcome.targets == 3 * 16
    assert torch.equal(outcome.clean, pictures(1))
    assert outcome.iterations == 7

    seen.clear()
    list(ascend([_renewing(seen, labels, net)], settled))
    assert seen == []
    # After the last step nothing is found anew: the best iterate would be thrown away with the old targets.
    list(ascend([_renewing(seen, labels, net)], replace(settled, resample_targets=7)))
    assert seen == []
    (outcome,) = ascend([_renewing(seen, labels, net)], replace(settled, resample_targets=3, quantise_steps=True))
    assert all(torch.equal((image * 255).round() / 255, image) for image in seen)


def test_an_image_on_which_nothing_is_found_any_more_is_done() -> None:
    net, seen = conv_net(), list[Tensor]()
    settled = replace(plan("pgd", {"steps": 7}, CLASSES).ascent, resample_targets=2)
    (outcome,) = ascend([_renewing(seen, torch.full((1, 12, 16), IGNORE), net)], settled)
    assert (outcome.iterations, outcome.remaining, outcome.claimed) == (2, 0, True)
    assert torch.equal(outcome.adversarial, seen[0])


def test_the_strong_rule_goes_on_until_the_boxes_that_nms_keeps_are_sure() -> None:
    # Classes 0 and 1, background 2. Five candidates of class 0 that are to become class 1.
    boxes = torch.tensor([[[0.0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 50, 10], [60, 0, 70, 10], [80, 0, 90, 10]]])
    scores = torch.tensor(
        [
            [
                [0.0, 0.0, 0.0, 3.0, 0.0],
                [1.0, 0.9, 4.0, 0.0, 0.0],  # 0 and 1 overlap, 0 is surer; 2 is sure; 3 is still right; 4 is background
                [0.0, 0.0, 0.0, 0.0, 1.0],
            ]
        ],
        requires_grad=True,
    )
    labels, target = torch.zeros(1, 5, dtype=torch.int64), torch.ones(1, 5, dtype=torch.int64)
    problem = Problem(torch.zeros(1, 3, 4, 4), labels, lambda x: x, target, (boxes,))
    assert float(scores.detach().softmax(1)[0, 1, 0]) < SURE < float(scores.detach().softmax(1)[0, 1, 2])
    seen = dense_adversary_strong(scores, problem, torch.zeros(1))
    assert seen.active.tolist() == [[True, False, False, True, False]]
    torch.testing.assert_close(seen.value.detach(), torch.tensor([[1.0, 0, 0, -3.0, 0]]))
    (gradient,) = torch.autograd.grad(seen.value.sum(), scores)
    assert gradient[0, :, 0].tolist() == [-1, 1, 0]
    assert gradient[0, :, 1].abs().sum() == 0

    third = scores.detach().clone()
    third[0, :, 3] = torch.tensor([0.0, 0.0, 0.0])
    ignored = replace(problem, labels=torch.full_like(labels, IGNORE), target=torch.full_like(target, IGNORE))
    assert not dense_adversary_strong(third, ignored, torch.zeros(1)).active.any()
    with pytest.raises(ValueError, match="adversarial labels"):
        dense_adversary_strong(third, replace(problem, target=None), torch.zeros(1))
