"""Two small segmentation networks of different design, for the scenes that the project draws itself."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.scenes import CLASSES

MEAN, DEVIATION = 0.45, 0.24  # of the scenes' pixels, over all channels
PHASES = 12  # three colours of the four pixels in a 2x2 block: full detail, at stride 2


def normalised(images: Tensor) -> Tensor:
    """Check what a network is given and centre it."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"expected RGB images (B, 3, H, W), got {tuple(images.shape)}")
    height, width = images.shape[-2:]
    if height % 8 or width % 8:
        raise ValueError(f"expected a height and width divisible by 8, got {height} x {width}")
    return (images - MEAN) / DEVIATION


def resized(maps: Tensor, like: Tensor) -> Tensor:
    """`maps` (B, C, h, w) at the height and width of `like`, bilinear."""
    return functional.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


def conv(inner: int, outer: int, act: type[nn.Module], stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm and activation; (B, inner, H, W) -> (B, outer, H / stride, W / stride)."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outer),
        act(),
    )


class ScenesUNet(nn.Module):
    """Encoder and decoder with skip connections at strides 2 to 16 (a U-Net): batch norm, ReLU.

    Images (B, 3, H, W), RGB float in [0, 1], H and W multiples of 8, give logits (B, 9, H, W).
    """

    classes = CLASSES

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 56, 80)
        self.stem = conv(3, widths[0], nn.ReLU, stride=2, kernel=5)
        self.down = nn.ModuleList(
            nn.Sequential(conv(inner, outer, nn.ReLU, stride=2), conv(outer, outer, nn.ReLU))
            for inner, outer in pairwise(widths)
        )
        self.squeeze = nn.ModuleList(
            [conv(80, 56, nn.ReLU, kernel=1), conv(56, 32, nn.ReLU, kernel=1), conv(32, 20, nn.ReLU, kernel=1)]
        )
        self.up = nn.ModuleList([conv(56 + 56, 56, nn.ReLU), conv(32 + 32, 32, nn.ReLU), conv(20 + 16, 20, nn.ReLU)])
        self.refine = conv(20 + PHASES, 32, nn.ReLU)
        self.head = nn.Conv2d(32, 4 * len(CLASSES), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, 9, H, W) of images (B, 3, H, W)."""
        pixels = normalised(images)
        phases = functional.pixel_unshuffle(pixels, 2)
        skips = [self.stem(pixels)]
        for block in self.down:
            skips.append(block(skips[-1]))
        maps = skips.pop()
        for squeeze, block in zip(self.squeeze, self.up, strict=True):
            skip = skips.pop()
            # Sizes that are no multiple of 16 do not halve evenly at the bottom: enlarge to the skip's own size.
            maps = block(torch.cat([resized(squeeze(maps), skip), skip], dim=1))
        return functional.pixel_shuffle(self.head(self.refine(torch.cat([maps, phases], dim=1))), 2)


class _DilatedBottleneck(nn.Module):
    """Residual block: narrow, filter with a dilated 3x3, widen, add."""

    def __init__(self, width: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(width, inner, nn.SiLU, kernel=1),
            nn.Conv2d(inner, inner, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(inner), nn.SiLU(),
            nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = maps + self.body(maps)
        return out


class _PyramidPooling(nn.Module):
    """Means over the picture cut into 1, 2, 4 and 8 rows and columns, put beside the maps."""

    def __init__(self, width: int, share: int, out: int) -> None:
        super().__init__()
        self.grids = (1, 2, 4, 8)
        self.squeeze = nn.ModuleList([nn.Conv2d(width, share, 1) for _ in self.grids])
        self.fuse = conv(width + share * len(self.grids), out, nn.SiLU)

    def forward(self, maps: Tensor) -> Tensor:
        parts = [maps]
        for grid, squeeze in zip(self.grids, self.squeeze, strict=True):
            means = functional.adaptive_avg_pool2d(maps, grid)
            parts.append(resized(functional.silu(squeeze(means)), maps))
        out: Tensor = self.fuse(torch.cat(parts, dim=1))
        return out


class ScenesDilated(nn.Module):
    """Dilated residual blocks at stride 8, pyramid pooling, finer maps shuffled back in; SiLU.

    Images (B, 3, H, W), RGB float in [0, 1], H and W multiples of 8, give logits (B, 9, H, W).
    """

    classes = CLASSES

    def __init__(self) -> None:
        super().__init__()
        self.edges = conv(3, 16, nn.SiLU, stride=2, kernel=5)
        self.quarter = conv(16, 32, nn.SiLU, stride=2)
        self.eighth = conv(32, 64, nn.SiLU, stride=2)
        self.trunk = nn.Sequential(*[_DilatedBottleneck(64, 40, dilation) for dilation in (1, 2, 4, 1, 2, 4, 8, 1)])
        self.context = _PyramidPooling(64, 16, 64)
        self.fuse = conv(64 + 32, 48, nn.SiLU)
        self.finer = nn.Conv2d(48, 4 * 16, 1)
        self.refine = conv(16 + PHASES, 32, nn.SiLU)
        self.head = nn.Conv2d(32, 4 * len(CLASSES), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, 9, H, W) of images (B, 3, H, W)."""
        pixels = normalised(images)
        phases = functional.pixel_unshuffle(pixels, 2)
        edges = self.edges(pixels)
        quarter = self.quarter(edges)
        maps = self.context(self.trunk(self.eighth(quarter)))
        maps = self.fuse(torch.cat([resized(maps, quarter), quarter], dim=1))
        fine = functional.silu(functional.pixel_shuffle(self.finer(maps), 2) + edges)
        return functional.pixel_shuffle(self.head(self.refine(torch.cat([fine, phases], dim=1))), 2)
