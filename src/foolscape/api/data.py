"""`foolscape.load_data`, and the one way in which all of the front door takes images: named, loaded or live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from foolscape.api.given import Boxes, check_ids, check_whole
from foolscape.api.model import Model
from foolscape.api.wording import in_its_words
from foolscape.data.load import catalog, open_for, select
from foolscape.data.sample import Data
from foolscape.errors import SettingError
from foolscape.metrics.boxes import Truth as Objects
from foolscape.models.common.class_match import match_classes
from foolscape.pixels import to_unit
from foolscape.run.settings.config import size_of
from foolscape.run.settings.user_data import enter_data
from foolscape.run.tasks.detection import load_boxes_at
from foolscape.run.tasks.segmentation import load_at
from foolscape.run.tasks.video import load_clip_at
from foolscape.spec import parse
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO, task_named

VOID: Final = 255

Truth: TypeAlias = Tensor | dict[str, Tensor] | None
"""What is right in an image, as `foolscape.attack` takes it."""


class Sample(NamedTuple):
    """An image and what is right in it.

    Attributes:
        image: (3, H, W) float in [0, 1]; of a clip its frames, (T, 3, H, W).
        truth: (H, W) int64 class indices, 255 where nothing counts; {"boxes": (N, 4), "labels": (N,)}; of a clip the
            mask of its first frame, (H, W) int64. None without truth.
    """

    image: Tensor
    truth: Truth


@runtime_checkable
class Samples(Protocol):
    """A data set of one's own, such as a `torch.utils.data.Dataset`; see docs/your-own-data.md for its samples."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> object: ...


Labels: TypeAlias = Tensor | Sequence[Boxes] | None
"""The truth of a batch, as `foolscape.attack` takes it."""

AnyData: TypeAlias = "str | Dataset | Samples | Tensor | tuple[Tensor, Labels] | Iterable[object]"
"""Images by their spec, loaded, a data set of one's own, one batch, or any iterable of batches or of samples."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """Images that `load_data` opened: `len(data)`, `data[0]`, `data["id"]`, `for image, truth in data`.

    Attributes:
        spec, split, size: what they were opened with.
        ids: the names of the samples.
        limited: whether these are not all that there are.
        task: what they were opened for.
        opened: the data set.
        channels: of each class of the data, the class of the model that they are for; None: they are as they are.
    """

    spec: str
    split: str | None
    size: tuple[int, int] | None
    ids: tuple[str, ...]
    limited: bool
    task: str
    opened: Data[Any]
    channels: tuple[int, ...] | None = None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes that labels are indices of; None where there is no truth."""
        return self.opened.classes

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int | str) -> Sample:
        """The sample at a place, or of an id; raises IndexError, `UnknownNameError`, or `SampleError` with a reason."""
        if not isinstance(index, int | str):
            raise SettingError(f"expected the place of a sample, or its id, got {index!r}")
        name = self.ids[index] if isinstance(index, int) else select(self.opened, [index])[0]
        return _READ[self.task](self.opened.load(name) if self.size is None else self._sized(name), self.channels)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def batch(self, indices: Iterable[int] | None = None) -> tuple[Tensor, Labels]:
        """Samples as `foolscape.attack` takes them, (images, labels): those at `indices`, or all; of a clip its frames.

        Raises:
            SettingError: images of different sizes, or more than one clip.
        """
        samples = [self[index] for index in (range(len(self)) if indices is None else indices)]
        if self.task == VIDEO.name:
            if len(samples) != 1:
                raise SettingError(f"indices: expected one clip, which is a batch by itself, got {len(samples)}")
            mask = samples[0].truth
            return samples[0].image, mask if isinstance(mask, Tensor) else None
        sizes = {tuple(sample.image.shape[1:]) for sample in samples}
        if len(sizes) != 1:
            got = ", ".join(f"{height}x{width}" for height, width in sorted(sizes)) or "no images"
            raise SettingError(f"indices: expected images of one size, got {got}; give load_data a size")
        images, truths = torch.stack([sample.image for sample in samples]), [sample.truth for sample in samples]
        boxes = [truth for truth in truths if isinstance(truth, dict)]
        maps = [truth for truth in truths if isinstance(truth, Tensor)]
        return images, boxes or (torch.stack(maps) if maps else None)

    def for_model(self, model: Model) -> Dataset:
        """The same with the truth in the classes of `model`, which may number them otherwise.

        Raises:
            ModelError: a class of the data that the model does not have.
        """
        if self.classes is None or self.task == VIDEO.name:
            return self
        if model.classes is None:
            model.fitted(self[0].image[None])
        names = model.classes
        assert names is not None
        return replace(self, channels=match_classes(names, self.classes))

    def _sized(self, name: str) -> Any:
        return _LOADED[self.task](self.opened, name, self.size)

    def __repr__(self) -> str:
        source = self.spec if self.split is None else f"{self.spec} {self.split}"
        class_count = (
            ", no truth" if self.classes is None else f", {len(self.classes)} class{'es' * (len(self.classes) != 1)}"
        )
        unit = task_named(self.task).unit
        return f"<Dataset {source}, {len(self)} {unit}{'s' * (len(self) != 1)} for {self.task}{class_count}>"


@in_its_words
def load_data(
    spec: str,
    task: str | None = None,
    *,
    split: str | None = None,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    size: tuple[int, int] | str | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """The images that `spec` names, such as "voc:VOCdevkit", "folder:photos" or "mine.py:Photos".

    Args:
        spec: see `foolscape list data`.
        task: what truth they are to have: segmentation, detection or video; None: the first that the data has.
        split: None for the default of the data set; a part of one is written val[:80%].
        ids, limit: which samples; None: all.
        size: (height, width) or "384x512" to resize to; None: each image's own.
        classes: of the model, where the labels depend on them (COCO) or have no names of their own.

    Raises:
        UnknownNameError: a data set, split or id that there is not.
        SettingError, DataError: it does not have what the task needs, or cannot be read.
    """
    if not isinstance(spec, str):
        raise SettingError(f"spec: expected a text such as 'voc:VOCdevkit', got {type(spec).__name__}")
    enter_data(spec)
    for_task = task_named(task) if task is not None else task_named(_first_task(spec))
    opened = open_for(for_task, spec, split=split, classes=None if classes is None else tuple(classes))
    most = None if limit is None else check_whole("limit", limit, 1)
    chosen = select(opened, check_ids(ids), most, for_task.unit)
    return Dataset(spec, split, sized(size), chosen, ids is not None or limit is not None, for_task.name, opened)


def size_text(size: tuple[int, int] | str | None) -> str | None:
    """What a caller gives for a size as the settings of a run have it; raises SettingError."""
    if size is None or isinstance(size, str):
        return size
    if not (isinstance(size, tuple | list) and len(size) == 2):
        raise SettingError(f"size: expected (height, width) or a text such as '384x512', got {size!r}")
    return f"{size[0]}x{size[1]}"


def sized(size: tuple[int, int] | str | None) -> tuple[int, int] | None:
    """(height, width) of what a caller gives; raises SettingError."""
    text = size_text(size)
    if text is None:
        return None
    height_width = size_of("size")(text)
    assert isinstance(height_width, tuple)
    return height_width


def _first_task(spec: str) -> str:
    scheme = parse(spec, [kind.name for kind in catalog()]).scheme
    return next((kind.tasks[0] for kind in catalog() if kind.name == scheme), SEGMENTATION.name)


def _image(pixels: Any) -> Tensor:
    return to_unit(pixels)[0]


def _labelled(sample: Any, channels: tuple[int, ...] | None) -> Sample:
    if sample.labels is None:
        return Sample(_image(sample.image), None)
    labels = torch.from_numpy(sample.labels.astype(np.int64))
    if channels is not None:
        table = torch.full((256,), VOID)
        table[: len(channels)] = torch.tensor(channels)
        labels = table[labels]
    return Sample(_image(sample.image), labels)


def _boxed(sample: Any, channels: tuple[int, ...] | None) -> Sample:
    objects: Objects | None = sample.truth
    if objects is None:
        return Sample(_image(sample.image), None)
    counted = ~(objects.difficult | objects.crowd)
    labels = torch.from_numpy(objects.labels[counted]).long()
    if channels is not None:
        labels = torch.tensor(channels, dtype=torch.int64)[labels]
    return Sample(_image(sample.image), {"boxes": torch.from_numpy(objects.boxes[counted]).float(), "labels": labels})


def _filmed(clip: Any, channels: tuple[int, ...] | None) -> Sample:
    del channels
    frames = torch.cat([to_unit(frame) for frame in clip.frames])
    return Sample(frames, torch.from_numpy(clip.given[0].mask.astype(np.int64)))


_READ: Final[dict[str, Callable[[Any, tuple[int, ...] | None], Sample]]] = {
    SEGMENTATION.name: _labelled,
    DETECTION.name: _boxed,
    VIDEO.name: _filmed,
}
_LOADED: Final[dict[str, Callable[[Any, str, tuple[int, int] | None], Any]]] = {
    SEGMENTATION.name: load_at,
    DETECTION.name: load_boxes_at,
    VIDEO.name: load_clip_at,
}
