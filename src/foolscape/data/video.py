"""`video:PATH?mask=MASK`: clips of a user, a video file or folders of frames, with masks of first or later frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from foolscape.data import clip_files, files, mask_colours, upright
from foolscape.data.clip_reading import MaskFiles, annotate, assemble, check_judged, masks_in, read_clip, unused
from foolscape.data.clips import CLASSES, Clip
from foolscape.data.labels.published import left_out
from foolscape.data.video_file import read_video
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.paths import path_of, real
from foolscape.spec import Spec
from foolscape.strict import LossNote

_DO: Final = "call each mask as its frame"


@dataclass(frozen=True)
class Source:
    """Where a clip and its masks are.

    Attributes:
        path: the video file or the folder of frames.
        mask: the mask of one frame, or a folder of masks called as their frames.
        truth: a folder of masks to judge by, called likewise; None without truth.
    """

    path: Path
    mask: Path
    truth: Path | None


@dataclass(frozen=True)
class Video:
    """Clips of a user; implements `ClipData`.

    Attributes:
        spec: the spec it was opened by.
        classes: ("object",) with truth, else None.
        notes: which folders were left out.
        start: index of the first frame that may be taken, the one of a mask that is a file; None: it is not said.
        count: how many frames are taken; None: all.
        clips: where a clip is by its id, the name of the file without extension, or of the folder.
        frame: what `?annotated=` says of frames that an EXIF tag turns.
    """

    spec: str
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]
    start: int | None
    count: int | None
    clips: Mapping[str, Source]
    frame: str | None

    @property
    def split(self) -> None:
        """None: there are no splits."""
        return None

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of files or folders."""
        return tuple(self.clips)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of frames and masks, and which frames are taken."""
        source = files.fetch(self.clips, sample_id, self.spec, "clip id")
        paths = _frames(source) if source.path.is_dir() else [source.path]
        masks = [one for folder in (source.mask, source.truth) if folder is not None for one in _named_parts(folder)]
        which = f"{self.start or 0} {self.count}"
        if self.start is None and source.mask.stem in [path.stem for path in paths[1:]]:
            which += f" {files.readable(source.mask.stem)}"
        if len(self.clips) > 1:  # of which two may be the same images
            which += f" {sample_id}"
        return files.digest(which, *masks, *(part for one in paths for part in (files.readable(one.name), one)))

    def load(self, sample_id: str) -> Clip:
        """The clip from the first frame that a mask shows an object in; `SampleError` if it cannot be used."""
        source = files.fetch(self.clips, sample_id, self.spec, "clip id")
        clip, masks = (self._of_folder if source.path.is_dir() else self._of_file)(sample_id, source)
        if source.truth is not None:
            return check_judged(clip, source.truth)
        return replace(clip, notes=(*clip.notes, *unused(clip, masks, "&truth=DIR judges by masks")))

    def _of_folder(self, sample_id: str, source: Source) -> tuple[Clip, Iterable[str]]:
        """The clip of frames in a folder, and the names of the masks that may give objects."""
        frames = clip_files.in_order(clip_files.by_name(_frames(source)), source.path)
        start, names = self.start or 0, list(frames)
        later = {name: frames[name] for name in names[start:]}
        if start and len(later) < 2:
            raise SampleError(
                f"{source.path}: expected at least 2 frames from frame {start} on, got {len(later)} of {len(frames)}; "
                "start earlier"
            )
        given, remarks = self._given(source, frames)
        judged = {} if source.truth is None else masks_in(source.truth, frames, _DO)
        given, judged, lost = _from(start, source.mask, given, judged, set(names[:start]))
        read = MaskFiles(given, judged, mask_colours.read_masks, self.frame)
        clip = read_clip(sample_id, later, read, self.count, (*remarks, *lost))
        if self.count is not None and len(clip.frames) < self.count:
            short = f"{len(clip.frames)} frames from frame {names.index(clip.names[0])} on instead of {self.count}"
            clip = replace(clip, notes=(LossNote(short), *clip.notes))
        return clip, given

    def _given(self, source: Source, frames: Mapping[str, Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
        """The masks to give by the names of `frames`, and notes: one that is a file may be called as its frame."""
        if source.mask.is_dir():
            return masks_in(source.mask, frames, _DO), ()
        names, called = list(frames), files.readable(source.mask.stem)
        if called not in frames or self.start is not None:
            name = names[self.start or 0]
            other = called in frames and called != name
            said = (f"the mask {files.readable(source.mask.name)} is of frame {name}, as start says",) if other else ()
            return {name: source.mask}, said
        return {called: source.mask}, ()

    def _of_file(self, sample_id: str, source: Source) -> tuple[Clip, Iterable[str]]:
        """The clip of a video file, and the names of the masks that may give objects."""
        start = self.start or 0
        given = _numbered(source.mask) if source.mask.is_dir() else {_name_of(start): source.mask}
        judged = {} if source.truth is None else _numbered(source.truth)
        before = {name for name in (*given, *judged) if int(name) < start}
        given, judged, lost = _from(start, source.mask, given, judged, before)
        order = sorted({*given, *judged}, key=int)
        annotated = annotate(MaskFiles(given, judged, mask_colours.read_masks), order)
        begin = int(annotated.begin)
        images, notes = read_video(source.path, begin, self.count)
        names = tuple(_name_of(index) for index in range(begin, begin + len(images)))
        left = (f"{begin - start} frames before the first object left out",) if begin > start else ()
        said = (*notes, *annotated.notes, *left, *lost)
        cut = self.count == len(images)
        return assemble(sample_id, images, names, annotated, said, cut=cut), given


def _from(
    start: int, where: Path, given: Mapping[str, Path], judged: Mapping[str, Path], before: set[str]
) -> tuple[dict[str, Path], dict[str, Path], tuple[LossNote, ...]]:
    """Masks without those of the frames `before` frame `start`, and a note of how many these are."""
    later = {name: path for name, path in given.items() if name not in before}
    if not later:
        raise SampleError(f"{where}: expected a mask for frame {start} or a later one, got none; start earlier")
    lost = len(before & (given.keys() | judged.keys()))
    notes = (LossNote(f"masks of {lost} frames before frame {start} were left out"),) if lost else ()
    return later, {name: path for name, path in judged.items() if name not in before}, notes


def _frames(source: Source) -> list[Path]:
    """The images in the folder, without the mask, which may lie beside them."""
    mask = real(source.mask)
    return [path for path in clip_files.images_in(source.path) if real(path) != mask]


def _named_parts(mask: Path) -> Sequence[Path | str]:
    """What a fingerprint takes of a mask or of a folder of masks."""
    if not mask.is_dir():
        return (mask,)
    return [part for one in clip_files.images_in(mask) for part in (files.readable(one.name), one)]


def _name_of(index: int) -> str:
    """The name of a frame of a video file."""
    return f"{index:05d}"


def _numbered(folder: Path) -> dict[str, Path]:
    """The masks in `folder` by the names of the frames of a video file; raises `SampleError` for other names."""
    named = clip_files.by_name(clip_files.images_in(folder))
    if not named:
        raise SampleError(f"{folder}: expected masks of a video, got none; {_DO}")
    masks: dict[str, Path] = {}
    for name, path in named.items():
        if not (name.isascii() and name.isdigit() and len(name) < 10):
            raise SampleError(
                f"{path}: expected a mask called by the number of its frame, such as 00012.png, from 0 on"
            )
        if masks.setdefault(_name_of(int(name)), path) is not path:
            raise SampleError(f"{path}: expected one mask for frame {int(name)}, got two; leave one out")
    return masks


def open_video(spec: Spec, split: str | None = None) -> Video:
    """The clips of `video:PATH?mask=MASK[&truth=DIR&start=N&frames=N]`; nothing is decoded yet.

    PATH is a video file, a folder of frames, or a folder of such folders. MASK is the mask of one frame, or a folder of
    masks called as their frames; of several clips a folder with a folder or a mask for each. A mask that is a file is
    of the frame `start`, counted from 0, or without that of the frame that is called as it is, else of the first.

    Raises:
        SettingError: no path, no mask, a split, or numbers that make no sense.
        DataError: path, mask or truth are not there, or no clip has a mask.
    """
    spec.only("mask", "truth", "start", "frames", "annotated")
    if not spec.rest.strip():
        raise SettingError(f"expected a video, {spec.scheme}:PATH?mask=FILE.png, got {spec.text!r}")
    if split is not None:
        raise SettingError(f"{spec.text}: expected no split, since a video has none, got {split!r}; leave it out")
    if not spec.options.get("mask"):
        raise SettingError(
            f"{spec.text}: expected the mask of the first frame, {spec.scheme}:PATH?mask=FILE.png, got none; draw the "
            "objects as labels 1, 2, .. in a PNG of the frame's size"
        )
    path, mask = path_of(spec.rest), path_of(spec.options["mask"])
    truth = path_of(spec.options["truth"]) if "truth" in spec.options else None
    if spec.options.get("truth") == "":
        raise SettingError(f"{spec.text}: expected a folder of masks to judge by, truth=DIR, got none")
    if not path.exists():
        raise DataError(f"{spec.text}: expected a video file or a folder of frames at {path}, got nothing there")
    if not (mask.is_file() or mask.is_dir()):
        raise DataError(
            f"{spec.text}: expected the mask of the first frame at {mask}, got no such file, and no folder of masks"
        )
    if truth is not None and not truth.is_dir():
        raise DataError(f"{spec.text}: expected a folder of masks to judge by at {truth}, got no such folder")
    start = files.number(spec, "start", 0) if "start" in spec.options else None
    count = files.number(spec, "frames", 2) if "frames" in spec.options else None
    clips, notes = _sources(spec, Source(path, mask, truth))
    return Video(spec.text, CLASSES if truth else None, notes, start, count, clips, upright.frame_option(spec))


def _sources(spec: Spec, whole: Source) -> tuple[dict[str, Source], tuple[str, ...]]:
    """The clips that a spec names by their ids, and notes of what was left out."""
    path = whole.path
    below = [one for one in sorted(path.iterdir()) if _holds_frames(one, whole)] if path.is_dir() else []
    if not below or clip_files.images_in(path):
        name = files.readable(real(path).name if path.is_dir() else path.stem) or "video"
        mask, truth = _below(whole.mask, name), whole.truth and _below(whole.truth, name)
        beside = left_out([one.name for one in below], f"folders of images in {path} lie beside its frames")
        return {name: Source(path, mask, truth)}, beside
    if not whole.mask.is_dir():
        raise DataError(
            f"{spec.text}: expected a folder with the masks of each of {len(below)} clips, got the file {whole.mask}; "
            f"give a folder, or one clip, {spec.scheme}:{below[0]}"
        )
    names = [name for name in clip_files.clip_names(spec, path) if path / name in below]
    masks = _masks_of(spec, whole.mask, names)
    clips = {name: Source(path / name, masks[name], _truth_of(whole, name)) for name in names if name in masks}
    if not clips:
        raise DataError(
            f"{spec.text}: expected {whole.mask / names[0]}, a folder of masks, or one mask of this name, got none for "
            f"{len(names)} clips; check the path"
        )
    empty = [one.name for one in path.iterdir() if one not in below and not _is_beside(one, whole)]
    spare = {one.name if one.is_dir() else one.stem for one in whole.mask.iterdir() if not one.name.startswith(".")}
    return clips, (
        *left_out([name for name in names if name not in clips], f"clips in {path.name} have no masks"),
        *left_out(empty, f"folders in {path.name} have no frames"),
        *left_out(spare - set(names), f"masks in {whole.mask.name} are of no clip"),
    )


def _holds_frames(folder: Path, whole: Source) -> bool:
    """Whether `folder` is one of frames, and not that of the masks."""
    return not _is_beside(folder, whole) and bool(clip_files.images_in(folder))


def _is_beside(path: Path, whole: Source) -> bool:
    """Whether `path` is no folder that may be a clip: a file, hidden, or of masks."""
    of_masks = [real(one) for one in (whole.mask, whole.truth) if one is not None]
    return path.name.startswith((".", "__MACOSX")) or not path.is_dir() or real(path) in of_masks


def _masks_of(spec: Spec, folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The masks of the clips `names` that have some: a folder in `folder`, or the one mask that is called so."""
    single = clip_files.by_name(clip_files.images_in(folder))
    folders = {name: folder / name for name in names if (folder / name).is_dir()}
    if both := sorted(single.keys() & folders.keys()):
        raise DataError(
            f"{spec.text}: expected a folder of masks or one mask for each clip in {folder}, got both for {both[0]}; "
            "leave one out"
        )
    return {name: path for name, path in {**single, **folders}.items() if name in set(names)}


def _truth_of(whole: Source, name: str) -> Path | None:
    return None if whole.truth is None else whole.truth / name


def _below(path: Path, name: str) -> Path:
    """The folder `name` in the folder `path`, where that has no masks itself; else `path`."""
    inside = path.is_dir() and not clip_files.images_in(path) and (path / name).is_dir()
    return path / name if inside else path
