"""Images that are there already, batches or samples, as a data set that a run takes: 8 bits, each with an id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.api.data import VOID, Samples
from foolscape.api.given import check_images
from foolscape.data.own import pixels_of
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.problem import IGNORE
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO
from foolscape.tasks.detection import Detections

Item = tuple[Any, Any]
"""An image, or the frames of a clip, and its truth or None."""

_WANTED: Final = (
    "expected a tensor (B, 3, H, W) in [0, 1], (images, labels), an iterable of such batches, a data set with __len__ "
    "and __getitem__, or a spec such as 'voc:VOCdevkit'"
)


@dataclass(frozen=True)
class Held:
    """Samples in memory, as `data.own` takes them.

    Attributes:
        items: the samples.
        classes: names of their labels.
        ids: of the samples.
    """

    items: Sequence[Item]
    classes: tuple[str, ...]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        return self.items[index]


@dataclass(frozen=True)
class Slice:
    """Some samples of a data set of one's own, with names for its classes; nothing is read before it is asked for.

    Attributes:
        source: the data set.
        classes: names of its labels.
        first, count: which of its samples.
    """

    source: Samples
    classes: tuple[str, ...]
    first: int
    count: int

    @property
    def ids(self) -> Sequence[str]:
        """Those of the source, else the numbers of the samples."""
        own: Sequence[str] | None = getattr(self.source, "ids", None)
        places = range(self.first, self.first + self.count)
        return [number(index) if own is None else str(own[index]) for index in places]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> object:
        return self.source[self.first + index]


def held(items: Sequence[Item], classes: tuple[str, ...], first: int = 0) -> Held:
    """Samples with the numbers from `first` on as ids."""
    return Held(items, classes, tuple(number(first + index) for index in range(len(items))))


def number(index: int) -> str:
    """The id of a sample that has no other."""
    return f"{index:06d}"


def name_of(data: object) -> str:
    """What data without a spec are called."""
    return "tensors" if isinstance(data, Tensor | list | tuple) else type(data).__name__


def is_one_batch(data: object, task: str | None) -> bool:
    """Whether `data` are images, or images and their truth, and not an iterable of these."""
    if isinstance(data, Tensor):
        return True
    if not isinstance(data, tuple) or len(data) != 2:
        return False
    first, second = data
    return _is_images(first) and not (task != VIDEO.name and _is_batch(second))


def is_data_set(data: object, task: str | None) -> bool:
    """Whether `data` are samples with places, which need not be gone through."""
    if not isinstance(data, Samples) or isinstance(data, Tensor | np.ndarray | str | bytes | Mapping):
        return False
    return not is_one_batch(data, task) and (task == VIDEO.name or not _is_batch(first_of(data)))


def items_of(data: object, task: str) -> Iterator[list[Item]]:
    """The samples of each batch of `data`, one batch or an iterable of batches or samples; these count as batches.

    Raises:
        SettingError: something else, or images that do not fit.
    """
    if is_one_batch(data, task):
        yield batch_items(data, task)
        return
    if isinstance(data, str | bytes | Mapping | np.ndarray) or not isinstance(data, Iterable):
        raise SettingError(f"data: {_WANTED}, got {_got(data)}")
    batches = iter(data)
    for index in count():
        try:
            batch = next(batches)
        except StopIteration:
            return
        except Exception as error:
            raise DataError(f"data: expected batch {index}, got {type(error).__name__}: {error}") from error
        yield batch_items(batch, task)


def batch_items(batch: object, task: str) -> list[Item]:
    """The samples of a batch: images in 8 bits, and the truth as numpy arrays."""
    images, truth = _pair(batch)
    if task == VIDEO.name:
        return [(_frames(images), _mask(truth))]
    if isinstance(images, list | tuple):  # as torchvision's detectors have them: images of several sizes
        many = [_pixels(image) for image in images]
    elif isinstance(images, Tensor) and images.ndim == 3:
        many, truth = [_pixels(images)], None if truth is None else [truth]
    elif isinstance(images, Tensor) or _is_images(images):
        many = [_pixels(image) for image in check_images(images)]
    else:
        many, truth = [_pixels(images)], None if truth is None else [truth]
    return list(zip(many, _truths(truth, many, task), strict=True))


def _truths(truth: object, images: Sequence[NDArray[np.uint8]], task: str) -> list[Any]:
    if truth is None:
        return [None] * len(images)
    if not isinstance(truth, Tensor | Sequence) or isinstance(truth, str):
        raise SettingError(f"labels: expected those of {len(images)} image(s), got {_got(truth)}")
    if len(truth) != len(images):
        raise SettingError(f"labels: expected one for each of {len(images)} images, got {len(truth)}")
    boxes = any(isinstance(one, Mapping | Detections) for one in truth)
    if len(truth) and boxes != (task == DETECTION.name):
        truth_kind = "{'boxes': .., 'labels': ..} of each image" if not boxes else "a class index for every pixel"
        other = SEGMENTATION.name if not boxes else DETECTION.name
        raise SettingError(
            f"labels: expected {truth_kind} for {task}, got {_got(truth[0])}; if the model is for it, write "
            f"task={other!r}"
        )
    if isinstance(truth, Tensor) and truth.ndim == 3:
        size = images[0].shape[:2]
        if truth.is_floating_point() or tuple(truth.shape[1:]) != size:
            raise SettingError(
                f"labels: expected a class index for every pixel, {(len(images), *size)} of int64, got "
                f"{tuple(truth.shape)} of {truth.dtype}"
            )
    return [_plain(one) for one in truth]


def _plain(truth: Any) -> Any:
    """The truth of an image, as `data.own` takes it."""
    if isinstance(truth, Detections):
        truth = {"boxes": truth.boxes, "labels": truth.labels}
    if isinstance(truth, Tensor):
        return torch.where(truth == IGNORE, VOID, truth).cpu().numpy() if not truth.is_floating_point() else truth
    return truth


def _pixels(image: object) -> NDArray[np.uint8]:
    try:
        return pixels_of(image, "images")
    except SampleError as error:
        raise SettingError(str(error)) from error


def _frames(frames: object) -> Any:
    return [_pixels(frame) for frame in check_images(frames)] if isinstance(frames, Tensor) else frames


def _mask(truth: object) -> Any:
    if truth is None:
        raise SettingError("data: expected (frames, mask) of clips, a mask of the objects in the first frame, got none")
    return _plain(truth)


def _pair(batch: object) -> Item:
    return (batch[0], batch[1]) if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)


def _is_images(images: object) -> bool:
    return isinstance(images, Tensor | np.ndarray) and images.ndim == 4


def _is_batch(item: object) -> bool:
    """Whether an item of a list, or of a data set, is no sample but a batch."""
    images = _pair(item)[0]
    several = isinstance(images, tuple | list) and len(images) > 0 and getattr(images[0], "ndim", 0) == 3
    return several or _is_images(images)


def first_of(data: Any) -> object:
    """The first sample of a data set, or batch of a list; None where there is none.

    Raises:
        DataError: the data set raises.
    """
    if not len(data):
        return None
    try:
        return data[0]
    except Exception as error:
        raise DataError(f"data: expected a sample at data[0], got {type(error).__name__}: {error}") from error


def _got(data: object) -> str:
    return f"{tuple(data.shape)} of {data.dtype}" if isinstance(data, Tensor | np.ndarray) else type(data).__name__
