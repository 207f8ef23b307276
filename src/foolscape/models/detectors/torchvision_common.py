"""What the dense and the two-stage networks of torchvision share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foolscape.models.detectors.common import check_scores
from foolscape.sending import numbers_on


class PreparedImages(NamedTuple):
    """Images as the network sees them.

    Attributes:
        listed: torchvision's `ImageList`: normalised, resized and padded.
        features: the feature maps by name.
        scale: (4,) pixels of the network's images per pixel of the images given, for x1, y1, x2, y2.
    """

    listed: Any
    features: dict[str, Tensor]
    scale: Tensor


def prepare(module: nn.Module, images: Tensor) -> PreparedImages:
    """`images` ((B, 3, H, W) in [0, 1]) through the network's own transform and backbone, differentiable."""
    network: Any = module
    listed = network.transform(list(images))[0]
    features = network.backbone(listed.tensors)
    if isinstance(features, Tensor):
        features = {"0": features}
    height, width = listed.image_sizes[0]  # all of a batch are as large as each other
    x, y = width / images.shape[3], height / images.shape[2]
    return PreparedImages(listed, features, numbers_on(images.device, (x, y) * 2, images.dtype))


def just_below(threshold: float) -> float:
    """The next smaller float32: torchvision keeps what is above a threshold, we what is at it too."""
    return float(torch.nextafter(torch.tensor(threshold, dtype=torch.float32), torch.tensor(-1.0)))


def finite(head: nn.Module, scores: Callable[[Any], Iterable[Tensor]]) -> RemovableHandle:
    """Within this context `head` raises `ModelError` where `scores` of its output are NaN or infinite.

    torchvision's thresholds drop what is NaN: a network that breaks would have found nothing.
    """

    def check(module: nn.Module, inputs: object, output: object) -> None:  # noqa: ARG001
        for part in scores(output):
            check_scores(part)

    return head.register_forward_hook(check)
