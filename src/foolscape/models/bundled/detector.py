"""A small single-shot detector for the scenes that the project draws itself: no anchors, one map at stride 4."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from foolscape.models.bundled.segmenters import conv, normalised, resized

OBJECTS = ("sign", "car", "bicycle", "person")  # the scenes' classes that have instances of a bounded shape
STRIDE = 4  # people in the distance are ten pixels wide
_REACH = 12.0  # pixels from a cell's centre to a side of its box at an output of 0
_RARE = -4.0  # class logit at an output of 0: nearly every cell is empty


class ScenesOutput(NamedTuple):
    """Every candidate before thresholding and NMS, one for each cell of 4 x 4 pixels, row by row: N = H / 4 * W / 4.

    Attributes:
        scores: (B, N, 4) in [0, 1], the sigmoid of `logits`: the overlap that the box is expected to have with an
            object of the class.
        boxes: (B, N, 4) x1, y1, x2, y2 in pixels of the image, around the cell's centre, not clipped to the image.
        logits: (B, N, 4), one sigmoid each; there is no background class and no objectness.
    """

    scores: Tensor
    boxes: Tensor
    logits: Tensor


class TrunkMaps(NamedTuple):
    """What `ScenesTrunk` makes of images (B, 3, H, W), finest last.

    Attributes:
        eighth: (B, 48, H/8, W/8) and
        quarter: (B, 40, H/4, W/4), which have seen stride 16.
        half: (B, 16, H/2, W/2).
    """

    eighth: Tensor
    quarter: Tensor
    half: Tensor


class ScenesTrunk(nn.Module):
    """A trunk down to stride 16, joined back up to stride 4; the tracker grows on it as well."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 56, 80)
        self.stem = conv(3, widths[0], nn.ReLU, stride=2, kernel=5)
        self.quarter = _stage(widths[0], widths[1])
        self.eighth = _stage(widths[1], widths[2])
        self.sixteenth = _stage(widths[2], widths[3])
        self.around = nn.Sequential(
            nn.Conv2d(widths[3], widths[3], 3, 1, 2, 2, bias=False), nn.BatchNorm2d(widths[3]), nn.ReLU()
        )
        self.squeeze = nn.ModuleList([conv(widths[3], 48, nn.ReLU, kernel=1), conv(48, 32, nn.ReLU, kernel=1)])
        self.join = nn.ModuleList([conv(48 + widths[2], 48, nn.ReLU), conv(32 + widths[1], 40, nn.ReLU)])

    def maps(self, pixels: Tensor) -> TrunkMaps:
        """The maps of normalised images (B, 3, H, W), H and W multiples of 8."""
        half = self.stem(pixels)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        maps = self.sixteenth(eighth)
        maps = maps + self.around(maps)
        joined = []
        for squeeze, join, skip in zip(self.squeeze, self.join, (eighth, quarter), strict=True):
            maps = join(torch.cat([resized(squeeze(maps), skip), skip], dim=1))
            joined.append(maps)
        return TrunkMaps(joined[0], joined[1], half)


class ScenesDet(ScenesTrunk):
    """A trunk down to stride 16, joined back up to stride 4, where each cell tells class and box (as FCOS does).

    Images (B, 3, H, W), RGB float in [0, 1], H and W multiples of 8, give `ScenesOutput`. FCOS: Tian et al. 2019, ICCV,
    section 3; here at a single stride, without centre-ness: the class scores are trained to be the box's overlap
    (Li et al. 2020, NeurIPS, equation 6).
    """

    classes = OBJECTS

    def __init__(self) -> None:
        super().__init__()
        self.tower = conv(40, 64, nn.ReLU)
        self.head = nn.Conv2d(64, len(OBJECTS) + 4, 1)

    def forward(self, images: Tensor) -> ScenesOutput:
        """The candidates of images (B, 3, H, W)."""
        raw = self.head(self.tower(self.maps(normalised(images)).quarter))
        # Cells last by permute, not transpose: for one image PyTorch 2.13 got the gradient of the latter wrong.
        logits, sides = raw.permute(0, 2, 3, 1).flatten(1, 2).split([len(OBJECTS), 4], dim=-1)
        logits = logits + _RARE
        return ScenesOutput(logits.sigmoid(), _boxes(sides, raw.shape[-2], raw.shape[-1]), logits)


def _stage(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(conv(inner, outer, nn.ReLU, stride=2), conv(outer, outer, nn.ReLU))


def _boxes(sides: Tensor, rows: int, columns: int) -> Tensor:
    """Corners (B, N, 4) from the logarithms (B, N, 4) of the distances to the left, upper, right and lower side."""
    y, x = torch.meshgrid(
        (torch.arange(rows, dtype=sides.dtype, device=sides.device) + 0.5) * STRIDE,
        (torch.arange(columns, dtype=sides.dtype, device=sides.device) + 0.5) * STRIDE,
        indexing="ij",
    )
    centres = torch.stack([x, y], dim=-1).flatten(0, 1)
    reach = _REACH * sides.exp()
    return torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], dim=-1)
