"""The conditions that an image is measured under, and what each means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


class Condition(str):
    """What was done to the images of a row: a name and, where a run has several of that name, the bound of each.

    It is a text, such as `adversarial` or `adversarial@4/255`, so that it is a key in JSON as it stands.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Without the bound."""
        found = _BOUND.fullmatch(self)
        return found[1] if found else str(self)

    @property
    def bound(self) -> str | None:
        """Such as `4/255`; None where the name says enough."""
        found = _BOUND.fullmatch(self)
        return found[2] if found else None

    def at(self, bound: str | None) -> Condition:
        """The condition of this name with the bound `bound`; None: without one."""
        return Condition(self.name if bound is None else f"{self.name}@{bound}")


_BOUND: Final = re.compile(r"([^@]+)@([0-9]+(?:\.[0-9]+)?/255)", re.DOTALL)

CLEAN: Final = Condition("clean")
ADVERSARIAL: Final = Condition("adversarial")
PERMUTED: Final = Condition("permuted")
NOISE: Final = Condition("noise")

CONDITIONS: Final = (CLEAN, ADVERSARIAL, PERMUTED, NOISE)
"""Those of a complete sample of a run with an attack at one bound, in the order of the tables."""

IN_FLOAT: Final = Condition("adversarial_float")
"""The attacked images before rounding to 8 bits, in summary.json alone."""

FAILED: Final = Condition("failed")
"""Of a row that says why a sample could not be used."""


def conditions_at(bounds: Sequence[str]) -> tuple[Condition, ...]:
    """Those of a complete sample of a run with an attack at these bounds; `CONDITIONS` where there are none."""
    if not bounds:
        return CONDITIONS
    return (CLEAN, *(condition.at(bound) for bound in bounds for condition in CONDITIONS if condition != CLEAN))


def largest_bound(conditions: Iterable[str]) -> str | None:
    """The largest bound that any of the conditions has; None where none has one."""
    bounds = (Condition(condition).bound for condition in conditions)
    return max((bound for bound in bounds if bound), key=lambda bound: float(bound.partition("/")[0]), default=None)


@dataclass(frozen=True)
class Meaning:
    """What readers are told of a condition: what tables call it, and a sentence."""

    label: str
    sentence: str


MEANINGS: Final[Mapping[str, Meaning]] = {
    CLEAN: Meaning("clean", "Clean (ORIG in Xie et al. 2017): the images as they are."),
    ADVERSARIAL: Meaning("attacked", "Attacked (ADVR): the images with the attack's change."),
    PERMUTED: Meaning(
        "same change, shuffled",
        "Same change, shuffled (PERM in Xie et al. 2017): the attack's change with its pixels in random order, each "
        "where it fits inside [0, 255].",
    ),
    NOISE: Meaning(
        "random noise",
        "Random noise: uniform, of the same eps where the attack is bounded in Linf, else of the same L2.",
    ),
}
"""By name."""


def label_of(condition: str) -> str:
    """What tables call a condition: its meaning's label with its bound, or its own name."""
    found = Condition(condition)
    label = MEANINGS[found.name].label if found.name in MEANINGS else found.name
    return label if found.bound is None else f"{label}, {found.bound}"
