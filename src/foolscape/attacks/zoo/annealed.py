"""Signed steps with momentum that shrink: of this project, after MI-FGSM."""

from __future__ import annotations

from fractions import Fraction

from foolscape.attacks.parts.updates import Annealed
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded, refuse_l2


@register(
    "annealed",
    source="foolscape; momentum of Dong et al., CVPR 2018",
    form="default",
    strength=3,
    sampling="random",
    attack_pixels="objects",
    title="Annealed MI-FGSM",
    own_steps=True,
)
def annealed(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    step: o.Step | None = None,
    steps: o.Steps = 20,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    loss: o.Loss | None = None,
    transforms: o.TransformList | None = None,
    quantise_steps: o.QuantiseSteps = False,
    resample_candidates: o.ResampleCandidates | None = None,
) -> Plan:
    """PGD with momentum and shrinking steps; on clips against the objects, seen at random frames.

    The first step is as long as the bound, from a random start.
    """
    refuse_l2(norm, "annealed")
    options = Bounded(
        eps=eps, step=step, steps=steps, norm=norm, stop=stop, loss=loss, transforms=transforms,
        quantise_steps=quantise_steps, resample_candidates=resample_candidates,
    )  # fmt: skip
    return bounded(scope, options, update=Annealed(steps), part=lambda _: Fraction(1), random_start=True)
