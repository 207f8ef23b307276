"""Data sets by their specs: `open_data`, `open_detection`, `open_clips`, `select`, and the catalog of what there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, Final

from foolscape.by_name import names_in, record_of, record_or_none
from foolscape.data import files
from foolscape.data.boxes import DetectionData
from foolscape.data.clips import ClipData
from foolscape.data.dataset import DataSet
from foolscape.data.maite import PREFIX
from foolscape.data.part import part, split_of
from foolscape.data.sample import Data, SegmentationData
from foolscape.data.strict import checked
from foolscape.errors import DataError, SettingError, unknown
from foolscape.paths import path_of
from foolscape.spec import Spec, parse
from foolscape.stores.registry import REGISTRY
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO, Task

GROUP: Final = "foolscape.data"
"""The entry-point group of data sets that other packages bring: a point's object is a `DataSet` of the point's name."""

_PACKAGE: Final = "foolscape.data.sets"


def catalog() -> tuple[DataSet, ...]:
    """Every kind of data set: those of `data.sets` by name, then those of installed packages."""
    return (*_own(), *_added().values())


@cache
def _own() -> tuple[DataSet, ...]:
    return tuple(record_of(_PACKAGE, name, DataSet) for name in names_in(_PACKAGE, DataSet))


@cache
def _added() -> dict[str, DataSet]:
    """The data sets of installed packages; raises `SettingError` for an entry point that gives something else."""
    data_sets = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            data_set = point.load()
        except Exception as error:
            raise SettingError(
                f"{GROUP}: expected the data set {point.name} at {point.value}, got {type(error).__name__}: {error}; "
                "mend the package that brings it, or remove it"
            ) from error
        if not isinstance(data_set, DataSet) or data_set.name != point.name:
            got = f"a DataSet called {data_set.name}" if isinstance(data_set, DataSet) else type(data_set).__name__
            raise SettingError(f"{GROUP}: expected {point.value} to be a DataSet called {point.name}, got {got}")
        if record_or_none(_PACKAGE, point.name, DataSet) is not None:
            raise SettingError(
                f"{GROUP}: expected a name that no data set has, and {point.name} is there already ({point.value}); "
                "call it otherwise"
            )
        data_sets[point.name] = data_set
    return data_sets


_REGISTERED: Final[dict[str, DataSet]] = {}
"""What `register` was given."""


def register(place: str, data_set: DataSet) -> None:
    """Let specs name `data_set` by `place`, such as `mine.py:Photos`, from here on; the last one counts."""
    _REGISTERED[place] = data_set


_OFFERED: ContextVar[Mapping[str, DataSet]] = ContextVar("_OFFERED")


@contextmanager
def offered(data_sets: Mapping[str, DataSet]) -> Iterator[None]:
    """Within it the specs that are keys of `data_sets` name these."""
    token = _OFFERED.set({**_OFFERED.get({}), **data_sets})
    try:
        yield
    finally:
        _OFFERED.reset(token)


def open_data(spec: str, *, split: str | None = None, classes: tuple[str, ...] | None = None) -> SegmentationData:
    """Open the data set that `spec` names with labels of classes; as `open_for`."""
    return open_for(SEGMENTATION, spec, split=split, classes=classes)


def open_detection(spec: str, *, split: str | None = None) -> DetectionData:
    """Open the data set that `spec` names with boxes; as `open_for`."""
    return open_for(DETECTION, spec, split=split)


def open_clips(spec: str, *, split: str | None = None) -> ClipData:
    """Open the data set that `spec` names with clips; as `open_for`."""
    return open_for(VIDEO, spec, split=split)


def open_for(task: Task, spec: str, *, split: str | None = None, classes: tuple[str, ...] | None = None) -> Data[Any]:
    """Open the data set that `spec` names for a task; nothing is decoded yet.

    Args:
        task: what it is to be opened for.
        spec: such as `folder:photos`, `coco:coco?classes=voc`, `davis2017:DAVIS`; see `catalog`.
        split: None for the default of the data set; a part of one is written val[:80%] or val[100:200].
        classes: the model's class names, which choose the labels of a data set that has several kinds (coco).

    Raises:
        UnknownNameError: a data set, option or split that does not exist.
        SettingError: no scheme, a data set without what the task needs, or a split or option that makes no sense.
        DataError: a folder or file that is missing, empty or laid out differently.
    """
    parsed, kind = _find(spec)
    if task.name not in kind.openers:
        able = ", ".join(other.name for other in catalog() if task.name in other.openers)
        raise SettingError(
            f"{spec}: expected a data set for {task.name}, got {kind.name}, which has no {task.truth}; use one of "
            f"{able}"
        )
    name, ends = split_of(split)
    REGISTRY.forget()
    with _readable(spec):
        whole = kind.openers[task.name](parsed, name, classes)
    return checked(whole if ends is None else part(whole, str(split), ends))


def kind_of(text: str) -> DataSet:
    """The data set that the spec `text` names; raises as `open_for` for one that does not exist."""
    return _find(text)[1]


def check_data_name(text: str) -> None:
    """Raise for a spec that names no data set and none of a user's, before anything is opened.

    Raises:
        UnknownNameError, SettingError: as `open_for`.
    """
    if not is_own(text):
        _find(text)


def is_own(text: str) -> bool:
    """Whether the spec `text` names a data set in a user's file or module, `mine.py:Photos`; nothing is imported."""
    names = [kind.name for kind in catalog()]
    spec = parse(text.removeprefix(PREFIX), names)
    place = spec.scheme
    if place.endswith(".py") or not spec.rest:
        return bool(spec.rest)
    if place in names or not spec.rest.isidentifier() or not all(part.isidentifier() for part in place.split(".")):
        return False
    try:
        return find_spec(place) is not None
    except (ImportError, ValueError):
        return False


@contextmanager
def _readable(spec: str) -> Iterator[None]:
    """What the operating system refuses becomes a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{spec}: expected a data set that can be read, got {error}; check it") from error


def _find(text: str) -> tuple[Spec, DataSet]:
    """The spec and its kind."""
    with _readable(text):
        spec = parse(text, [kind.name for kind in catalog()])
        place = f"{spec.scheme}:{spec.rest}"
        if (own := _OFFERED.get({}).get(place, _REGISTERED.get(place))) is not None:
            return spec, own
        spec = _parse(text)
    for kind in catalog():
        if kind.name == spec.scheme:
            return spec, kind
    if spec.rest.startswith("//"):
        raise SettingError(f"expected the kind of data before an address, got {text!r}; did you mean folder:{text}?")
    raise unknown("data set", spec.scheme, (kind.name for kind in catalog()))


def _parse(text: str) -> Spec:
    """Like `parse`, but the scheme ends at the first colon: a folder's name may have colons too."""
    names = [kind.name for kind in catalog()]
    spec = parse(text, names)
    if spec.scheme in names:
        return spec
    body = f"{spec.scheme}:{spec.rest}" if spec.scheme else spec.rest
    scheme, colon, rest = body.partition(":")
    # A path such as C:\photos or ./a:b has a colon, but no scheme.
    if not colon or len(scheme) < 2 or "/" in scheme or "\\" in scheme:
        near = f"{body}:" if body in names else f"folder:{body}"
        path = path_of(body)
        got = f"{'the folder' if path.is_dir() else 'no kind in'} {text!r}"
        raise SettingError(
            f"expected the kind of data before a colon ({', '.join(names)}), got {got}; did you mean {near}?"
        )
    return Spec(text, scheme, rest, spec.options)


def select(
    data: Data[object], ids: Sequence[str] | None = None, limit: int | None = None, what: str = "image"
) -> tuple[str, ...]:
    """The ids to work on: all of `data`, or `ids` in the order given and each once; of these the first `limit`.

    `what` a sample is, image or clip, is used in messages.

    Raises:
        UnknownNameError: an id that `data` does not have; near misses are named.
        SettingError: no ids at all, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"expected a limit of at least 1 {what}, got {limit}; leave it out to take all")
    if ids is not None and not ids:
        raise SettingError(f"expected at least one {what} id of {data.spec}, got none; leave ids out to take all")
    known = {name: name for name in data.ids}
    chosen = (
        tuple(known)
        if ids is None
        else tuple(files.fetch(known, name, data.spec, f"{what} id") for name in dict.fromkeys(ids))
    )
    return chosen[:limit]
