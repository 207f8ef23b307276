"""HMMN's layers, by the names of its published weights: those of STM, with keys and values at 1/8 and 1/4, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from foolscape.models.trackers.hmmn.memory import Coarse, Maps, read_coarse, read_fine
from foolscape.models.trackers.remembering import RememberingNetwork
from foolscape.models.trackers.stcn.blocks import Residual, conv3x3, enlarged
from foolscape.models.trackers.stm import Encoder, KeyValue, other_masks


class Query(NamedTuple):
    """What HMMN makes of a frame alone.

    Attributes:
        key, value: (1, 128, H/16, W/16) and (1, 512, H/16, W/16).
        key8, key4: (1, 128, H/8, W/8) and (1, 64, H/4, W/4).
        skip8, skip4: (1, 256, H/8, W/8) and (1, 256, H/4, W/4), the skip connections, already convolved.
    """

    key: Tensor
    value: Tensor
    key8: Tensor
    key4: Tensor
    skip8: Tensor
    skip4: Tensor


class Remembered(NamedTuple):
    """A frame with its masks at 1/16, 1/8 and 1/4."""

    coarse: Maps
    half: Maps
    quarter: Maps


class Key(nn.Module):
    """The keys of a map, of which no values are needed."""

    def __init__(self, inner: int, key: int) -> None:
        super().__init__()
        self.Key = conv3x3(inner, key)

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.Key(maps)
        return out


class Refine(nn.Module):
    """Twice as large, plus a skip connection and what is remembered at its resolution."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.convFS = conv3x3(inner, width)
        self.convMemory = nn.Conv2d(inner // 2, width, 3, padding=1, bias=False)
        self.ResFS, self.ResMM = Residual(width, width), Residual(width, width)

    def forward(self, skip: Tensor, maps: Tensor, remembered: Tensor) -> Tensor:
        fine = self.ResFS(skip + self.convMemory(remembered))
        out: Tensor = self.ResMM(fine + enlarged(maps, 2))
        return out


class Decoder(nn.Module):
    """From what an object's memory gave at three resolutions to its mask."""

    def __init__(self, value: int, widths: tuple[int, int], width: int) -> None:
        super().__init__()
        self.convFM, self.ResMM = conv3x3(2 * value, width), Residual(width, width)
        self.RF3, self.RF2 = Refine(widths[1], width), Refine(widths[0], width)
        self.pred2 = conv3x3(width, 2)

    def forward(self, query: Query, readout: Tensor, half: Tensor, quarter: Tensor) -> Tensor:
        """(K, H, W): the probability of each object by itself."""
        maps = self.ResMM(self.convFM(torch.cat([readout, query.value.expand(len(readout), -1, -1, -1)], dim=1)))
        maps = self.RF2(query.skip4, self.RF3(query.skip8, maps, half), quarter)
        return enlarged(self.pred2(torch.relu(maps)), 4).softmax(dim=1)[:, 1]


class HmmnNetwork(RememberingNetwork[Query, Remembered]):
    """The parts of HMMN, which `Hmmn` puts together; frozen, in eval mode. `thin` divides its channels."""

    def __init__(self, thin: int = 1) -> None:
        super().__init__()
        width = 64 // thin
        self.Encoder_M, self.Encoder_Q = Encoder(width, masks=True), Encoder(width, masks=False)
        self.KV_M_r4, self.KV_Q_r4 = (KeyValue(16 * width, 2 * width, 8 * width) for _ in range(2))
        self.KV_M_r3, self.KV_Q_r3 = KeyValue(8 * width, 2 * width, 4 * width), Key(8 * width, 2 * width)
        self.KV_M_r2, self.KV_Q_r2 = KeyValue(4 * width, width, 2 * width), Key(4 * width, width)
        self.Decoder = Decoder(8 * width, (4 * width, 8 * width), 4 * width)
        self.eval().requires_grad_(False)

    def memorise(self, image: Tensor, masks: Tensor) -> Remembered:
        images = image.expand(len(masks), -1, -1, -1)
        quarter, half, coarse = self.Encoder_M(images, masks[:, None], other_masks(masks)[:, None])
        return Remembered(
            Maps(*self.KV_M_r4(coarse)), Maps(*self.KV_M_r3(half)), Maps(*self.KV_M_r2(quarter))
        )  # fmt: skip

    def query(self, image: Tensor) -> Query:
        quarter, half, coarse = self.Encoder_Q(image)
        key, value = self.KV_Q_r4(coarse)
        skip8, skip4 = self.Decoder.RF3.convFS(half), self.Decoder.RF2.convFS(quarter)
        return Query(key, value, self.KV_Q_r3(half), self.KV_Q_r2(quarter), skip8, skip4)

    def clip(self) -> Callable[[Remembered, Query, bool], Tensor]:
        kept: list[Maps] = []
        places: tuple[Tensor, ...] = ()
        first: Remembered | None = None

        def segmented(before: Remembered, current: Query, for_good: bool) -> Tensor:
            nonlocal places, first
            fine = [before] if first is None else [first, before]
            shares, read = self.segment([*kept, before.coarse], places, fine, current)
            first = fine[0]
            places = read.places if for_good else read.places[:-1]
            if for_good:
                kept.append(before.coarse)
            return shares

        return segmented

    def segment(
        self, memory: Sequence[Maps], places: Sequence[Tensor], fine: Sequence[Remembered], query: Query
    ) -> tuple[Tensor, Coarse]:
        """(K, H, W): the probability of each object by itself; and what was read at 1/16.

        Args:
            memory, places: as of `read_coarse`.
            fine: the first frame and the one before, or the latter alone where they are the same.
            query: the current frame.
        """
        read = read_coarse(memory, places, query.key)
        cells, best = (query.key.shape[2], query.key.shape[3]), read.best
        half = read_fine([one.half for one in fine], query.key8, best, cells)
        quarter = read_fine([one.quarter for one in fine], query.key4, best[:, :, : max(best.shape[2] // 4, 1)], cells)
        return self.Decoder(query, read.readout, half, quarter), read
