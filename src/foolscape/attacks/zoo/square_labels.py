"""Square by decisions alone: what counts is how many targets still have their label, whatever their scores.

The search is that of Square (Andriushchenko et al., ECCV 2020), which wants scores; going by a count of the pixels that
are right is how Chen et al., Delving into Decision-based Black-box Attacks on Semantic Segmentation (arXiv 2402.01220),
look at a model that hands out label maps. Their search, by lines, is another.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import COMPARES, register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded
from foolscape.attacks.zoo.square import FIRST, Square
from foolscape.errors import SettingError
from foolscape.problem import IGNORE, Problem, likeliest


def decisions(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """-1 for each target that is not yet what is wanted: of an untargeted attack, that still has its label."""
    del progress
    active = (problem.wanted != IGNORE) & ~problem.won(likeliest(scores))
    return ObjectiveValue(torch.where(active, -1.0, 0.0).to(scores.dtype), active)


@register(
    "square-labels",
    source="the search of Andriushchenko et al., Square Attack, ECCV 2020, by a count of right targets, as Chen et "
    "al., Delving into Decision-based Black-box Attacks on Semantic Segmentation, arXiv 2402.01220, go by one",
    compares=True,
    without={**COMPARES, "step": "takes the whole bound; use --steps alone"},
    title="Square (labels)",
    own_steps=True,
)
def square_labels(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    steps: o.Steps = 1000,
    norm: o.Norm = "linf",
    stop: o.Stop = 0.0,
    quantise_steps: o.QuantiseSteps = False,
) -> Plan:
    """Square by the predicted classes alone, without scores: for models that hand out label maps or boxes."""
    if norm == "l2":
        raise SettingError("norm: square-labels changes pixels by the whole bound and has no l2 form; use --norm linf")
    options = Bounded(eps=eps, steps=steps, stop=stop, own="margin", quantise_steps=quantise_steps)
    plan = bounded(scope, options, update=Square(steps, FIRST), part=lambda _: Fraction(2))
    return replace(plan, loss=None, ascent=replace(plan.ascent, blind=True, objective=decisions))
