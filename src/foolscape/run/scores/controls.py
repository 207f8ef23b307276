"""How large the controls are beside the attack: one that is shorter proves nothing."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.distortion import length
from foolscape.records.conditions import NOISE, PERMUTED, Condition
from foolscape.records.row import AnyRow, Control
from foolscape.records.types import Object
from foolscape.verdict import Reason

SHORT: Final = 0.95
"""A shuffled change below this share of the attack's L2 is no control."""

APART: Final = 0.5
"""A shuffled change that differs from the attack's by less than this share of its L2 is much the same change again."""

Pixels = NDArray[np.uint8]


def control_of(kind: Condition, clean: Pixels, attacked: Pixels, control: Pixels) -> Control:
    """What the row of a control says of its size; all images (H, W, 3) uint8.

    Args:
        kind: `PERMUTED` or `NOISE`.
        clean, attacked: the image before and after the attack.
        control: the image with the control's change.
    """
    size = sized(kind, length(clean, control), own := length(clean, attacked))
    return replace(size, apart=length(attacked, control) / own if own else None)


def sized(kind: Condition, l2: float, of_attack: float) -> Control:
    """As `control_of`, from the two L2 alone; the share is None where the attack changed nothing."""
    return Control(kind=kind, l2=l2, of_attack=l2 / of_attack if of_attack else None)


@dataclass
class ControlSizes:
    """What the rows of controls say of their size, as they come, image by image.

    Attributes:
        shares: by kind how large the control is, of the attack's L2, on each image whose row tells.
        worst: by kind the image on which it is the smallest, the first of such.
        again: by condition the images whose control is much the same change as the attack's: where it fails, nothing is
            shown. A picture of black and white takes changes inwards alone, so that one which is as large as it may be
            everywhere is the same in any order.
    """

    shares: dict[str, array[float]] = field(default_factory=dict)
    worst: dict[str, tuple[float, str]] = field(default_factory=dict)
    again: dict[str, set[str]] = field(default_factory=dict)

    def add(self, row: AnyRow) -> None:
        """Take a row into account; one that is of no control, or does not tell, counts for nothing."""
        control = row.control
        if control is None:
            return
        if control.apart is not None and control.apart < APART:
            self.again.setdefault(row.condition.name, set()).add(row.id)
        if control.of_attack is not None:
            self.shares.setdefault(control.kind, array("d")).append(control.of_attack)
            least, _ = self.worst.get(control.kind, (np.inf, ""))
            if control.of_attack < least:
                self.worst[control.kind] = control.of_attack, row.id

    def sizes(self) -> Object:
        """By the kind of control its mean share of the attack's L2, the least one, and the image of that.

        Images that the attack left as they were, and rows that do not tell, count for nothing.
        """
        sizes: Object = {}
        for kind in (PERMUTED, NOISE):
            if shares := self.shares.get(kind):
                least, worst = self.worst[kind]
                sizes[kind] = {"of_attack": float(np.mean(np.asarray(shares))), "least": least, "worst": worst}
        return sizes


def no_control(name: str, check: str) -> Reason:
    """The reason `name` where every shuffled change is the attack's again."""
    return Reason(
        id=name,
        check=check,
        ok=None,
        seen="not checked: in these pictures its change is much the same in any order",
        assumed="noise is control enough: the change is much the same in any order",
    )


def short_reason(of_controls: Object) -> Reason:
    """Whether the shuffled changes of one model are as large as the attack's, from the `sizes` of controls."""
    sizes = of_controls.get(PERMUTED)
    check = "its shuffled change is as large as the attack's"
    if sizes is None:
        return Reason(
            id="controls-as-large",
            check=check,
            ok=None,
            seen="the rows do not tell how large the shuffled changes are",
            assumed="the shuffled changes are as large as the attack's",
        )
    mean, least = sizes["of_attack"], sizes["least"]
    return Reason(
        id="controls-as-large",
        check=check,
        ok=mean >= SHORT,
        seen=f"the L2 of the change shuffled is {100 * mean:.1f} % of the attack's in the mean, {100 * least:.1f} % on "
        f"{sizes['worst']}",
        advice=""
        if mean >= SHORT
        else "most of these pictures are black or white, where changes fit nowhere but in their place: compare with "
        "noise, or measure on other images",
    )
