"""Small detection networks, sound and unsound ones, as a user might bring them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Output(NamedTuple):
    boxes: Tensor
    scores: Tensor


class WithObjectness(NamedTuple):
    scores: Tensor
    boxes: Tensor
    objectness: Tensor


class Cells(nn.Module):
    """A sound network for 3 classes with a candidate for each whole cell of 4 x 4 pixels, row by row; log-odds."""

    classes = ("car", "dog", "cat")

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.stem = nn.Conv2d(3, 8, 4, stride=4)
            self.head = nn.Conv2d(8, 8, 1)
            nn.init.normal_(self.head.weight)

    def parts(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (B, N, 4), class log-odds (B, N, 3) and log-odds of objectness (B, N, 1)."""
        raw = self.head(self.stem(images).tanh())
        scores, objectness, sides = raw.permute(0, 2, 3, 1).flatten(1, 2).split([3, 1, 4], dim=-1)
        y, x = torch.meshgrid(*(torch.arange(n, dtype=raw.dtype) * 4 + 2 for n in raw.shape[2:]), indexing="ij")
        centres = torch.stack([x, y], -1).flatten(0, 1)
        reach = 6 * (0.2 * sides).exp()
        return torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], -1), scores, objectness

    def forward(self, images: Tensor) -> Output:
        return Output(*self.parts(images)[:2])


class Returning(Cells):
    """`Cells` that returns `change(boxes, scores, objectness)`; `options` become attributes."""

    def __init__(self, change: Callable[[Tensor, Tensor, Tensor], object], **options: object) -> None:
        super().__init__()
        self.change = change
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, images: Tensor) -> object:  # type: ignore[override]
        return self.change(*self.parts(images))


class Sized(Cells):
    """`Cells` that takes sides divisible by `multiple`, or `only` one size."""

    def __init__(self, multiple: int = 1, only: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.multiple, self.only = multiple, only

    def forward(self, images: Tensor) -> Output:
        height, width = images.shape[2:]
        if height % self.multiple or width % self.multiple or self.only not in (None, (height, width)):
            raise ValueError(f"a size it does not take: {height} x {width}")
        return super().forward(images)


class Detecting(Cells):
    """`Cells` with a `detect` of its own, which finds one box per image and remembers what it was asked."""

    def detect(self, images: Tensor, score_threshold: float, iou_threshold: float) -> list[dict[str, Tensor]]:
        self.asked = (tuple(images.shape), score_threshold, iou_threshold)
        box = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8], [0, 0, 1, 1]])
        scores = torch.tensor([0.6, 0.9, 0.1])
        return [{"boxes": box, "scores": scores, "labels": torch.tensor([0, 2, 1])} for _ in images]
