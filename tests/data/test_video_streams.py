"""Which pictures of a video file are taken, and names that are no UTF-8."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from foolscape.data.video_file import read_video
from foolscape.errors import SampleError
from tests.data.made import frame

SMALL, LARGE = (24, 32), (48, 64)


def pictures(size: tuple[int, int], count: int = 3) -> np.ndarray:
    return np.stack([frame(index + (20 if size == SMALL else 0), *size) for index in range(count)])


def write(path: Path, *streams: tuple[tuple[int, int], Disposition], sound: bool = False, title: str = "") -> Path:
    """A video of these sizes; a stream with a cover's disposition has one JPEG. The sound comes first."""
    with av.open(path, "w") as container:
        if title:
            container.metadata["title"] = title
        tone = container.add_stream("pcm_s16le", rate=8000) if sound else None
        made = []
        for (height, width), disposition in streams:
            cover = bool(disposition & Disposition.attached_pic)
            stream = container.add_stream("mjpeg" if cover else "ffv1", rate=10)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuvj420p" if cover else "bgr0"
            stream.disposition = disposition
            made.append((stream, pictures((height, width), 1 if cover else 3)))
        if tone is not None:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
            samples.sample_rate = 8000
            container.mux([*tone.encode(samples), *tone.encode(None)])
        for stream, frames in made:
            for picture in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    return path


NONE, DEFAULT, COVER = Disposition(0), Disposition.default, Disposition.attached_pic


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize(
    ("streams", "want", "notes"),
    [
        ([(LARGE, NONE)], LARGE, ()),
        ([(SMALL, NONE), (LARGE, NONE)], SMALL, ("of 2 streams of pictures (24x32, 48x64) number 1 taken",)),
        ([(SMALL, NONE), (LARGE, DEFAULT)], LARGE, ("of 2 streams of pictures (24x32, 48x64) number 2 taken",)),
        ([(LARGE, DEFAULT), (SMALL, DEFAULT)], LARGE, ("of 2 streams of pictures (48x64, 24x32) number 1 taken",)),
    ],
)
def test_the_stream_that_the_file_prefers(tmp_path, streams, want, notes, sound):
    frames, said = read_video(write(tmp_path / "a.nut", *streams, sound=sound), 0, None)
    np.testing.assert_array_equal(frames, pictures(want))
    assert said == notes


def test_a_cover_is_no_video(tmp_path):
    """MP4 tells covers, and puts them behind what it was given first or not at all."""
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as container:
        cover, film = container.add_stream("mjpeg", rate=10), container.add_stream("libx264rgb", rate=10)
        for stream, (height, width), pixels in ((cover, SMALL, "yuvj420p"), (film, LARGE, "rgb24")):
            stream.height, stream.width, stream.pix_fmt = height, width, pixels
        cover.disposition = COVER
        for stream, frames in ((cover, pictures(SMALL, 1)), (film, pictures(LARGE))):
            for picture in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    frames, notes = read_video(path, 0, None)
    assert frames.shape == (3, *LARGE, 3)
    assert notes == ()


def test_a_cover_alone(tmp_path):
    path = write(tmp_path / "song.mp4", (SMALL, COVER))
    with pytest.raises(SampleError, match=r"song\.mp4: expected a video, got a file whose only picture is a cover"):
        read_video(path, 0, None)


def test_a_title_and_a_name_that_are_no_utf8(tmp_path):
    path = write(tmp_path / "a.nut", (LARGE, NONE), title="XXXX")
    renamed = tmp_path / os.fsdecode(b"caf\xe9.avi")
    with av.open(path) as old, av.open(tmp_path / "b.avi", "w") as new:
        new.metadata["title"] = "XXXX"
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    content = (tmp_path / "b.avi").read_bytes()
    assert content.count(b"XXXX") == 1
    renamed.write_bytes(content.replace(b"XXXX", b"\xe9\xff\xfe\xe9"))
    frames, _ = read_video(renamed, 0, None)
    np.testing.assert_array_equal(frames, pictures(LARGE))


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_no_regular_file(tmp_path, kind):
    path = tmp_path / "a.mp4"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(SampleError, match=rf"cannot be decoded \(a {kind}, not a regular file\)"):
        read_video(path, 0, None)
