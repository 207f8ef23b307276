"""The training losses of three kinds of detectors, with given objects as truth: what TOG makes large.

Chow, Liu, Loper, Bae, Gursoy, Truex, Wei, Wu: *Adversarial Objectness Gradient Attacks in Real-time Object Detection
Systems*, TPS 2020. Written from the paper and from the descriptions of the networks; no line is taken from their code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.ops import generalized_box_iou_loss

from foolscape.errors import ModelError
from foolscape.models.bundled.detector import STRIDE, ScenesDet, ScenesOutput
from foolscape.tasks.detection import Detections, pairwise_iou

CELLS = 9
"""Cells that must find an object of the street, as in the bundled detector's training."""

Loss = Callable[[Tensor], Tensor]
"""Images (1, 3, H, W) -> a number, differentiable in them."""


def training_loss(network: nn.Module, truth: Detections) -> Loss:
    """The loss that `network` was trained with, as a function of the image, when `truth` is what it shows.

    Raises:
        ModelError: how the network was trained is not written down here.
    """
    if isinstance(network, GeneralizedRCNN):
        return lambda images: _of_two_stages(network, images, truth)
    if isinstance(network, ScenesDet):
        return lambda images: _of_the_street(network(images), images, truth)
    if hasattr(network, "to_objectness") and hasattr(network, "to_class"):
        return lambda images: _with_objectness(network(images), images, truth)
    raise ModelError(f"expected a network whose training loss is known here, got {type(network).__name__}")


def _of_the_street(dense: ScenesOutput, images: Tensor, truth: Detections) -> Tensor:
    """Quality focal loss of all cells, and GIoU loss of those nearest to the centre of each object, inside its box."""
    rows, columns = images.shape[2] // STRIDE, images.shape[3] // STRIDE
    y, x = (STRIDE * (torch.arange(rows * columns).div(columns, rounding_mode="floor") + 0.5), _columns(rows, columns))
    wanted, cells, owners = torch.zeros_like(dense.logits[0]), [], []
    # The last comes first, so that a cell of two objects is the surer one's.
    for n in reversed(range(len(truth.boxes))):
        left, upper, right, lower = truth.boxes[n].tolist()
        away = ((x - (left + right) / 2) / (right - left)) ** 2 + ((y - (upper + lower) / 2) / (lower - upper)) ** 2
        near = away.argsort(stable=True)[:CELLS]
        near = near[(away[near] <= 0.5) | (near == near[0])]
        found = dense.boxes[0, near]
        wanted[near] = 0
        wanted[near, truth.labels[n]] = pairwise_iou(found.detach(), truth.boxes[n : n + 1])[:, 0]
        cells.append(near)
        owners.append(torch.full_like(near, n))
    entropy = functional.binary_cross_entropy_with_logits(dense.logits[0], wanted, reduction="none")
    focal = entropy * (wanted - dense.scores[0].detach()) ** 2
    if not cells:
        return focal.sum()
    at, owner = torch.cat(cells), torch.cat(owners)
    reach: Tensor = generalized_box_iou_loss(dense.boxes[0, at], truth.boxes[owner])
    return focal.sum() / len(at) + 2 * reach.mean()


def _columns(rows: int, columns: int) -> Tensor:
    return STRIDE * (torch.arange(rows * columns) % columns + 0.5)


def _with_objectness(dense: Any, images: Tensor, truth: Detections) -> Tensor:
    """Of one map of cells with boxes, an objectness and a softmax over classes, each object in its four next cells.

    Box: 1 - IoU, objectness: binary cross-entropy with the IoU, class: cross-entropy. The published training of
    FastestDet has SIoU and a smooth distance in their places.
    """
    count = dense.objectness.shape[1]
    columns = round((count * images.shape[3] / images.shape[2]) ** 0.5)
    stride = images.shape[3] / columns
    wanted = torch.zeros_like(dense.objectness[0])
    parts = []
    for n in range(len(truth.boxes)):
        left, upper, right, lower = truth.boxes[n].tolist()
        x, y = (left + right) / 2 / stride - 0.5, (upper + lower) / 2 / stride - 0.5
        cells = sorted(
            {
                min(max(int(y // 1) + i, 0), count // columns - 1) * columns + min(max(int(x // 1) + j, 0), columns - 1)
                for i in (0, 1)
                for j in (0, 1)
            }
        )
        at = torch.tensor(cells)
        overlap = pairwise_iou(dense.boxes[0, at], truth.boxes[n : n + 1])[:, 0]
        wanted[at] = torch.maximum(wanted[at], overlap.detach())
        kind = functional.cross_entropy(dense.class_logits[0, at], truth.labels[n].expand(len(at)))
        parts.append(2 * (1 - overlap).mean() + kind)
    objectness = functional.binary_cross_entropy_with_logits(dense.objectness[0], wanted, reduction="sum")
    total = objectness / max(len(parts), 1)
    return total + torch.stack(parts).mean() if parts else total


def _of_two_stages(network: GeneralizedRCNN, images: Tensor, truth: Detections) -> Tensor:
    """The sum of torchvision's own losses, with batch norms as they are; which proposals count is drawn the same."""
    modules = [network, network.rpn, network.roi_heads]
    goal = {"boxes": truth.boxes, "labels": truth.labels + 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            for module in modules:
                module.training = True
            losses: dict[str, Tensor] = network(list(images), [goal] * len(images))
        finally:
            for module in modules:
                module.training = False
    return torch.stack(list(losses.values())).sum()
