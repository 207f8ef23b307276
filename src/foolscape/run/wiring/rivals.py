"""The likely mistakes of wiring: what is tried in the place of the model as it is, and what to write if it wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from foolscape.models.common.wiring import OPTIONS, is_own, wiring_of
from foolscape.spec import IN_MEMORY, Spec, parse, written

Ints = NDArray[np.int64]

SINGLE, PAIR, FITTED = 0, 1, 2
"""Ranks of rivals, the simplest explanation first: a known mistake, two at once, a numbering fitted to the labels."""


@dataclass(frozen=True)
class Rival:
    """Another way to wire the model.

    Attributes:
        id: for a machine, stable over versions.
        says: what it is, to be read behind a score: "with the channels in the order BGR".
        change: the options of a spec (`models.common.wiring`) that bring it about; empty where none does.
        advice: what to write where no option says it.
        rank: `SINGLE`, `PAIR` or `FITTED`.
    """

    id: str
    says: str
    change: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""
    rank: int = SINGLE


@dataclass(frozen=True)
class RivalView:
    """A rival that takes another look at the image.

    Attributes:
        rival: what it is.
        turned_in: height and width of the image are exchanged.
        turned_out: those of the answer are.
    """

    rival: Rival
    turned_in: bool = False
    turned_out: bool = False

    def images(self, images: Tensor) -> Tensor:
        """`images` ((N, 3, H, W) RGB in [0, 1]) as the model gets them."""
        options = {name: value for name, value in self.rival.change.items() if name in OPTIONS}
        images = wiring_of(Spec("", "", "", options), *OPTIONS).images(images)
        return images.transpose(2, 3) if self.turned_in else images


_SAYS: Final = {
    ("range", "255"): "with values of 0 to 255",
    ("range", "1/255"): "with values of 0 to 1/255",
    ("range", "-1..1"): "with values of -1 to 1",
    ("range", "0.5..1"): "with the step from [0, 1] to [-1, 1] undone",
    ("input", "bgr"): "with the channels in the order BGR",
    ("normalise", "imagenet"): "with the ImageNet normalisation in front",
    ("normalise", "undo-imagenet"): "with the ImageNet normalisation undone",
}


def single_views() -> tuple[RivalView, ...]:
    """The views of an image with one thing changed about its values or channels."""
    return tuple(RivalView(Rival(value, says, {name: value})) for (name, value), says in _SAYS.items())


def views() -> tuple[RivalView, ...]:
    """All views of an image that are tried: also two things at once, and height and width exchanged."""
    single = single_views()
    pairs = [
        RivalView(
            Rival(
                f"{view.rival.id},bgr",
                f"{view.rival.says} and the channels in the order BGR",
                {**view.rival.change, "input": "bgr"},
                rank=PAIR,
            )
        )
        for view in single
        if "input" not in view.rival.change
    ]
    inside = Rival(
        "turned",
        "with height and width of the image exchanged before the network, and of its answer behind it",
        advice="exchange them in the network: images.transpose(2, 3) on the way in, and back on its answer",
    )
    before = Rival(
        "turned-input",
        "with height and width of the image exchanged before the network",
        advice="take the exchange out of the network, or add images.transpose(2, 3)",
    )
    return (*single, *pairs, RivalView(inside, turned_in=True, turned_out=True), RivalView(before, turned_in=True))


def numbering(classes: Sequence[str], meant: Ints) -> str:
    """What to write where the network's class j is `classes[meant[j]]`."""
    names = [classes[i] for i in meant]
    listed = ", ".join(names) if len(names) <= 30 else ", ".join([*names[:30], "..."])
    return f"name the classes in the network's order, ?classes=FILE with one a line: {listed}"


def rotations(classes: Sequence[str]) -> tuple[tuple[Rival, Ints], ...]:
    """The numberings that are off by one either way: what each of the network's classes then means (C,)."""
    count = len(classes)
    numberings = []
    for offset, where in ((1, "first"), (-1, "last")):
        way = "" if offset > 0 else " the other way"
        says = f"with class indices off by one{way}, as of a network with the background {where}"
        meant = (np.arange(count) - offset) % count
        numberings.append((Rival(f"offset={offset}", says, {"offset": str(offset)}), meant))
    return tuple(numberings)


def advised(text: str, rival: Rival) -> str:
    """What to write so that the model `text` is wired as `rival` has it."""
    if not rival.change:
        return rival.advice
    spec = parse(text)
    if not is_own(spec):
        return "foolscape feeds this network itself: look at its weights and at the names of the classes"
    if spec.scheme == IN_MEMORY:
        return f"do in the network's forward what ?{_joined(rival.change)} says in a spec (docs/your-own-model.md)"
    there = {name: value for name, value in spec.options.items() if name in OPTIONS}
    changed = _composed(there, rival.change)
    if changed is None:
        return f"put it into the network, or instead of ?{_joined(there)} say what it wants"
    gone = [f"{name}={there[name]}" for name in there if name not in changed]
    new = {name: value for name, value in changed.items() if there.get(name) != value}
    replaced = [f"{name}={there[name]}" for name in new if name in there]
    if gone or replaced:
        addition = f", and write {_joined(new)}" if new else ""
        return f"take {', '.join([*gone, *replaced])} away from the model{addition}"
    short = ",".join(
        value if name in ("input", "range", "normalise", "boxes") else f"{name}={value}" for name, value in new.items()
    )
    return f"add --input {short}, or ?{_joined(new)} to the model"


def _joined(options: Mapping[str, str]) -> str:
    return written("", "", options).removeprefix("?")


def _composed(there: Mapping[str, str], change: Mapping[str, str]) -> dict[str, str] | None:
    """The options that do `change` and then what those that are `there` do; None where none do."""
    options = dict(there)
    for name, value in change.items():
        if name not in there:
            options[name] = value
        elif (name == "input" and there[name] != value) or {there[name], value} == {"imagenet", "undo-imagenet"}:
            options.pop(name)
        elif name == "input":
            options[name] = "rgb"
        elif (name, value) in _UNDONE and _UNDONE[name, value] == there[name]:
            options.pop(name)
        else:
            return None
    if {"mean", "std"} & set(there) and "normalise" in change:
        return None
    return {name: value for name, value in options.items() if (name, value) != ("input", "rgb")}


_UNDONE: Final = {
    ("range", "255"): "1/255",
    ("range", "1/255"): "255",
    ("range", "-1..1"): "0.5..1",
    ("range", "0.5..1"): "-1..1",
    ("offset", "1"): "-1",
    ("offset", "-1"): "1",
}
