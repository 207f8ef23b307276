"""UPerNet on ConvNeXt with a stem of convolutions, as nmndeep/robust-segmentation trains and publishes it.

ConvNeXt: Liu et al. 2022. UPerNet: Xiao et al. 2018, in the form of OpenMMLab and transformers. Names are those of the
published weights; the auxiliary head, which is for training, is left out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

DEPTHS: Final = {"upernet-convnext-t": (3, 3, 9, 3), "upernet-convnext-s": (3, 3, 27, 3)}
"""Blocks of the four stages."""

_WIDTHS: Final = (96, 192, 384, 768)
_CHANNELS: Final = 512
_BINS: Final = (1, 2, 3, 6)


class UperNetConvNext(nn.Module):
    """UPerNet on ConvNeXt; `thin` divides the channels of all layers but those of scores."""

    def __init__(self, depths: tuple[int, ...], classes: int, thin: int = 1) -> None:
        super().__init__()
        widths = tuple(width // thin for width in _WIDTHS)
        self.backbone = ConvNext(depths, widths)
        self.decode_head = UperNetHead(widths, _CHANNELS // thin, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1], which are not normalised -> class scores (B, C, H, W)."""
        scores: Tensor = self.decode_head(self.backbone(images))
        return _resized(scores, images)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of (B, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalised, of the same shape."""
        last = functional.layer_norm(maps.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6)
        return last.permute(0, 3, 1, 2)


class ConvStem(nn.Module):
    """Convolutions of stride 2 in the place of patches, twice as many channels after each."""

    def __init__(self, width: int, count: int, end: int | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for i in range(count):
            after = width * 2**i
            layers += [nn.Conv2d(before, after, 3, 2, 1), ChannelNorm(after), nn.GELU()]
            before = after
        if end is not None:
            layers.append(nn.Conv2d(before, end, 1))
        self.stem = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, width * 2^(count - 1) or end, H / 2^count, W / 2^count)."""
        out: Tensor = self.stem(images)
        return out


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, layer norm, twice a linear layer with GELU between, scaled and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 0.2))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.norm(self.dwconv(maps).permute(0, 2, 3, 1))
        inner = self.gamma * self.pwconv2(functional.gelu(self.pwconv1(inner)))
        out: Tensor = maps + inner.permute(0, 3, 1, 2)
        return out


class ConvNext(nn.Module):
    """Four stages at 1/4, 1/8, 1/16 and 1/32; gives the map of each."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        steps = [nn.Sequential(ChannelNorm(a), nn.Conv2d(a, b, 2, 2)) for a, b in pairwise(widths)]
        self.downsample_layers = nn.ModuleList([ConvStem(widths[0] // 2, 2), *steps])
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNextBlock(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for i, width in enumerate(widths):
            self.add_module(f"norm{i}", ChannelNorm(width))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, out = images, []
        for i, (step, stage) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            maps = stage(step(maps))
            out.append(self.get_submodule(f"norm{i}")(maps))
        return out


class _Convolution(nn.Module):
    """Without bias, batch norm, ReLU."""

    def __init__(self, inner: int, outer: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, bias=False)
        self.batch_norm = nn.BatchNorm2d(outer)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.batch_norm(self.conv(maps)))


class UperNetHead(nn.Module):
    """A pyramid of pools on the coarsest map, and from there down to the finest; scores at 1/4."""

    def __init__(self, widths: tuple[int, ...], channels: int, classes: int) -> None:
        super().__init__()
        last = widths[-1]
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(side), _Convolution(last, channels, 1)) for side in _BINS
        )
        self.bottleneck = _Convolution(last + len(_BINS) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(_Convolution(width, channels, 1) for width in widths[:-1])
        self.fpn_convs = nn.ModuleList(_Convolution(channels, channels, 3) for _ in widths[:-1])
        self.fpn_bottleneck = _Convolution(len(widths) * channels, channels, 3)
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Class scores at the size of the first of `maps`, the finest."""
        top = maps[-1]
        pools = [_resized(pool(top), top) for pool in self.psp_modules]
        levels = [lateral(one) for lateral, one in zip(self.lateral_convs, maps, strict=False)]
        levels.append(self.bottleneck(torch.cat([top, *pools], dim=1)))
        for i in range(len(levels) - 1, 0, -1):
            levels[i - 1] = levels[i - 1] + _resized(levels[i], levels[i - 1])
        fine = [convolution(level) for convolution, level in zip(self.fpn_convs, levels, strict=False)]
        fine.append(levels[-1])
        joined = torch.cat([fine[0], *(_resized(one, fine[0]) for one in fine[1:])], dim=1)
        scores: Tensor = self.classifier(self.fpn_bottleneck(joined))
        return scores


def _resized(maps: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)
