"""The objectives that `--loss` names, for attacks that leave the choice to the user.

Each is a function as `attacks.parts.objectives` describes it. Most are the cross-entropy l = -log p of every labelled
target (p the softmax probability of its label) under another weight; their gradients in the scores are that of l,
softmax less one-hot, times what the table of docs/attacks.md says. "Masked" objectives
count only targets that are still right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.attacks.parts.objectives import Objective, ObjectiveValue, cross_entropy, margin, own_and_other, segpgd
from foolscape.errors import SettingError, unknown
from foolscape.problem import Problem
from foolscape.tasks.base import TASKS, Task

FIRST_Q, LAST_Q = -2.0, 1.0
"""Of `tsallis`, before the first step and after the last."""

_TINY = 1e-12


def masked_cross_entropy(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Cross-entropy of the targets that are still right: L_MCE of SEA (Croce, Singh, Hein, ECCV 2024, 2306.12941)."""
    ce = cross_entropy(scores, problem, progress)
    return ObjectiveValue(torch.where(ce.active, ce.value, 0), ce.active)


def balanced_cross_entropy(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Masked cross-entropy over N_y, how many targets have the label: L_MCE-Bal of SEA, so that rare classes count.

    Where we differ from SEA: N_y is counted in the image (the clip) itself, not in the training set, which an attacker
    need not have.
    """
    masked = masked_cross_entropy(scores, problem, progress)
    labels, counted = problem.index.flatten(1), problem.counted.flatten(1).to(scores.dtype)
    sizes = scores.new_zeros(len(scores), scores.shape[1]).scatter_add_(1, labels, counted)
    own_size = sizes.clamp_(min=1).gather(1, labels).view_as(masked.value)
    return ObjectiveValue(masked.value / own_size, masked.active)


def soft_iou(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Minus the sum over the image's classes of their IoU, a pixel counting for class c as much as its probability p_c.

    Rahman and Wang, *Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation* (ISVC 2016),
    who train with it. A target's part is -p_y over the union of its class, which grows with what others give to that
    class: targets long lost are still worth being moved to the class that they harm most.
    """
    ce = cross_entropy(scores, problem, progress)
    labels, counted = problem.index.flatten(1), problem.counted.flatten(1)
    p = scores.flatten(2).softmax(dim=1) * counted.unsqueeze(1)
    own = p.gather(1, labels.unsqueeze(1)).squeeze(1)
    empty = scores.new_zeros(p.shape[:2])
    sizes, shared = (empty.scatter_add(1, labels, each) for each in (counted.to(scores.dtype), own))
    union = (sizes + p.sum(dim=2) - shared).clamp(min=1)
    value = -own / union.gather(1, labels)
    return ObjectiveValue(value.view_as(ce.value), ce.active)


def jensen_shannon(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """The Jensen-Shannon divergence of the softmax and the label: L_JS of SEA, in nats, between 0 and log 2.

    In closed form log 2 + (p log p - (1 + p) log(1 + p)) / 2. Its gradient is that of the cross-entropy times
    p log((1 + p) / p) / 2 and vanishes as p does: targets that are fooled with certainty get zero weight.
    """
    ce = cross_entropy(scores, problem, progress)
    p = (-ce.value).exp()
    value = math.log(2) - (p * ce.value + (1 + p) * p.log1p()) / 2
    return ObjectiveValue(torch.where(problem.counted, value, 0), ce.active)


def masked_spherical(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """-u_y / ||u||_2 of the targets that are still right, u the scores: the fourth loss of SEA's first version.

    Unlike the others it depends on where the scores have their zero.
    """
    del progress
    own, other = own_and_other(scores, problem)
    active = (own >= other) & problem.counted
    length = torch.linalg.vector_norm(scores, dim=1).clamp(min=_TINY)
    return ObjectiveValue(torch.where(active, -own / length, 0), active)


def logits_ratio(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """(max of the others - u_y) / (u_(1) - u_(3)), u_(k) the k-th largest: DLR of Croce and Hein (2020), eq. 6.

    It does not change when the scores are scaled or shifted. Where we differ: as in the dense constraint of ALMA prox
    (Rony et al. 2023) only the targets still right count. It needs three scores per target.
    """
    del progress
    ratio, active = logits_ratios(scores, problem, 0.0, _TINY)
    return ObjectiveValue(torch.where(active, ratio, 0), active)


def logits_ratios(scores: Tensor, problem: Problem, slack: float, tiny: float) -> tuple[Tensor, Tensor]:
    """(B, *N) each: (max of the others - u_y - slack) / (u_(1) - u_(3) + tiny), and whether the target is still right.

    Where nothing counts the ratio means nothing.
    """
    own, other = own_and_other(scores, problem)
    top = scores.topk(3, dim=1).values
    return (other - own - slack) / (top[:, 0] - top[:, 2] + tiny), (own >= other) & problem.counted


@dataclass(frozen=True)
class Persistent:
    """`objective` while a target of the image is right, and the cross-entropy of all of them once none is.

    Objectives that count only what is right are constant once a detector's candidates are lost; average
    precision is not, since detections of any score enter its ranking.
    """

    objective: Objective

    def __call__(self, scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        """The objective."""
        own = self.objective(scores, problem, progress)
        lost = cross_entropy(scores, problem, progress)
        right = own.active.flatten(1).any(dim=1).view(-1, *(1,) * (own.value.ndim - 1))
        return ObjectiveValue(torch.where(right, own.value, lost.value), own.active)


def cospgd(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Cross-entropy weighed by cos(softmax(u), one-hot(y)) = p_y / ||p||_2: CosPGD as its official code has it.

    Agnihotri et al., ICML 2024, arXiv 2302.02213. The weight is taken as a constant.
    """
    ce = cross_entropy(scores, problem, progress)
    with torch.no_grad():
        # log p_y - log ||p||, in which the sum of the exponentials cancels.
        own = _own(scores, problem)
        weight = (own - (2 * scores).logsumexp(dim=1) / 2).exp_()
    return ObjectiveValue(ce.value * weight, ce.active)


def cospgd_sigmoid(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """`cospgd` with a sigmoid of every score in the place of the softmax, as SEA describes and runs it."""
    ce = cross_entropy(scores, problem, progress)
    with torch.no_grad():
        length = torch.linalg.vector_norm(scores.sigmoid(), dim=1).clamp_(min=_TINY)
        weight = _own(scores, problem).sigmoid() / length
    return ObjectiveValue(ce.value * weight, ce.active)


def tsallis(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Tsallis cross-entropy (1 - p^(1 - q)) / (1 - q), q rising from -2 to 1 with the steps: TsallisPGD.

    Matyasko et al., IJCNN 2026. Its gradient is that of the cross-entropy times p^(1 - q): at first the targets that
    are still sure of their label count most, at q = 1 it is the cross-entropy itself.
    """
    ce = cross_entropy(scores, problem, progress)
    # At q = 1 the quotient has no value but a limit, from which 1e-6 cannot be told in single precision.
    rate = ((1 - FIRST_Q) - (LAST_Q - FIRST_Q) * progress.to(scores.dtype)).clamp(min=1e-6)
    rate = rate.view(-1, *(1,) * (ce.value.ndim - 1))
    return ObjectiveValue(-torch.expm1(-rate * ce.value) / rate, ce.active)


def _own(scores: Tensor, problem: Problem) -> Tensor:
    """(B, *N): the score of the label; of class 0 where there is none."""
    return scores.gather(1, problem.index.unsqueeze(1)).squeeze(1)


@dataclass(frozen=True)
class Named:
    """An objective that a user may ask for.

    Attributes:
        objective: the function.
        tasks: that have it.
        channels: it needs as many scores per target.
    """

    objective: Objective
    tasks: tuple[str, ...] = tuple(TASKS)
    channels: int = 2


OBJECTIVES: dict[str, Named] = {
    "ce": Named(cross_entropy),
    "masked-ce": Named(masked_cross_entropy),
    # A candidate's class says nothing of how many candidates an object has.
    "balanced-ce": Named(balanced_cross_entropy, ("segmentation", "video")),
    "soft-iou": Named(soft_iou, ("segmentation", "video")),
    "js": Named(jensen_shannon),
    # A detector's zero is the background's, a tracker's scores are log-probabilities: neither is the scores' own zero.
    "spherical": Named(masked_spherical, ("segmentation",)),
    "margin": Named(margin),
    # A tracker has as many scores as the clip has objects and the background, which can be two.
    "dlr": Named(logits_ratio, ("segmentation", "detection"), channels=3),
    "segpgd": Named(segpgd, ("segmentation", "video")),
    "cospgd": Named(cospgd),
    "cospgd-sigmoid": Named(cospgd_sigmoid, ("segmentation", "detection")),
    "tsallis": Named(tsallis),
}


def objective_of(name: str, task: Task, channels: int) -> Objective:
    """The objective called `name`.

    Args:
        name: of OBJECTIVES.
        task: that the scores are of.
        channels: scores per target; 0 where samples differ in them.

    Raises:
        UnknownNameError: no such objective.
        SettingError: the task does not have it, or there are too few scores.
    """
    if name not in OBJECTIVES:
        raise unknown("loss", name, OBJECTIVES)
    named = OBJECTIVES[name]
    if task.name not in named.tasks:
        able = ", ".join(other for other, entry in OBJECTIVES.items() if task.name in entry.tasks)
        raise SettingError(f"objective: {name} is for {' and '.join(named.tasks)}, got {task.name}; use one of {able}")
    if 0 < channels < named.channels:
        raise SettingError(f"objective: {name} needs {named.channels} scores per target, got {channels}; use margin")
    return named.objective
