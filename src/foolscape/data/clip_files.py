"""What the readers of clips share: frames and masks as numbered files in folders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foolscape.data import files, upright
from foolscape.data.clips import MOST_OBJECTS, Clip, GivenMask, objects_in
from foolscape.data.images import read_header, read_image
from foolscape.data.labels.file import read_indexed
from foolscape.data.mask_values import MaskColours, labels_of, stacked
from foolscape.data.picture import Turn
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError
from foolscape.spec import Spec

MOST_BYTES = 4 << 30
"""How much memory the frames of a clip may take: about 690 frames of 1080x1920, or 3,490 of 480x854."""

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<behind>\D*)")


def natural_key(text: str) -> tuple[list[str | int], str]:
    """Sorts frame2 before frame10; equal numbers written differently (1, 01) by their text."""
    # Every other part is a number, so that a number is never compared with text.
    parts = re.split(r"(\d+)", text)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], text


def images_in(folder: Path) -> list[Path]:
    """The image files directly in `folder` in natural order, without hidden ones; none if it cannot be listed."""
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in files.IMAGE_EXTENSIONS]
    except OSError:
        return []
    return sorted((path for path in paths if not path.name.startswith(".")), key=lambda path: natural_key(path.name))


def clip_names(spec: Spec, folder: Path) -> tuple[str, ...]:
    """The names of the folders in `folder`, one for each clip, sorted; hidden ones are none.

    Raises:
        DataError: there is none, or a name that is no UTF-8.
    """
    there = folder.iterdir() if files.is_folder(folder) else ()
    names = sorted(path.name for path in there if path.is_dir() and not path.name.startswith((".", "__MACOSX")))
    if strange := [name for name in names if files.readable(name) != name]:
        raise DataError(
            f"{spec.text}: expected names of clips in UTF-8, got the folder {files.readable(strange[0])}; rename it"
        )
    if not names:
        raise DataError(f"{spec.text}: expected a folder for each clip in {folder}, got none; check the path")
    return tuple(names)


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """`paths` by their names without extension, in order; raises `SampleError` if two share one."""
    named: dict[str, Path] = {}
    for path in paths:
        other = named.setdefault(files.readable(path.stem), path)
        if other is not path:
            raise SampleError(
                f"{path.parent}: expected one file for each frame, got {other.name} and {path.name}; leave one out"
            )
    return named


def frames_in(folder: Path) -> dict[str, Path]:
    """The frames of a clip in `folder` by name, in natural order; raises as `in_order` and `by_name` do."""
    return in_order(by_name(images_in(folder)), folder)


def in_order(frames: dict[str, Path], folder: Path) -> dict[str, Path]:
    """`frames`, the images of `folder` by name; raises `SampleError` for none, or for a gap in their numbers."""
    if not frames:
        got = "no image" if files.is_folder(folder) else "no such folder"
        raise SampleError(f"{folder}: expected the frames of a clip, got {got}; check the path")
    missing = first_gap(tuple(frames))
    if missing is not None:
        extension = next(iter(frames.values())).suffix
        raise SampleError(
            f"{folder / (missing + extension)}: expected a frame, since others before and behind it are there, got no "
            "such file; copy the frames again, or number them without a gap"
        )
    return frames


def first_gap(names: Sequence[str]) -> str | None:
    """The first name that lacks in `names`, which are in natural order; None if none does.

    Names count where they differ in one number alone. Its steps may be other than 1 (YouTube-VOS has every fifth
    frame): the smallest one counts, if at least half are of it and the others whole multiples.
    """
    matches = [_NUMBERED.fullmatch(name) for name in names]
    numbered = [match for match in matches if match is not None]
    if len(numbered) < len(names) or len({(match["before"], match["behind"]) for match in numbered}) != 1:
        return None
    numbers = [int(match["number"]) for match in numbered]
    steps = [after - before for before, after in pairwise(numbers)]
    step = min(steps, default=0)
    if step < 1 or 2 * steps.count(step) < len(steps) or any(other % step for other in steps):
        return None
    place = next((place for place, other in enumerate(steps) if other > step), None)
    if place is None:
        return None
    digits = str(numbers[place] + step).zfill(len(numbered[place]["number"]))
    return f"{numbered[place]['before']}{digits}{numbered[place]['behind']}"


def refuse_strays(masks: Mapping[str, Path], frames: Collection[str]) -> None:
    """Raises `SampleError` if one of `masks` has no frame of its name."""
    for name, path in masks.items():
        if name not in frames:
            raise SampleError(
                f"{path}: expected a frame of the name {name} for this mask, got none; copy the frames again, or leave "
                "the mask out"
            )


def pick(named: Mapping[str, Path], names: Iterable[str], folder: Path, what: str) -> list[Path]:
    """The paths of `names`; raises `SampleError` for the first that is not there: `what` in `folder`."""
    chosen = []
    for name in names:
        if name not in named:
            raise SampleError(f"{folder}: expected {what} {name}, got no file of that name; unpack the data again")
        chosen.append(named[name])
    return chosen


def read_frames(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The frames in `paths` as `read_image` reads them.

    Returns:
        (T, H, W, 3) uint8, and each note with the number of frames that it holds for.

    Raises:
        SampleError: fewer than 2, one that cannot be read or has another size, or more than memory should hold.
    """
    check_length(len(paths), paths[0].parent if paths else "clip")
    first, frame_notes = read_image(paths[0])
    check_memory(len(paths), first.shape, paths[0].parent)
    notes = Counter(frame_notes)
    frames = np.empty((len(paths), *first.shape), np.uint8)
    frames[0] = first
    for index, path in enumerate(paths[1:], 1):
        frame, frame_notes = read_image(path)
        check_frame_size(path, frame.shape, first.shape)
        frames[index] = frame
        notes.update(frame_notes)
    return frames, tuple(f"{note} ({count} of {len(paths)} frames)" for note, count in notes.items())


def check_length(count: int, where: Path | str) -> None:
    """Raises `SampleError` if a clip has fewer than 2 frames."""
    if count < 2:
        raise SampleError(f"{where}: expected a clip of at least 2 frames, got {count}; leave it out")


def check_memory(count: int, shape: tuple[int, ...], where: Path | str) -> None:
    """Raises `SampleError` if `count` frames of `shape` (H, W, 3) are more than `MOST_BYTES`."""
    size = count * int(np.prod(shape))
    if size > MOST_BYTES:
        raise SampleError(
            f"{where}: expected frames of at most {MOST_BYTES / 2**30:g} GiB together, got {count} of "
            f"{shape[0]}x{shape[1]}, {size / 2**30:.1f} GiB; take fewer (video: has &frames=N) or make them smaller"
        )


def check_frame_size(where: Path | str, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    """Raises `SampleError` if a frame's `shape` is not that of the `first`."""
    if shape != first:
        want, got = "x".join(map(str, first[:2])), "x".join(map(str, shape[:2]))
        raise SampleError(
            f"{where}: expected a frame of the first one's size {want}, got {got}; make all frames of one size"
        )


def read_masks(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The (J, H, W) label maps that the masks of a clip in J >= 1 `paths` stand for, and notes; see `labels_of`."""
    values, colours = read_stored(paths)
    return labels_of(values, paths[0] if len(paths) == 1 else paths[0].parent, colours)


def upright_masks(
    masks: NDArray[np.uint8], paths: Sequence[Path], frames: Sequence[Path], frame: str | None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The (J, H, W) `masks` of the files `paths`, turned upright where EXIF turns their `frames`, and notes.

    `frame` is what `?annotated=` says, see `upright.settle`.

    Raises:
        SampleError: a frame was turned, and nothing tells whether its mask is to be turned too.
    """
    turned = [_upright(*one, frame) for one in zip(masks, paths, frames, strict=True)]
    if len({mask.shape for mask, _ in turned}) > 1:
        raise SampleError(
            f"{paths[0].parent}: expected masks of one size, got others where EXIF turns the frames; turn all or none"
        )
    notes = Counter(note for _, mask_notes in turned for note in mask_notes)
    return np.stack([mask for mask, _ in turned]), tuple(
        f"{note} ({count} of {len(paths)} masks)" for note, count in notes.items()
    )


def _upright(
    mask: NDArray[np.uint8], path: Path, shown: Path, frame: str | None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The mask in `path` of the frame in `shown`, turned upright as that is."""
    header = read_header(shown)
    if header is None or header[1] == 1:
        return mask, ()
    own = read_header(path)
    own_frame = "upright" if own is not None and own[1] > 1 else frame
    height, width = mask.shape
    return upright.settle(
        path, Turn(*header), (height, width), own_frame, lambda _: mask, upright.turn_labels, np.array_equal
    )


def read_stored(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], MaskColours]:
    """The values in J >= 1 `paths`, (J, H, W), and their colours; `SampleError` if one is bad or differs in size."""
    masks = [read_indexed(paths[0])]
    for path in paths[1:]:
        mask = read_indexed(path)
        if mask.values.shape != masks[0].values.shape:
            want, got = ("x".join(map(str, one.values.shape)) for one in (masks[0], mask))
            raise SampleError(
                f"{path}: expected a mask of the first one's size {want}, got {got}; use masks of one size"
            )
        masks.append(mask)
    return stacked(masks, paths[0].parent)


def given_in(masks: Iterable[NDArray[np.uint8]], frames: Sequence[int]) -> tuple[GivenMask, ...]:
    """Each object of the `masks` of `frames`, given where it is seen first."""
    seen: set[int] = set()
    given = []
    for mask, frame in zip(masks, frames, strict=True):
        new = [label for label in objects_in(mask) if label not in seen]
        if new:
            given.append(GivenMask(frame, np.where(np.isin(mask, new), mask, 0).astype(np.uint8)))
            seen.update(new)
    return tuple(given)


def checked(clip: Clip, where: Path | str) -> Clip:
    """`clip`, whose first mask is the file `where`, if a tracker can be given it.

    Raises:
        SampleError: masks of another size than the frames, no object in the first frame, too many objects.
    """
    for mask in (*(one.mask for one in clip.given), *([] if clip.truth is None else clip.truth[:1])):
        files.check_size(where, mask.shape, clip.frames[0])
    if not clip.given or clip.given[0].frame != 0:
        raise SampleError(
            f"{where}: expected a mask with an object (a label from 1 to {VOID - 1}) for the first frame, got none "
            f"besides 0 and {VOID} (void); draw one or leave the clip out"
        )
    labels = {label for one in clip.given for label in objects_in(one.mask)}
    if len(labels) > MOST_OBJECTS:
        raise SampleError(
            f"{where}: expected at most {MOST_OBJECTS} objects in a clip, got {len(labels)}; give fewer, and store "
            "label values, without smooth edges"
        )
    return clip
