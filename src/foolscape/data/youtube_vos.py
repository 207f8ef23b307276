"""`youtube-vos:DIR`: the clips of YouTube-VOS, in the folders that its archives unpack to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from foolscape.data import clip_files, files, upright
from foolscape.data.clip_reading import MaskFiles, fingerprint, masks_in, read_clip
from foolscape.data.clips import CLASSES, Clip, objects_in
from foolscape.errors import DataError, SettingError
from foolscape.regular import MOST_JSON, read_bytes
from foolscape.spec import Spec

SPLITS: Final = ("valid", "train", "test")

_DO: Final = "unpack the data set again"


@dataclass(frozen=True)
class Entry:
    """An object of a clip, as meta.json has it.

    Attributes:
        category: what it is; None where the file does not say.
        frames: names of the annotated frames that show it, by rising number.
    """

    category: str | None
    frames: tuple[str, ...]


@dataclass(frozen=True)
class YouTubeVos:
    """One split of YouTube-VOS; implements `ClipData`.

    Attributes:
        spec: the spec it was opened by.
        split: valid, train or test.
        classes: ("object",) for train; None for the others, whose masks show where objects appear and no more.
        notes: which frames are read.
        frames, masks: the folders that have a folder for each clip.
        seen: the categories of the training split; None where it is not beside this one.
        clips: the objects of each clip by label, as meta.json has them.
        frame: what `?annotated=` says of frames that an EXIF tag turns.
    """

    spec: str
    split: str
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]
    frames: Path
    masks: Path
    seen: frozenset[str] | None
    clips: Mapping[str, Mapping[int, Entry]]
    frame: str | None

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the clips, in the order of meta.json."""
        return tuple(self.clips)

    def cost(self, sample_id: str) -> float:
        """How many frames the clip has."""
        return len(clip_files.images_in(self.frames / sample_id)) or 1

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of names and bytes of frames and masks and of the entry of meta.json."""
        objects = files.fetch(self.clips, sample_id, self.spec, "clip id")
        folders = (self.frames / sample_id, self.masks / sample_id)
        return fingerprint(folders, repr(sorted(objects.items())))

    def load(self, sample_id: str) -> Clip:
        """The clip from the first frame that shows an object; `SampleError` if a file is missing or cannot be used.

        An object is given in the first mask that shows it. In train, the annotated frames are judged.
        """
        objects = files.fetch(self.clips, sample_id, self.spec, "clip id")
        folder = self.frames / sample_id
        frames = clip_files.frames_in(folder)
        masks = self._masks(sample_id, objects, frames)
        truth = masks if self.classes is not None else {}
        clip = read_clip(sample_id, frames, MaskFiles(masks, truth, frame=self.frame))
        labels = {label for one in clip.given for label in objects_in(one.mask)}
        categories = {
            label: entry.category
            for label, entry in sorted(objects.items())
            if label in labels and entry.category is not None
        }
        return replace(clip, categories=categories, seen=self.seen, notes=clip.notes + _remarks(labels, objects))

    def _masks(self, sample_id: str, objects: Mapping[int, Entry], frames: Mapping[str, Path]) -> dict[str, Path]:
        """The masks of a clip by the name of their frame, in the order of `frames`; none that it needs is missing."""
        folder = self.masks / sample_id
        masks = masks_in(folder, frames, _DO)
        for entry in objects.values():
            clip_files.pick(frames, entry.frames, self.frames / sample_id, "the frame that meta.json lists,")
            needed = entry.frames if self.classes is not None else entry.frames[:1]
            clip_files.pick(masks, needed, folder, "the mask of the frame that meta.json lists,")
        return masks


def open_youtube_vos(spec: Spec, split: str | None = None) -> YouTubeVos:
    """List a split of `youtube-vos:DIR[?frames=all]`, by default valid.

    DIR/valid has JPEGImages, Annotations and meta.json. `?frames=all` takes the frames of
    DIR/valid_all_frames/JPEGImages instead, where not every fifth but every frame is.

    Raises:
        UnknownNameError: a split that is not there.
        SettingError: another value of `frames`.
        DataError: no such folder, another layout, or a damaged meta.json.
    """
    spec.only("frames", "annotated")
    which = spec.options.get("frames", "annotated")
    if which not in ("annotated", "all"):
        raise SettingError(f"{spec.text}: expected frames to be annotated or all, got {which!r}")
    root = files.directory(spec)
    there = [name for name in SPLITS if (root / name / "JPEGImages").is_dir()]
    if not there:
        raise DataError(
            f"{spec.text}: expected {' or '.join(SPLITS)} in {root}, with JPEGImages, Annotations and meta.json, got "
            "none; check the path"
        )
    split = files.pick_split(spec, split, there, SPLITS[0])
    frames, masks = root / split / "JPEGImages", root / split / "Annotations"
    notes: tuple[str, ...] = ()
    if which == "all":
        frames, notes = root / f"{split}_all_frames" / "JPEGImages", ("all frames, not every fifth",)
    for folder in (frames, masks):
        if not folder.is_dir():
            raise DataError(f"{spec.text}: expected the folder {folder}, got none; unpack all of YouTube-VOS")
    classes = CLASSES if split == "train" else None
    seen = seen_categories(root) if (root / "train/meta.json").is_file() else None
    clips = read_meta(root / split / "meta.json")
    return YouTubeVos(spec.text, split, classes, notes, frames, masks, seen, clips, upright.frame_option(spec))


def seen_categories(root: Path) -> frozenset[str]:
    """The categories of the training split of the data set in `root`: those that its measure calls seen.

    Raises:
        DataError: root/train/meta.json is not there or is damaged.
    """
    clips = read_meta(root / "train/meta.json")
    return frozenset(
        entry.category for objects in clips.values() for entry in objects.values() if entry.category is not None
    )


def read_meta(path: Path) -> dict[str, dict[int, Entry]]:
    """The objects of each clip by label, from the file meta.json; that of LVOS has its form, too.

    It holds `{"videos": {clip: {"objects": {label: {"category": .., "frames": [..]}}}}}`.

    Raises:
        DataError: it cannot be read, has another layout, or no clip.
    """
    try:
        content = json.loads(read_bytes(path, MOST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected the list of clips in JSON, got {error}; {_DO}") from None
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, dict) or not videos:
        raise DataError(f"{path}: expected clips under 'videos', got none; {_DO}")
    return {clip: _objects(path, clip, entry) for clip, entry in videos.items()}


def _objects(path: Path, clip: str, entry: Any) -> dict[int, Entry]:
    """The objects in a clip's entry of meta.json; raises `DataError` if it has another layout."""
    try:
        objects = {int(label): _entry(one) for label, one in entry["objects"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected objects with category and frames for the clip {clip}, got an entry where that fails "
            f"({error!r}); {_DO}"
        ) from None
    if clip in ("", "..") or Path(clip).name != clip:
        raise DataError(f"{path}: expected the name of a folder for each clip, got {clip!r}; {_DO}")
    return objects


def _entry(one: Any) -> Entry:
    """An object of meta.json; raises `TypeError` and the like for another layout."""
    category, frames = one.get("category"), one.get("frames", [])
    if not isinstance(category, str | None) or not isinstance(frames, list):
        raise TypeError(f"category {category!r}, frames {frames!r}")
    if not all(isinstance(name, str) for name in frames):
        raise TypeError(f"frames {frames!r}")
    return Entry(category, tuple(sorted(frames, key=clip_files.natural_key)))


def _remarks(labels: set[int], objects: Mapping[int, Entry]) -> tuple[str, ...]:
    """What there is to say of a clip that has objects of these `labels`."""
    named = {label for label, entry in objects.items() if entry.category is not None}
    return (
        *in_no_mask(labels, objects, "meta.json"),
        *(f"object {label} has no category in meta.json" for label in sorted(labels - named)),
    )


def in_no_mask(labels: set[int], objects: Mapping[int, Entry], name: str) -> tuple[str, ...]:
    """A note for each of the `objects` in the file `name` that is none of the `labels` that masks show."""
    return tuple(f"object {label} of {name} is in no mask" for label in sorted(objects.keys() - labels))
