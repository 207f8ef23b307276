"""Data sets of clips in published folders, JPEGImages/CLIP and Annotations/CLIP, in folders of splits or beside lists.

A frame may have a mask or none, and an object is given where a mask shows it first. What a set says of its own is a
`Layout`: which splits it has, and which of them have truth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from foolscape.data import clip_files, files, mask_colours, upright
from foolscape.data.clip_reading import MaskFiles, check_judged, fingerprint, masks_in, read_clip, unused
from foolscape.data.clips import CLASSES, Clip, objects_in
from foolscape.data.davis import read_list
from foolscape.data.labels.published import contents, left_out
from foolscape.data.youtube_vos import Entry, in_no_mask, read_meta
from foolscape.errors import DataError
from foolscape.paths import real
from foolscape.spec import Spec

_FRAMES: Final = "JPEGImages"
_MASKS: Final = "Annotations"
_DO: Final = "unpack the data set again"


@dataclass(frozen=True)
class Layout:
    """How a set lies on disk.

    Attributes:
        title: of the set, for messages.
        splits: what they may be called, the default first.
        judged: those whose masks are truth; of the others they show what is given and no more.
        metas: names of files in the folder of a split that may list its clips, with {split} for its name.
    """

    title: str
    splits: tuple[str, ...]
    judged: frozenset[str]
    metas: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClipTree:
    """The clips of one split; implements `ClipData`.

    Attributes:
        spec: the spec it was opened by.
        split: its name; None where there are no lists of splits.
        classes: ("object",) where masks are truth, else None.
        notes: what was left out, that there is no truth.
        frames, masks: the folders that have a folder for each clip.
        clips: the objects of each clip by label, as far as a file of the set lists them.
        meta: the name of that file.
        most: how many frames of a clip are taken; None: all.
        frame: what `?annotated=` says of frames that an EXIF tag turns.
    """

    spec: str
    split: str | None
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]
    frames: Path
    masks: Path
    clips: Mapping[str, Mapping[int, Entry]]
    meta: str
    most: int | None
    frame: str | None

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the clips, in the order of the list or of the alphabet."""
        return tuple(self.clips)

    def cost(self, sample_id: str) -> float:
        """How many frames the clip has."""
        return min(len(clip_files.images_in(self.frames / sample_id)), self.most or math.inf) or 1

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the id, of names and bytes of frames and masks, and of how many frames are taken."""
        files.fetch(self.clips, sample_id, self.spec, "clip id")
        return fingerprint((self.frames / sample_id, self.masks / sample_id), sample_id, str(self.most))

    def load(self, sample_id: str) -> Clip:
        """The clip from the first frame that shows an object; `SampleError` if a file is missing or cannot be used.

        An object is given in the first mask that shows it. Where there is truth, the frames with a mask are judged.
        """
        objects = files.fetch(self.clips, sample_id, self.spec, "clip id")
        frames = clip_files.frames_in(self.frames / sample_id)
        folder = self.masks / sample_id
        masks = masks_in(folder, frames, _DO)
        judged = self.classes is not None
        read = MaskFiles(masks, masks if judged else {}, mask_colours.read_masks, self.frame)
        clip = read_clip(sample_id, frames, read, self.most)
        labels = {label for one in clip.given for label in objects_in(one.mask)}
        more = in_no_mask(labels, objects, self.meta)
        if judged:
            return replace(check_judged(clip, folder), notes=clip.notes + more)
        return replace(clip, notes=(*clip.notes, *unused(clip, masks, f"{self.split} has no truth"), *more))


def open_split_folders(spec: Spec, split: str | None, layout: Layout) -> ClipTree:
    """A split that is a folder of its own, with JPEGImages/CLIP and Annotations/CLIP: DIR/SPLIT, or DIR itself.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, no clip with masks, or a damaged list of clips.
    """
    spec.only("frames", "annotated")
    root = files.directory(spec)
    there = {name: root / name for name in layout.splits if files.is_folder(root / name / _FRAMES)}
    if not there and files.is_folder(root / _FRAMES):
        name = real(root).name
        if name not in layout.splits:
            raise DataError(
                f"{spec.text}: expected {layout.title} with a folder for each split, or one called "
                f"{' or '.join(layout.splits)}, since this says whether there is truth, got one called "
                f"{files.readable(name)}; rename it"
            )
        there = {name: root}
    if not there:
        raise DataError(
            f"{spec.text}: expected {layout.title}, with {_FRAMES} and {_MASKS} in a folder "
            f"{' or '.join(layout.splits)} of {root}, got {contents(root)}; check the path"
        )
    split = files.likely_split(spec, split, there, layout.splits[0])
    folder = there[split]
    metas = [folder / name.format(split=split) for name in layout.metas]
    meta = next((path for path in metas if files.is_there(path)), None)
    clips = None if meta is None else read_meta(meta)
    return _tree(spec, split, folder, clips, layout, "" if meta is None else meta.name)


def open_listed_clips(spec: Spec, split: str | None, layout: Layout) -> ClipTree:
    """Clips of a split that a list names: DIR/JPEGImages/CLIP, DIR/Annotations/CLIP, DIR/ImageSets/SPLIT.txt.

    Without lists all clips are taken.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, or a list that is empty or names other things than clips.
    """
    spec.only("frames", "annotated")
    root = files.directory(spec)
    if not files.is_folder(root / _FRAMES):
        raise DataError(
            f"{spec.text}: expected {layout.title}, with {_FRAMES}, {_MASKS} and ImageSets in {root}, got "
            f"{contents(root)}; check the path"
        )
    folder = root / "ImageSets"
    lists = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if not lists:
        if split is not None:
            raise DataError(
                f"{spec.text}: expected the split {split} in {folder}, got no list there; add {split}.txt, or leave "
                "the split out to take all clips"
            )
        return _tree(spec, None, root, None, layout, "", ("no list in ImageSets: all clips taken",))
    split = files.likely_split(spec, split, lists, layout.splits[0])
    listed = read_list(lists[split])
    if frames := [name for name, named in listed.items() if named is not None]:
        raise DataError(
            f"{lists[split]}: expected the name of a clip in each line, got paths of frames of {frames[0]}; {_DO}"
        )
    return _tree(spec, split, root, {name: {} for name in listed}, layout, "")


def _tree(
    spec: Spec,
    split: str | None,
    root: Path,
    clips: Mapping[str, Mapping[int, Entry]] | None,
    layout: Layout,
    meta: str,
    remarks: Sequence[str] = (),
) -> ClipTree:
    """The tree in `root` with these `clips`; None: all that have frames and masks."""
    frames, masks = root / _FRAMES, root / _MASKS
    if not files.is_folder(masks):
        raise DataError(f"{spec.text}: expected masks in {masks}, got no such folder; {_DO}")
    with_frames = clip_files.clip_names(spec, frames)
    notes = [*remarks]
    if meta and clips is not None:
        notes += left_out(set(with_frames) - clips.keys(), f"clips in {_FRAMES} are not in {meta}")
    if clips is None:
        with_masks = set(clip_files.clip_names(spec, masks))
        notes += left_out(set(with_frames) - with_masks, f"clips in {_FRAMES} have no masks in {_MASKS}")
        notes += left_out(with_masks - set(with_frames), f"clips in {_MASKS} have no frames in {_FRAMES}")
        clips = {name: {} for name in with_frames if name in with_masks}
    if not clips:
        raise DataError(f"{spec.text}: expected a folder of masks in {masks} for a clip, got none; check the path")
    judged = split is None or split in layout.judged
    if not judged:
        notes.append(f"{layout.title} has no truth for {split}: its masks show what is given and no more")
    return ClipTree(
        spec.text,
        split,
        CLASSES if judged else None,
        tuple(notes),
        frames,
        masks,
        clips,
        meta,
        _most(spec),
        upright.frame_option(spec),
    )


def _most(spec: Spec) -> int | None:
    """How many frames `?frames=` takes of a clip; None: all."""
    return files.number(spec, "frames", 2) if "frames" in spec.options else None
