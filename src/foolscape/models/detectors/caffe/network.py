"""Faster R-CNN's networks: ZF and VGG16 up to their last map, the proposal network on it, and the head over regions.

Layers and settings are those of the prototxt files of rbgirshick/py-faster-rcnn; the names are Caffe's, but for
`rpn_conv`, which is called rpn_conv/3x3 in networks trained end to end and rpn_conv1 in those trained in turn. In the
MATLAB release (ShaoqingRen/faster_rcnn) the same layers are two networks, and those of proposals have other names.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.models.common.caffe import max_pool, norm_within, vgg16_layers, vgg16_stage
from foolscape.models.detectors.caffe.proposals import ANCHORS_PER_CELL, STRIDE

VGG16, ZF = "vgg16", "zf"

_ZF: Final = ((96, 7, 2, 3), (256, 5, 2, 2), (384, 3, 1, 1), (384, 3, 1, 1), (256, 3, 1, 1))
"""Channels, kernel, stride and padding of its convolutions (Zeiler and Fergus 2014, as in SPPnet)."""

_POOLED: Final = {VGG16: 7, ZF: 6}
"""Cells that a region is pooled to, on each side."""

_DEEP: Final = {VGG16: 512, ZF: 256}
"""Channels of the last map."""

_KEPT: Final = {VGG16: 1.0, ZF: 0.5}
"""What fc6 and fc7 are multiplied with: ZF's dropout is scaled when the network is used, by what it kept, and not when
it is trained (`scale_train: false` in its prototxt files)."""

RENAMED: Final = {
    "rpn_conv/3x3": "rpn_conv", "rpn_conv1": "rpn_conv", "conv_proposal1": "rpn_conv",
    "proposal_cls_score": "rpn_cls_score", "proposal_bbox_pred": "rpn_bbox_pred",
}  # fmt: skip
"""What layers are called in published files, and here."""


class FasterRcnn(nn.Module):
    """The network, from images that are resized and BGR less their means. `thin` divides the channels inside."""

    cls_score: nn.Linear

    def __init__(self, trunk: str, classes: int, thin: int = 1) -> None:
        super().__init__()
        self.trunk = trunk
        _add_trunk(self, trunk, thin)
        _add_proposing(self, trunk, thin)
        _add_head(self, trunk, classes, thin)

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> the last map (B, D, about H / 16, W / 16)."""
        return _maps(self, self.trunk, images)

    def proposals(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Of every anchor (see `proposals.anchors`) the log-odds of an object (B, N), and its regression (B, N, 4)."""
        return _proposals(self, maps)

    def regions(self, maps: Tensor, boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits (M, K), background first, and regression per class (M, K, 4) of `boxes`, each (N, 4).

        Regions are pooled: a box is rounded to whole cells, and each of its 7 x 7 or 6 x 6 parts gives its largest
        value.
        """
        return _regions(self, self.trunk, maps, boxes)


class ProposalNetwork(nn.Module):
    """The MATLAB release's network of proposals, with a trunk of its own."""

    def __init__(self, trunk: str, thin: int = 1) -> None:
        super().__init__()
        self.trunk = trunk
        _add_trunk(self, trunk, thin)
        _add_proposing(self, trunk, thin)

    def features(self, images: Tensor) -> Tensor:
        """As `FasterRcnn.features`."""
        return _maps(self, self.trunk, images)

    def proposals(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """As `FasterRcnn.proposals`."""
        return _proposals(self, maps)


class RegionNetwork(nn.Module):
    """The MATLAB release's network of regions (Fast R-CNN), with a trunk of its own."""

    cls_score: nn.Linear

    def __init__(self, trunk: str, classes: int, thin: int = 1) -> None:
        super().__init__()
        self.trunk = trunk
        _add_trunk(self, trunk, thin)
        _add_head(self, trunk, classes, thin)

    def features(self, images: Tensor) -> Tensor:
        """As `FasterRcnn.features`."""
        return _maps(self, self.trunk, images)

    def regions(self, maps: Tensor, boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """As `FasterRcnn.regions`."""
        return _regions(self, self.trunk, maps, boxes)


class TwoNetworks(nn.Module):
    """The MATLAB release's two networks, and the mean that is taken from their images.

    Attributes:
        proposing, detecting: the networks.
        shared: whether their trunks are equal, so that one map serves both.
        mean: (1, 3, h, w) RGB in grey levels; one pixel, or an image that is resized to those that are given.
    """

    mean: Tensor

    def __init__(self, proposing: ProposalNetwork, detecting: RegionNetwork, mean: Tensor) -> None:
        super().__init__()
        self.proposing, self.detecting = proposing, detecting
        own = detecting.state_dict()
        self.shared = all(
            torch.equal(value, own[name]) for name, value in proposing.state_dict().items() if name in own
        )
        self.register_buffer("mean", mean)


def roi_pooled(maps: Tensor, boxes: list[Tensor], cells: int) -> Tensor:
    """(M, D, cells, cells): RoI pooling (Girshick 2015, section 2.1) of `boxes` in pixels, each (N, 4), at 1/16."""
    from torchvision.ops import roi_pool

    return torch.as_tensor(roi_pool(maps, [one.to(maps) for one in boxes], cells, 1 / STRIDE))


def _add_trunk(network: nn.Module, trunk: str, thin: int) -> None:
    for name, layer in vgg16_layers(1, thin) if trunk == VGG16 else _zf_layers(thin):
        network.add_module(name, layer)


def _add_proposing(network: nn.Module, trunk: str, thin: int) -> None:
    deep = _DEEP[trunk] // thin
    network.add_module("rpn_conv", nn.Conv2d(deep, deep, 3, padding=1))
    network.add_module("rpn_cls_score", nn.Conv2d(deep, 2 * ANCHORS_PER_CELL, 1))
    network.add_module("rpn_bbox_pred", nn.Conv2d(deep, 4 * ANCHORS_PER_CELL, 1))


def _add_head(network: nn.Module, trunk: str, classes: int, thin: int) -> None:
    hidden = 4096 // thin
    network.add_module("fc6", nn.Linear(_DEEP[trunk] // thin * _POOLED[trunk] ** 2, hidden))
    network.add_module("fc7", nn.Linear(hidden, hidden))
    network.add_module("cls_score", nn.Linear(hidden, classes))
    network.add_module("bbox_pred", nn.Linear(hidden, 4 * classes))


def _maps(network: nn.Module, trunk: str, images: Tensor) -> Tensor:
    if trunk == VGG16:
        for stage in range(1, 6):
            images = vgg16_stage(network, images if stage == 1 else max_pool(images), stage)
        return images
    for i in range(1, 6):
        images = functional.relu(network.get_submodule(f"conv{i}")(images))
        if i < 3:
            images = max_pool(norm_within(images), 3, 2, 1)
    return images


def _proposals(network: nn.Module, maps: Tensor) -> tuple[Tensor, Tensor]:
    hidden = functional.relu(network.get_submodule("rpn_conv")(maps))
    background, thing = network.get_submodule("rpn_cls_score")(hidden).chunk(2, dim=1)
    odds = (thing - background).permute(0, 2, 3, 1).flatten(1)
    return odds, network.get_submodule("rpn_bbox_pred")(hidden).permute(0, 2, 3, 1).reshape(len(maps), -1, 4)


def _regions(network: nn.Module, trunk: str, maps: Tensor, boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
    hidden = roi_pooled(maps, boxes, _POOLED[trunk]).flatten(1)
    for name in ("fc6", "fc7"):
        hidden = functional.relu(network.get_submodule(name)(hidden)) * _KEPT[trunk]
    logits: Tensor = network.get_submodule("cls_score")(hidden)
    return logits, network.get_submodule("bbox_pred")(hidden).view(len(hidden), logits.shape[1], 4)


def _zf_layers(thin: int) -> list[tuple[str, nn.Conv2d]]:
    layers, before = [], 3
    for i, (width, kernel, stride, padding) in enumerate(_ZF, 1):
        layers.append((f"conv{i}", nn.Conv2d(before, width // thin, kernel, stride, padding)))
        before = width // thin
    return layers
