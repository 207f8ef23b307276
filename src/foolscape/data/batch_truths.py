"""The truth of the images of a batch, joined or one by one, as `data.own` takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.data.sample import VOID
from foolscape.errors import SettingError
from foolscape.problem import IGNORE
from foolscape.tasks.base import DETECTION, SEGMENTATION
from foolscape.tasks.detection import Detections


def truths_of(truth: object, images: Sequence[NDArray[np.uint8]], task: str) -> list[Any]:
    """The truth of each of `images`, as arrays or tensors; raises `SettingError` where it is not that of `task`."""
    if truth is None:
        return [None] * len(images)
    if isinstance(truth, Mapping):
        truth = _apart(truth, len(images))
    if not isinstance(truth, Tensor | Sequence) or isinstance(truth, str):
        raise SettingError(f"labels: expected those of {len(images)} image(s), got {kind_of(truth)}")
    if len(truth) != len(images):
        raise SettingError(f"labels: expected one for each of {len(images)} images, got {len(truth)}")
    boxes = any(isinstance(one, Mapping | Detections) for one in truth)
    if len(truth) and boxes != (task == DETECTION.name):
        truth_kind = "{'boxes': .., 'labels': ..} of each image" if not boxes else "a class index for every pixel"
        other = SEGMENTATION.name if not boxes else DETECTION.name
        raise SettingError(
            f"labels: expected {truth_kind} for {task}, got {kind_of(truth[0])}; if the model is for it, write "
            f"task={other!r}"
        )
    if isinstance(truth, Tensor):
        truth = _maps(truth, images)
    return [plain_truth(one) for one in truth]


def _apart(truth: Mapping[str, Any], images: int) -> list[dict[str, Any]]:
    """The objects of each image, of those that torch's default collate has joined to tensors of `images` rows."""
    joined = {key: value for key, value in truth.items() if isinstance(value, Tensor)}
    rows = {key: len(value) if value.ndim else 0 for key, value in joined.items()}
    if not {"boxes", "labels"} <= set(joined) or joined["boxes"].ndim != 3 or set(rows.values()) != {images}:
        shapes = ", ".join(f"{key} {tuple(value.shape)}" for key, value in joined.items()) or ", ".join(map(str, truth))
        raise SettingError(
            f"labels: expected {{'boxes': .., 'labels': ..}} of each of {images} image(s), got one of {shapes}; give "
            "the DataLoader collate_fn=list"
        )
    return [{key: value[index] for key, value in joined.items()} for index in range(images)]


def _maps(truth: Tensor, images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Label maps (B, H, W) of images of one size; raises SettingError."""
    size = images[0].shape[:2]
    labels = truth[:, 0] if truth.ndim == 4 and truth.shape[1] == 1 else truth
    if truth.is_floating_point() or tuple(labels.shape[1:]) != size:
        scaled = "; ToTensor divides by 255, PILToTensor does not" if truth.is_floating_point() else ""
        raise SettingError(
            f"labels: expected a class index for every pixel, {(len(images), *size)} of int64, got "
            f"{tuple(truth.shape)} of {truth.dtype}{scaled}"
        )
    return labels


def plain_truth(truth: Any) -> Any:
    """The truth of an image, as `data.own` takes it."""
    if isinstance(truth, Detections):
        truth = {"boxes": truth.boxes, "labels": truth.labels}
    if isinstance(truth, Tensor):
        return torch.where(truth == IGNORE, VOID, truth).cpu().numpy() if not truth.is_floating_point() else truth
    return truth


def kind_of(data: object) -> str:
    """What something is, for messages."""
    return f"{tuple(data.shape)} of {data.dtype}" if isinstance(data, Tensor | np.ndarray) else type(data).__name__
