"""`foolscape.load_data`, and the one way in which all of the front door takes images: named, loaded or live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from foolscape.api.given import Boxes, check_ids, check_whole
from foolscape.api.model import Model
from foolscape.api.wording import in_its_words
from foolscape.data.batches import Samples, first_of, has_places, name_of
from foolscape.data.dataset import DataSet
from foolscape.data.drawing import chosen
from foolscape.data.load import catalog, offered, open_for, select
from foolscape.data.mapped import with_class_map
from foolscape.data.own import data_set_of
from foolscape.data.part import Part
from foolscape.data.sample import Data
from foolscape.errors import SettingError
from foolscape.metrics.boxes import Truth as Objects
from foolscape.models.common.class_match import match_classes
from foolscape.paths import path_of
from foolscape.pixels import to_unit
from foolscape.run.settings.config import refuse_sample_of_part, size_of
from foolscape.run.settings.user_data import enter_data
from foolscape.run.tasks.detection import load_boxes_at
from foolscape.run.tasks.segmentation import load_at
from foolscape.run.tasks.video import load_clip_at
from foolscape.spec import IN_MEMORY, parse
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
        class_map: the file by which its classes are called otherwise.
        held: what was given, where that has no spec.
    """

    spec: str
    split: str | None
    size: tuple[int, int] | None
    ids: tuple[str, ...]
    limited: bool
    task: str
    opened: Data[Any]
    channels: tuple[int, ...] | None = None
    class_map: Path | None = None
    held: DataSet | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or read in another way, how a sample was drawn, how classes are called."""
        return tuple(self.opened.notes)

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
    data: str | Samples | Iterable[object],
    task: str | None = None,
    *,
    split: str | None = None,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    sample: int | None = None,
    seed: int = 0,
    size: tuple[int, int] | str | None = None,
    classes: Sequence[str] | None = None,
    class_map: str | Path | None = None,
) -> Dataset:
    """The images that a spec names, such as "voc:VOCdevkit", "folder:photos" or "mine.py:Photos", or that are there.

    Args:
        data: a spec, see `foolscape list data`; or a data set or an iterable of (images, labels), as of `evaluate`.
        task: what truth they are to have: segmentation, detection or video; None: the first that the data has.
        split: None for the default of the data set; a part of one is written val[:80%].
        ids, limit, sample: which samples; `sample`: so many, drawn evenly over folders and classes. None: all.
        seed: of the `sample`.
        size: (height, width) or "384x512" to resize to; None: each image's own.
        classes: of the model, where the labels depend on them (COCO) or have no names of their own.
        class_map: a file that renames, merges and leaves out the data's classes, see `foolscape run --help`.

    Raises:
        UnknownNameError: a data set, split or id that there is not.
        SettingError, DataError: it does not have what the task needs, or cannot be read.
    """
    spec, held = (data, None) if isinstance(data, str) else _held(data)
    enter_data(spec)
    if task is None:
        task = _first_task(spec) if held is None else _task_of(data, held)
    for_task, path = task_named(task), None if class_map is None else path_of(class_map)
    refuse_sample_of_part({"sample": sample, "ids": ids, "limit": limit})
    most, count = (
        None if one is None else check_whole(name, one, 1) for name, one in (("limit", limit), ("sample", sample))
    )
    with offered({} if held is None else {spec: held}):
        whole = open_for(for_task, spec, split=split, classes=None if classes is None else tuple(classes))
    opened: Data[Any] = with_class_map(whole, path)
    drawn = chosen(opened, check_ids(ids), most, count, seed=check_whole("seed", seed, 0), unit=for_task.unit)
    if drawn.remarks:
        opened = Part(opened, opened.split, tuple(opened.ids), drawn.remarks)
    limited = any(one is not None for one in (ids, limit, sample))
    return Dataset(spec, split, sized(size), drawn.ids, limited, for_task.name, opened, class_map=path, held=held)


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


def _held(data: object) -> tuple[str, DataSet]:
    """The spec and the data set of images that are there already; raises SettingError for what is none."""
    spec = f"{IN_MEMORY}:{name_of(data)}"
    if isinstance(data, Dataset) or data is None:
        raise SettingError(f"data: expected a spec, or a data set or iterable of images, got {type(data).__name__}")
    return spec, data_set_of(spec, data)


def _task_of(data: object, held: DataSet) -> str:
    """What live data are for: the only one that they can be, else by the truth of the first sample."""
    first = first_of(data) if has_places(data) else None
    truth = first[1] if isinstance(first, tuple | list) and len(first) == 2 else None
    one = truth[0] if isinstance(truth, tuple | list) and truth else truth
    return DETECTION.name if isinstance(one, Mapping) and DETECTION.name in held.tasks else held.tasks[0]


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
