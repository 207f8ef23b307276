"""From a name and a file to a network of SEA's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError, unknown
from foolscape.models.common.caffe import RANDOM, VOC_CLASSES
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.models.segmenters.sea.pspnet import PspNet
from foolscape.models.segmenters.sea.segmenter import Segmenter
from foolscape.models.segmenters.sea.upernet import DEPTHS, UperNetConvNext
from foolscape.models.segmenters.torchvision import Built
from foolscape.paths import path_of

SEGMENTER, PSPNET = "segmenter-vit-s", "pspnet-ddcat"
NAMES: Final = (*DEPTHS, SEGMENTER, PSPNET)

_LEFT_OUT: Final = ("auxiliary_head.", "encoder.head.", "mask1.", "cls2.", "aux_cls1.")
"""What is for training alone: how the names of tensors begin."""

_COUNTED: Final = {SEGMENTER: "decoder.mask_norm.weight", PSPNET: "cls1.4.weight"}
_POSITIONS: Final = "encoder.pos_embed"


def build(name: str, weights: str | None, thin: int = 1) -> Built:
    """The network `name`, with the names of VOC's classes where it has as many channels.

    Args:
        name: one of `NAMES`.
        weights: a .pth or .safetensors file, which also sets the number of classes; "none": random ones from seed 0.
        thin: what channels are divided by; for random weights alone.

    Raises:
        UnknownNameError: no such network.
        CheckpointError: the file is not there, unreadable or another network's.
    """
    if name not in NAMES:
        raise unknown("network of SEA's", name, NAMES)
    if weights is None:
        raise CheckpointError(
            f"expected a file of weights for sea:{name}, got none; add ?weights=FILE.pth, or ?weights=none for random "
            "ones: docs/published.md says where each comes from"
        )
    if weights == RANDOM:
        return Built(_random(_maker(name, 21, thin)), _names(21), ("random weights, seed 0",))
    tensors = {k: v for k, v in read_state_dict(path_of(weights)).items() if not k.startswith(_LEFT_OUT)}
    counted = _COUNTED.get(name, "decode_head.classifier.weight")
    if counted not in tensors:
        raise CheckpointError(
            f"expected weights of sea:{name} in {weights}, got {len(tensors)} tensors without {counted} "
            f"({', '.join(list(tensors)[:3])}, ..); these weights are another network's"
        )
    count = len(tensors[counted])
    network = _random(_maker(name, count, 1, tensors))
    load_state(network, tensors, weights)
    return Built(network, _names(count))


def _maker(name: str, classes: int, thin: int, tensors: Mapping[str, Tensor] | None = None) -> Callable[[], nn.Module]:
    if name == PSPNET:
        return partial(PspNet, classes, thin)
    if name != SEGMENTER:
        return partial(UperNetConvNext, DEPTHS[name], classes, thin)
    if tensors is None:
        return partial(Segmenter, classes, 32, stem=True, thin=thin)
    patches = tensors[_POSITIONS].shape[1] - 1 if _POSITIONS in tensors else 0
    stem = any(key.startswith("encoder.patch_embed.proj.stem.") for key in tensors)
    return partial(Segmenter, classes, max(1, round(patches**0.5)), stem=stem, thin=thin)


def _random(make: Callable[[], nn.Module]) -> nn.Module:
    """The network with weights from seed 0 that keep the size of values; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = make().eval()
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            elif name.endswith("bn3"):
                nn.init.constant_(layer.get_parameter("weight"), 0.2)  # else every block adds as much as there is
    return network


def _names(count: int) -> tuple[str, ...] | None:
    return ("background", *VOC_CLASSES) if count == len(VOC_CLASSES) + 1 else None
