"""The training images: read once and kept as far as memory allows, cropped and mirrored for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.data.sample import VOID
from foolscape.errors import SampleError, SettingError
from foolscape.pixels import WHITE
from foolscape.problem import IGNORE
from foolscape.run.tasks.segmentation import SegmentationSubject, load_at

BUDGET = 1024 * 2**20
"""Bytes of images and labels that are kept: some thousands of small ones. Others are read anew in every epoch."""


@dataclass(frozen=True)
class TrainingImage:
    """A training image: (H, W, 3) uint8, and its labels (H, W) uint8 in the model's channels, `VOID` for none."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def part(self, crop: tuple[int, int] | None, mirror: bool, generator: torch.Generator) -> TrainingImage:
        """The part that an epoch sees: a random rectangle of size `crop`, mirrored or not as `generator` has it."""
        height, width = crop or self.labels.shape
        top = _below(self.labels.shape[0] - height + 1, generator)
        left = _below(self.labels.shape[1] - width + 1, generator)
        step = -1 if mirror and _below(2, generator) else 1
        window = (slice(top, top + height), slice(left, left + width))
        return TrainingImage(self.image[window][:, ::step], self.labels[window][:, ::step])


class TrainingImages:
    """The training images of `subject` by name; the same whether they are kept or not."""

    def __init__(self, subject: SegmentationSubject, budget: int = BUDGET) -> None:
        self._subject = subject
        self._left = budget
        self._kept: dict[str, TrainingImage] = {}

    def __call__(self, name: str) -> TrainingImage:
        """The image `name`; raises `SampleError`."""
        if name in self._kept:
            return self._kept[name]
        sample = load_at(self._subject.data, name, self._subject.size)
        labels = self._subject.truth(sample)
        if labels is None:
            raise SampleError(f"expected labels for {name}, got none; nothing can be learnt from it")
        picture = TrainingImage(sample.image, labels)
        size = picture.image.nbytes + picture.labels.nbytes
        if size <= self._left:
            self._left -= size
            self._kept[name] = picture
        return picture


def check_size(picture: TrainingImage, crop: tuple[int, int] | None, first: tuple[int, int], name: str) -> None:
    """`SettingError` for an image that cannot share a batch: of another size than the `first`, or below the crop's."""
    height, width = picture.labels.shape
    if crop is None and (height, width) != first:
        raise SettingError(
            f"size: expected training images of one size, got {first[0]} x {first[1]} and {height} x {width} ({name}); "
            "give --size or --crop HEIGHTxWIDTH"
        )
    if crop is not None and (height < crop[0] or width < crop[1]):
        raise SettingError(
            f"crop: expected {crop[0]} x {crop[1]} to fit into every training image, got {height} x {width} ({name}); "
            "give a smaller --crop, or --size"
        )


def stacked(parts: Sequence[TrainingImage], device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (B, 3, h, w) float32 in [0, 1] and labels (B, h, w) int64 with `IGNORE`, on `device`."""
    images = torch.from_numpy(np.stack([part.image for part in parts])).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(np.stack([part.labels for part in parts]).astype(np.int64))
    return images.to(device).float() / WHITE, labels.masked_fill_(labels == VOID, IGNORE).to(device)


def _below(end: int, generator: torch.Generator) -> int:
    return int(torch.randint(end, (), generator=generator))
