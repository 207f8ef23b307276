"""What an attack wants: a value per target to be made large, and which targets are still to be fooled.

An objective is any function `(scores, problem, progress) -> Seen`. It sees scores of shape (B, C, *N) and must treat
each image of the batch on its own, so that the answer for an image does not depend on who shares its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.problem import IGNORE, Problem


@dataclass(frozen=True)
class Seen:
    """What an objective makes of the scores of one iterate.

    Attributes:
        value: (B, *N), to be maximised; differentiable in the scores; 0 where nothing is wanted.
        active: (B, *N) bool, the targets that are still to be fooled.
    """

    value: Tensor
    active: Tensor


Objective = Callable[[Tensor, Problem, Tensor], Seen]
"""(scores (B, C, *N), problem, progress (B,) in [0, 1], the share of the steps gone by) -> Seen."""


def _at(scores: Tensor, *classes: Tensor) -> Tensor:
    """(B, K, *N): the scores of K class maps of shape (B, *N); where a map says `IGNORE` the value means nothing."""
    index = torch.stack(classes, dim=1)
    return scores.gather(1, index.clamp_(min=0))


def cross_entropy(scores: Tensor, problem: Problem, progress: Tensor) -> Seen:
    """Cross-entropy of every labelled target; active while the label's score is the largest.

    The loss of FGSM (Goodfellow et al. 2015), PGD (Madry et al. 2018) and MI-FGSM (Dong et al. 2018), summed over the
    targets of an image.
    """
    del progress
    value = functional.cross_entropy(scores, problem.labels, ignore_index=IGNORE, reduction="none")
    with torch.no_grad():
        right = _at(scores, problem.labels).squeeze(1) >= scores.amax(dim=1)
    return Seen(value, right & problem.counted)


def dense_adversary(scores: Tensor, problem: Problem, progress: Tensor) -> Seen:
    """DAG, eq. 1 of Xie et al. (2017): f_{l'} - f_l over the targets still classified as their label l.

    `problem.target` holds the adversarial labels l'. The paper minimises sum f_l - f_{l'}; this is its negative. As in
    the paper the scores are taken before softmax, and a target that is fooled, into whatever class, no longer counts.
    """
    del progress
    target = _wanted(problem)
    wanted, own = _at(scores, target, problem.labels).unbind(1)
    with torch.no_grad():
        active = (own >= scores.amax(dim=1)) & problem.counted & (target != IGNORE)
    return Seen(torch.where(active, wanted - own, 0), active)


def dense_adversary_released(scores: Tensor, problem: Problem, progress: Tensor) -> Seen:
    """DAG as the authors' segmentation code does it: f_{l'} - f_{predicted} where the prediction is not yet l'.

    Differs from `dense_adversary` in what is subtracted (the class predicted now, not the true one) and in when a
    target is done (only when it is predicted as l').
    """
    del progress
    target = _wanted(problem)
    top, predicted = scores.max(dim=1)
    active = (predicted != target) & (target != IGNORE)
    wanted = _at(scores, target).squeeze(1)
    return Seen(torch.where(active, wanted - top, 0), active)


def _wanted(problem: Problem) -> Tensor:
    if problem.target is None:
        raise ValueError("a dense adversary needs Problem.target, the adversarial labels; see attacks.targets")
    return problem.target
