"""The frames of a video file, by FFmpeg."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foolscape.data import clip_files
from foolscape.errors import SampleError
from foolscape.extras import extra
from foolscape.regular import check_regular
from foolscape.strict import LossNote

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SHORT = 0.9
"""A video whose length is known by time alone is said to be short below this share of it: sound may be longer."""


@dataclass
class _Reading:
    """What is known while a video is read.

    Attributes:
        kept: the frames that are wanted, (H, W, 3) uint8 each.
        decoded: how many frames came so far.
        broken: why there are no more; "" while all is well.
        turned: degrees that the file says the frames are to be turned by, counterclockwise.
    """

    kept: list[NDArray[np.uint8]] = field(default_factory=list)
    decoded: int = 0
    broken: str = ""
    turned: int = 0


def read_video(path: Path, start: int, count: int | None) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Frames `start` to `start + count - 1` of the video in `path`, or as many as there are.

    Returns:
        (T, H, W, 3) uint8 RGB, turned upright as the file says, and notes: if the file is broken, where; if it ends
        before its own header or `count` says.

    Raises:
        SampleError: no video, fewer than 2 frames, frames of several sizes, more than memory should hold.
    """
    with extra("video"):
        import av  # here, since it loads all of FFmpeg

    reading = _Reading()
    expected: float | None = None
    remarks: tuple[str, ...] = ()
    try:
        check_regular(path)
        # A play list could else name addresses in the net. Titles and the like may be in any encoding.
        with av.open(os.fspath(path), options={"protocol_whitelist": "file"}, metadata_errors="replace") as container:
            stream, remarks = _stream(container, path)
            # Else decoders conceal damaged data instead of raising.
            stream.codec_context.options = {"err_detect": "explode"}
            expected = _expected(container, stream)
            _read(reading, container.decode(stream), path, start, count)
    except (av.error.FFmpegError, OSError) as error:
        reading.broken = error.strerror or str(error)
    except ValueError as error:  # a title or a pixel format that PyAV cannot name
        reading.broken = str(error)
    if not reading.decoded and reading.broken:
        raise SampleError(f"{path}: expected a video, got a file that cannot be decoded ({reading.broken}); check it")
    if len(reading.kept) < 2:
        why = f", where the file is broken ({reading.broken})" if reading.broken else ""
        raise SampleError(
            f"{path}: expected at least 2 frames from frame {start} on, got {len(reading.kept)} of "
            f"{reading.decoded}{why}; check the video, or start earlier"
        )
    return _stacked(reading.kept), (*remarks, *_notes(reading, expected, start, count))


def _stream(container: InputContainer, path: Path) -> tuple[VideoStream, tuple[str, ...]]:
    """The stream of moving pictures, and a note where there are several: the one that the file prefers, else the first.

    Raises:
        SampleError: sound alone, a cover or preview alone, or pictures in a coding that FFmpeg does not know.
    """
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    moving = [stream for stream in container.streams.video if not stream.disposition & still]
    if not moving:
        got = "whose only picture is a cover or preview" if container.streams.video else "without pictures"
        raise SampleError(f"{path}: expected a video, got a file {got}; check the path")
    # A file may call several the default: then the first of them is.
    chosen = next((stream for stream in moving if stream.disposition & Disposition.default), moving[0])
    if chosen.codec_context is None:
        raise SampleError(f"{path}: expected a video, got one in a coding that FFmpeg does not know; convert it")
    if len(moving) == 1:
        return chosen, ()
    sizes = ", ".join(f"{stream.height}x{stream.width}" for stream in moving)
    return chosen, (f"of {len(moving)} streams of pictures ({sizes}) number {moving.index(chosen) + 1} taken",)


def _read(reading: _Reading, frames: Iterator[VideoFrame], path: Path, start: int, count: int | None) -> None:
    """Fill `reading` with the wanted ones of `frames`; stops behind the last, or at a damaged one."""
    for frame in frames:
        if frame.is_corrupt:
            reading.broken = "a damaged frame"
            return
        reading.decoded += 1
        if reading.decoded <= start:
            continue
        reading.turned = frame.rotation
        picture = _upright(frame)
        if reading.kept:
            clip_files.check_frame_size(f"{path}, frame {reading.decoded - 1}", picture.shape, reading.kept[0].shape)
        reading.kept.append(picture)
        clip_files.check_memory(len(reading.kept), picture.shape, path)
        if count is not None and len(reading.kept) == count:
            return


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned by the quarter turns that the file asks for."""
    picture = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(picture, frame.rotation // 90)) if frame.rotation % 90 == 0 else picture


def _expected(container: InputContainer, stream: VideoStream) -> float | None:
    """How many frames the file says it has; by its length in time, an estimate from below. None if it does not say."""
    if stream.frames:
        return stream.frames
    if container.duration and stream.average_rate:
        return _SHORT * container.duration * float(stream.average_rate) / 1e6
    return None


def _stacked(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """(T, H, W, 3) from T frames, which are let go of one by one so that they are not held twice."""
    stacked = np.empty((len(frames), *frames[0].shape), np.uint8)
    frames.reverse()
    for index in range(len(stacked)):
        stacked[index] = frames.pop()
    return stacked


def _notes(reading: _Reading, expected: float | None, start: int, count: int | None) -> tuple[str, ...]:
    """What there is to say of a video that was read."""
    got, notes = reading.decoded, []
    wanted = None if count is None else start + count
    if reading.turned:
        what = "turned upright" if reading.turned % 90 == 0 else "not turned upright"
        notes.append(f"{what} by {reading.turned % 360} degrees counterclockwise")
    if reading.broken:
        notes.append(LossNote(f"the video is broken behind {got} frames ({reading.broken}); those before are kept"))
    elif expected is not None and got < expected and (wanted is None or got < wanted):
        notes.append(LossNote(f"the video ends after {got} frames, earlier than it says"))
    if wanted is not None and got < wanted:
        notes.append(LossNote(f"{got - start} frames from frame {start} on instead of {count}"))
    return tuple(notes)
