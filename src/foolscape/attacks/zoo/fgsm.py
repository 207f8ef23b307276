"""FGSM, of Goodfellow et al. 2015."""

from __future__ import annotations

from fractions import Fraction

from foolscape.attacks.parts.transforms import transforms_of
from foolscape.attacks.parts.updates import Sign
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded
from foolscape.errors import SettingError


@register(
    "fgsm",
    source="Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015",
    title="FGSM",
)
def fgsm(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    step: o.Step | None = None,
    steps: o.Steps = 1,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    loss: o.Loss | None = None,
    transforms: o.TransformList | None = None,
    quantise_steps: o.QuantiseSteps = False,
    resample_candidates: o.ResampleCandidates | None = None,
) -> Plan:
    """One signed step of the cross-entropy gradient.

    It is as long as the bound.
    """
    if steps != 1:
        raise SettingError(f"steps: fgsm takes one step, got {steps}; use pgd for more")
    if transforms is not None and transforms_of(transforms, 0.0).neighbours:
        raise SettingError("transforms: vt corrects the next step, and fgsm takes one alone; use mi-fgsm")
    options = Bounded(
        eps=eps, step=step, steps=steps, norm=norm, stop=stop, loss=loss, transforms=transforms,
        quantise_steps=quantise_steps, resample_candidates=resample_candidates,
    )  # fmt: skip
    return bounded(scope, options, update=Sign(), part=lambda _: Fraction(1))
