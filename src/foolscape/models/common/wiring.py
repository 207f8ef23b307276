"""How a user's network wants its images, and how it counts classes and writes boxes, where that is not foolscape's way.

foolscape hands out RGB in [0, 1], counts classes from 0 and writes boxes x1, y1, x2, y2 in pixels. A network that wants
something else says so in its spec, `net.py:build?input=bgr&range=255&normalise=imagenet&offset=1`; what is then put
before and behind it is differentiable, so that attacks see through it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.errors import SettingError, unknown
from foolscape.sending import numbers_on
from foolscape.spec import EXPORTED, LIBRARIES, Spec, inner, parse, written

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Of RGB in [0, 1], as torchvision and timm have them."""

ORDERS: Final = ("rgb", "bgr")
NORMALISATIONS: Final = ("imagenet", "undo-imagenet")
FORMS: Final = ("xyxy", "xywh", "cxcywh", "yxyx")
SHARES: Final = "shares"
OFFSETS: Final = ("-1", "0", "1")

IMAGE_OPTIONS: Final = ("input", "range", "normalise", "mean", "std")
"""Options of a spec that say how the network wants its images."""
OPTIONS: Final = (*IMAGE_OPTIONS, "offset", "boxes")
"""All options of a spec that this module reads."""


@dataclass(frozen=True)
class Wiring:
    """What is done to images before a network sees them, and to its classes and boxes afterwards.

    Attributes:
        mean, std: three numbers each, of RGB in [0, 1]: images become (image - mean) / std, first of all.
        low, high: what 0 and 1 then become.
        bgr: whether the channels are then turned round.
        offset: the network's class i + offset is class i; what falls off at one end comes in at the other.
        form: of the network's boxes, one of `FORMS`.
        shares: whether they are shares of the image's sides, not pixels.
    """

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    low: float = 0.0
    high: float = 1.0
    bgr: bool = False
    offset: int = 0
    form: str = "xyxy"
    shares: bool = False

    def images(self, images: Tensor) -> Tensor:
        """`images` ((N, 3, H, W) RGB in [0, 1]) as the network wants them."""
        if any(self.mean) or self.std != (1.0, 1.0, 1.0):
            mean, std = (
                numbers_on(images.device, values, images.dtype).view(1, 3, 1, 1) for values in (self.mean, self.std)
            )
            images = (images - mean) / std
        if (self.low, self.high) != (0.0, 1.0):
            images = self.low + (self.high - self.low) * images
        return images.flip(1) if self.bgr else images

    def channels(self, scores: Tensor, dim: int) -> Tensor:
        """`scores`, whose axis `dim` is the network's classes, with foolscape's there."""
        return scores.roll(-self.offset, dims=dim) if self.offset else scores

    def labels(self, labels: Tensor, classes: int) -> Tensor:
        """`labels` as the network counts them (any shape), as foolscape counts them."""
        return (labels - self.offset) % classes if self.offset else labels

    def boxes(self, boxes: Tensor, size: Sequence[int]) -> Tensor:
        """`boxes` (..., 4) as the network writes them for an image of `size` (H, W), as x1, y1, x2, y2 in pixels."""
        boxes = boxes_from(boxes, self.form)
        if self.shares:
            boxes = boxes * numbers_on(boxes.device, (size[1], size[0]) * 2, boxes.dtype)
        return boxes

    @property
    def notes(self) -> tuple[str, ...]:
        """What is done, for the reader of a table."""
        steps = []
        if any(self.mean) or self.std != (1.0, 1.0, 1.0):
            steps.append(f"mean {_numbers(self.mean)} taken away, then divided by {_numbers(self.std)}")
        if (self.low, self.high) != (0.0, 1.0):
            steps.append(f"0 to 1 made {self.low:.6g} to {self.high:.6g}")
        if self.bgr:
            steps.append("channels in the order BGR")
        notes = [f"input of the network: {', '.join(steps)}"] if steps else []
        if self.offset:
            notes.append(f"class i is the network's class i {'+' if self.offset > 0 else '-'} {abs(self.offset)}")
        if self.form != "xyxy" or self.shares:
            notes.append(f"boxes of the network: {self.form} in {'shares of the image' if self.shares else 'pixels'}")
        return tuple(notes)


AS_IT_IS: Final = Wiring()
"""Of a network that wants what foolscape hands out."""


def boxes_from(boxes: Tensor, form: str) -> Tensor:
    """`boxes` (..., 4) in one of `FORMS` as x1, y1, x2, y2."""
    if form == "xyxy":
        return boxes
    first, second = boxes[..., :2], boxes[..., 2:]
    if form == "yxyx":
        return torch.cat([first.flip(-1), second.flip(-1)], dim=-1)
    if form == "cxcywh":
        first = first - second / 2
    return torch.cat([first, first + second], dim=-1)


class WiredNetwork(nn.Module):
    """A network of images alone, such as a backbone, with what is done to them before it."""

    def __init__(self, module: nn.Module, wiring: Wiring) -> None:
        super().__init__()
        self.module = module
        self.wiring = wiring

    def forward(self, images: Tensor) -> object:
        """What the network makes of `images` ((N, 3, H, W) RGB in [0, 1])."""
        return self.module(self.wiring.images(images))


def wiring_of(spec: Spec, *allowed: str) -> Wiring:
    """What the options of `spec` say, of which only `allowed` may be there.

    Raises:
        SettingError: a value does not fit, or an option is not for this kind of model.
    """
    options = spec.options
    for name in OPTIONS:
        if name in options and name not in allowed:
            raise SettingError(f"{name}: expected none for this kind of model, got {options[name]!r}; leave it out")
    low, high = _range(options.get("range", "1"))
    mean, std = _normalisation(spec)
    form, shares = _form(options.get("boxes", "xyxy"))
    return Wiring(
        mean=mean,
        std=std,
        low=low,
        high=high,
        bgr=_one_of("input", options.get("input", "rgb"), ORDERS) == "bgr",
        offset=int(_one_of("offset", options.get("offset", "0"), OFFSETS)),
        form=form,
        shares=shares,
    )


def is_own(spec: Spec) -> bool:
    """Whether `spec` names a network that a user brings: a file's, a module's or a plug-in's."""
    return inner(spec).scheme not in LIBRARIES or spec.scheme in EXPORTED


def with_input(text: str, short: str) -> str:
    """The spec `text` with the options that `short` stands for, if it names a user's own network.

    Args:
        text: of a model. Options that it has itself stay.
        short: words with commas between them, such as `bgr,255` or `imagenet` or `offset=1`.

    Raises:
        SettingError: a word is none that is known, or two say different things.
    """
    wanted = _words(short)
    spec = parse(text)
    if not is_own(spec):
        return text
    added = {name: value for name, value in wanted.items() if name not in spec.options}
    return written(spec.scheme, spec.rest, spec.options | added) if added else text


def _words(short: str) -> dict[str, str]:
    """The options that the words of `short` stand for."""
    options: dict[str, str] = {}
    for word in (part.strip() for part in short.split(",")):
        name, value = _option_of(word)
        if name == "boxes" and name in options and SHARES in (value, options[name]):
            value = ",".join(sorted({value, options[name]}, key=SHARES.__eq__))
        elif options.get(name, value) != value:
            raise SettingError(f"input: expected one word for {name}, got {options[name]!r} and {value!r} in {short!r}")
        options[name] = value
    wiring_of(Spec(short, "", "", options), *OPTIONS)
    return options


def _option_of(word: str) -> tuple[str, str]:
    """The option and its value that a word of `--input` stands for."""
    kinds = {"input": ORDERS, "normalise": NORMALISATIONS, "boxes": (*FORMS, SHARES)}
    for name, values in kinds.items():
        if word in values:
            return name, word
    name, equals, value = word.partition("=")
    if equals and name in ("input", "range", "normalise", "offset", "boxes"):
        return name, value
    if re.match(r"-?[\d.]", word):
        return "range", word
    known = (*ORDERS, "255", "1/255", "-1..1", *NORMALISATIONS, "offset=1", "offset=-1", *FORMS, SHARES)
    raise unknown("word of --input", word, known)


def _range(text: str) -> tuple[float, float]:
    """What 0 and 1 become: `255`, `1/255`, `-1..1`, `0.5..1`."""
    low, dots, high = text.partition("..")
    try:
        ends = float(Fraction(low if dots else "0")), float(Fraction(high if dots else low))
    except (ValueError, ZeroDivisionError):
        ends = (0.0, 0.0)
    if not ends[0] < ends[1]:
        raise SettingError(f"range: expected what 0 to 1 become, such as 1, 255, 1/255 or -1..1, got {text!r}")
    return ends


def _normalisation(spec: Spec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by `normalise`, or by `mean` and `std`."""
    options = spec.options
    if "normalise" in options:
        if "mean" in options or "std" in options:
            raise SettingError(f"normalise: expected it or mean and std, got both in {spec.text!r}")
        if _one_of("normalise", options["normalise"], NORMALISATIONS) == "imagenet":
            return IMAGENET_MEAN, IMAGENET_STD
        pairs = zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
        return tuple(-mean / std for mean, std in pairs), tuple(1 / std for std in IMAGENET_STD)
    mean = _three("mean", options.get("mean", "0,0,0"))
    std = _three("std", options.get("std", "1,1,1"))
    if not all(0 <= value <= 1 for value in mean):
        raise SettingError(
            f"mean: expected numbers of RGB in [0, 1], got {options['mean']}; divide those of levels by 255"
        )
    if not all(value > 0 for value in std):
        raise SettingError(f"std: expected positive numbers, got {options['std']}")
    return mean, std


def _three(name: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise SettingError(f"{name}: expected three numbers for red, green and blue, such as 0.5,0.5,0.5, got {text!r}")
    return values


def _form(text: str) -> tuple[str, bool]:
    """Form and whether it is in shares: `xywh`, `cxcywh,shares`, `shares`."""
    words = text.split(",")
    forms = [word for word in words if word != SHARES]
    for word in forms:
        if word not in FORMS:
            raise SettingError(f"boxes: expected one of {', '.join(FORMS)}, and {SHARES} or not, got {text!r}")
    if len(forms) > 1:
        raise SettingError(f"boxes: expected one form, got {text!r}")
    return (forms[0] if forms else "xyxy"), SHARES in words


def _one_of(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise SettingError(f"{name}: expected {', '.join(known[:-1])} or {known[-1]}, got {text!r}")
    return text


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
