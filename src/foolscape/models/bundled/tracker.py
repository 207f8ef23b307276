"""A small network of STCN's design for the scenes that the project draws itself: keys and values at stride 8.

Cheng, Tai, Tang 2021 (STCN): a key per frame, a value per memory frame and object, both in one memory. `Stcn` runs it.
Unlike there, a key also knows where it is, since a street has many people who look alike from afar.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.models.bundled.detector import ScenesTrunk, TrunkMaps
from foolscape.models.bundled.segmenters import PHASES
from foolscape.models.trackers.stcn.blocks import Residual, conv3x3, enlarged

_COARSE, _KEY, _VALUE = 48, 64, 64  # channels: the trunk's at stride 8, of a key, of a value
_STEP: Final = 4.0  # cells between places whose coordinates differ by 1


class SmallMaps(NamedTuple):
    """What the trunk makes of images (B, 3, H, W).

    Attributes:
        eighth: (B, 48, H/8, W/8).
        quarter: (B, 40, H/4, W/4).
        half: (B, 28, H/2, W/2), the trunk's 16 and the pixels themselves, four by four.
    """

    eighth: Tensor
    quarter: Tensor
    half: Tensor


class SmallQuery(NamedTuple):
    """What the decoder needs of a frame besides the readout; the same for all objects.

    Attributes:
        thin: (B, 64, H/8, W/8).
        skip4: (B, 32, H/4, W/4).
        skip2: (B, 16, H/2, W/2).
    """

    thin: Tensor
    skip4: Tensor
    skip2: Tensor


class ScenesTracker(nn.Module):
    """The parts that `Stcn` puts together; images (B, 3, H, W) are normalised, H and W multiples of 8."""

    stride: Final = 8

    def __init__(self) -> None:
        super().__init__()
        self.trunk = ScenesTrunk()
        self.key_proj = conv3x3(_COARSE + 2, _KEY)
        self.value_encoder = _ScenesValueEncoder()
        self.key_comp = conv3x3(_COARSE, 64)
        self.skip4, self.skip2 = conv3x3(40, 32), conv3x3(16 + PHASES, 16)
        self.decoder = _ScenesDecoder()

    def encode(self, images: Tensor) -> SmallMaps:
        """The maps of `images` (B, 3, H, W) that keys, values and masks are made of."""
        maps: TrunkMaps = self.trunk.maps(images)
        return SmallMaps(
            maps.eighth, maps.quarter, torch.cat([maps.half, functional.pixel_unshuffle(images, 2)], dim=1)
        )

    def key(self, coarse: Tensor) -> Tensor:
        """(B, 64, h, w): the key of frames by their maps at stride 8 (B, 48, h, w), as query and in memory alike."""
        out: Tensor = self.key_proj(torch.cat([coarse, _places(coarse)], dim=1))
        return out

    def query(self, maps: SmallMaps) -> SmallQuery:
        """What decoding frames with `maps` needs besides the readout."""
        return SmallQuery(self.key_comp(maps.eighth), self.skip4(maps.quarter), self.skip2(maps.half))

    def value(self, image: Tensor, masks: Tensor, coarse: Tensor) -> Tensor:
        """(K, 64, H/8, W/8): the memory value of a frame (1, 3, H, W) for each object of `masks` (K, H, W).

        `coarse` (1, 48, H/8, W/8) is the frame's own map.
        """
        others = masks.sum(dim=0) - masks
        inputs = torch.cat([image.expand(len(masks), -1, -1, -1), masks[:, None], others[:, None]], dim=1)
        out: Tensor = self.value_encoder(inputs, coarse.expand(len(masks), -1, -1, -1))
        return out

    def decode(self, readout: Tensor, query: SmallQuery) -> Tensor:
        """(K, H, W): the probability of each object by itself, from its `readout` (K, 64, H/8, W/8)."""
        logits: Tensor = self.decoder(readout, query)
        return logits[:, 0].sigmoid()


class _ScenesValueEncoder(nn.Module):
    """Three strided convolutions over image, mask and other objects, joined with the trunk's map."""

    def __init__(self) -> None:
        super().__init__()
        self.to_half = nn.Conv2d(5, 16, 5, stride=2, padding=2)
        self.to_quarter = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.to_eighth = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.join = nn.Conv2d(64 + _COARSE, _VALUE, 1)
        self.mix = nn.Sequential(Residual(_VALUE, _VALUE), Residual(_VALUE, _VALUE))

    def forward(self, inputs: Tensor, coarse: Tensor) -> Tensor:
        """(K, 64, H/8, W/8) of `inputs` (K, 5, H, W) and `coarse` (K, 48, H/8, W/8)."""
        maps = torch.relu(self.to_quarter(torch.relu(self.to_half(inputs))))
        maps = torch.relu(self.to_eighth(maps))
        out: Tensor = self.mix(self.join(torch.cat([maps, coarse], dim=1)))
        return out


class _ScenesDecoder(nn.Module):
    """From the readout of an object at stride 8 to its mask, with the frame's maps of stride 8, 4 and 2."""

    def __init__(self) -> None:
        super().__init__()
        self.readout = nn.Conv2d(_VALUE, 64, 1)
        self.at_eighth = nn.Sequential(Residual(64, 64), nn.Conv2d(64, 32, 1))
        self.at_quarter = nn.Sequential(Residual(32, 32), nn.Conv2d(32, 16, 1))
        self.at_half = Residual(16, 16)
        self.pred = conv3x3(16, 4)

    def forward(self, readout: Tensor, query: SmallQuery) -> Tensor:
        """Logits (K, 1, H, W) of `readout` (K, 64, H/8, W/8) in the frame of `query`, a batch of one."""
        maps = self.at_eighth(self.readout(readout) + query.thin)
        maps = self.at_quarter(enlarged(maps, 2) + query.skip4)
        maps = self.at_half(enlarged(maps, 2) + query.skip2)
        return functional.pixel_shuffle(self.pred(torch.relu(maps)), 2)


def _places(like: Tensor) -> Tensor:
    """(B, 2, h, w): how far down and to the right of the middle each cell of `like` (B, C, h, w) is."""
    down, right = (
        (torch.arange(side, dtype=like.dtype, device=like.device) - (side - 1) / 2) / _STEP for side in like.shape[2:]
    )
    places = torch.stack(torch.meshgrid(down, right, indexing="ij"))
    return places.expand(len(like), -1, -1, -1)
