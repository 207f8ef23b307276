"""The network of STCN: a key per frame, a value per memory frame and object, and a decoder.

Cheng, Tai, Tang: Rethinking Space-Time Networks with Improved Memory Coverage for Efficient Video Object Segmentation,
NeurIPS 2021. Modules are named so that the state dict has the keys of the official checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from foolscape.models.trackers.stcn.blocks import (
    Basic,
    Bottleneck,
    Cbam,
    FrozenNorm,
    Residual,
    conv3x3,
    enlarged,
    pooled,
)

STRIDE: Final = 16
"""Both sides of an image must be multiples of this."""

_KEY, _VALUE = 64, 512  # channels of a key, and of a value and of the thin feature


class KeyMaps(NamedTuple):
    """What the key encoder makes of images (B, 3, H, W): maps at 1/16, 1/8 and 1/4, after ReLU.

    Attributes:
        f16: (B, 1024, H/16, W/16).
        f8: (B, 512, H/8, W/8).
        f4: (B, 256, H/4, W/4).
    """

    f16: Tensor
    f8: Tensor
    f4: Tensor


class QueryMaps(NamedTuple):
    """What the decoder needs of a frame besides the readout; the same for all objects.

    Attributes:
        thin: (B, 512, H/16, W/16), the frame's own part of the decoder's input.
        skip8: (B, 512, H/8, W/8) and
        skip4: (B, 256, H/4, W/4), the skip connections, already convolved.
    """

    thin: Tensor
    skip8: Tensor
    skip4: Tensor


class StcnNetwork(nn.Module):
    """The parts of STCN, which `Stcn` puts together; frozen, in eval mode.

    Images (B, 3, H, W) are normalised by mean and deviation, H and W multiples of 16.
    """

    stride: Final = STRIDE

    def __init__(self) -> None:
        super().__init__()
        self.key_encoder = KeyEncoder()
        self.value_encoder = ValueEncoder()
        # The official network wraps this convolution in a module of the same name.
        self.key_proj = nn.Sequential(OrderedDict(key_proj=conv3x3(1024, _KEY)))
        self.key_comp = conv3x3(1024, _VALUE)
        self.decoder = Decoder()
        self.eval().requires_grad_(False)

    def encode(self, images: Tensor) -> KeyMaps:
        """The maps of `images` (B, 3, H, W) that keys, values and masks are made of."""
        maps: KeyMaps = self.key_encoder(images)
        return maps

    def key(self, f16: Tensor) -> Tensor:
        """(B, 64, h, w): the key of frames by their f16 (B, 1024, h, w), as query and in memory alike."""
        out: Tensor = self.key_proj(f16)
        return out

    def query(self, maps: KeyMaps) -> QueryMaps:
        """What decoding frames with `maps` needs besides the readout."""
        return QueryMaps(
            self.key_comp(maps.f16), self.decoder.up_16_8.skip_conv(maps.f8), self.decoder.up_8_4.skip_conv(maps.f4)
        )

    def value(self, image: Tensor, masks: Tensor, f16: Tensor) -> Tensor:
        """The memory value of a frame for each of its K objects (section 3.1 of the paper).

        Args:
            image: (1, 3, H, W).
            masks: (K, H, W), probability of each object, not hardened.
            f16: (1, 1024, H/16, W/16) of the same frame.

        Returns:
            (K, 512, H/16, W/16).
        """
        count = len(masks)
        # Summing the others, instead of taking an object from the sum of all, leaves exact zeros for a single object.
        others = ((1 - torch.eye(count).to(masks)) @ masks.flatten(1)).view_as(masks)
        inputs = torch.cat([image.expand(count, -1, -1, -1), masks[:, None], others[:, None]], dim=1)
        out: Tensor = self.value_encoder(inputs, f16.expand(count, -1, -1, -1))
        return out

    def decode(self, readout: Tensor, query: QueryMaps) -> Tensor:
        """(K, H, W): the probability of each object by itself, from its `readout` (K, 512, H/16, W/16)."""
        logits: Tensor = self.decoder(readout, query)
        return logits[:, 0].sigmoid()


class KeyEncoder(nn.Module):
    """ResNet-50 up to its third stage (He et al. 2016, with the stride in the 3x3 convolution), without biases."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenNorm(64)
        self.res2 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2)))
        self.layer2 = nn.Sequential(Bottleneck(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3)))
        self.layer3 = nn.Sequential(Bottleneck(512, 256, stride=2), *(Bottleneck(1024, 256) for _ in range(5)))

    def forward(self, images: Tensor) -> KeyMaps:
        """The maps of `images` (B, 3, H, W)."""
        f4 = self.res2(pooled(torch.relu(self.bn1(self.conv1(images)))))
        f8 = self.layer2(f4)
        return KeyMaps(self.layer3(f8), f8, f4)


class ValueEncoder(nn.Module):
    """ResNet-18 up to its third stage, with biases and five input channels, fused with the key encoder's f16."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(5, 64, 7, stride=2, padding=3)
        self.bn1 = FrozenNorm(64)
        self.layer1 = nn.Sequential(Basic(64, 64), Basic(64, 64))
        self.layer2 = nn.Sequential(Basic(64, 128, stride=2), Basic(128, 128))
        self.layer3 = nn.Sequential(Basic(128, 256, stride=2), Basic(256, 256))
        self.fuser = Fuser()

    def forward(self, inputs: Tensor, f16: Tensor) -> Tensor:
        """(K, 512, H/16, W/16) of image, mask and other objects (K, 5, H, W) and f16 (K, 1024, H/16, W/16)."""
        out: Tensor = self.fuser(self.backbone(inputs), f16)
        return out

    def backbone(self, inputs: Tensor) -> Tensor:
        """(K, 256, H/16, W/16), before fusion, of `inputs` (K, 5, H, W)."""
        maps = pooled(torch.relu(self.bn1(self.conv1(inputs))))
        out: Tensor = self.layer3(self.layer2(self.layer1(maps)))
        return out


class Fuser(nn.Module):
    """Two residual blocks with an attention gate between them."""

    def __init__(self) -> None:
        super().__init__()
        self.block1 = Residual(256 + 1024, _VALUE)
        self.attention = Cbam(_VALUE)
        self.block2 = Residual(_VALUE, _VALUE)

    def forward(self, maps: Tensor, f16: Tensor) -> Tensor:
        """(K, 512, h, w) of `maps` (K, 256, h, w) and `f16` (K, 1024, h, w)."""
        joined = self.block1(torch.cat([maps, f16], dim=1))
        out: Tensor = self.block2(joined + self.attention(joined))
        return out


class Decoder(nn.Module):
    """From the readout of an object at 1/16 to its mask, with skip connections at 1/8 and 1/4."""

    def __init__(self) -> None:
        super().__init__()
        self.compress = Residual(2 * _VALUE, 512)
        self.up_16_8 = _Up(512, 512, 256)
        self.up_8_4 = _Up(256, 256, 256)
        self.pred = conv3x3(256, 1)

    def forward(self, readout: Tensor, query: QueryMaps) -> Tensor:
        """Logits (K, 1, H, W) of `readout` (K, 512, H/16, W/16) in the frame of `query`, a batch of one."""
        maps = self.compress(torch.cat([readout, query.thin.expand(len(readout), -1, -1, -1)], dim=1))
        maps = self.up_16_8(maps, query.skip8)
        maps = self.up_8_4(maps, query.skip4)
        return enlarged(self.pred(torch.relu(maps)), 4)


class _Up(nn.Module):
    """Twice as large, plus a skip connection that `skip_conv` has made."""

    def __init__(self, skip: int, inner: int, outer: int) -> None:
        super().__init__()
        self.skip_conv = conv3x3(skip, inner)
        self.out_conv = Residual(inner, outer)

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.out_conv(skip + enlarged(maps, 2))
        return out
