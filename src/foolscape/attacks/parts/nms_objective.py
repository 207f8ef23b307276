"""Objectives of attacks on detectors beyond those of attacks/parts/objectives.py; one of them uses the boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.parts.objectives import Objective, ObjectiveValue, cross_entropy
from foolscape.problem import IGNORE, Problem, likeliest
from foolscape.sending import sent

SURE = 0.8
"""From this probability of its adversarial label on, the released DAG is done with a candidate that NMS keeps."""

OVERLAP = 0.35
"""Of the released DAG's NMS among the candidates that already have their adversarial labels."""

APPEARING = 0.1
"""The weight of a candidate of nothing in `AndAppearing`; of 1 the objects suffer less where they can be lost."""


def dense_adversary_strong(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """DAG as the authors' detection code does it: f_{l'} - f_l over the candidates that are neither l' nor background.

    And its "strong" rule: of the candidates already taken for l', those that NMS at an IoU of 0.35 would keep go on
    until l' has a probability of 0.8. Active are the candidates still taken for l, and those that the rule keeps.

    `problem.context` begins with the candidates' boxes, (B, N, 4). Probabilities are a softmax over the classes and the
    background (the released code has no other head).
    """
    del progress
    if problem.target is None:
        raise ValueError("a dense adversary needs Problem.target, the adversarial labels; see attacks.goals")
    attacked = problem.pushed
    wanted, own = problem.target.clamp(min=0), problem.index
    with torch.no_grad():
        predicted = likeliest(scores)
        chance = scores.softmax(dim=1).gather(1, wanted[:, None]).squeeze(1)
        unsure = attacked & (predicted == wanted) & _survives(problem.context[0], chance, wanted, predicted == wanted)
        unsure &= chance < SURE
        pushed = unsure | (attacked & (predicted != wanted) & (predicted != scores.shape[1] - 1))
        active = unsure | (attacked & (predicted == own))
    value = (scores.gather(1, wanted[:, None]) - scores.gather(1, own[:, None])).squeeze(1)
    return ObjectiveValue(torch.where(pushed, value, 0), active)


@dataclass(frozen=True)
class AndAppearing:
    """`objective`, and a tenth of the cross-entropy of what shows no object, so that boxes appear as objects disappear.

    What is left of the objects then stands behind false detections in the ranking of average precision. TOG's
    untargeted form (Chow et al. 2020) likewise makes the whole training loss large. Active stay the targets alone.

    Attributes:
        objective: of the objects.
        floor: what was added to the background's score, see `Goal`; no part of the second term.
    """

    objective: Objective
    floor: float

    def __call__(self, scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        """The objective."""
        own, background = self.objective(scores, problem, progress), scores.shape[1] - 1
        empty = replace(problem, labels=torch.where(problem.counted, IGNORE, background), target=None)
        lift = torch.zeros(scores.shape[1], dtype=scores.dtype, device=scores.device)
        lift[-1] = self.floor
        appearing = cross_entropy(scores - lift[:, None], empty, progress)
        return ObjectiveValue(own.value + APPEARING * appearing.value, own.active)


def _survives(boxes: Tensor, chance: Tensor, labels: Tensor, reached: Tensor) -> Tensor:
    """(B, N) bool: the candidates that NMS within each class keeps, of those that `reached` says.

    How many it keeps must be known to the host, image by image. So all that it takes comes to the CPU in one copy.
    """
    from torchvision.ops import batched_nms

    *corners, scores, classes, wanted = torch.stack(
        [*boxes.unbind(2), chance, labels.to(chance.dtype), reached.to(chance.dtype)]
    ).cpu()
    kept = torch.zeros(reached.shape, dtype=torch.bool)
    images = zip(torch.stack(corners, dim=2), scores, classes.long(), wanted.bool(), strict=True)
    for image, (box, score, label, candidates) in enumerate(images):
        at = torch.nonzero(candidates)[:, 0]
        # torchvision keeps classes apart by moving boxes, which only works for coordinates from 0 on.
        chosen = (box[at] - box[at].min()).float() if len(at) else box[at].float()
        kept[image, at[batched_nms(chosen, score[at].float(), label[at], OVERLAP)]] = True
    return sent(kept, reached.device)
