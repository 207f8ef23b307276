"""Objectives: a value per target to be maximised, and which targets are still to be fooled.

An objective is any function `(scores, problem, progress) -> ObjectiveValue`. It sees scores of shape (B, C, *N) and
must treat each image of the batch on its own, so that the answer for one does not depend on who shares its batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foolscape.problem import IGNORE, OTHER, Problem


@dataclass(frozen=True)
class ObjectiveValue:
    """What an objective makes of the scores of one iterate.

    Attributes:
        value: (B, *N), to be maximised; differentiable in the scores; 0 where nothing is wanted.
        active: (B, *N) bool, the targets that are still to be fooled.
    """

    value: Tensor
    active: Tensor


_LOGARITHM = 0.001
"""Share of the logarithm in the bent loss of `ConfidenceCappedLoss`; a hundredth hid a point fewer of CamVid's cars."""

Objective = Callable[[Tensor, Problem, Tensor], ObjectiveValue]
"""(scores (B, C, *N), problem, progress (B,) in [0, 1], the share of the steps gone by) -> ObjectiveValue."""


def _at(scores: Tensor, classes: Tensor) -> Tensor:
    """(B, *N): the scores of a class map of shape (B, *N); where it says `IGNORE` the value means nothing."""
    return scores.gather(1, classes.clamp(min=0).unsqueeze(1)).squeeze(1)


class _CrossEntropy(torch.autograd.Function):
    """Cross-entropy per target and whether the label's score is the largest, of one evaluation of the scores.

    The maximum that keeps the exponentials finite also says which targets are right, and the gradient is given in
    closed form instead of being traced back through a log-softmax: an iteration costs no more than the loss alone.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, problem: Problem) -> tuple[Tensor, Tensor]:
        index, counted = problem.index.unsqueeze(1), problem.counted
        own, largest = scores.gather(1, index), scores.amax(dim=1, keepdim=True)
        exponentials = (scores - largest).exp_()
        total = exponentials.sum(dim=1, keepdim=True)
        value = (total.log() + (largest - own)).squeeze(1).masked_fill_(problem.ignored, 0)
        right = (own >= largest).squeeze(1) & counted
        ctx.save_for_backward(exponentials, total, index, counted)
        ctx.mark_non_differentiable(right)
        ctx.set_materialize_grads(False)  # none is made for `right`
        return value, right

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """(softmax - one-hot) times the gradient that comes back, 0 where nothing counts."""
        exponentials, total, index, counted = ctx.saved_tensors
        weight = (gradients[0] * counted).unsqueeze(1)
        return (exponentials * (weight / total)).scatter_add_(1, index, -weight), None


def cross_entropy(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Cross-entropy of every labelled target; active while the label's score is the largest.

    The loss of FGSM (Goodfellow et al. 2015), PGD (Madry et al. 2018) and MI-FGSM (Dong et al. 2018), summed over the
    targets of an image.
    """
    del progress
    value, right = _CrossEntropy.apply(scores, problem)
    return ObjectiveValue(value, right)


def segpgd(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """Cross-entropy that turns from the targets still right to those already wrong as the steps go by: SegPGD.

    Gu et al. 2022 (SegPGD, arXiv 2207.12391), eq. 5 and 6: weight 1 - l for the right ones and l for the wrong ones, l
    = t / (2 T) after t of T steps.
    """
    ce = cross_entropy(scores, problem, progress)
    share = progress.to(scores.dtype).view(-1, *(1,) * (ce.value.ndim - 1)) / 2
    return ObjectiveValue(torch.where(ce.active, 1 - share, share) * ce.value, ce.active)


def margin(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """The largest score of another class less that of the label, of the targets that are still right.

    The loss of Carlini and Wagner (2017), f_6 with kappa = 0, per target: unlike the cross-entropy it is bounded by
    what is still to be won, and it means the same for a softmax as for a sigmoid of every class.
    """
    del progress
    own, other = own_and_other(scores, problem)
    active = (own >= other) & problem.counted
    return ObjectiveValue(torch.where(active, other - own, 0), active)


@dataclass(frozen=True)
class ConfidenceCappedLoss:
    """log p of the wanted class, of the targets that are not yet it with a confidence above `tau`.

    The negative loss of Metzen et al. (2017), eq. 3 and section 3.3: targets already fooled with a confidence above
    `tau` get zero weight. Confidence is the softmax of the scores. Beyond the paper, a target that is to be anything
    but its label (`OTHER`, or no target at all) has log (1 - p) of the label.

    Also beyond the paper, `bend` makes the loss all but bounded: 0.999 (p^bend - 1) / bend + 0.001 log p. The first
    part is log p at bend 0 and p - 1 at 1, whose sum is minus the expected number of targets lost (L_q of Zhang and
    Sabuncu, *Generalized Cross Entropy Loss*, 2018): one tile cannot win every target of every image, and under the
    logarithm hopeless targets dominate the gradient. The second keeps a slope where scores lie so far apart that p is
    0 in single precision and the first part has none, as in a network that is confident everywhere.

    Attributes:
        tau: in (0, 1]; 0.75 in the paper.
        bend: in [0, 1]; 0 in the paper.
    """

    tau: float
    bend: float = 0.0

    def __call__(self, scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        """The objective."""
        del progress
        wanted = problem.wanted
        total = scores.logsumexp(dim=1)
        others = scores.scatter(1, problem.index.unsqueeze(1), -torch.inf).logsumexp(dim=1)
        won = torch.where(wanted == OTHER, others, _at(scores, wanted)) - total
        active = (wanted != IGNORE) & (won.detach().exp() <= self.tau)
        value = won
        if self.bend:
            value = (1 - _LOGARITHM) * (self.bend * won).expm1() / self.bend + _LOGARITHM * won
        return ObjectiveValue(torch.where(active, value, 0), active)


def dense_adversary(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """DAG, eq. 1 of Xie et al. (2017): f_{l'} - f_l over the targets still classified as their label l.

    `problem.target` holds the adversarial labels l'. The paper minimises sum f_l - f_{l'}; this is its negative. As in
    the paper the scores are taken before softmax, and a target that is fooled, into whatever class, no longer counts.
    A target that equals the label is left alone.
    """
    del progress
    _wanted(problem)  # an error where there are none
    wanted, own = scores.gather(1, problem.wanted_and_own).unbind(1)
    with torch.no_grad():
        active = (own >= scores.amax(dim=1)) & problem.pushed
    return ObjectiveValue(torch.where(active, wanted - own, 0), active)


def towards(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """f_{l'} - f_{predicted} of the targets not yet predicted as l' = `problem.target`; active until they are.

    DAG as the authors' segmentation code does it (it subtracts the class predicted now, not the true one, and is done
    with a target only when it is predicted as l'), and the objective of every attack with a goal. A target that equals
    the label asks for the answer to stay: it weighs, and counts as active, only while it is lost.

    Not the cross-entropy to the target: where each class has a sigmoid of its own, a softmax over all of them and the
    background says little about either. PGD 8/255 in 20 steps, vanish, FastestDet on 8 photographs of COCO: AP50 10.8
    with cross-entropy, 0.1 with this.
    """
    del progress
    target = _wanted(problem)
    top, predicted = scores.max(dim=1)
    active = (predicted != target) & (target != IGNORE)
    wanted = _at(scores, target)
    return ObjectiveValue(torch.where(active, wanted - top, 0), active)


def own_and_other(scores: Tensor, problem: Problem) -> tuple[Tensor, Tensor]:
    """(B, *N) each: the score of the label, and the largest of all others."""
    index = problem.index.unsqueeze(1)
    return scores.gather(1, index).squeeze(1), scores.scatter(1, index, -torch.inf).amax(dim=1)


def _wanted(problem: Problem) -> Tensor:
    if problem.target is None:
        raise ValueError("a dense adversary needs Problem.target, the adversarial labels; see attacks.targets")
    return problem.target
