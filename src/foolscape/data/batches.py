"""Images that are there already, a batch, batches or samples, as samples that have places: 8 bits, each with an id.

A batch is (images, truths), or images alone:

    images  (B, 3, H, W) floats in [0, 1], or a list of images of several sizes; of what a loader or another iterable
            gives also uint8, also (B, H, W, 3), which torch's default collate makes of arrays
    truths  (B, H, W) or (B, 1, H, W) class indices; objects as a list of {"boxes": .., "labels": ..} or, as torch's
            default collate joins those of images with as many boxes, one such of (B, N, 4) and (B, N)

or a list of samples, as a loader gives whose collate function joins nothing. Of clips each is a batch, (frames, mask).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.data.batch_truths import kind_of, plain_truth, truths_of
from foolscape.data.loaders import check_order, classes_named, is_stream
from foolscape.data.own_samples import image_and_truth, is_last, pixels_of
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.pixels import check_images
from foolscape.tasks.base import VIDEO

Item = tuple[Any, Any]
"""An image, or the frames of a clip, and its truth or None."""

_WANTED: Final = (
    "expected a tensor (B, 3, H, W) in [0, 1], (images, labels), an iterable of such batches, a data set with __len__ "
    "and __getitem__, or a spec such as 'voc:VOCdevkit'"
)

_LABEL_MODES: Final = ("1", "L", "P", "I", "I;16")
"""Modes of Pillow images that may be label maps."""


@runtime_checkable
class Samples(Protocol):
    """A data set of one's own, such as a `torch.utils.data.Dataset`; see docs/your-own-data.md for its samples."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> object: ...


@dataclass(frozen=True)
class Held:
    """Samples in memory, as `data.own` takes them.

    Attributes:
        items: the samples.
        classes: names of their labels, if they have any.
        ids: of the samples.
    """

    items: Sequence[Item]
    classes: tuple[str, ...] | None
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        return self.items[index]


def held(items: Sequence[Item], classes: tuple[str, ...] | None, first: int = 0) -> Held:
    """Samples with the numbers from `first` on as ids."""
    return Held(items, classes, tuple(number(first + index) for index in range(len(items))))


def number(index: int) -> str:
    """The id of a sample that has no other."""
    return f"{index:06d}"


def name_of(data: object) -> str:
    """What data without a spec are called."""
    return "tensors" if isinstance(data, Tensor | list | tuple) else type(data).__name__


def samples_of(data: object, task: str) -> Samples:
    """`data` if it is a data set with places; else what it gives, gone through once and kept in memory.

    Raises:
        SettingError: it is nothing of the kind, holds no image or images that do not fit, or has no fixed order.
        DataError: going through it fails.
    """
    if isinstance(data, Samples) and is_data_set(data, task):
        return data
    check_order(data)
    items = [item for batch in items_of(data, task) for item in batch]
    if not items:
        raise SettingError("data: expected at least one image, got none")
    return held(items, classes_named(data))


def has_places(data: object) -> bool:
    """Whether `data` has samples, or batches, by their places."""
    return isinstance(data, Samples) and not is_stream(data)


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
    if not has_places(data) or isinstance(data, Tensor | np.ndarray | str | bytes | Mapping):
        return False
    return not is_one_batch(data, task) and (task == VIDEO.name or not _is_batch(first_of(data)))


def items_of(data: object, task: str) -> Iterator[list[Item]]:
    """The samples of each batch of `data`, one batch or an iterable of batches or samples; these count as batches.

    Raises:
        SettingError: something else, or images that do not fit.
    """
    if is_one_batch(data, task):
        images = data if isinstance(data, Tensor) else data[0]  # type: ignore[index]
        check_images(images)
        yield batch_items(data, task)
        return
    if isinstance(data, str | bytes | Mapping | np.ndarray) or not isinstance(data, Iterable):
        raise SettingError(f"data: {_WANTED}, got {kind_of(data)}")
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
    """The samples of a batch: images in 8 bits, and the truth as numpy arrays; raises `SettingError`."""
    if task == VIDEO.name:
        frames, mask = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)
        return [(_frames(frames), _mask(mask))]
    if _are_samples(batch):
        assert isinstance(batch, tuple | list)
        return [item for one in batch for item in batch_items(one, task)]
    images, truth = _parts(batch)
    if isinstance(images, list | tuple):  # as torchvision's detectors have them: images of several sizes
        many = [_pixels(image) for image in images]
    elif _is_images(images):
        many = [_pixels(image) for image in _levels(images)]
    else:
        many, truth = [_pixels(images)], None if truth is None else [truth]
    return list(zip(many, truths_of(truth, many, task), strict=True))


def _parts(batch: object) -> Item:
    """Images, or an image, and their truth or None."""
    if isinstance(batch, tuple | list) and len(batch) > 1 and all(map(_is_image, batch)):
        if len(batch) == 2:
            raise SettingError(
                "data: expected (image, labels) with labels (H, W), or a tensor of images (B, 3, H, W), got a "
                f"{type(batch).__name__} of two images, of which one might be coloured labels"
            )
        return batch, None
    try:
        return image_and_truth(batch, "data")
    except SampleError as error:
        raise SettingError(str(error)) from error


def _are_samples(batch: object) -> bool:
    """Whether a batch is a list of (image, truth) or (image,), which nothing has joined."""
    return (
        isinstance(batch, tuple | list)
        and len(batch) > 0
        and all(
            isinstance(one, tuple | list)
            and len(one) in (1, 2)
            and _is_image(one[0])
            and not (len(one) == 2 and _is_image(one[1]))
            for one in batch
        )
    )


def _levels(images: Any) -> Any:
    """(B, ..) images, in floats checked, in uint8 as they are."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8:
        return check_images(images)
    if images.ndim != 4 or not (is_last(tuple(images.shape)) or images.shape[1] == 3):
        return check_images(images / 255)
    return images.permute(0, 3, 1, 2) if is_last(tuple(images.shape)) else images


def _pixels(image: object) -> NDArray[np.uint8]:
    try:
        return pixels_of(image, "images")
    except SampleError as error:
        raise SettingError(str(error)) from error


def _frames(frames: object) -> Any:
    if isinstance(frames, Tensor) and frames.ndim == 5:
        raise SettingError(
            f"data: expected the frames of one clip (T, 3, H, W), got {tuple(frames.shape)}; give the DataLoader "
            "batch_size=None"
        )
    return [_pixels(frame) for frame in _levels(frames)] if isinstance(frames, Tensor) else frames


def _mask(truth: object) -> Any:
    if truth is None:
        raise SettingError("data: expected (frames, mask) of clips, a mask of the objects in the first frame, got none")
    return plain_truth(truth)


def _is_images(images: object) -> bool:
    return isinstance(images, Tensor | np.ndarray) and images.ndim == 4


def _is_image(image: object) -> bool:
    """Whether something is one image, and no label map."""
    if hasattr(image, "convert"):
        return getattr(image, "mode", "RGB") not in _LABEL_MODES
    shape = tuple(getattr(image, "shape", ()))
    return len(shape) == 3 and 3 in (shape[0], shape[-1])


def _is_batch(item: object) -> bool:
    """Whether an item of a list, or of a data set, is no sample but a batch."""
    if isinstance(item, tuple | list) and len(item) > 0:
        images = item[0]
        several = isinstance(images, tuple | list) and len(images) > 0 and getattr(images[0], "ndim", 0) == 3
        return several or _is_images(images) or _are_samples(item)
    return _is_images(item)


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
