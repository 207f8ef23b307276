"""STM as a `Tracker`: the network with the names of its published weights, and the loop over a clip.

Oh, Lee, Xu, Kim: Video Object Segmentation using Space-Time Memory Networks, ICCV 2019; layers and protocol are those
of seoungwugoh/STM: memory keys and values are made of image and masks together, all positions are read, and the frame
before is always remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from foolscape.models.trackers.remembering import Remembering, RememberingNetwork, loaded
from foolscape.models.trackers.stcn.blocks import Bottleneck, FrozenNorm, Residual, conv3x3, enlarged, pooled

_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
_BLOCKS: Final = (3, 4, 6)


class Query(NamedTuple):
    """What STM makes of a frame alone.

    Attributes:
        key: (1, 128, H/16, W/16).
        value: (1, 512, H/16, W/16).
        fine8, fine4: (1, 512, H/8, W/8) and (1, 256, H/4, W/4), the skip connections, already convolved.
    """

    key: Tensor
    value: Tensor
    fine8: Tensor
    fine4: Tensor


class Remembered(NamedTuple):
    """A frame with its masks: keys (K, 128, h, w) and values (K, 512, h, w), of an object each."""

    keys: Tensor
    values: Tensor


class Encoder(nn.Module):
    """ResNet-50 up to its third stage; with `masks` also of an object's mask and that of all others."""

    def __init__(self, width: int, *, masks: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        if masks:
            self.conv1_m = nn.Conv2d(1, width, 7, 2, 3, bias=False)
            self.conv1_o = nn.Conv2d(1, width, 7, 2, 3, bias=False)
        self.bn1 = FrozenNorm(width)
        before = width
        for i, blocks in enumerate(_BLOCKS):
            inner = width * 2**i
            others = (Bottleneck(4 * inner, inner) for _ in range(blocks - 1))
            self.add_module(f"res{i + 2}", nn.Sequential(Bottleneck(before, inner, 2 if i else 1), *others))
            before = 4 * inner
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_DEVIATION).view(1, 3, 1, 1))

    def forward(self, images: Tensor, masks: Tensor | None = None, others: Tensor | None = None) -> list[Tensor]:
        """Maps at 1/4, 1/8 and 1/16 of images (B, 3, H, W) in [0, 1] and masks (B, 1, H, W)."""
        maps = self.conv1((images - self.get_buffer("mean")) / self.get_buffer("std"))
        if masks is not None and others is not None:
            maps = maps + self.conv1_m(masks) + self.conv1_o(others)
        maps, out = pooled(torch.relu(self.bn1(maps))), []
        for i in range(len(_BLOCKS)):
            maps = self.get_submodule(f"res{i + 2}")(maps)
            out.append(maps)
        return out


class KeyValue(nn.Module):
    """The keys and values of a map at 1/16."""

    def __init__(self, inner: int, key: int, value: int) -> None:
        super().__init__()
        self.Key, self.Value = conv3x3(inner, key), conv3x3(inner, value)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return self.Key(maps), self.Value(maps)


class Refine(nn.Module):
    """Twice as large, plus a skip connection that `skip` has made."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.convFS = conv3x3(inner, width)
        self.ResFS, self.ResMM = Residual(width, width), Residual(width, width)

    def skip(self, fine: Tensor) -> Tensor:
        out: Tensor = self.ResFS(self.convFS(fine))
        return out

    def forward(self, skip: Tensor, maps: Tensor) -> Tensor:
        out: Tensor = self.ResMM(skip + enlarged(maps, 2))
        return out


class Decoder(nn.Module):
    """From the readout of an object and the frame's own value to its mask."""

    def __init__(self, value: int, widths: tuple[int, int], width: int) -> None:
        super().__init__()
        self.convFM, self.ResMM = conv3x3(2 * value, width), Residual(width, width)
        self.RF3, self.RF2 = Refine(widths[1], width), Refine(widths[0], width)
        self.pred2 = conv3x3(width, 2)

    def forward(self, readout: Tensor, query: Query) -> Tensor:
        """(K, H, W): the probability of each object by itself."""
        maps = self.ResMM(self.convFM(torch.cat([readout, query.value.expand(len(readout), -1, -1, -1)], dim=1)))
        maps = self.RF2(query.fine4, self.RF3(query.fine8, maps))
        return enlarged(self.pred2(torch.relu(maps)), 4).softmax(dim=1)[:, 1]


class StmNetwork(RememberingNetwork[Query, Remembered]):
    """The parts of STM, which `Stm` puts together; frozen, in eval mode. `thin` divides its channels."""

    def __init__(self, thin: int = 1) -> None:
        super().__init__()
        width = 64 // thin
        key, value = 2 * width, 8 * width
        self.Encoder_M, self.Encoder_Q = Encoder(width, masks=True), Encoder(width, masks=False)
        self.KV_M_r4, self.KV_Q_r4 = KeyValue(16 * width, key, value), KeyValue(16 * width, key, value)
        self.Decoder = Decoder(value, (4 * width, 8 * width), 4 * width)
        self.eval().requires_grad_(False)

    def memorise(self, image: Tensor, masks: Tensor) -> Remembered:
        images = image.expand(len(masks), -1, -1, -1)
        coarse = self.Encoder_M(images, masks[:, None], other_masks(masks)[:, None])[-1]
        return Remembered(*self.KV_M_r4(coarse))

    def query(self, image: Tensor) -> Query:
        fine4, fine8, coarse = self.Encoder_Q(image)
        key, value = self.KV_Q_r4(coarse)
        return Query(key, value, self.Decoder.RF3.skip(fine8), self.Decoder.RF2.skip(fine4))

    def segment(self, memory: list[Remembered], query: Query) -> Tensor:
        """(K, H, W): the probability of each object by itself."""
        masks: Tensor = self.Decoder(read(memory, query.key), query)
        return masks

    def clip(self) -> Callable[[Remembered, Query, bool], Tensor]:
        kept: list[Remembered] = []

        def segmented(before: Remembered, current: Query, for_good: bool) -> Tensor:
            masks = self.segment([*kept, before], current)
            if for_good:
                kept.append(before)
            return masks

        return segmented


def other_masks(masks: Tensor) -> Tensor:
    """(K, H, W): of each object of `masks` (K, H, W) the sum of all others, at most 1."""
    return ((1 - torch.eye(len(masks)).to(masks)) @ masks.flatten(1)).view_as(masks).clamp(0, 1)


def read(memory: list[Remembered], key: Tensor) -> Tensor:
    """(K, D, h, w): the values of all that is remembered, by a softmax of key products over root of the channels."""
    keys = torch.cat([one.keys.flatten(2) for one in memory], dim=2)
    values = torch.cat([one.values.flatten(2) for one in memory], dim=2)
    scores = keys.transpose(1, 2) @ key.flatten(2) / keys.shape[1] ** 0.5
    summed: Tensor = values @ scores.softmax(dim=1)
    return summed.view(*values.shape[:2], *key.shape[2:])


class Stm(Remembering[Query, Remembered]):
    """STM with the settings of its inference: all positions of all remembered frames are read."""


def load_stm(path: Path | str, device: torch.device | str = "cpu") -> Stm:
    """STM with the weights at `path`, a file with the official keys, on `device`; raises as `loaded`."""
    return Stm(loaded(StmNetwork, path, device))
