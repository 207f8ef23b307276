"""The smallest bound at which DAG fools an image: of this project, with the steps of Xie et al. 2017."""

from __future__ import annotations

from foolscape.attacks.parts.goals import DAG_UNTARGETED
from foolscape.attacks.parts.updates import MaxAbs
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import COMPARES, register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.dag import objective_for, target_for
from foolscape.attacks.zoo.smallest_change import LARGEST, STEPS, bisected


@register(
    "dag-min",
    source="foolscape; steps of Xie et al., ICCV 2017",
    tasks=("segmentation", "detection"),
    form="default",
    compares=True,
    without=COMPARES,
    untargeted=DAG_UNTARGETED,
    title="DAG with the smallest bound",
)
def dag_min(
    scope: Scope,
    *,
    eps: o.Largest = LARGEST,
    step: o.Step = o.HALF,
    steps: o.Steps = STEPS,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    quantise_steps: o.QuantiseSteps = True,
) -> Plan:
    """The smallest bound at which dag fools an image, by doubling and bisecting it."""
    return bisected(
        "dag-min", scope, largest=eps, objective=objective_for(scope, released=False), inner=MaxAbs(), step=step,
        steps=steps, norm=norm, stop=stop, quantise_steps=quantise_steps, target=target_for(scope, released=False),
    )  # fmt: skip
