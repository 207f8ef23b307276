"""PSPNet (Zhao et al. 2017) of DDC-AT (Xu et al. 2021), as dvlab-research/Robust-Semantic-Segmentation publishes it.

Of its heads the one for clean images answers, as in its own test; the others and the auxiliary one are left out.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.models.segmenters.torchvision import library
from foolscape.sending import numbers_on

_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
_BINS: Final = (1, 2, 3, 6)
_BLOCKS: Final = ((3, 1, 1), (4, 2, 1), (6, 1, 2), (3, 1, 4))
"""Of the four layers of ResNet-50 the blocks, the stride and the dilation."""

_STRIDE: Final = 8


class PspNet(nn.Module):
    """PSPNet on a ResNet-50 that begins with three convolutions; `thin` divides its channels."""

    def __init__(self, classes: int, thin: int = 1) -> None:
        super().__init__()
        width = 64 // thin
        self.layer0 = nn.Sequential(
            *_begun(3, width, 2), *_begun(width, width), *_begun(width, 2 * width), nn.MaxPool2d(3, 2, 1)
        )
        before = 2 * width
        for i, (blocks, stride, dilation) in enumerate(_BLOCKS):
            inner = width * 2**i
            self.add_module(f"layer{i + 1}", _layer(before, inner, blocks, stride, dilation))
            before = 4 * inner
        self.ppm = nn.Module()
        self.ppm.features = nn.ModuleList(_pool(before, before // len(_BINS), side) for side in _BINS)
        hidden = before // 4
        self.cls1 = nn.Sequential(
            nn.Conv2d(2 * before, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Dropout2d(0.1),
            nn.Conv2d(hidden, classes, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> class scores (B, C, H, W).

        The network wants sides of 8 n + 1; others are padded at the right and bottom by their last pixels.
        """
        height, width = images.shape[2:]
        mean, deviation = (numbers_on(images.device, v, images.dtype).view(1, 3, 1, 1) for v in (_MEAN, _DEVIATION))
        maps = (images - mean) / deviation
        maps = functional.pad(maps, (0, (1 - width) % _STRIDE, 0, (1 - height) % _STRIDE), mode="replicate")
        size = maps.shape[2:]
        for i in range(5):
            maps = self.get_submodule(f"layer{i}")(maps)
        pools = [_resized(pool(maps), maps.shape[2:]) for pool in self.ppm.get_submodule("features").children()]
        scores = self.cls1(torch.cat([maps, *pools], dim=1))
        return _resized(scores, size)[..., :height, :width]


def _begun(inner: int, outer: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()]


def _layer(inner: int, width: int, blocks: int, stride: int, dilation: int) -> nn.Sequential:
    """A layer of ResNet-50; all of its 3x3 convolutions are dilated."""
    bottleneck: Any = library().resnet.Bottleneck
    shortcut = nn.Sequential(nn.Conv2d(inner, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
    first = bottleneck(inner, width, stride, shortcut, dilation=dilation)
    return nn.Sequential(first, *(bottleneck(4 * width, width, dilation=dilation) for _ in range(blocks - 1)))


def _pool(inner: int, outer: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(side), nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()
    )


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=True)
