"""Data sets by their specs: `open_data`, `select`, and the catalog of what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foolscape.data import files
from foolscape.data.camvid import open_camvid
from foolscape.data.coco import open_coco
from foolscape.data.folder import open_folder
from foolscape.data.sample import SegmentationData
from foolscape.data.scenes import open_scenes
from foolscape.data.voc import open_voc
from foolscape.errors import DataError, SettingError, unknown
from foolscape.spec import Spec, parse

Opener = Callable[[Spec, str | None, tuple[str, ...] | None], SegmentationData]
"""Opens a spec, given the split and the model's class names."""


def _without_classes(opener: Callable[[Spec, str | None], SegmentationData]) -> Opener:
    """For the data sets whose labels do not depend on the model."""
    return lambda spec, split, _classes: opener(spec, split)


@dataclass(frozen=True)
class DataKind:
    """A kind of data set.

    Attributes:
        name: the scheme of its specs.
        form: how its spec is written.
        description: one line.
        splits: what `split` may be, the default first; empty where there are none.
        open: opens it.
    """

    name: str
    form: str
    description: str
    splits: tuple[str, ...]
    open: Opener


CATALOG: tuple[DataKind, ...] = (
    DataKind(
        "scenes",
        "scenes:[?seed=N&count=N]",
        "the bundled street, drawn on demand with exact labels: 9 classes, 160x256",
        ("test", "val", "train"),
        _without_classes(open_scenes),
    ),
    DataKind(
        "folder",
        "folder:DIR",
        "photographs below a folder, without labels",
        (),
        _without_classes(open_folder),
    ),
    DataKind(
        "camvid",
        "camvid:DIR",
        "CamVid, road scenes: 11 classes; DIR has test, testannot and so on",
        ("test", "val", "train"),
        _without_classes(open_camvid),
    ),
    DataKind(
        "voc",
        "voc:DIR[?year=2012]",
        "PASCAL VOC segmentation: 21 classes; DIR is VOCdevkit or one year in it",
        ("val", "train", "trainval", "test"),
        _without_classes(open_voc),
    ),
    DataKind(
        "coco",
        "coco:DIR[?classes=voc|coco&annotations=FILE&images=DIR]",
        "COCO instance masks painted as label maps: VOC's 21 or COCO's 81 classes",
        ("val", "train"),
        open_coco,
    ),
)
"""Every kind of data set that `open_data` knows."""


def open_data(spec: str, *, split: str | None = None, classes: tuple[str, ...] | None = None) -> SegmentationData:
    """Open the data set that `spec` names; nothing is decoded yet.

    Args:
        spec: such as `folder:photos`, `camvid:CamVid`, `coco:coco?classes=voc`; see `CATALOG`.
        split: None for the default of the data set.
        classes: the model's class names, which choose the labels of a data set that has several kinds (coco).

    Raises:
        UnknownNameError: a data set, option or split that does not exist.
        SettingError: no scheme, or a split or option that makes no sense.
        DataError: a folder that is missing, empty or laid out differently.
    """
    parsed = _parse(spec)
    for kind in CATALOG:
        if kind.name == parsed.scheme:
            try:
                return kind.open(parsed, split, classes)
            except OSError as error:
                raise DataError(f"{spec}: expected a data set that can be read, got {error}; check it") from error
    raise unknown("data set", parsed.scheme, (kind.name for kind in CATALOG))


def _parse(text: str) -> Spec:
    """Like `parse`, but the scheme ends at the first colon: a folder's name may have colons too."""
    spec = parse(text)
    scheme, _, rest = f"{spec.scheme}:{spec.rest}".partition(":")
    names = [kind.name for kind in CATALOG]
    # A path such as C:\photos or ./a:b has a colon, but no scheme.
    if scheme not in names and (len(scheme) < 2 or "/" in scheme or "\\" in scheme):
        body = text.partition("?")[0]
        near = f"{body}:" if body in names else f"folder:{body}"
        path = Path(body).expanduser()
        got = f"{'the folder' if path.is_dir() else 'no kind in'} {text!r}"
        raise SettingError(
            f"expected the kind of data before a colon ({', '.join(names)}), got {got}; did you mean {near}?"
        )
    return Spec(text, scheme, rest, spec.options)


def select(data: SegmentationData, ids: Sequence[str] | None = None, limit: int | None = None) -> tuple[str, ...]:
    """The ids to work on: all of `data`, or `ids` in the order given and each once; of these the first `limit`.

    Raises:
        UnknownNameError: an id that `data` does not have; near misses are named.
        SettingError: no ids at all, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"expected a limit of at least 1 image, got {limit}; leave it out to take all")
    if ids is not None and not ids:
        raise SettingError(f"expected at least one image id of {data.spec}, got none; leave ids out to take all")
    known = {name: name for name in data.ids}
    chosen = tuple(known) if ids is None else tuple(files.fetch(known, name, data.spec) for name in dict.fromkeys(ids))
    return chosen[:limit]
