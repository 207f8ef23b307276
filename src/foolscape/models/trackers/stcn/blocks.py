"""The building blocks of the STCN network: residual blocks, an attention gate, a batch norm that only infers."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Two convolutions with a ReLU before each, and a shortcut without; (B, inner, h, w) -> (B, outer, h, w)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.downsample = conv3x3(inner, outer) if inner != outer else nn.Identity()
        self.conv1 = conv3x3(inner, outer)
        self.conv2 = conv3x3(outer, outer)

    def forward(self, maps: Tensor) -> Tensor:
        """The sum, not rectified."""
        out: Tensor = self.downsample(maps) + self.conv2(torch.relu(self.conv1(torch.relu(maps))))
        return out


class FrozenNorm(nn.BatchNorm2d):
    """Batch norm with its running statistics only, as one multiply-add.

    Its gradient to the input needs the scale alone, where PyTorch's batch norm keeps its input for it: half as many
    maps for a gradient through a ResNet.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name in torch)
        """Normalised, of the same shape."""
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return torch.addcmul(shift[:, None, None], input, scale[:, None, None])


class Bottleneck(nn.Module):
    """1x1 to `width`, 3x3 with the stride, 1x1 to four times `width`, and the shortcut."""

    def __init__(self, inner: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outer = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inner, width, 1, bias=False), FrozenNorm(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False), FrozenNorm(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outer, 1, bias=False), FrozenNorm(outer)
        self.downsample = _shortcut(inner, outer, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(maps)))
        out = torch.relu(self.bn2(self.conv2(out)))
        return torch.relu(self.bn3(self.conv3(out)) + self.downsample(maps))


class Basic(nn.Module):
    """Two 3x3 convolutions with biases, the first with the stride, and the shortcut."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, stride, padding=1), FrozenNorm(outer)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, padding=1), FrozenNorm(outer)
        self.downsample = _shortcut(inner, outer, stride, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(maps)))
        return torch.relu(self.bn2(self.conv2(out)) + self.downsample(maps))


class Cbam(nn.Module):
    """Attention over channels, then over positions (Woo et al. 2018); (B, C, h, w) -> the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ChannelGate = _ChannelGate(width)
        self.SpatialGate = _SpatialGate()

    def forward(self, maps: Tensor) -> Tensor:
        """The gated `maps`, without the maps themselves."""
        out: Tensor = self.SpatialGate(self.ChannelGate(maps))
        return out


class _ChannelGate(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // 16
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(width, narrow), nn.ReLU(), nn.Linear(narrow, width))

    def forward(self, maps: Tensor) -> Tensor:
        gate = torch.sigmoid(self.mlp(maps.mean(dim=(2, 3))) + self.mlp(maps.amax(dim=(2, 3))))
        return maps * gate[:, :, None, None]


class _SpatialGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 1, 7, padding=3)))

    def forward(self, maps: Tensor) -> Tensor:
        summary = torch.cat([maps.amax(dim=1, keepdim=True), maps.mean(dim=1, keepdim=True)], dim=1)
        return maps * torch.sigmoid(self.spatial(summary))


def _shortcut(inner: int, outer: int, stride: int, *, bias: bool) -> nn.Module:
    if inner == outer:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=bias), FrozenNorm(outer))


def conv3x3(inner: int, outer: int) -> nn.Conv2d:
    """A 3x3 convolution with bias that keeps height and width."""
    return nn.Conv2d(inner, outer, 3, padding=1)


def pooled(maps: Tensor) -> Tensor:
    """The largest of 3x3 at every other position of `maps` (B, C, h, w)."""
    return functional.max_pool2d(maps, 3, stride=2, padding=1)


def enlarged(maps: Tensor, factor: int) -> Tensor:
    """`maps` (B, C, h, w), `factor` times as large (bilinear, align_corners=False)."""
    return functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
