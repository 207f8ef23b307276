"""From the frames and masks of a clip to what a tracker is given and judged by: one way for every reader of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from foolscape.data import clip_files, files
from foolscape.data.clips import Clip, objects_in
from foolscape.errors import SampleError
from foolscape.strict import LossNote

Maps: TypeAlias = NDArray[np.uint8]
Reader: TypeAlias = Callable[[Sequence[Path]], tuple[Maps, tuple[str, ...]]]
"""The files of J >= 1 masks -> (J, H, W) label maps, and notes."""

LEAST_JUDGED = 3
"""Frames with truth that a clip must have: the first is given and the last does not count."""


@dataclass(frozen=True)
class MaskFiles:
    """The masks of a clip that are read, and how.

    Attributes:
        given: each object is given where one of these shows it first; by the name of the frame, in the order of frames,
            at least one.
        judged: masks to judge frames by, likewise; the same files or others, none where there is no truth.
        read: how the values of masks become labels.
        frame: what `?annotated=` says of frames that an EXIF tag turns.
    """

    given: Mapping[str, Path]
    judged: Mapping[str, Path]
    read: Reader = clip_files.read_masks
    frame: str | None = None


@dataclass(frozen=True)
class Annotated:
    """What the masks of a clip hold.

    Attributes:
        begin: the name of the first frame that a mask of `given` shows an object in; of the first such mask where
            none does.
        given, judged: (H, W) label maps by the names of their frames, of the masks from `begin` on.
        where: the file of the mask at `begin`.
        notes: how values were read, how maps were turned.
    """

    begin: str
    given: Mapping[str, Maps]
    judged: Mapping[str, Maps]
    where: Path
    notes: tuple[str, ...]


def annotate(masks: MaskFiles, order: Iterable[str], shown: Mapping[str, Path] | None = None) -> Annotated:
    """Read all `masks`.

    Args:
        masks: their files.
        order: names of frames, those of `masks` among them.
        shown: the files of the frames, where there are such.

    Raises:
        SampleError: a mask cannot be used, or none of several has an object.
    """
    names = {path: name for files_by_name in (masks.given, masks.judged) for name, path in files_by_name.items()}
    paths = list(names)
    maps, notes = masks.read(paths)
    if shown is not None:
        maps, turned = clip_files.upright_masks(maps, paths, [shown[names[path]] for path in paths], masks.frame)
        notes += turned
    by_path = dict(zip(paths, maps, strict=True))
    holding = [name for name, path in masks.given.items() if objects_in(by_path[path])]
    if not holding and len(masks.given) > 1:
        raise SampleError(
            f"{paths[0].parent}: expected a mask with an object, got only empty ones; draw one, or leave the clip out"
        )
    begin = (holding or list(masks.given))[0]
    place = {name: index for index, name in enumerate(order)}

    def from_begin(files_by_name: Mapping[str, Path]) -> dict[str, Maps]:
        return {name: by_path[path] for name, path in files_by_name.items() if place[name] >= place[begin]}

    return Annotated(begin, from_begin(masks.given), from_begin(masks.judged), masks.given[begin], notes)


def assemble(
    sample_id: str,
    images: Maps,
    names: tuple[str, ...],
    annotated: Annotated,
    notes: tuple[str, ...] = (),
    *,
    cut: bool = False,
) -> Clip:
    """The clip of (T, H, W, 3) `images` and their `names`, which begin where `annotated` does.

    Masks of frames behind the last of `names` are left out with a note; no loss where the clip was `cut` by wish.

    Raises:
        SampleError: as `clip_files.checked`, or a mask of another size.
    """
    place = {name: index for index, name in enumerate(names)}
    given = {place[name]: one for name, one in annotated.given.items() if name in place}
    judged = {place[name]: one for name, one in annotated.judged.items() if name in place}
    behind = len((annotated.given.keys() | annotated.judged.keys()) - place.keys())
    if behind:
        said = f"{behind} masks of frames behind the last one that is taken were left out"
        notes = (*notes, said if cut else LossNote(said))
    truth = np.stack(list(judged.values())) if judged else None
    # All masks were read as of one size; one that holds no object is looked at, too.
    files.check_size(annotated.where, given[0].shape, images[0])
    given_masks = clip_files.given_in(given.values(), list(given))
    clip = Clip(sample_id, images, names, given_masks, truth, tuple(judged), notes=notes)
    return clip_files.checked(clip, annotated.where)


def read_clip(
    sample_id: str,
    frames: Mapping[str, Path],
    masks: MaskFiles,
    most: int | None = None,
    remarks: Sequence[str] = (),
) -> Clip:
    """The clip of the files `frames`, from the first that shows an object on.

    Args:
        sample_id: its id.
        frames: the files of all frames by name, in order.
        masks: its masks.
        most: how many frames are taken; None: all.
        remarks: notes behind those of files.

    Raises:
        SampleError: a file cannot be used, sizes differ, or one frame is left.
    """
    annotated = annotate(masks, frames, frames)
    skipped = list(frames).index(annotated.begin)
    taken = dict(islice(frames.items(), skipped, None if most is None else skipped + most))
    images, notes = clip_files.read_frames(list(taken.values()))
    left = (f"{skipped} frames before the first object left out",) if skipped else ()
    said = (*notes, *annotated.notes, *left, *remarks)
    return assemble(sample_id, images, tuple(taken), annotated, said, cut=most is not None)


def unused(clip: Clip, masks: Iterable[str], do: str) -> tuple[LossNote, ...]:
    """A note where some of the `masks` of a `clip` without truth, called as their frames, give no object."""
    count = len(set(clip.names).intersection(masks))
    left = count - len(clip.given)
    return (LossNote(f"{left} of {count} masks show no new object and are not used; {do}"),) if left > 0 else ()


def check_judged(clip: Clip, where: Path | str) -> Clip:
    """`clip`, if enough of its frames have truth; raises `SampleError` if not."""
    if len(clip.judged) < LEAST_JUDGED:
        raise SampleError(
            f"{where}: expected masks of at least {LEAST_JUDGED} frames to judge by, from the first with an object on, "
            f"got {len(clip.judged)}; the first is given and the last does not count: leave the clip out"
        )
    return clip


def masks_in(folder: Path, frames: Mapping[str, Path], do: str) -> dict[str, Path]:
    """The masks in `folder` by the names of their `frames`, in the order of these.

    Raises:
        SampleError: there is none, one is of no frame, or a frame has two.
    """
    masks = clip_files.by_name(clip_files.images_in(folder))
    if not masks:
        raise SampleError(f"{folder}: expected masks of a clip, got none; {do}")
    clip_files.refuse_strays(masks, frames)
    return {name: masks[name] for name in frames if name in masks}


def fingerprint(folders: Iterable[Path], *more: str, only: Iterable[str] | None = None) -> str:
    """sha256 of names and bytes of the images in `folders`, or of those called as one of `only`, and of `more`."""
    paths = [path for folder in folders for path in clip_files.images_in(folder)]
    if only is not None:
        wanted = set(only)
        paths = [path for path in paths if path.stem in wanted]
    return files.digest(*(part for path in paths for part in (path.name, path)), *more)
