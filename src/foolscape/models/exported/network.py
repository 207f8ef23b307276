"""A network that was exported for certain images: what it takes is honoured, and what it hands out put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.output import fits

TWO_CLASSES: Final = "the one channel of the network is made two classes: the second where its score is above 0"


@dataclass(frozen=True)
class Takes:
    """The images that a network was exported for.

    Attributes:
        batch: how many at once; None: any number.
        size: (H, W), a side that may be any as None.
        channels_last: whether as (B, H, W, 3).
        levels: whether as 0 to 255.
    """

    batch: int | None = None
    size: tuple[int | None, int | None] = (None, None)
    channels_last: bool = False
    levels: bool = False


class ExportedNetwork(nn.Module):
    """An exported network of images (B, 3, H, W) in [0, 1], in any batch.

    A batch that it was exported for is filled with copies; images of a size that it was not exported for are refused.
    """

    def __init__(
        self,
        module: nn.Module,
        takes: Takes,
        files: dict[str, str],
        outputs: tuple[str, ...] | None = None,
        classes: tuple[str, ...] | None = None,
    ) -> None:
        """Takes the network.

        Args:
            module: as it was exported.
            takes: the images that it was exported for.
            files: the hashes of its files, by name, which tell it from others.
            outputs: what it hands out by name, of a detector; None: a map of scores, or whatever it returns.
            classes: what its file calls its classes; None where it does not.
        """
        super().__init__()
        self.module = module
        self.takes = takes
        self.files_sha256 = files
        self.outputs = outputs
        self.classes = classes
        self.one_channel = False

    def forward(self, images: Tensor) -> object:
        """Class scores (B, C, h, w), or what a detector hands out, by name."""
        joined = _joined([self.module(part) for part in self.parts(images)], len(images))
        if isinstance(joined, tuple) and len(joined) == 1:
            joined = joined[0]
        if isinstance(joined, tuple) and self.outputs is not None:
            return dict(zip(self.outputs, joined, strict=False))
        return self._scores(joined, images) if isinstance(joined, Tensor) else joined

    def parts(self, images: Tensor) -> list[Tensor]:
        """`images` (B, 3, H, W) as the network takes them, a tensor for each call of it."""
        wanted, size = self.takes.size, (images.shape[2], images.shape[3])
        if any(side not in (None, own) for side, own in zip(wanted, size, strict=True)):
            text = " x ".join("any" if side is None else str(side) for side in wanted)
            given = "x".join(str(own if side is None else side) for side, own in zip(wanted, size, strict=True))
            raise ModelError(
                f"expected images of {text} (height x width), for which the network was exported, got {size[0]} x "
                f"{size[1]}; give --size {given}, or export it with dynamic sides"
            )
        if self.takes.levels:
            images = 255 * images
        if self.takes.channels_last:
            images = images.permute(0, 2, 3, 1)
        count = self.takes.batch
        if count is None or count == len(images):
            return [images]
        rows = torch.arange(len(images) + -len(images) % count, device=images.device) % len(images)
        return list(torch.split(images[rows], count))

    def _scores(self, scores: Tensor, images: Tensor) -> Tensor:
        """`scores` with the channels in the place of channels, two of them at least."""
        size = (images.shape[2], images.shape[3])
        if scores.ndim == 3 and len(scores) == len(images) and fits((scores.shape[1], scores.shape[2]), size):
            scores = scores[:, None]
        if scores.ndim != 4:
            return scores
        first, last = (scores.shape[1], scores.shape[2]), (scores.shape[2], scores.shape[3])
        if not fits(last, size) and fits(first, size):
            scores = scores.permute(0, 3, 1, 2)
        if scores.shape[1] > 1 or not scores.is_floating_point():
            return scores
        self.one_channel = True
        return torch.cat([torch.zeros_like(scores), scores], dim=1)


def _joined(answers: Sequence[object], count: int) -> object:
    """The first `count` rows of the tensors in the `answers` to several calls, one behind the other."""
    first = answers[0]
    if isinstance(first, Tensor):
        tensors = [answer for answer in answers if isinstance(answer, Tensor)]
        return first if len(answers) == 1 and len(first) == count else torch.cat(tensors)[:count]
    if isinstance(first, Mapping):
        return {name: _joined([answer[name] for answer in answers], count) for name in first}  # type: ignore[index]
    if isinstance(first, list | tuple):
        columns = zip(*(answer for answer in answers if isinstance(answer, list | tuple)), strict=True)
        return tuple(_joined(column, count) for column in columns)
    return first
