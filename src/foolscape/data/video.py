"""`video:PATH?mask=FILE`: one clip, a video file or a folder of frames, with the mask of its first frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foolscape.data import clip_files, files, upright
from foolscape.data.clips import Clip
from foolscape.data.video_file import read_video
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.paths import path_of, real
from foolscape.spec import Spec
from foolscape.strict import LossNote


@dataclass(frozen=True)
class Video:
    """One clip of a user; implements `ClipData` without truth.

    Attributes:
        spec: the spec it was opened by.
        path: the video file or the folder of frames.
        mask: the PNG with the objects of the first frame that is taken.
        start: index of that frame.
        count: how many frames are taken; None: all.
        clips: `path` by the clip's id, the file's name without extension.
        frame: what `?annotated=` says of frames that an EXIF tag turns.
    """

    spec: str
    path: Path
    mask: Path
    start: int
    count: int | None
    clips: Mapping[str, Path]
    frame: str | None

    @property
    def classes(self) -> None:
        """None: there is no truth."""
        return None

    @property
    def split(self) -> None:
        """None: there are no splits."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The one id."""
        return tuple(self.clips)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of video and mask, and which frames are taken."""
        path = files.fetch(self.clips, sample_id, self.spec, "clip id")
        paths = self._frames() if path.is_dir() else [path]
        which = f"{self.start} {self.count}"
        return files.digest(which, self.mask, *(part for one in paths for part in (files.readable(one.name), one)))

    def load(self, sample_id: str) -> Clip:
        """The clip with the objects of its first frame; raises `SampleError` if video or mask cannot be used."""
        files.fetch(self.clips, sample_id, self.spec, "clip id")
        mask, remarks = read_first_mask(self.mask)
        if self.path.is_dir():
            names, frames, notes = self._read_folder()
            first = [path for path in self._frames() if files.readable(path.stem) == names[0]]
            (mask,), turned = clip_files.upright_masks(mask[None], [self.mask], first, self.frame)
            remarks += turned
        else:
            frames, notes = read_video(self.path, self.start, self.count)
            names = tuple(f"{index:05d}" for index in range(self.start, self.start + len(frames)))
        given_masks = clip_files.given_in([mask], [0])
        files.check_size(self.mask, mask.shape, frames[0])  # also where the mask holds no object
        clip = Clip(sample_id, frames, names, given_masks, None, (), notes=notes + remarks)
        return clip_files.checked(clip, self.mask)

    def _frames(self) -> list[Path]:
        """The images in the folder, without the mask, which may lie beside them."""
        mask = real(self.mask)
        return [path for path in clip_files.images_in(self.path) if real(path) != mask]

    def _read_folder(self) -> tuple[tuple[str, ...], NDArray[np.uint8], tuple[str, ...]]:
        """Names, frames and notes."""
        named = clip_files.in_order(clip_files.by_name(self._frames()), self.path)
        end = None if self.count is None else self.start + self.count
        taken = list(named.items())[self.start : end]
        if self.start and len(taken) < 2:
            raise SampleError(
                f"{self.path}: expected at least 2 frames from frame {self.start} on, got {len(taken)} of "
                f"{len(named)}; start earlier"
            )
        frames, notes = clip_files.read_frames([path for _, path in taken])
        if self.count is not None and len(taken) < self.count:
            notes = (*notes, LossNote(f"{len(taken)} frames from frame {self.start} on instead of {self.count}"))
        return tuple(name for name, _ in taken), frames, notes


def open_video(spec: Spec, split: str | None = None) -> Video:
    """The clip of `video:PATH?mask=FILE.png[&start=N&frames=N]`; nothing is decoded yet.

    PATH is a video file, or a folder of frames. The mask is that of frame `start`, counted from 0.

    Raises:
        SettingError: no path, no mask, a split, or numbers that make no sense.
        DataError: path or mask are not there.
    """
    spec.only("mask", "start", "frames", "annotated")
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
    if not path.exists():
        raise DataError(f"{spec.text}: expected a video file or a folder of frames at {path}, got nothing there")
    if not mask.is_file():
        raise DataError(f"{spec.text}: expected the mask of the first frame at {mask}, got no such file")
    start = _number(spec, "start", 0)
    count = _number(spec, "frames", 2) if "frames" in spec.options else None
    name = files.readable(real(path).name if path.is_dir() else path.stem)
    return Video(spec.text, path, mask, start or 0, count, {name or "video": path}, upright.frame_option(spec))


def read_first_mask(path: Path) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The objects in the PNG `path`, (H, W) uint8, and notes; raises as `read_masks` does."""
    (mask,), notes = clip_files.read_masks([path])
    return mask, notes


def _number(spec: Spec, name: str, least: int) -> int:
    """The whole number that the option `name` holds, by default `least`."""
    text = spec.options.get(name, str(least))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise SettingError(f"{spec.text}: expected {name} to be a whole number of at least {least}, got {text!r}")
    return int(text)
