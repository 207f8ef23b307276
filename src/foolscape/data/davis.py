"""`davis2016:DIR` and `davis2017:DIR`: the clips of DAVIS, in the folders that its archives unpack to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.data import clip_files, files, upright
from foolscape.data.clip_reading import MaskFiles, fingerprint, read_clip
from foolscape.data.clips import CLASSES, Clip, objects_in
from foolscape.data.mask_values import PLAIN, TWO_NOTE, MaskColours, labels_of
from foolscape.data.sample import VOID
from foolscape.errors import DataError, unknown
from foolscape.regular import read_text
from foolscape.spec import Spec

SPLITS_2016: Final = ("val", "train", "trainval")
SPLITS_2017: Final = ("val", "train", "test-dev", "test-challenge")

_DEFAULT: Final = "480p"


@dataclass(frozen=True)
class Davis:
    """Some clips of DAVIS; implements `ClipData`.

    Attributes:
        spec: the spec it was opened by.
        split: name of the list in ImageSets; None where all clips in the folder are taken.
        classes: ("object",), or None for the test splits, which have the first mask alone.
        notes: the resolution, what was done for want of a list.
        frames, masks: the folders that have a folder for each clip.
        clips: the names of a clip's frames by its id, in order; None: all that its folder has.
        single: whether a clip has one object (DAVIS 2016).
        frame: what `?annotated=` says of frames that an EXIF tag turns.
    """

    spec: str
    split: str | None
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]
    frames: Path
    masks: Path
    clips: Mapping[str, tuple[str, ...] | None]
    single: bool
    frame: str | None

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the clips, in the order of the list or of the alphabet."""
        return tuple(self.clips)

    def cost(self, sample_id: str) -> float:
        """How many frames the clip has."""
        return len(self.clips[sample_id] or clip_files.images_in(self.frames / sample_id)) or 1

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of names and bytes of frames and masks, whether or not they can be used."""
        listed = files.fetch(self.clips, sample_id, self.spec, "clip id")
        return fingerprint((self.frames / sample_id, self.masks / sample_id), *(listed or ()), only=listed)

    def load(self, sample_id: str) -> Clip:
        """Frames, the mask of the first, and the masks of all if there is truth; `SampleError` if one cannot be used.

        Judged are all frames; which of them count is the measure's business.
        """
        listed = files.fetch(self.clips, sample_id, self.spec, "clip id")
        folder, mask_folder = self.frames / sample_id, self.masks / sample_id
        masks = clip_files.by_name(clip_files.images_in(mask_folder))
        if listed is None:
            frames = clip_files.frames_in(folder)
            clip_files.refuse_strays(masks, frames)
        else:
            present = clip_files.by_name(clip_files.images_in(folder))
            paths_of_frames = clip_files.pick(present, listed, folder, "the listed frame")
            frames = dict(zip(listed, paths_of_frames, strict=True))
        clip_files.check_length(len(frames), folder)
        wanted = tuple(frames) if self.classes is not None else tuple(frames)[:1]
        paths = clip_files.pick(masks, wanted, mask_folder, "a mask for the frame")
        masks_of = dict(zip(wanted, paths, strict=True))
        masks_given = {wanted[0]: paths[0]}  # what appears later is no object
        read = _read_one_object if self.single else clip_files.read_masks
        truth = masks_of if self.classes is not None else {}
        return read_clip(sample_id, frames, MaskFiles(masks_given, truth, read, self.frame))


def open_davis2016(spec: Spec, split: str | None = None) -> Davis:
    """List a split of `davis2016:DIR[?resolution=480p]`, by default val.

    The list is ImageSets/480p/val.txt, with a line for each frame, or ImageSets/2016/val.txt, with a name for each
    clip, as the archive of DAVIS 2017 has it. Where there are no lists, all clips are taken.

    Raises:
        UnknownNameError: a split or resolution that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    return _open(spec, split, "2016")


def open_davis2017(spec: Spec, split: str | None = None) -> Davis:
    """List a split of `davis2017:DIR[?resolution=480p]`, by default val, from ImageSets/2017.

    Raises:
        UnknownNameError: a split or resolution that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    return _open(spec, split, "2017")


def one_object(
    masks: NDArray[np.uint8], where: Path, shown: MaskColours = PLAIN
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The (J, H, W) masks of a clip with all its objects as label 1 and void as 255, and notes.

    Masks of 0 and 255 show one object, also with smooth edges. Where they hold labels, as in DAVIS 2017, 255 is void.

    Raises:
        SampleError: as `labels_of` does.
    """
    labels, notes = labels_of(masks, where, shown)
    several = len(objects_in(labels))
    single = np.where((labels > 0) & (labels < VOID), 1, labels).astype(np.uint8)
    kept_notes = tuple(note for note in notes if note != TWO_NOTE)  # which is how the data set stores its masks
    return single, (*kept_notes, *((f"{several} objects made one",) if several > 1 else ()))


def _read_one_object(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The masks in `paths` as one object."""
    values, colours = clip_files.read_stored(paths)
    return one_object(values, paths[0].parent, colours)


def _open(spec: Spec, split: str | None, year: str) -> Davis:
    spec.only("resolution", "annotated")
    root = files.directory(spec)
    resolution = _resolution(spec, root)
    folders = root / "JPEGImages" / resolution, root / "Annotations" / resolution
    if not folders[1].is_dir():
        raise DataError(f"{spec.text}: expected masks in {folders[1]}, got no such folder; unpack all of DAVIS")
    notes = [f"resolution {resolution}"]
    sets = root / "ImageSets"
    places = (sets / resolution, sets / _DEFAULT, sets / "2016") if year == "2016" else (sets / "2017",)
    lists = {path.stem: path for place in reversed(places) for path in sorted(place.glob("*.txt"))}
    clips: Mapping[str, tuple[str, ...] | None]
    if lists:
        split = files.pick_split(spec, split, lists, "val")
        clips = read_list(lists[split])
    else:
        clips = _all_clips(spec, split, folders[0], places[-1])
        notes.append(f"no list in {sets.name}: all {len(clips)} clips taken")
    classes = None if split is not None and split.startswith("test") else CLASSES
    return Davis(spec.text, split, classes, tuple(notes), *folders, clips, year == "2016", upright.frame_option(spec))


def _resolution(spec: Spec, root: Path) -> str:
    """The folder in JPEGImages that `spec` asks for, by default 480p, or the only one."""
    there = sorted(path.name for path in (root / "JPEGImages").glob("*") if path.is_dir())
    if not there:
        raise DataError(
            f"{spec.text}: expected DAVIS, with clips in {root / 'JPEGImages' / _DEFAULT}, got none; check the path"
        )
    chosen = spec.options.get("resolution")
    if chosen is None and _DEFAULT not in there and len(there) == 1:
        return there[0]
    wanted = chosen or _DEFAULT
    if wanted not in there:
        raise unknown(f"resolution of {spec.text}", wanted, there)
    return wanted


def _all_clips(spec: Spec, split: str | None, folder: Path, lists: Path) -> dict[str, None]:
    """Every clip in `folder`, for want of `lists`."""
    if split is not None:
        raise DataError(
            f"{spec.text}: expected the split {split} in {lists}, got no list there; add {split}.txt, or leave the "
            "split out to take all clips"
        )
    return dict.fromkeys(clip_files.clip_names(spec, folder))


def read_list(path: Path) -> dict[str, tuple[str, ...] | None]:
    """The clips in a list of DAVIS or VOST, each with its frames where the list names them.

    Lines are names of clips, or pairs such as `/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png`.

    Raises:
        DataError: the list cannot be read, is empty, or has another line.
    """
    do = "unpack the data set again"
    try:
        lines = [line.split() for line in read_text(path).split("\n") if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a list of clips, got {error}; {do}") from None
    if not lines:
        raise DataError(f"{path}: expected a list of clips, got an empty file; {do}")
    clips: dict[str, tuple[str, ...] | None] = {}
    frames: dict[str, list[str]] = {}
    for line in lines:
        parts = [part for part in PurePosixPath(line[0]).parts if part != "/"]
        if len(line) > min(len(parts), 2) or ".." in parts:
            raise DataError(
                f"{path}: expected a clip's name or the paths of a frame and its mask in each line, got "
                f"{' '.join(line)!r}; {do}"
            )
        if len(parts) == 1:
            clips[parts[0]] = None
        else:
            frames.setdefault(parts[-2], []).append(PurePosixPath(parts[-1]).stem)
    return clips | {clip: tuple(dict.fromkeys(names)) for clip, names in frames.items()}
