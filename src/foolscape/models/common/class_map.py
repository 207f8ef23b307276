"""Class names: which there are for a model, and which channels of its head are classes.

Segmenters and detectors share these values. What a model brings of its own is known before it sees an image, so that a
data set whose labels depend on it is opened once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from foolscape.class_file import same_name
from foolscape.errors import ModelError

OF_THE_DATA: Final = "the network names no classes: those of the data set, in its order"
"""A remark on a model that was named so."""

_NO_CLASS: Final = ("n/a", "__background__")
"""Names, in small letters, of channels that mean nothing: COCO's unused numbers, channel 0 of a sigmoid head."""


@dataclass(frozen=True)
class ClassNames:
    """The class names that may apply to a model, the strongest first; None where there are none.

    Attributes:
        option: from ?classes=FILE.
        own: the network's.
        file: from --classes FILE.
        data: the data set's.
    """

    option: tuple[str, ...] | None = None
    own: tuple[str, ...] | None = None
    file: tuple[str, ...] | None = None
    data: tuple[str, ...] | None = None

    @property
    def explicit(self) -> tuple[str, ...] | None:
        """The strongest that do not come from the data."""
        return self.option or self.own or self.file


@dataclass(frozen=True)
class ClassMap:
    """The classes of a head: `names` and `channels` (which of its class channels each is), and remarks on them."""

    names: tuple[str, ...]
    channels: tuple[int, ...]
    notes: tuple[str, ...] = ()


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """`names` as a tuple; `ModelError` if two are the same but for case and surrounding spaces."""
    if (twice := same_name(names)) is not None:
        raise ModelError(f"expected distinct class names, got {twice[0]!r} and {twice[1]!r}; rename one of them")
    return tuple(names)


def one_name_each(names: Sequence[str], count: int, what: str) -> None:
    """`ModelError` unless there are `count` names, one for each `what`."""
    if len(names) != count:
        raise ModelError(
            f"expected one class name per {what} ({count}), got {len(names)} names: {shortly(names)}; give the right "
            "names with ?classes=FILE, one per line"
        )


def name_channels(count: int, class_names: ClassNames, *, unused_first: bool = False) -> ClassMap:
    """The names of the `count` class channels of a head: the strongest of those given, else "class 0", "class 1", ...

    Channels called N/A or __background__ are left out.

    Args:
        count: how many class channels the head has, its background not among them.
        class_names: those that may apply.
        unused_first: the first channel may be unused, and `count` - 1 names then name the others.

    Raises:
        ModelError: there are names, but another number of them, or one twice.
    """
    notes: tuple[str, ...] = ()
    names = class_names.explicit
    if names is None and class_names.data is not None:
        names = class_names.data
        notes = (OF_THE_DATA,)
    if names is None:
        names = unnamed(count)
    if unused_first and len(names) == count - 1:
        names = ("__background__", *names)
    one_name_each(names, count, "class that the detector scores")
    channels = tuple(i for i, name in enumerate(names) if _key(name) not in _NO_CLASS)
    return ClassMap(distinct([names[i] for i in channels]), channels, notes)


def name_behind_background(count: int, class_names: ClassNames) -> ClassMap:
    """As `name_channels`, for a head whose channel 0 is its background and `count` more are classes, from 1 on.

    The network's own names may begin with that of the background.
    """
    if class_names.own is not None and len(class_names.own) == count + 1:
        class_names = replace(class_names, own=class_names.own[1:])
    named = name_channels(count, class_names)
    return replace(named, channels=tuple(channel + 1 for channel in named.channels))


def unnamed(count: int) -> tuple[str, ...]:
    """The names of so many channels for which there are none."""
    return tuple(f"class {i}" for i in range(count))


def shortly(names: Sequence[str]) -> str:
    """The first few of `names`, for a message."""
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")


def _key(name: str) -> str:
    return name.strip().casefold()
