"""From a network of ultralytics to a detector that is ready to be attacked: its head chosen, its gradient whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from foolscape.errors import SettingError
from foolscape.models.common.class_map import name_channels
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.freezing import freeze
from foolscape.models.common.guard import guarded
from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.ultralytics.library import library, quietly
from foolscape.models.common.ultralytics.network import ORIENTED, QUERIES, Network
from foolscape.models.common.whole_gradient import straighten_behind_norms, whole_gradient
from foolscape.models.detectors.common import SIGMOID_NOTE
from foolscape.models.detectors.ultralytics import Choosing, YoloDetector, all_cells, answer_of, head_of

_KINDS: Final = {
    "Segment": "of masks and boxes, the boxes are taken",
    "Pose": "of key points and boxes, the boxes are taken",
    ORIENTED: "oriented boxes are given as the smallest upright ones around them; NMS compares the oriented ones",
    QUERIES: "queries are the most promising places of each image: query n may change its place as the image changes",
}
"""What is said of the candidates of a kind of head."""

_SIDE: Final = 4
"""Strides along a side of the image that tells what the network does to its gradient."""

_SAME: Final = 1e-3
"""How far apart two gradients may be, relative to the larger."""


def adapt_yolo(
    network: Network, wanted: Conditions, *, nms: bool | None, letterbox: Letterbox, choosing: Choosing
) -> YoloDetector:
    """The `Detector` of `network`, which is frozen and moved to its device itself, not copied.

    Args:
        network: not a semantic one.
        wanted: the device, and the class names that may apply.
        nms: whether the head is used that needs NMS; None: as the library's validation does.
        letterbox: what is done to images.
        choosing: what is done to candidates.

    Raises:
        SettingError: the network has no such head.
        ModelError: it cannot be run, or class names do not fit.
    """
    module, kind = network.module, network.kind
    remarks = [*network.notes, *freeze(module, wanted.device), SIGMOID_NOTE]
    straighten_behind_norms(module)
    one_to_one = kind != QUERIES and _one_to_one(module, nms)
    if kind == QUERIES and nms:
        raise SettingError("nms: expected false for RT-DETR, whose queries need no NMS, got true; leave it out")
    head = head_of(module)
    if one_to_one:
        head.max_det, head.postprocess = choosing.max_det, all_cells
    named = name_channels(int(head.nc), replace(wanted.names, own=network.names))
    detector = YoloDetector(module, named.names, (), named.channels, kind, one_to_one, letterbox, choosing)
    gradient = _gradient(detector, wanted.device)
    if gradient.cut:
        remarks.append("gradients that the network cuts for its training are whole")
    if gradient.still:
        remarks.append(
            "boxes do not move with the image, their gradient is exactly 0, as in an untrained RT-DETR; attacks follow "
            "the scores"
        )
    remarks += [*([_KINDS[kind]] if kind in _KINDS else []), letterbox.note, _of_choosing(detector)]
    return replace(detector, notes=(*remarks, *named.notes), detaches=gradient.cut)


def _one_to_one(module: nn.Module, nms: bool | None) -> bool:
    """Whether the one-to-one head of a dense network is used, which is set here."""
    head = head_of(module)
    if nms is None:
        # Releases whose val takes nms=None leave the head that needs no NMS aside; older ones use it where it is.
        by_default = library().utils.DEFAULT_CFG_DICT.get("nms", False) is None
        wanted = not by_default and bool(head.end2end)
    else:
        wanted = not nms
    with quietly(), suppress(AttributeError):  # of releases that do not let one choose
        head.end2end = wanted
    if nms is not None and bool(head.end2end) != wanted:
        other = "true" if wanted else "false"
        what = "no one-to-one head, which needs none" if wanted else "no other head than the one-to-one one"
        raise SettingError(
            f"nms: expected {other} for this network, which has {what} in the installed release of ultralytics, got "
            f"{'true' if nms else 'false'}; leave it out"
        )
    return bool(head.end2end)


class _Gradient(NamedTuple):
    """What a network does to its gradient: whether it cuts that of its scores, and whether its boxes have none."""

    cut: bool
    still: bool


def _gradient(detector: YoloDetector, device: torch.device) -> _Gradient:
    """Found by comparing the gradient as it comes with the whole one, at an image of noise."""
    side = _SIDE * detector.letterbox.stride
    noise = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0)).to(device)
    with guarded(f"{type(detector.module).__name__} on an image of {side} x {side}"):
        plain, _ = _of_noise(detector, noise, whole=False)
        whole, boxes = _of_noise(detector, noise, whole=True)
    _forget_sizes(head_of(detector.module))
    cut = float((plain - whole).norm()) > _SAME * float(torch.maximum(plain.norm(), whole.norm()))
    return _Gradient(cut, not bool(boxes.any()))


def _of_noise(detector: YoloDetector, noise: Tensor, *, whole: bool) -> tuple[Tensor, Tensor]:
    """The gradients of all scores and of all boxes with respect to `noise`."""
    with torch.enable_grad(), whole_gradient(whole):
        images = noise.clone().requires_grad_()
        answer = answer_of(detector.module(images * 1), detector.kind, one_to_one=detector.one_to_one)
        found = []
        for values in (answer.logits, answer.boxes):
            total = values.sum() + 0 * images.sum()  # which has a gradient, whatever the network does
            found.append(torch.autograd.grad(total, images, retain_graph=True)[0])
    return found[0], found[1]


def _forget_sizes(head: Any) -> None:
    """What a head remembers of the last image is no part of the network."""
    for name in ("shape", "shapes"):
        vars(head).pop(name, None)


def _of_choosing(detector: YoloDetector) -> str:
    choosing = detector.choosing
    limits = f"conf {choosing.conf:g}, max_det {choosing.max_det}"
    if detector.kind == QUERIES:
        return f"detections are the library's, without NMS: {limits}"
    if detector.one_to_one:
        return f"detections are the library's, of the one-to-one head without NMS: {limits}"
    return f"detections are those of the library's NMS and validation: {limits}, iou {choosing.iou:g}"
