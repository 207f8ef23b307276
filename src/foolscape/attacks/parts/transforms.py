"""Gradient transforms that make attacks transfer to other networks: input diversity, translation, scale, variance.

Each acts on how the gradient of a step is taken and on nothing else, so that they compose, with each other and with
every attack that follows gradients. Momentum, the oldest of the family, is an update of its own (`updates.Momentum`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.attacks.parts.constraints import uniform_like
from foolscape.attacks.parts.objectives import Objective
from foolscape.errors import SettingError, unknown
from foolscape.problem import Problem

SMALLEST: Final = 0.9
"""The least side of a shrunk image, as a share of its own; the paper's 299 of 330 pixels."""

SIGMAS: Final = 3
"""Standard deviations from the middle of TI's kernel to its edge, as in the released code."""

REACH: Final = 1.5
"""beta of variance tuning: half the side of the cube that neighbours are drawn from, as a multiple of eps."""


@dataclass(frozen=True)
class Placement:
    """Where in a picture its shrunk self lies, in pixels; the rest is black."""

    top: int
    left: int
    height: int
    width: int


Places = Sequence[Placement | None]
"""Per image; None: it stays as it is."""


@dataclass(frozen=True)
class Slope:
    """The gradient of an objective at images that are not the iterates themselves.

    Attributes:
        problem, objective: as the attack has them, copies that fill the batch included.
        progress: (B,), see `Objective`.
    """

    problem: Problem
    objective: Objective
    progress: Tensor

    def at(self, images: Tensor, places: Places | None = None) -> Tensor:
        """(B, 3, H, W): the gradient at `images` (B, 3, H, W), which the network sees shrunk to `places`."""
        with torch.enable_grad():
            images = images.detach().requires_grad_(True)
            shown = images if places is None else placed(images, places)
            scores = self.problem.scores(shown, *self.problem.context)
            if places is not None:
                scores = brought_back(scores, places, (images.shape[2], images.shape[3]))
            value = self.objective(scores, self.problem, self.progress).value
            (gradient,) = torch.autograd.grad(value.sum(), images)
        return gradient


@dataclass(frozen=True)
class Transforms:
    """How the gradient of a step is taken; without any of them it is that of the iterate.

    Attributes:
        diverse: DI, Xie et al. 2019 (Improving Transferability of Adversarial Examples with Input Diversity), eq. 1:
            the chance that the network sees the image shrunk to 0.9 to 1 of its sides and padded with black at a random
            place. What it says there is cut out and stretched back over the image, so that every pixel keeps its
            label. The paper enlarges the canvas instead of shrinking the image, and takes the nearest pixel where we
            interpolate: a network for dense outputs may take one size alone.
        kernel: TI, Dong et al. 2019 (Evading Defenses to Transferable Adversarial Examples by Translation-Invariant
            Attacks), eq. 7: side of the Gaussian kernel that the gradient is smoothed with, odd; 0: none.
        copies: SI, Lin et al. 2020 (Nesterov Accelerated Gradient and Scale Invariance), eq. 8: the objective is the
            mean over the images x, x / 2, x / 4 and so on, so many of them.
        neighbours: VT, Wang and He 2021 (Enhancing the Transferability of Adversarial Attacks through Variance Tuning),
            eq. 6 and algorithm 1: to the gradient is added how much the mean gradient of so many random neighbours
            differed from it at the iterate before.
        reach: half the side of the cube they are drawn from, in [0, 1]. As in the paper they may leave the bound and
            the pixel range, in which only iterates lie.
    """

    diverse: float = 0.0
    kernel: int = 0
    copies: int = 1
    neighbours: int = 0
    reach: float = 0.0

    @property
    def gradients(self) -> int:
        """Per step."""
        return self.copies * (1 + self.neighbours)

    @property
    def takes_own(self) -> bool:
        """Whether the iterate's own gradient is one of them."""
        return not self.diverse

    def start(self, problem: Problem) -> tuple[Tensor, ...]:
        """What is remembered from step to step, batch-first: with `neighbours` the variance, zero at first."""
        return (torch.zeros_like(problem.images),) if self.neighbours else ()

    def gradient(
        self,
        slope: Slope,
        images: Tensor,
        own: Tensor | None,
        generators: Sequence[torch.Generator],
        remembered: tuple[Tensor, ...],
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The gradient of a step, and what to remember.

        Args:
            slope: of the objective.
            images: (W, 3, H, W) in [0, 1], where images stand, copies that fill the batch included.
            own: (W, 3, H, W), the gradient there; None unless `takes_own`.
            generators: of the B images that are no copies.
            remembered: of these.

        Returns:
            (B, 3, H, W), and the next `remembered`.
        """
        # All at the batch's own width, so that neighbours do not show in the last bits.
        count = len(generators)
        copies = torch.arange(len(images), device=images.device) % count
        mean = self._mean(slope, images, own, generators)
        if not self.neighbours:
            return self._smooth(mean)[:count], remembered
        total = torch.zeros_like(mean)
        for _ in range(self.neighbours):
            drawn = uniform_like(images[:count], generators)
            total += self._mean(slope, images + self.reach * drawn[copies], None, generators)
        (variance,) = remembered
        return self._smooth(mean + variance[copies])[:count], ((total / self.neighbours - mean)[:count],)

    def _mean(self, slope: Slope, images: Tensor, own: Tensor | None, generators: Sequence[torch.Generator]) -> Tensor:
        """The gradient of the mean objective over the copies of `images` at all scales."""
        total = own if own is not None else slope.at(images, self._places(images, generators))
        for i in range(1, self.copies):
            scale = 0.5**i
            total = total + scale * slope.at(scale * images, self._places(images, generators))
        return total / self.copies

    def _places(self, images: Tensor, generators: Sequence[torch.Generator]) -> Places | None:
        """A place for each of `images`, that of its original for a copy."""
        if not self.diverse:
            return None
        drawn = [place_at_random(self.diverse, (images.shape[2], images.shape[3]), g) for g in generators]
        return [drawn[i % len(drawn)] for i in range(len(images))]

    def _smooth(self, gradient: Tensor) -> Tensor:
        return smoothed(gradient, self.kernel) if self.kernel else gradient


def place_at_random(chance: float, size: tuple[int, int], generator: torch.Generator) -> Placement | None:
    """With `chance` a place of `SMALLEST` to 1 of the sides of `size` (H, W), anywhere inside, else None."""
    one, share, down, right = torch.rand(4, generator=generator).tolist()
    if one >= chance:
        return None
    share = SMALLEST + (1 - SMALLEST) * share
    height, width = (max(round(share * side), 1) for side in size)
    return Placement(int(down * (size[0] - height + 1)), int(right * (size[1] - width + 1)), height, width)


def placed(images: Tensor, places: Places) -> Tensor:
    """`images` (B, C, H, W), each shrunk to its place, black around it."""
    height, width = images.shape[2:]
    shown = []
    for i, place in enumerate(places):
        image = images[i : i + 1]
        if place is None:
            shown.append(image)
            continue
        below, right = height - place.top - place.height, width - place.left - place.width
        small = _resized(image, (place.height, place.width))
        shown.append(functional.pad(small, (place.left, right, place.top, below)))
    return torch.cat(shown)


def brought_back(scores: Tensor, places: Places, size: tuple[int, int]) -> Tensor:
    """Scores of `placed` images in the coordinates of the images themselves.

    Args:
        scores: (B, C, *N), N the pixels of an image of `size`, or those of several networks one after the other.
        places: where the images lay.
        size: (H, W).
    """
    maps, back = scores.reshape(len(places), -1, *size), []
    for i, place in enumerate(places):
        own = maps[i : i + 1]
        if place is not None:
            rows = slice(place.top, place.top + place.height)
            own = _resized(own[:, :, rows, place.left : place.left + place.width], size)
        back.append(own)
    return torch.cat(back).reshape(scores.shape)


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(images, size=size, mode="bilinear", align_corners=False)


def smoothed(gradient: Tensor, side: int) -> Tensor:
    """`gradient` (B, C, H, W) convolved with a Gaussian of `side` (odd), `SIGMAS` to its edge, zero outside."""
    line = torch.linspace(-SIGMAS, SIGMAS, side, dtype=gradient.dtype, device=gradient.device)
    weights = (-(line**2) / 2).exp()
    weights = (weights / weights.sum()).view(1, 1, side, 1).expand(gradient.shape[1], -1, -1, -1)
    padding, groups = side // 2, gradient.shape[1]
    down = functional.conv2d(gradient, weights, padding=(padding, 0), groups=groups)
    return functional.conv2d(down, weights.transpose(2, 3), padding=(0, padding), groups=groups)


def transforms_of(text: str, eps: float) -> Transforms:
    """What `di,ti,si,vt` stands for: any of them, separated by commas, each with its number if it is not the paper's.

    `di=0.5` is the chance, `ti=15` the kernel's side, `si=5` the copies, `vt=20` the neighbours.

    Raises:
        UnknownNameError: another name.
        SettingError: a number that does not fit, or a name twice.
    """
    numbers: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if name not in _NUMBERS:
            raise unknown("transform", name, _NUMBERS)
        if name in numbers:
            raise SettingError(f"transforms: expected each of {', '.join(_NUMBERS)} once, got {name} twice in {text!r}")
        numbers[name] = _number(name, number) if equals else _NUMBERS[name].default
    return Transforms(
        diverse=numbers.get("di", 0.0),
        kernel=int(numbers.get("ti", 0)),
        copies=int(numbers.get("si", 1)),
        neighbours=int(numbers.get("vt", 0)),
        reach=REACH * eps,
    )


@dataclass(frozen=True)
class _Number:
    """What a name may be followed by: its default, its ends, and the distance of numbers that may be given; 0: any."""

    default: float
    least: float
    most: float
    grid: int
    what: str


_NUMBERS: Final = {
    "di": _Number(0.5, 0.01, 1, 0, "a chance of 0.01 to 1"),
    "ti": _Number(15, 3, 63, 2, "an odd side of 3 to 63 pixels"),
    "si": _Number(5, 2, 10, 1, "2 to 10 copies"),
    "vt": _Number(20, 1, 200, 1, "1 to 200 neighbours"),
}


def _number(name: str, text: str) -> float:
    kind = _NUMBERS[name]
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    on_grid = not kind.grid or (number - kind.least) % kind.grid == 0
    if not (kind.least <= number <= kind.most and on_grid):
        raise SettingError(f"transforms: expected {kind.what} behind {name}=, got {text!r}")
    return number
