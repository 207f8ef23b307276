"""DAG, of Xie et al. 2017."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from foolscape.attacks.engine.ascent import Ascent, AtMost
from foolscape.attacks.parts import targets
from foolscape.attacks.parts.constraints import PixelRange
from foolscape.attacks.parts.goals import DAG_UNTARGETED
from foolscape.attacks.parts.nms_objective import dense_adversary_strong
from foolscape.attacks.parts.objectives import Objective, dense_adversary, towards
from foolscape.attacks.parts.targets import TargetRule
from foolscape.attacks.parts.updates import MaxAbs
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import within
from foolscape.errors import SettingError
from foolscape.option import Help

BACKGROUND: Final = "background"
"""The class that the released DAG leaves alone, where a model has a class of this name."""

_STEPS, _STEPS_OF_DETECTORS = 200, 150
"""M_0 of the paper."""


@register(
    "dag",
    source="Xie et al., Adversarial Examples for Semantic Segmentation and Object Detection, ICCV 2017",
    tasks=("segmentation", "detection"),
    untargeted=DAG_UNTARGETED,
    title="DAG",
)
def dag(
    scope: Scope,
    *,
    variant: Annotated[Literal["paper", "released"], Help("the paper's, or the authors' code")] = "paper",
    eps: o.Eps | None = None,
    step: o.Step = o.HALF,
    steps: o.Steps | None = None,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    quantise_steps: o.QuantiseSteps = True,
    resample_candidates: o.ResampleCandidates | None = None,
) -> Plan:
    """Dense adversary generation: pushes every still-correct pixel to a permuted class; no bound by default."""
    released, detects = variant == "released", scope.goal is not None
    if released and scope.goal is not None and scope.goal.name == "fabricate":
        raise SettingError("goal: the released dag leaves what is background alone and cannot fabricate; use paper")
    share = (0.01 if released and not detects else 0.0) if stop is None else stop
    steps = (_STEPS_OF_DETECTORS if detects else _STEPS) if steps is None else steps
    return Plan(
        ascent=Ascent(
            objective=objective_for(scope, released=released),
            update=MaxAbs(),
            constraint=PixelRange() if eps is None else within(eps, norm),
            step=step.unit,
            steps=steps,
            stop=AtMost(share, _background(scope) if released else None),
            quantise_steps=quantise_steps,
            resample_targets=resample_candidates,
        ),
        target=target_for(scope, released=released),
        eps=eps,
        norm=None if eps is None else norm,
        step=step,
        steps=steps,
        stop=share,
        goal=scope.goal,
        only_class=scope.only_class,
    )


def objective_for(scope: Scope, *, released: bool) -> Objective:
    """The paper's for its own goal; a goal that names what each candidate is to be taken for is reached only then."""
    if scope.goal is None:
        return towards if released else dense_adversary
    if released:
        return dense_adversary_strong
    return dense_adversary if scope.goal is DAG_UNTARGETED else towards


def target_for(scope: Scope, *, released: bool) -> TargetRule | None:
    """How the adversarial labels of pixels are drawn; None for a detector, whose goal says."""
    if scope.goal is not None:
        return None
    return targets.absent(len(scope.classes), _background(scope)) if released else targets.permuted(len(scope.classes))


def _background(scope: Scope) -> int | None:
    detects = scope.goal is not None
    return scope.classes.index(BACKGROUND) if BACKGROUND in scope.classes and not detects else None
