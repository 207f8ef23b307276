"""PGD, of Madry et al. 2018."""

from __future__ import annotations

from fractions import Fraction

from foolscape.attacks.parts.updates import Sign
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded


@register(
    "pgd",
    source="Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
    strength=1,
    title="PGD",
)
def pgd(
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
    """Signed steps with projection from a random start.

    A step is a quarter of the bound long.
    """
    options = Bounded(
        eps=eps, step=step, steps=steps, norm=norm, stop=stop, loss=loss, transforms=transforms,
        quantise_steps=quantise_steps, resample_candidates=resample_candidates,
    )  # fmt: skip
    quarter = Fraction(1, 4)
    return bounded(scope, options, update=Sign(), part=lambda _: quarter, random_start=True)
