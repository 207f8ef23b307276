"""MI-FGSM, of Dong et al. 2018."""

from __future__ import annotations

from fractions import Fraction

from foolscape.attacks.parts.updates import Momentum
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded, refuse_l2


@register(
    "mi-fgsm",
    source="Dong et al., Boosting Adversarial Attacks with Momentum, CVPR 2018",
    title="MI-FGSM",
)
def mi_fgsm(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    step: o.Step | None = None,
    steps: o.Steps = 10,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    loss: o.Loss | None = None,
    transforms: o.TransformList | None = None,
    quantise_steps: o.QuantiseSteps = False,
    resample_candidates: o.ResampleCandidates | None = None,
) -> Plan:
    """Signed steps along an accumulated gradient.

    They add up to the bound.
    """
    refuse_l2(norm, "mi-fgsm")
    options = Bounded(
        eps=eps, step=step, steps=steps, norm=norm, stop=stop, loss=loss, transforms=transforms,
        quantise_steps=quantise_steps, resample_candidates=resample_candidates,
    )  # fmt: skip
    return bounded(scope, options, update=Momentum(), part=lambda steps: Fraction(1, steps))
