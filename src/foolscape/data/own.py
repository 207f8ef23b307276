"""A user's own data: any object with `__len__` and `__getitem__`, such as a torch data set, as a data set of foolscape.

`data[i]` is an image, or a tuple of an image and its truth:

    segmentation  (image, labels): labels (H, W) integers, 255 where nothing counts
    detection     (image, {"boxes": (K, 4) x1, y1, x2, y2 in pixels, "labels": (K,), ..}), as torchvision has it
    video         (frames, masks): T images; masks (T, H, W) integers of every frame, or (H, W) of the first, 0 for
                  background

Images are (H, W, 3) uint8 arrays, Pillow images, or (3, H, W) tensors of uint8 or of floats in [0, 1], in RGB. The
object may have `ids`, the names of the samples, and `classes`, those of the labels; for segmentation labels without
names are the model's own, if it names them. An object that is a `Data` already is taken as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foolscape.data.attributes import attributes_of
from foolscape.data.boxes import DetectionSample, check_boxes
from foolscape.data.clips import CLASSES, Clip, GivenMask, objects_in
from foolscape.data.dataset import DataSet, Opener
from foolscape.data.images import MIN_SIDE
from foolscape.data.maite import MaiteImages, is_maite, levels_of
from foolscape.data.sample import VOID, Data, Sample
from foolscape.errors import DataError, SampleError, SettingError, unknown
from foolscape.metrics.boxes import Truth
from foolscape.spec import Spec
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO

S = TypeVar("S")
Reader: TypeAlias = Callable[[str, Any, int | None], S]
Pixels = NDArray[np.uint8]
Names: TypeAlias = tuple[str, ...] | None

_DO: Final = "see `data.own` for what data[i] may be"


@runtime_checkable
class Indexed(Protocol):
    """What a user's data set has at the least."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class Own(Generic[S]):
    """A user's object; implements `Data`.

    Attributes:
        spec: what named it.
        source: the object.
        places: the index of each sample by its id.
        classes: names of the labels; None without truth.
        read: (id, what the object has there, how many classes there are or None) -> the sample; raises `SampleError`.
    """

    spec: str
    source: Indexed
    places: Mapping[str, int]
    classes: tuple[str, ...] | None
    read: Reader[S]
    notes: tuple[str, ...] = ()
    split: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """In the order of the object."""
        return tuple(self.places)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of what the sample holds; of why it cannot be used, where it cannot."""
        try:
            return hashlib.sha256(as_bytes(self.load(sample_id))).hexdigest()
        except SampleError as error:
            return hashlib.sha256(str(error).encode()).hexdigest()

    def load(self, sample_id: str) -> S:
        """The sample; raises `SampleError` with the reason if it cannot be used."""
        if sample_id not in self.places:
            raise unknown(f"id in {self.spec}", sample_id, self.places)
        try:
            item = self.source[self.places[sample_id]]
        except Exception as error:
            raise SampleError(
                f"expected data[{self.places[sample_id]}] of {self.spec}, got {type(error).__name__}: {error}"
            ) from error
        return self.read(sample_id, item, None if self.classes is None else len(self.classes))

    def attributes(self, sample_id: str) -> dict[str, str]:
        """What the object's own method `attributes` says of the sample, if it has one."""
        return attributes_of(self.source, sample_id)


def data_set_of(name: str, source: object) -> DataSet:
    """The data set of a user's object, called `name`: for every task that it may be read for.

    Raises:
        SettingError: it is no data set.
    """
    if isinstance(source, DataSet):
        return source
    if is_maite(source):
        images = MaiteImages(name, source)
        opener = _opener(name, images, _boxed, lambda own, _: _named(name, own))
        return DataSet(name, name, f"a MAITE data set, {type(source).__name__}", (), {DETECTION.name: opener})
    if not isinstance(source, Indexed) and not _is_data(source):
        raise SettingError(
            f"data: expected {name} to be an object with __len__ and __getitem__, got {type(source).__name__}; {_DO}"
        )
    openers = {
        SEGMENTATION.name: _opener(name, source, _labelled, lambda own, models: _named(name, own or models)),
        DETECTION.name: _opener(name, source, _boxed, lambda own, _: _named(name, own)),
        VIDEO.name: _opener(name, source, _filmed, lambda _own, _models: CLASSES),
    }
    return DataSet(name, name, f"your own, {type(source).__name__}", (), openers)


def _named(name: str, classes: Names) -> Names:
    if classes is None:
        raise SettingError(f"{name}: expected `classes`, the names of the labels 0, 1, .., got no such attribute")
    return classes


def _is_data(source: object) -> bool:
    return all(hasattr(source, name) for name in ("spec", "ids", "classes", "notes", "split", "fingerprint", "load"))


def _opener(name: str, source: Any, read: Reader[Any], names: Callable[[Names, Names], Names]) -> Opener:
    """Opens `source`; `names` makes the classes of its own, if it has some, and of the model's, if they are known."""

    def opened(spec: Spec, split: str | None, classes: Names) -> Data[Any]:
        spec.only()
        if split is not None:
            raise SettingError(f"{name}: expected no split of data of your own, got {split!r}; leave it out")
        if _is_data(source):
            data: Data[Any] = source
            return data
        if not len(source):
            raise DataError(f"{name}: expected samples, got a data set of length 0")
        own = getattr(source, "classes", None)
        labelled = _has_truth(name, source)
        named = names(None if own is None else tuple(map(str, own)), classes) if labelled else None
        return Own(spec.text, source, _places(name, source), named, read)

    return opened


def _has_truth(name: str, source: Indexed) -> bool:
    try:
        first = source[0]
    except Exception as error:
        raise DataError(f"{name}: expected a sample at data[0], got {type(error).__name__}: {error}") from error
    return isinstance(first, tuple | list) and len(first) == 2 and first[1] is not None


def _places(name: str, source: Indexed) -> dict[str, int]:
    own_ids = getattr(source, "ids", None)
    ids = [f"{index:06d}" for index in range(len(source))] if own_ids is None else [str(one) for one in own_ids]
    places = {one: index for index, one in enumerate(ids)}
    if len(places) != len(source):
        raise DataError(f"{name}: expected an id for each of {len(source)} samples, got {len(places)} different ones")
    return places


def _labelled(name: str, item: Any, classes: int | None) -> Sample:
    image, truth = _pair(item)
    pixels = pixels_of(image, name)
    if truth is None:
        return Sample(name, pixels, None)
    labels = _map_of(truth, pixels.shape[:2], name)
    _check_range(labels[labels != VOID], classes, name)
    return Sample(name, pixels, labels)


def _check_range(labels: NDArray[Any], classes: int | None, name: str) -> None:
    if classes is not None and labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise SampleError(
            f"{name}: expected labels 0 to {classes - 1}, got {labels.min()} to {labels.max()}; number the classes "
            "from 0 in the order of `classes`"
        )


def _boxed(name: str, item: Any, classes: int | None) -> DetectionSample:
    image, truth = _pair(item)
    pixels = pixels_of(image, name)
    if truth is None:
        return DetectionSample(name, pixels, None)
    if not isinstance(truth, Mapping) or not {"boxes", "labels"} <= set(truth):
        got = f"the keys {', '.join(map(str, truth))}" if isinstance(truth, Mapping) else type(truth).__name__
        raise SampleError(f'{name}: expected the objects as {{"boxes": .., "labels": ..}}, got {got}; {_DO}')
    boxes = _array(truth["boxes"]).astype(np.float64).reshape(-1, 4)
    labels = _array(truth["labels"]).astype(np.int64).reshape(-1)
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


def _filmed(name: str, item: Any, classes: int | None) -> Clip:
    del classes
    frames, truth = _pair(item)
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


def _pair(item: Any) -> tuple[Any, Any]:
    """An image and its truth."""
    return (item[0], item[1]) if isinstance(item, tuple | list) and len(item) == 2 else (item, None)


def pixels_of(image: Any, name: str) -> Pixels:
    """(H, W, 3) uint8 of an array, a Pillow image or a tensor; raises `SampleError` for anything else."""
    if hasattr(image, "convert"):
        image = image.convert("RGB")
    pixels = _array(image)
    if hasattr(image, "detach") and pixels.ndim == 3:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.dtype.kind == "f" and hasattr(image, "detach"):
        pixels = levels_of(pixels, name)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < MIN_SIDE:
        raise SampleError(
            f"{name}: expected an RGB image, (H, W, 3) uint8 or a (3, H, W) tensor, of at least {MIN_SIDE}x{MIN_SIDE} "
            f"pixels, got {pixels.dtype} {tuple(np.shape(image))}; {_DO}"
        )
    return np.ascontiguousarray(pixels)


def _map_of(truth: Any, size: tuple[int, ...], name: str) -> Pixels:
    """(H, W) uint8 of a label map; raises `SampleError` where it is none."""
    labels = _array(truth)
    if labels.dtype.kind not in "iub" or labels.shape != size or (labels.size and not labels.min() >= 0):
        raise SampleError(
            f"{name}: expected labels as integers from 0 on of the image's size {tuple(size)}, got {labels.dtype} "
            f"{labels.shape}; {_DO}"
        )
    if labels.size and labels.max() > VOID:
        raise SampleError(f"{name}: expected labels up to {VOID - 1}, or {VOID} for void, got {labels.max()}")
    return labels.astype(np.uint8)


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def as_bytes(value: Any) -> bytes:
    """What a sample holds, told apart from any other."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes()
    if is_dataclass(value):
        return b"".join(field.name.encode() + b"=" + as_bytes(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return b"[" + b",".join(map(as_bytes, value)) + b"]"
    return repr(value).encode()
