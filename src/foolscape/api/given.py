"""What is handed to `foolscape.attack`, checked before anything is tried: each fault is one message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from foolscape.errors import SettingError
from foolscape.paths import run_folder_of
from foolscape.problem import IGNORE
from foolscape.tasks.detection import Detections

VOID = 255
"""A label that counts nowhere, as data sets write it; so does `foolscape.IGNORE`."""

Boxes: TypeAlias = Detections | Mapping[str, Tensor]
"""The objects of an image: `boxes` (N, 4), x1, y1, x2, y2 in pixels, and `labels` (N,) int64 indices from 0 on."""


def check_whole(name: str, value: object, least: int) -> int:
    """`value`, if it is a whole number of at least `least`; else SettingError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SettingError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    return value


def check_options(options: object) -> dict[str, object]:
    """`options` by name, none where there are none; else SettingError."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise SettingError(f"options: expected them by name, such as {{'steps': 20}}, got {type(options).__name__}")
    return dict(options)


def merged(*parts: Mapping[str, object]) -> dict[str, object]:
    """All settings that are given, None being none; SettingError for one that is given twice, with other values."""
    settings: dict[str, object] = {}
    for part in parts:
        for name, value in part.items():
            if value is not None and str(settings.setdefault(name, value)) != str(value):
                raise SettingError(
                    f"{name}: expected one value, got {settings[name]} and {value}; leave one of them out"
                )
    return settings


def check_ids(ids: object) -> list[str] | None:
    """`ids`, if they are a list of texts; else SettingError."""
    return check_texts("ids", ids)


def check_texts(name: str, texts: object) -> list[str] | None:
    """`texts`, given as the argument `name`, if they are a list of texts or None; else SettingError."""
    if texts is None:
        return None
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise SettingError(f"{name}: expected a list of them, got {texts!r}; write {name}=[{texts!r}]")
    return [str(one) for one in texts]


def check_place(name: str, place: object) -> Path:
    """`place`, if it is the path of a directory; else SettingError."""
    if not isinstance(place, str | Path) or not str(place).strip() or "\0" in str(place):
        raise SettingError(f"{name}: expected the path of a directory, got {place!r:.60}")
    return run_folder_of(place)


def check_labels(labels: object, images: Tensor, classes: int) -> Tensor:
    """`labels` as (B, H, W) int64 with `IGNORE` where nothing counts; else SettingError."""
    shape = (images.shape[0], *images.shape[2:])
    if not isinstance(labels, Tensor) or labels.is_floating_point() or tuple(labels.shape) != shape:
        got = f"{tuple(labels.shape)} of {labels.dtype}" if isinstance(labels, Tensor) else type(labels).__name__
        raise SettingError(
            f"labels: expected a class index for every pixel, {shape} of int64, got {got}{_instead(labels, shape)}"
        )
    indices = labels.to(images.device).long()
    indices = torch.where((indices == VOID) & (classes <= VOID), IGNORE, indices)
    odd = indices[(indices != IGNORE) & ((indices < 0) | (indices >= classes))]
    if len(odd):
        raise SettingError(
            f"labels: expected class indices from 0 to {classes - 1}, or {VOID} where nothing counts, got {int(odd[0])}"
        )
    return indices


def _instead(labels: object, shape: tuple[int, ...]) -> str:
    """What to write for label maps of these that are usual elsewhere; empty for others."""
    if not isinstance(labels, Tensor):
        return ""
    count, *size = shape
    if tuple(labels.shape) == shape:
        return "; write labels.long()"
    if tuple(labels.shape) == (count, 1, *size):
        return f"; write labels[:, 0]{'.long()' * labels.is_floating_point()}"
    if labels.ndim == 4 and (labels.shape[0], *labels.shape[2:]) == shape:
        return "; of scores or one-hot labels write labels.argmax(1)"
    return ""


def check_boxes(targets: object, images: Tensor, classes: int) -> list[tuple[Tensor, Tensor]]:
    """(boxes, labels) of every image; else SettingError."""
    if not isinstance(targets, Sequence) or len(targets) != len(images):
        got = f"{len(targets)}" if isinstance(targets, Sequence) else type(targets).__name__
        raise SettingError(f"targets: expected the objects of each of {len(images)} image(s), got {got}")
    objects = []
    for i, one in enumerate(targets):
        boxes = one.boxes if isinstance(one, Detections) else one.get("boxes") if isinstance(one, Mapping) else None
        labels = one.labels if isinstance(one, Detections) else one.get("labels") if isinstance(one, Mapping) else None
        if not isinstance(boxes, Tensor) or not isinstance(labels, Tensor):
            raise SettingError(
                f"targets: expected {{'boxes': (N, 4), 'labels': (N,)}} of tensors for image {i}, got "
                f"{type(one).__name__}"
            )
        if labels.is_floating_point() or labels.dtype == torch.bool:
            raise SettingError(f"targets: expected labels of int64 for image {i}, got {labels.dtype}")
        if boxes.ndim != 2 or boxes.shape[1] != 4 or labels.shape != boxes.shape[:1]:
            raise SettingError(
                f"targets: expected boxes (N, 4) and as many labels for image {i}, got {tuple(boxes.shape)} and "
                f"{tuple(labels.shape)}"
            )
        # So written, NaN is refused, too.
        if not bool(((boxes[:, 2:] >= boxes[:, :2]) & boxes[:, 2:].isfinite() & boxes[:, :2].isfinite()).all()):
            raise SettingError(f"targets: expected boxes x1, y1, x2, y2 with x1 <= x2 and y1 <= y2 for image {i}")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise SettingError(
                f"targets: expected class indices from 0 to {classes - 1}, got {int(labels.min())} to "
                f"{int(labels.max())}"
            )
        objects.append((boxes.to(images.device, images.dtype), labels.to(images.device).long()))
    return objects


def check_mask(mask: object, frames: Tensor) -> Tensor:
    """The first mask of a clip, (H, W) int64 with the labels 1 to K; else SettingError."""
    if not isinstance(mask, Tensor) or mask.is_floating_point() or tuple(mask.shape) != tuple(frames.shape[2:]):
        got = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
        shape = tuple(frames.shape[2:])
        raise SettingError(f"labels: expected the mask of the first frame, {shape} of int64, got {got}")
    if len(frames) < 2:
        raise SettingError(f"images: expected a clip of at least two frames (T, 3, H, W), got {len(frames)}")
    return mask.to(frames.device).long()
