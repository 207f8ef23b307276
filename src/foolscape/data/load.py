"""Data sets by their specs: `open_data`, `open_detection`, `open_clips`, `select`, and the catalog of what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from foolscape.data import files
from foolscape.data.boxes import DetectionData
from foolscape.data.camvid import open_camvid
from foolscape.data.clips import ClipData
from foolscape.data.coco import open_coco
from foolscape.data.coco_boxes import open_coco_boxes
from foolscape.data.davis import SPLITS_2016, SPLITS_2017, open_davis2016, open_davis2017
from foolscape.data.folder import open_folder, open_folder_boxes
from foolscape.data.part import part, split_of
from foolscape.data.sample import Data, SegmentationData
from foolscape.data.scene_boxes import open_scene_boxes
from foolscape.data.scene_clips import open_scene_clips
from foolscape.data.scenes import open_scenes
from foolscape.data.strict import checked
from foolscape.data.video import open_video
from foolscape.data.voc import open_voc
from foolscape.data.voc_boxes import open_voc_boxes
from foolscape.data.youtube_vos import SPLITS as YOUTUBE_SPLITS
from foolscape.data.youtube_vos import open_youtube_vos
from foolscape.errors import DataError, SettingError, unknown
from foolscape.paths import path_of
from foolscape.spec import Spec, parse

Opener = Callable[[Spec, str | None, tuple[str, ...] | None], SegmentationData]
"""Opens a spec for segmentation, given the split and the model's class names."""

BoxOpener = Callable[[Spec, str | None], DetectionData]
"""Opens a spec for detection, given the split."""

ClipOpener = Callable[[Spec, str | None], ClipData]
"""Opens a spec for video object segmentation, given the split."""


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
        open: opens it for segmentation; None if it has clips alone.
        open_boxes: opens it for detection; None if it has no boxes.
        open_clips: opens it for video object segmentation; None if it has no clips.
    """

    name: str
    form: str
    description: str
    splits: tuple[str, ...]
    open: Opener | None
    open_boxes: BoxOpener | None
    open_clips: ClipOpener | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be opened for: some of segmentation, detection, video."""
        openers = {"segmentation": self.open, "detection": self.open_boxes, "video": self.open_clips}
        return tuple(task for task, opener in openers.items() if opener is not None)


CATALOG: tuple[DataKind, ...] = (
    DataKind(
        "scenes",
        "scenes:[?seed=N&count=N&frames=T]",
        "the bundled street, drawn on demand with exact labels (9 classes), boxes (4) and clips, 160x256",
        ("test", "val", "train"),
        _without_classes(open_scenes),
        open_scene_boxes,
        open_scene_clips,
    ),
    DataKind(
        "folder",
        "folder:DIR",
        "photographs below a folder, without labels or boxes",
        (),
        _without_classes(open_folder),
        open_folder_boxes,
    ),
    DataKind(
        "camvid",
        "camvid:DIR",
        "CamVid, road scenes: labels of 11 classes, no boxes; DIR has test, testannot and so on",
        ("test", "val", "train"),
        _without_classes(open_camvid),
        None,
    ),
    DataKind(
        "voc",
        "voc:DIR[?year=2012]",
        "PASCAL VOC: labels of 21 classes, boxes of 20; DIR is VOCdevkit or one year in it",
        ("val", "train", "trainval", "test"),
        _without_classes(open_voc),
        open_voc_boxes,
    ),
    DataKind(
        "coco",
        "coco:DIR[?classes=voc|coco&annotations=FILE&images=DIR]",
        "COCO instances: painted as labels of VOC's 21 or COCO's 81 classes, or boxes of 20 or 80",
        ("val", "train"),
        open_coco,
        open_coco_boxes,
    ),
    DataKind(
        "davis2016",
        "davis2016:DIR[?resolution=480p]",
        "DAVIS 2016: clips of one object with a mask for every frame; DIR has JPEGImages, Annotations",
        SPLITS_2016,
        None,
        None,
        open_davis2016,
    ),
    DataKind(
        "davis2017",
        "davis2017:DIR[?resolution=480p]",
        "DAVIS 2017: clips of several objects with a mask for every frame, or for the first in the test splits",
        SPLITS_2017,
        None,
        None,
        open_davis2017,
    ),
    DataKind(
        "youtube-vos",
        "youtube-vos:DIR[?frames=all]",
        "YouTube-VOS: clips whose objects may appear late, masks only in train; DIR has valid, train",
        YOUTUBE_SPLITS,
        None,
        None,
        open_youtube_vos,
    ),
    DataKind(
        "video",
        "video:PATH?mask=FILE.png[&start=N&frames=N]",
        "one clip, a video file or a folder of frames, with the objects of its first frame",
        (),
        None,
        None,
        open_video,
    ),
)
"""Every kind of data set that `open_data`, `open_detection` and `open_clips` know."""


def open_data(spec: str, *, split: str | None = None, classes: tuple[str, ...] | None = None) -> SegmentationData:
    """Open the data set that `spec` names; nothing is decoded yet.

    Args:
        spec: such as `folder:photos`, `camvid:CamVid`, `coco:coco?classes=voc`; see `CATALOG`.
        split: None for the default of the data set; a part of one is written val[:80%] or val[100:200].
        classes: the model's class names, which choose the labels of a data set that has several kinds (coco).

    Raises:
        UnknownNameError: a data set, option or split that does not exist.
        SettingError: no scheme, a data set of clips, or a split or option that makes no sense.
        DataError: a folder that is missing, empty or laid out differently.
    """
    parsed, kind = _find(spec)
    if kind.open is None:
        raise _unable(spec, kind, "segmentation", "labels of classes")
    name, ends = split_of(split)
    with _readable(spec):
        whole = kind.open(parsed, name, classes)
    return checked(whole if ends is None else part(whole, str(split), ends))


def open_detection(spec: str, *, split: str | None = None) -> DetectionData:
    """Open the data set that `spec` names with boxes; no image is decoded yet.

    Args:
        spec: such as `folder:photos`, `voc:VOCdevkit`, `coco:coco?classes=voc`; see `CATALOG`.
        split: None for the default of the data set; a part of one is written val[:80%] or val[100:200].

    Raises:
        UnknownNameError: a data set, option or split that does not exist.
        SettingError: no scheme, a data set without boxes, or a split or option that makes no sense.
        DataError: a folder that is missing, empty or laid out differently.
    """
    parsed, kind = _find(spec)
    if kind.open_boxes is None:
        raise _unable(spec, kind, "detection", "boxes")
    name, ends = split_of(split)
    with _readable(spec):
        whole = kind.open_boxes(parsed, name)
    return checked(whole if ends is None else part(whole, str(split), ends))


def open_clips(spec: str, *, split: str | None = None) -> ClipData:
    """Open the data set that `spec` names for video object segmentation; no frame is decoded yet.

    Args:
        spec: such as `davis2017:DAVIS`, `youtube-vos:DIR`, `video:cat.mp4?mask=cat.png`; see `CATALOG`.
        split: None for the default of the data set; a part of one is written val[:80%] or val[100:200].

    Raises:
        UnknownNameError: a data set, option or split that does not exist.
        SettingError: no scheme, a data set without clips, or a split or option that makes no sense.
        DataError: a folder or file that is missing, empty or laid out differently.
    """
    parsed, kind = _find(spec)
    if kind.open_clips is None:
        raise _unable(spec, kind, "video", "clips")
    name, ends = split_of(split)
    with _readable(spec):
        whole = kind.open_clips(parsed, name)
    return checked(whole if ends is None else part(whole, str(split), ends))


def _unable(spec: str, kind: DataKind, task: str, lack: str) -> SettingError:
    """For a `kind` that cannot be opened for `task`, since it has none of what it would need."""
    able = ", ".join(other.name for other in CATALOG if task in other.tasks)
    return SettingError(
        f"{spec}: expected a data set for {task}, got {kind.name}, which has no {lack}; use one of {able}"
    )


@contextmanager
def _readable(spec: str) -> Iterator[None]:
    """What the operating system refuses becomes a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{spec}: expected a data set that can be read, got {error}; check it") from error


def _find(text: str) -> tuple[Spec, DataKind]:
    """The spec and its kind."""
    with _readable(text):
        spec = _parse(text)
    for kind in CATALOG:
        if kind.name == spec.scheme:
            return spec, kind
    raise unknown("data set", spec.scheme, (kind.name for kind in CATALOG))


def _parse(text: str) -> Spec:
    """Like `parse`, but the scheme ends at the first colon: a folder's name may have colons too."""
    names = [kind.name for kind in CATALOG]
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

    `what` a sample is, image or clip, is said in messages.

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
