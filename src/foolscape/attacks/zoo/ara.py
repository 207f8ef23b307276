"""ARA, of Li et al. 2024, by three readings of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Final, Literal

from foolscape.attacks.parts.constraints import PixelRange
from foolscape.attacks.plan import Plan, Scope, Window
from foolscape.attacks.registry import register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.ara_released import ReleasedAra
from foolscape.attacks.zoo.family import Bounded, bounded, refuse_l2
from foolscape.attacks.zoo.hard_regions import Discovery, HardRegions
from foolscape.errors import SettingError
from foolscape.option import Help

WIDTH, RELEASED_WIDTH = 32, 512
"""Hidden channels of the network: ours, and the released one, which takes 250 times the work."""

_FIRST_THREE: Final = (3, "first", False)


@register(
    "ara",
    source="Li et al., Adversarial Attacks on Video Object Segmentation with Hard Region Discovery, TCSVT 2024",
    tasks=("video",),
    title="ARA",
)
def ara(
    scope: Scope,
    *,
    variant: Annotated[
        Literal["corrected", "released", "levelled"],
        Help("the paper's with its errors mended, the authors' code, or with steps of equal sum"),
    ] = "corrected",
    eps: o.Eps = o.EPS,
    step: o.Step | None = None,
    steps: o.Steps = 20,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    quantise_steps: o.QuantiseSteps = False,
) -> Plan:
    """First frame of a clip: pgd with longer steps where a network learns that the frame is fragile."""
    refuse_l2(norm, "ara")
    update = HardRegions(Discovery(WIDTH), levelled=variant == "levelled")
    options = Bounded(eps=eps, step=step, steps=steps, norm=norm, stop=stop, quantise_steps=quantise_steps)
    quarter = Fraction(1, 4)
    plan = bounded(scope, options, update=update, part=lambda _: quarter, random_start=True)
    if variant != "released":
        return plan
    if stop is not None or quantise_steps:
        raise SettingError("stop, quantise_steps: the released ara has neither; use --variant corrected")
    if scope.window is not None and _look(scope.window) != _FIRST_THREE:
        raise SettingError(
            "window: the released ara looks at all of the first three frames; leave window, sampling and attack_pixels "
            "out"
        )
    released = ReleasedAra(eps=eps.unit, step=plan.step.unit, steps=plan.steps, discovery=Discovery(RELEASED_WIDTH))
    # Its bound is about another image than the clean one, so only the pixel range holds for certain.
    return replace(
        plan, ascent=replace(plan.ascent, constraint=PixelRange()), runner=released,
        float32="takes its gradients in float32 as its release does", moves_context=True,
    )  # fmt: skip


def _look(window: Window) -> tuple[int, str, bool]:
    return window.frames, window.sampling, window.objects
