"""The smallest bound at which signed steps with momentum fool an image: of this project, after PGD and MI-FGSM."""

from __future__ import annotations

from dataclasses import replace

from foolscape.attacks.parts.objective_table import objective_of
from foolscape.attacks.parts.objectives import towards
from foolscape.attacks.parts.updates import Momentum
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import COMPARES, register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.smallest_change import LARGEST, STEPS, bisected
from foolscape.errors import SettingError


@register(
    "pgd-min",
    source="foolscape; steps of Madry et al., ICLR 2018, and Dong et al., CVPR 2018",
    tasks=("segmentation", "detection"),
    form="default",
    compares=True,
    without={**COMPARES, "step": "begins every try with steps as long as its bound; leave it out, or use dag-min"},
    title="PGD with the smallest bound",
)
def pgd_min(
    scope: Scope,
    *,
    eps: o.Largest = LARGEST,
    steps: o.Steps = STEPS,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    loss: o.Loss | None = None,
    quantise_steps: o.QuantiseSteps = True,
) -> Plan:
    """The same with signed steps and momentum: usually much smaller than what dag-min finds.

    The steps fade during each try from the length of its bound, which is bisected.
    """
    targeted = scope.goal is not None and scope.goal.targeted
    if loss is not None and scope.goal is not None and targeted:
        raise SettingError(f"loss: goal {scope.goal.name} has its own, got {loss}; use untargeted")
    named = loss or "masked-ce"
    objective = towards if targeted else objective_of(named, scope.task, scope.channels)
    plan = bisected(
        "pgd-min", scope, largest=eps, objective=objective, inner=Momentum(0.75), step=None, steps=steps, norm=norm,
        stop=stop, quantise_steps=quantise_steps,
    )  # fmt: skip
    return replace(plan, loss=None if targeted else named)
