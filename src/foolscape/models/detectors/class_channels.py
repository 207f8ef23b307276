"""Which channels of a detection head are classes, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from foolscape.errors import ModelError
from foolscape.models.common.class_map import distinct

_NO_CLASS: Final = ("n/a", "__background__")
"""Names, in small letters, of channels that mean nothing: COCO's unused numbers, channel 0 of a sigmoid head."""


@dataclass(frozen=True)
class Given:
    """The class names that may apply to a detector, the strongest first; None where there are none.

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


@dataclass(frozen=True)
class Named:
    """The classes of a head: `names` and `channels` (which of its class channels each is), and remarks on them."""

    names: tuple[str, ...]
    channels: tuple[int, ...]
    notes: tuple[str, ...] = ()


def name_channels(count: int, given: Given, *, unused_first: bool = False) -> Named:
    """The names of the `count` class channels of a head: the strongest of those given, else "class 0", "class 1", ...

    Channels called N/A or __background__ are left out.

    Args:
        count: how many class channels the head has, its background not among them.
        given: the names at hand.
        unused_first: the first channel may be unused, and `count` - 1 names then name the others.

    Raises:
        ModelError: there are names, but another number of them, or one twice.
    """
    notes: tuple[str, ...] = ()
    names = given.option or given.own or given.file
    if names is None and given.data is not None:
        names = given.data
        notes = ("the network names no classes: those of the data set, in its order",)
    if names is None:
        names = tuple(f"class {i}" for i in range(count))
    if unused_first and len(names) == count - 1:
        names = ("__background__", *names)
    if len(names) != count:
        raise ModelError(
            f"expected one class name per class that the detector scores ({count}), got {len(names)} names: "
            f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''}; give the right names with ?classes=FILE, one "
            "per line"
        )
    channels = tuple(i for i, name in enumerate(names) if name.strip().casefold() not in _NO_CLASS)
    return Named(distinct([names[i] for i in channels]), channels, notes)


def name_behind_background(count: int, given: Given) -> Named:
    """As `name_channels`, for a head whose channel 0 is its background and `count` more are classes, from 1 on.

    The network's own names may begin with that of the background.
    """
    if given.own is not None and len(given.own) == count + 1:
        given = replace(given, own=given.own[1:])
    named = name_channels(count, given)
    return replace(named, channels=tuple(channel + 1 for channel in named.channels))
