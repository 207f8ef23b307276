"""The mistakes: what a user's wrapper may do to images on their way in, and to answers on their way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.metrics.boxes import Detected
from foolscape.models.common.wiring import IMAGENET_MEAN, IMAGENET_STD
from foolscape.run.wiring.detection import COCO_IDS

Labels = NDArray[Any]
MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Mistake:
    """One or two things done wrongly.

    Attributes:
        name: what.
        says: phrases of which the reason has to hold one.
        feed: what becomes of images (N, 3, H, W).
        read: what becomes of an answer: a label map, detections, or scores (T, K + 1, H, W) of a tracker.
        turned: height and width are exchanged before the network, and back behind it.
        kind: fed, read or both.
        classes: names for a network that has more of them than it should; None as they are.
    """

    name: str
    says: tuple[str, ...]
    feed: Callable[[Tensor], Tensor] = _unchanged
    read: Callable[[Any], Any] = _unchanged
    turned: bool = False
    kind: str = "read"
    classes: tuple[str, ...] | None = None

    def beside(self, other: Mistake) -> Mistake:
        """Both at once."""
        return Mistake(
            f"{self.name} + {other.name}",
            (*self.says, *other.says),
            lambda images: other.feed(self.feed(images)),
            lambda answer: other.read(self.read(answer)),
            self.turned or other.turned,
            "both",
        )


TIMES_255: Final = Mistake("values x 255", ("1/255",), lambda x: 255 * x, kind="fed")
CENTRED: Final = Mistake("values in [-1, 1]", ("0.5..1",), lambda x: 2 * x - 1, kind="fed")
BGR: Final = Mistake("BGR", ("bgr",), lambda x: x.flip(1), kind="fed")
TWICE: Final = Mistake("normalised twice", ("undo-imagenet",), lambda x: (x - MEAN) / STD, kind="fed")
MISSING: Final = Mistake("not normalised", ("imagenet",), lambda x: x * STD + MEAN, kind="fed")
FED: Final = (
    TIMES_255,
    Mistake("values / 255", ("--input 255",), lambda x: x / 255, kind="fed"),
    CENTRED,
    BGR,
    TWICE,
    MISSING,
    Mistake("BGR of 0 to 255", ("bgr",), lambda x: 255 * x.flip(1), kind="fed"),
    Mistake("normalised twice, BGR", ("bgr", "undo-imagenet"), lambda x: ((x - MEAN) / STD).flip(1), kind="fed"),
    Mistake("height and width exchanged", ("height and width",), turned=True, kind="fed"),
)


def of_maps(classes: int, rng: np.random.Generator) -> tuple[Mistake, ...]:
    """Label maps (H, W) of `classes` that are read wrongly."""
    order = rng.permutation(classes).astype(np.uint8)
    one, other = rng.choice(classes, 2, replace=False)
    swapped = np.arange(classes, dtype=np.uint8)
    swapped[[one, other]] = other, one
    first = Mistake(
        "classes off by one", ("background first",), read=lambda m: ((m.astype(int) + 1) % classes).astype(np.uint8)
    )
    shuffled = Mistake("classes out of order", ("classes numbered otherwise",), read=lambda m: order[m])
    return (
        first,
        Mistake(
            "classes off by minus one",
            ("background last",),
            read=lambda m: ((m.astype(int) - 1) % classes).astype(np.uint8),
        ),
        shuffled,
        Mistake(
            "laid out by columns", ("height and width",), read=lambda m: np.ascontiguousarray(m.T).reshape(m.shape)
        ),
        Mistake("one class everywhere", ("no better than",), read=lambda m: np.full_like(m, one)),
        Mistake("chance", ("no better than",), read=lambda m: rng.integers(0, classes, m.shape).astype(np.uint8)),
        BGR.beside(shuffled),
        TIMES_255.beside(first),
        CENTRED.beside(shuffled),
        TWICE.beside(first),
    )


def of_boxes(classes: tuple[str, ...], sides: tuple[int, int], rng: np.random.Generator) -> Iterator[Mistake]:
    """Detections of `classes` in images of `sides` (H, W) that are read wrongly."""
    size, count = np.array([*sides[::-1]] * 2), len(classes)
    forms: dict[str, tuple[Callable[[Labels], Labels], str]] = {
        "xywh": (lambda b: np.c_[b[:, :2], b[:, 2:] - b[:, :2]], "read as xywh"),
        "cxcywh": (lambda b: np.c_[(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], "read as cxcywh"),
        "yxyx": (lambda b: b[:, [1, 0, 3, 2]], "read as yxyx"),
        "shares of the image": (lambda b: b / size, "shares of the image"),
        "cxcywh in shares": (
            lambda b: np.c_[(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]] / size,
            "read as cxcywh in shares",
        ),
        "taken for shares": (lambda b: b * size, "not taken for shares"),
        "taken for cxcywh": (lambda b: np.c_[b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], "not taken for middle"),
        "taken for xywh": (lambda b: np.c_[b[:, :2], b[:, :2] + b[:, 2:]], "not taken for x, y"),
        "elsewhere": (lambda b: b + np.array([97, 0, 97, 0]), "no better than"),
    }
    found = {name: Mistake(name, (says,), read=_boxes(change)) for name, (change, says) in forms.items()}
    order = rng.permutation(count)
    first = Mistake("classes off by one", ("background first",), read=_labels(lambda n: (n + 1) % count))
    shuffled = Mistake("classes out of order", ("classes numbered otherwise",), read=_labels(lambda n: order[n]))
    yield from found.values()
    yield first
    yield Mistake("classes off by minus one", ("background last",), read=_labels(lambda n: (n - 1) % count))
    yield shuffled
    yield found["xywh"].beside(first)
    yield found["shares of the image"].beside(shuffled)
    yield BGR.beside(shuffled)
    yield TIMES_255.beside(found["yxyx"])
    if count == len(COCO_IDS):
        yield from _of_coco(classes)


def _of_coco(classes: tuple[str, ...]) -> Iterator[Mistake]:
    """COCO's ids up to 90 and the numbers of its 80 classes, one taken for the other."""
    more = (*classes, *(f"unused {i}" for i in range(91 - len(classes))))
    by_id = [f"unused {i}" for i in range(91)]
    for place, name in zip(COCO_IDS.tolist(), classes, strict=True):
        by_id[place] = name
    read_ids = _labels(lambda n: COCO_IDS[n])
    yield Mistake("ids of 91 as classes", ("COCO's category ids",), read=read_ids, classes=more)
    yield Mistake("80 classes as ids", ("numbers of COCO's 80 classes",), classes=tuple(by_id))


def of_objects() -> tuple[Mistake, ...]:
    """Scores (T, K + 1, H, W) of a tracker that are read wrongly."""
    return (
        Mistake("objects in reverse", ("channel i for label i",), read=lambda s: _objects(s, s[:, 1:].flip(1))),
        Mistake("objects off by one", ("channel i for label i",), read=lambda s: _objects(s, s[:, 1:].roll(1, 1))),
        Mistake(
            "background last", ("background as the last", "channel 0 for the background"), read=lambda s: s.roll(-1, 1)
        ),
        Mistake("all background", ("no better than",), read=lambda s: torch.cat([1 + 0 * s[:, :1], 0 * s[:, 1:]], 1)),
        BGR.beside(
            Mistake("objects in reverse", ("channel i for label i",), read=lambda s: _objects(s, s[:, 1:].flip(1)))
        ),
    )


def _objects(scores: Tensor, others: Tensor) -> Tensor:
    return torch.cat([scores[:, :1], others], dim=1)


def _boxes(change: Callable[[Labels], Labels]) -> Callable[[Detected], Detected]:
    return lambda found: replace(found, boxes=change(found.boxes))


def _labels(change: Callable[[Labels], Labels]) -> Callable[[Detected], Detected]:
    return lambda found: replace(found, labels=change(found.labels))


def named(mistake: Mistake, text: str) -> bool:
    """Whether `text`, what a reason saw and advises, says what the mistake is."""
    return any(says in text for says in mistake.says)
