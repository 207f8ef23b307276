"""A user's own data as a data set of foolscape: an object with `__len__` and `__getitem__`, such as a torch data set.

Or any iterable of samples or of batches, such as a `DataLoader`, which is gone through once and kept in memory, in 8
bits. What a sample may be is said in `data.own_samples`, what a batch in `data.batches`.

The object may have `ids`, the names of the samples, and `classes`, those of the labels; for segmentation labels without
names are the model's own, if it names them. An object that is a `Data` already is taken as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from foolscape.data.attributes import attributes_of
from foolscape.data.clips import CLASSES
from foolscape.data.costs import cost_of
from foolscape.data.dataset import DataSet, Opener
from foolscape.data.maite import MaiteImages, is_maite
from foolscape.data.own_samples import boxed, filmed, labelled
from foolscape.data.sample import Data
from foolscape.errors import DataError, SampleError, SettingError, unknown
from foolscape.spec import Spec
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO, Task

S = TypeVar("S")
Reader: TypeAlias = Callable[[str, Any, int | None], S]
Names: TypeAlias = tuple[str, ...] | None


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

    def cost(self, sample_id: str) -> float:
        """What the object's own method `cost` says of the sample, if it has one."""
        return cost_of(self.source, sample_id)

    def attributes(self, sample_id: str) -> dict[str, str]:
        """What the object's own method `attributes` says of the sample, if it has one."""
        return attributes_of(self.source, sample_id)


def data_set_of(name: str, source: object) -> DataSet:
    """The data set of a user's object, called `name`: for every task that it may be read for.

    What is no more than an iterable is gone through when it is first opened for a task.

    Raises:
        SettingError: it is no data set.
    """
    if isinstance(source, DataSet):
        return source
    if is_maite(source):
        images = MaiteImages(name, source)
        opener = _opener(name, lambda: images, boxed, lambda own, _: _named(name, own))
        return DataSet(name, name, f"a MAITE data set, {type(source).__name__}", (), {DETECTION.name: opener})
    if not is_data(source) and not _is_iterable(source) and not isinstance(source, Indexed):
        raise SettingError(
            f"data: expected {name} to be an object with __len__ and __getitem__, got {type(source).__name__}; any "
            "iterable of (image, labels) will do, too: docs/your-own-data.md"
        )

    def opener_for(task: Task, read: Reader[Any], names: Callable[[Names, Names], Names]) -> Opener:
        def samples() -> Any:
            return source if is_data(source) else _samples(source, task)

        return _opener(name, cache(samples), read, names)

    openers = {
        SEGMENTATION.name: opener_for(SEGMENTATION, labelled, lambda own, models: _named(name, own or models)),
        DETECTION.name: opener_for(DETECTION, boxed, lambda own, _: _named(name, own)),
        VIDEO.name: opener_for(VIDEO, filmed, lambda _own, _models: CLASSES),
    }
    return DataSet(name, name, f"your own, {type(source).__name__}", (), openers)


def _samples(source: Any, task: Task) -> Indexed:
    """What `source` holds, by places."""
    # torch, which it needs, is imported where data are opened, not where their spec is checked.
    from foolscape.data.batches import samples_of

    return samples_of(source, task.name)


def _is_iterable(source: object) -> bool:
    return hasattr(source, "__iter__") and not isinstance(source, str | bytes | Mapping)


def _named(name: str, classes: Names) -> Names:
    if classes is None:
        raise SettingError(f"{name}: expected `classes`, the names of the labels 0, 1, .., got no such attribute")
    return classes


def is_data(source: object) -> bool:
    """Whether `source` is a `Data` already, of whatever task."""
    return all(hasattr(source, name) for name in ("spec", "ids", "classes", "notes", "split", "fingerprint", "load"))


def _opener(name: str, samples: Callable[[], Any], read: Reader[Any], names: Callable[[Names, Names], Names]) -> Opener:
    """Opens `samples()`; `names` makes the classes of its own, if it has some, and of the model's, if known."""

    def opened(spec: Spec, split: str | None, classes: Names) -> Data[Any]:
        spec.only()
        if split is not None:
            raise SettingError(f"{name}: expected no split of data of your own, got {split!r}; leave it out")
        source = samples()
        if is_data(source):
            data: Data[Any] = source
            return data
        if not len(source):
            raise DataError(f"{name}: expected samples, got a data set of length 0")
        own = getattr(source, "classes", None)
        named = names(None if own is None else tuple(map(str, own)), classes) if _has_truth(name, source) else None
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


def as_bytes(value: Any) -> bytes:
    """What a sample holds, told apart from any other."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes()
    if is_dataclass(value):
        return b"".join(field.name.encode() + b"=" + as_bytes(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return b"[" + b",".join(map(as_bytes, value)) + b"]"
    return repr(value).encode()
