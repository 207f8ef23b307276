"""A network of ultralytics as it came out of a file: what its head is, what it calls its classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from foolscape.errors import ModelError

SEMANTIC: Final = "SemanticSegment"
QUERIES: Final = "RTDETRDecoder"
ORIENTED: Final = "OBB"

CLASSES: Final = {
    SEMANTIC: "SemanticSegmentationModel",
    QUERIES: "RTDETRDetectionModel",
    "Segment": "SegmentationModel",
    "Pose": "PoseModel",
    ORIENTED: "OBBModel",
    "Detect": "DetectionModel",
}
"""The kinds of head, by the classes of ultralytics that they are or come from, and the class of the whole network."""

_OTHERS: Final = {
    "Classify": "a network that classifies whole images",
    "Depth": "a network that estimates depth",
    "WorldDetect": "a network whose classes are words that it is told (YOLO-World)",
    "YOLOEDetect": "a network whose classes are words that it is told (YOLOE)",
}
"""Heads that are not taken; the last two come from Detect."""

IMGSZ: Final = 640
"""The long side that networks are trained with where nobody says otherwise."""


@dataclass(frozen=True)
class Network:
    """A network of ultralytics as it came out of a file.

    Attributes:
        module: in float32.
        kind: of its head, a key of `CLASSES`.
        names: of its classes; None where nobody gave it any.
        imgsz: the long side that it was trained with.
        notes: on how it was opened.
    """

    module: nn.Module
    kind: str
    names: tuple[str, ...] | None
    imgsz: int
    notes: tuple[str, ...]

    @property
    def head(self) -> Any:
        """The last part of the network."""
        whole: Any = self.module
        return whole.model[-1]

    @property
    def stride(self) -> int:
        """What the sides of images must be divisible by; at least 32, as ultralytics has it."""
        whole: Any = self.module
        return max(int(torch.as_tensor(getattr(whole, "stride", 32)).max()), 32)


def live_module(thing: object) -> nn.Module | None:
    """The network in a live object of ultralytics, a network of its own or what its users call the model; else None.

    A class that somebody derived from one is their own, and says itself what it returns.
    """
    if type(thing).__module__.partition(".")[0] != "ultralytics":
        return None
    inner = getattr(thing, "model", None)  # the layers of a network, or the network of a model
    found = thing if isinstance(inner, nn.Sequential) else inner
    return found if isinstance(found, nn.Module) and isinstance(getattr(found, "model", None), nn.Sequential) else None


def live_network(thing: object) -> Network | None:
    """A copy of the network in a live object of ultralytics, whose own one stays as it is; None for any other object.

    Raises:
        ModelError: it is for a task that foolscape has not.
    """
    module = live_module(thing)
    if module is None:
        return None
    layers: Any = module.model
    kind = kind_of(type(layers[-1]), type(thing).__name__)
    settings = getattr(module, "args", None)
    told = settings if isinstance(settings, Mapping) else getattr(settings, "__dict__", {})
    return Network(copy.deepcopy(module).float(), kind, names_of(module), imgsz_of(told), ())


def imgsz_of(settings: object) -> int:
    """The long side that training was told; of a height and a width the larger one."""
    said = settings.get("imgsz") if isinstance(settings, Mapping) else None
    sides = [side for side in (said if isinstance(said, list | tuple) else [said]) if isinstance(side, int)]
    return max(sides, default=IMGSZ)


def kind_of(head: type, name: str) -> str:
    """The kind of a network with such a `head`, by the nearest of its base classes that is known.

    Raises:
        ModelError: it is for a task that foolscape has not, or no head of ultralytics.
    """
    for base in head.__mro__:
        if base.__name__ in _OTHERS:
            raise ModelError(
                f"expected a network of ultralytics for detection or semantic segmentation, got {name}, "
                f"{_OTHERS[base.__name__]}; name a detector, such as yolo11n.pt, one of -seg, -pose or -obb, or one of "
                "-sem"
            )
        if base.__name__ in CLASSES:
            return base.__name__
    raise ModelError(
        f"expected a network of ultralytics whose head is one of {', '.join(CLASSES)}, got {head.__name__} in {name}"
    )


def names_of(module: Any) -> tuple[str, ...] | None:
    """What a network calls its classes; None for the numbers that ultralytics writes where nobody gave names."""
    names = getattr(module, "names", None)
    if isinstance(names, Mapping):
        names = [names[key] for key in sorted(names, key=lambda key: str(key).zfill(9))]  # numbers, also as text
    if not isinstance(names, list | tuple) or not names:
        return None
    named = tuple(map(str, names))
    return None if named == tuple(map(str, range(len(named)))) else named


def shortly(error: Exception) -> str:
    """Type and first line of what ultralytics raised, without the signs it puts before them."""
    first = (str(error).splitlines() or [""])[0].encode("ascii", "ignore").decode()
    return f"{type(error).__name__}: {' '.join(first.split())[:160]}"
