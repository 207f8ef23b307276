"""SegPGD, of Gu et al. 2022."""

from __future__ import annotations

from fractions import Fraction

from foolscape.attacks.parts.updates import Sign
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded


@register(
    "segpgd",
    source="Gu et al., SegPGD: An Effective and Efficient Adversarial Attack for Evaluating and Boosting Segmentation "
    "Robustness, ECCV 2022",
    tasks=("segmentation", "video"),
    title="SegPGD",
)
def segpgd(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    step: o.Step | None = None,
    steps: o.Steps = 20,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    transforms: o.TransformList | None = None,
    quantise_steps: o.QuantiseSteps = False,
) -> Plan:
    """PGD that turns from pixels still right to those already wrong.

    A step is a quarter of the bound long, from a random start.
    """
    options = Bounded(
        eps=eps,
        step=step,
        steps=steps,
        norm=norm,
        stop=stop,
        own="segpgd",
        transforms=transforms,
        quantise_steps=quantise_steps,
    )
    quarter = Fraction(1, 4)
    return bounded(scope, options, update=Sign(), part=lambda _: quarter, random_start=True)
