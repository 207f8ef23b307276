"""What a sample of a user's own data may be, and what becomes of it: an 8-bit image and its truth as arrays.

`data[i]` is an image, or a tuple of an image and its truth:

    segmentation  (image, labels): labels (H, W) or (1, H, W) integers, 255 where nothing counts
    detection     (image, {"boxes": (K, 4) x1, y1, x2, y2 in pixels, "labels": (K,), ..}), as torchvision has it
    video         (frames, masks): T images; masks (T, H, W) integers of every frame, or (H, W) of the first, 0 for
                  background

Images are (H, W, 3) uint8 arrays, Pillow images, or (3, H, W) tensors of uint8 or of floats in [0, 1], in RGB; a
tensor (H, W, 3) of uint8, which a loader makes of such an array, is one, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.data.boxes import DetectionSample, check_boxes
from foolscape.data.clips import Clip, GivenMask, objects_in
from foolscape.data.images import MIN_SIDE
from foolscape.data.maite import levels_of
from foolscape.data.sample import VOID, Sample
from foolscape.errors import SampleError
from foolscape.metrics.boxes import Truth

Pixels = NDArray[np.uint8]

_DO: Final = "see `data.own_samples` for what data[i] may be"


def labelled(name: str, item: Any, classes: int | None) -> Sample:
    """A sample for segmentation, for labels of so many `classes`, None where data[0] has none; raises `SampleError`."""
    image, truth = image_and_truth(item, name)
    pixels = pixels_of(image, name)
    _check_truth(truth, classes, name)
    if truth is None:
        return Sample(name, pixels, None)
    labels = _map_of(truth, pixels.shape[:2], name)
    _check_range(labels[labels != VOID], classes, name)
    return Sample(name, pixels, labels)


def _check_truth(truth: Any, classes: int | None, name: str) -> None:
    """Raise where one sample has a truth and data[0] has none, or the other way round."""
    if (truth is None) != (classes is None):
        wanted, got = ("none", "some") if classes is None else ("a truth", "none")
        raise SampleError(f"{name}: expected {wanted} beside the image, as data[0] has it, got {got}")


def _check_range(labels: NDArray[Any], classes: int | None, name: str) -> None:
    if classes is not None and labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise SampleError(
            f"{name}: expected labels 0 to {classes - 1}, got {labels.min()} to {labels.max()}; number the classes "
            "from 0 in the order of `classes`"
        )


def boxed(name: str, item: Any, classes: int | None) -> DetectionSample:
    """A sample for detection, with objects of so many `classes`; as `labelled`."""
    image, truth = image_and_truth(item, name)
    pixels = pixels_of(image, name)
    _check_truth(truth, classes, name)
    if truth is None:
        return DetectionSample(name, pixels, None)
    if not isinstance(truth, Mapping) or not {"boxes", "labels"} <= set(truth):
        got = f"the keys {', '.join(map(str, truth))}" if isinstance(truth, Mapping) else type(truth).__name__
        raise SampleError(f'{name}: expected the objects as {{"boxes": .., "labels": ..}}, got {got}; {_DO}')
    boxes = _corners(truth["boxes"], (pixels.shape[0], pixels.shape[1]), name)
    labels = _array(truth["labels"])
    if labels.size and labels.dtype.kind not in "iu":
        raise SampleError(
            f"{name}: expected labels of boxes as integers, got {labels.dtype}; number the classes from 0"
        )
    labels = labels.astype(np.int64).reshape(-1)
    if len(boxes) != len(labels):
        raise SampleError(f"{name}: expected a label for each box, got {len(boxes)} boxes and {len(labels)} labels")
    _check_range(labels, classes, name)

    def flags(*keys: str) -> NDArray[np.bool_]:
        values = next((truth[key] for key in keys if key in truth), np.zeros(len(boxes)))
        return _array(values).astype(np.bool_).reshape(-1)

    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    if "area" in truth:
        area = _array(truth["area"]).astype(np.float64).reshape(-1)
    values = Truth(boxes, labels, flags("difficult"), flags("crowd", "iscrowd"), area)
    shown, notes = check_boxes(values, (pixels.shape[0], pixels.shape[1]))
    return DetectionSample(name, pixels, shown, notes)


def _corners(value: Any, size: tuple[int, int], name: str) -> NDArray[np.float64]:
    """(K, 4) boxes x1, y1, x2, y2 of an image of `size` (H, W); those of torchvision say what form they have."""
    array = _array(value).astype(np.float64)
    if array.size and array.shape != (len(array), 4):
        raise SampleError(f"{name}: expected boxes (K, 4), got {array.shape}; {_DO}")
    boxes = array.reshape(-1, 4)
    if not hasattr(value, "canvas_size"):
        return boxes
    if tuple(value.canvas_size) != size:
        raise SampleError(
            f"{name}: expected boxes on an image of {size}, got a canvas_size of {tuple(value.canvas_size)}"
        )
    form = str(getattr(value.format, "value", value.format)).upper()
    if form == "XYWH":
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    if form == "CXCYWH":
        return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    if form != "XYXY":
        raise SampleError(f"{name}: expected upright boxes, XYXY, XYWH or CXCYWH, got the format {form}; convert them")
    return boxes


def filmed(name: str, item: Any, classes: int | None) -> Clip:
    """A clip, whose objects are of no class; raises `SampleError`."""
    del classes
    frames, truth = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
    pixels = np.stack([pixels_of(frame, name) for frame in frames])
    if truth is None:
        raise SampleError(f"{name}: expected a mask of the objects in the first frame, got frames alone; {_DO}")
    masks = _array(truth)
    first = _map_of(masks if masks.ndim == 2 else masks[0], pixels.shape[1:3], name)
    first[first == VOID] = 0
    if not objects_in(first):
        raise SampleError(f"{name}: expected an object in the first frame, got background alone")
    known = None if masks.ndim == 2 else np.stack([_map_of(mask, pixels.shape[1:3], name) for mask in masks])
    if known is not None and len(known) != len(pixels):
        raise SampleError(f"{name}: expected a mask for each of {len(pixels)} frames, got {len(known)}")
    names = tuple(f"{index:05d}" for index in range(len(pixels)))
    judged = () if known is None else tuple(range(len(pixels)))
    return Clip(name, pixels, names, (GivenMask(0, first),), known, judged)


def image_and_truth(item: Any, name: str) -> tuple[Any, Any]:
    """An image and its truth, None without; raises `SampleError` for a sample of another form."""
    if isinstance(item, Mapping):
        keys = ", ".join(map(str, list(item)[:6]))
        raise SampleError(
            f"{name}: expected (image, labels), got a mapping with the keys {keys}; give a tuple of the two"
        )
    if not isinstance(item, tuple | list):
        return item, None
    if len(item) not in (1, 2):
        raise SampleError(f"{name}: expected (image, labels), got {len(item)} values; give the two alone")
    return item[0], item[1] if len(item) == 2 else None


def pixels_of(image: Any, name: str) -> Pixels:
    """(H, W, 3) uint8 of an array, a Pillow image or a tensor; raises `SampleError` for anything else."""
    if hasattr(image, "convert"):
        image = image.convert("RGB")
    pixels = _array(image)
    if hasattr(image, "detach") and pixels.ndim == 3 and not (is_last(pixels.shape) and pixels.dtype == np.uint8):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.dtype.kind == "f" and hasattr(image, "detach"):
        pixels = levels_of(pixels, name)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < MIN_SIDE:
        raise SampleError(
            f"{name}: expected an RGB image, (H, W, 3) uint8 or a (3, H, W) tensor, of at least {MIN_SIDE}x{MIN_SIDE} "
            f"pixels, got {pixels.dtype} {tuple(np.shape(image))}; {_DO}"
        )
    return np.ascontiguousarray(pixels)


def is_last(shape: tuple[int, ...]) -> bool:
    """Whether the channels of images (.., H, W, 3) or (.., 3, H, W) come last; no side is of 3 pixels."""
    return shape[-3] != 3 and shape[-1] == 3


def _map_of(truth: Any, size: tuple[int, ...], name: str) -> Pixels:
    """(H, W) uint8 of a label map; raises `SampleError` where it is none."""
    labels = _array(truth)
    if labels.ndim == 3 and len(labels) == 1:
        labels = labels[0]
    if labels.dtype.kind not in "iub" or labels.shape != size or (labels.size and not labels.min() >= 0):
        scaled = "; ToTensor divides by 255, PILToTensor does not" if labels.dtype.kind == "f" else ""
        raise SampleError(
            f"{name}: expected labels as integers from 0 on of the image's size {tuple(size)}, got {labels.dtype} "
            f"{labels.shape}{scaled}; {_DO}"
        )
    if labels.size and labels.max() > VOID:
        raise SampleError(f"{name}: expected labels up to {VOID - 1}, or {VOID} for void, got {labels.max()}")
    return labels.astype(np.uint8)


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
