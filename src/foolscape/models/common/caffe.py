"""What networks made for Caffe have in common: images, layers where Caffe differs, random weights, files of weights.

Layers and their settings are those of the prototxt files of shelhamer/fcn.berkeleyvision.org and rbgirshick/
py-faster-rcnn; what the layers do is Caffe's (Jia et al. 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import CheckpointError
from foolscape.models.common.caffemodel import as_shaped
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.paths import path_of
from foolscape.sending import numbers_on

M = TypeVar("M", bound=nn.Module)

VOC_CLASSES: Final = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""PASCAL VOC's, in its order, behind the background as channel 0."""

RANDOM: Final = "none"
"""What `?weights=` says for random weights."""

_VGG16: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions of each stage (Simonyan and Zisserman 2015, configuration D)."""

_SPREAD: Final = 64.0
"""About the standard deviation of photographs in grey levels, by which random first layers are divided."""


def bgr(images: Tensor, means: tuple[float, float, float]) -> Tensor:
    """(B, 3, H, W) RGB in [0, 1] -> BGR in grey levels less `means` (B, G, R), as OpenCV reads images for Caffe."""
    return images.flip(1) * 255 - numbers_on(images.device, means, images.dtype).view(1, 3, 1, 1)


def max_pool(maps: Tensor, kernel: int = 2, stride: int = 2, padding: int = 0) -> Tensor:
    """Caffe's max pooling: a window that reaches beyond the map counts, unless it begins there."""
    return functional.max_pool2d(maps, kernel, stride, padding, ceil_mode=True)


def norm_across(maps: Tensor) -> Tensor:
    """AlexNet's local response normalisation, over five channels: x / (1 + 0.0001 / 5 * sum of squares)^0.75."""
    return functional.local_response_norm(maps, 5, alpha=1e-4, beta=0.75, k=1.0)


def norm_within(maps: Tensor) -> Tensor:
    """ZF's, over 3 x 3 places of a channel: x / (1 + 0.00005 / 9 * sum of squares)^0.75, zeros beyond the border."""
    return maps * (1 + 5e-5 * functional.avg_pool2d(maps.square(), 3, 1, 1)).pow(-0.75)


def vgg16_layers(padding: int, thin: int) -> Iterator[tuple[str, nn.Conv2d]]:
    """The convolutions of VGG16 by Caffe's names; `padding` of the first one, channels divided by `thin`."""
    before = 3
    for stage, widths in enumerate(_VGG16, 1):
        for i, width in enumerate(widths, 1):
            first = stage == i == 1
            yield f"conv{stage}_{i}", nn.Conv2d(before, width // thin, 3, padding=padding if first else 1)
            before = width // thin


def vgg16_stage(network: nn.Module, maps: Tensor, stage: int) -> Tensor:
    """`maps` through the convolutions of a stage of `network`, from 1 on, without its pooling."""
    for i in range(1, len(_VGG16[stage - 1]) + 1):
        maps = functional.relu(network.get_submodule(f"conv{stage}_{i}")(maps))
    return maps


def bilinear(layer: nn.ConvTranspose2d) -> Tensor:
    """The weights of a deconvolution that interpolates every channel for itself (Long et al. 2015, section 3.3)."""
    side = layer.kernel_size[0]
    factor = (side + 1) // 2
    middle = factor - 1 if side % 2 else factor - 0.5
    ramp = 1 - (torch.arange(side) - middle).abs() / factor
    weight = torch.zeros(layer.in_channels, layer.out_channels, side, side)
    weight[range(layer.in_channels), range(layer.out_channels)] = torch.outer(ramp, ramp)
    return weight


def with_random_weights(make: Callable[[], M]) -> M:
    """The network that `make` makes, with weights from seed 0; the global random state stays as it is.

    Normal, of a variance that keeps the size of values from layer to layer (He et al. 2015); interpolation is bilinear.
    """
    network = _empty(make)
    generator = torch.Generator().manual_seed(0)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    with torch.no_grad():
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.ConvTranspose2d):
                layer.weight.copy_(bilinear(layer))
                continue
            inputs = layer.weight[0].numel()
            layer.weight.normal_(0, (2 / inputs) ** 0.5 / (1 if i else _SPREAD), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    return network


def with_weights(make: Callable[[], M], tensors: Mapping[str, Tensor], path: str) -> M:
    """The network that `make` makes, with the `tensors` of the file at `path`.

    Raises:
        CheckpointError: they are another network's.
    """
    network = _empty(make)
    load_state(network, as_shaped(tensors, network), path)
    return network


def read_weights(spec: str, weights: str | None) -> dict[str, Tensor] | None:
    """The tensors that `?weights=` of the model `spec` names; None for random ones.

    Raises:
        CheckpointError: there is no such file, it cannot be read, or none is named.
    """
    if weights is None:
        raise CheckpointError(
            f"expected a file of weights for {spec}, got none; add ?weights=FILE.caffemodel, or ?weights=none for "
            "random ones: docs/published.md says where each comes from"
        )
    return None if weights == RANDOM else read_state_dict(path_of(weights))


def rows_of(tensors: Mapping[str, Tensor], name: str, spec: str, path: str) -> int:
    """How many outputs the layer has whose weights are called `name`, which every file for the model `spec` has."""
    if name not in tensors:
        raise CheckpointError(
            f"expected weights of {spec} in {path}, got {len(tensors)} tensors without {name} "
            f"({', '.join(list(tensors)[:3])}, ..); these weights are another network's"
        )
    shape = [side for side in tensors[name].shape if side != 1]
    return int(shape[0]) if len(shape) > 1 else 1


def _empty(make: Callable[[], M]) -> M:
    """The network with memory for its parameters and nothing in it: what its layers would draw is not wanted."""
    with torch.device("meta"):
        network = make()
    return network.to_empty(device="cpu").eval()
