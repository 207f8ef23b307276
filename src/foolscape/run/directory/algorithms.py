"""How each algorithm stands, by a number that is raised in the commit in which its results change.

A run goes on with the rows that an earlier version of foolscape has left where none of its algorithms has another
number: a version alone says nothing about results. Rounding in the last bit is no change; another choice, order,
constant or random number is.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from platform import python_version
from typing import Final

from foolscape.attacks.registry import REGISTRY
from foolscape.tasks.base import TASKS

PARTS: Final = {
    "reading data": 1, "scenes": 1, "adapting models": 1, "bundled networks": 1, "controls": 1, "probes": 1,
    "wiring": 1, "transfer": 1, "universal": 1, "harden": 1, **{task.name: task.algorithm for task in TASKS.values()},
}  # fmt: skip
"""What else figures depend on: how samples are read, models fed, answers measured, tiles and networks learnt."""

_ALWAYS: Final = ("reading data", "adapting models", "controls", "probes", "wiring")

_PACKAGES: Final = ("torch", "torchvision", "numpy", "pillow", "faster-coco-eval")
"""Packages that figures depend on, whatever the model; the libraries of a model are part of its identity."""


def algorithms(attack: str | None, parts: Iterable[str], specs: Iterable[str] = ()) -> dict[str, int]:
    """The numbers of all that a run depends on.

    Args:
        attack: of the catalogue; `none` or None for no attack.
        parts: tasks and kinds of run, of `PARTS`.
        specs: of its models and data.
    """
    schemes = {text.partition(":")[0] for text in specs}
    by_scheme = {"scenes": "scenes", "bundled": "bundled networks"}
    names = (*_ALWAYS, *parts, *(part for scheme, part in by_scheme.items() if scheme in schemes))
    numbers = {part: PARTS[part] for part in dict.fromkeys(names)}
    return numbers | ({f"attack {attack}": REGISTRY[attack].algorithm} if attack in REGISTRY else {})


def versions() -> dict[str, str]:
    """Of Python and of the packages that figures depend on."""
    there = (name for name in _PACKAGES if name == "pillow" or find_spec(name.replace("-", "_")))
    return {"python": python_version(), **{name: version(name) for name in there}}
