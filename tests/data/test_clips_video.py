"""A user's own clip: a video file or a folder of frames, with the mask of its first frame."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from foolscape.data import clip_files
from foolscape.data.load import open_clips
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError
from tests.data.made import frame, mask, palette

SIZE = (48, 64)


def pictures(count: int) -> np.ndarray:
    return np.stack([frame(index, *SIZE) for index in range(count)])


def noise(count: int) -> np.ndarray:
    """Frames that fill a file evenly."""
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def write_video(
    path: Path, frames: np.ndarray, codec: str = "ffv1", pixels: str = "bgr0", turned: int = 0, **options: str
) -> Path:
    """FFV1 keeps every bit of RGB."""
    with av.open(path, "w", options=options) as container:
        stream = container.add_stream(codec, rate=Fraction(10))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        stream.bit_rate = 2_000_000
        if turned:
            stream.set_display_rotation(turned)
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def first(tmp_path, save):
    return save(tmp_path / "first.png", palette(mask(1, 3, height=SIZE[0], width=SIZE[1])))


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "my cat.mkv", pictures(6))


@pytest.fixture
def folder(tmp_path, save):
    for index, picture in enumerate(pictures(12)):
        save(tmp_path / f"frames/f{index}.png", picture)
    return tmp_path / "frames"


# Files


def test_video(video, first):
    data = open_clips(f"video:{video}?mask={first}")
    assert (data.ids, data.classes, data.split, data.notes) == (("my cat",), None, None, ())
    clip = data.load("my cat")
    np.testing.assert_array_equal(clip.frames, pictures(6))
    assert clip.frames.dtype == np.uint8
    assert clip.names == tuple(f"{index:05d}" for index in range(6))
    assert (clip.truth, clip.judged, clip.notes) == (None, (), ())
    assert [one.frame for one in clip.given] == [0]
    np.testing.assert_array_equal(clip.given[0].mask, mask(1, 3, height=48, width=64))


def test_part_of_a_video(video, first):
    clip = open_clips(f"video:{video}?mask={first}&start=2&frames=3").load("my cat")
    np.testing.assert_array_equal(clip.frames, pictures(6)[2:5])
    assert clip.names == ("00002", "00003", "00004")
    assert clip.notes == ()
    clip = open_clips(f"video:{video}?mask={first}&start=2&frames=9").load("my cat")
    assert clip.notes == ("4 frames from frame 2 on instead of 9",)
    with pytest.raises(SampleError, match="expected at least 2 frames from frame 5 on, got 1 of 6; check the video"):
        open_clips(f"video:{video}?mask={first}&start=5").load("my cat")


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("mpeg4", "a.avi"), ("libvpx-vp9", "a.webm")])
def test_lossy_video(tmp_path, first, codec, name):
    path = write_video(tmp_path / name, pictures(12), codec, "yuv420p")
    clip = open_clips(f"video:{path}?mask={first}").load("a")
    assert clip.notes == ()
    assert clip.frames.shape == (12, *SIZE, 3)
    error = np.abs(clip.frames.astype(int) - pictures(12)).mean(axis=(1, 2, 3))
    assert error.max() < 12
    nearest = [np.abs(pictures(12).astype(int) - one).mean(axis=(1, 2, 3)).argmin() for one in clip.frames.astype(int)]
    assert nearest == list(range(12))


@pytest.mark.parametrize("turned", [90, -90, 180])
def test_a_turned_video_is_made_upright(tmp_path, save, turned):
    path = write_video(tmp_path / "a.mp4", pictures(3), "libx264rgb", "rgb24", turned)
    with av.open(path) as container:
        stored = np.stack([one.to_ndarray(format="rgb24") for one in container.decode(video=0)])
    want = np.rot90(stored, turned // 90, axes=(1, 2))
    png = save(tmp_path / "m.png", palette(mask(1, height=want.shape[1], width=want.shape[2])))
    clip = open_clips(f"video:{path}?mask={png}").load("a")
    np.testing.assert_array_equal(clip.frames, want)
    assert clip.notes == (f"turned upright by {turned % 360} degrees counterclockwise",)


def test_which_way_is_upright(tmp_path):
    """The matrix of telephones held upright maps a step to the right to a step down: a quarter turn clockwise."""
    path = write_video(tmp_path / "a.mp4", pictures(3), "libx264rgb", "rgb24", -90)
    right, down = (0, 1 << 16, 0), (-1 << 16, 0, 0)  # where a step to the right and one down lead, as x, y
    assert struct.pack(">6i", *right, *down) in path.read_bytes()


def test_a_slanted_video_is_left_as_it_is(tmp_path, first):
    path = write_video(tmp_path / "a.mp4", pictures(3), "libx264rgb", "rgb24", 45)
    clip = open_clips(f"video:{path}?mask={first}").load("a")
    assert clip.frames.shape == (3, *SIZE, 3)
    assert clip.notes == ("not turned upright by 45 degrees counterclockwise",)


def test_damage_ends_the_video(video, first):
    write_video(video, noise(6))
    content = bytearray(video.read_bytes())
    place = len(content) * 6 // 10
    content[place : place + 100] = bytes(np.random.default_rng(1).integers(0, 256, 100, dtype=np.uint8))
    video.write_bytes(content)
    clip = open_clips(f"video:{video}?mask={first}").load("my cat")
    count = len(clip.frames)
    assert 2 <= count < 6
    np.testing.assert_array_equal(clip.frames, noise(count))
    (note,) = clip.notes
    assert note.startswith(f"the video is broken behind {count} frames (Invalid data")
    assert open_clips(f"video:{video}?mask={first}&frames={count}").load("my cat").notes == ()


def test_a_video_that_was_cut_off(video, first):
    write_video(video, noise(6))
    content = video.read_bytes()
    video.write_bytes(content[: len(content) * 6 // 10])
    clip = open_clips(f"video:{video}?mask={first}").load("my cat")
    count = len(clip.frames)
    assert 2 <= count < 6
    np.testing.assert_array_equal(clip.frames, noise(count))
    assert clip.notes == (f"the video ends after {count} frames, earlier than it says",)
    assert open_clips(f"video:{video}?mask={first}&frames=2").load("my cat").notes == ()


def test_a_video_that_breaks_at_once(tmp_path, first):
    path = write_video(tmp_path / "a.avi", pictures(6), "mjpeg", "yuvj420p")
    content = path.read_bytes()
    second = content.index(b"\xff\xd8", content.index(b"\xff\xd8") + 2)
    path.write_bytes(content[: second + 100])
    with pytest.raises(SampleError, match=r"frame 0 on, got 1 of 1, where the file is broken \(Invalid data"):
        open_clips(f"video:{path}?mask={first}").load("a")


def test_no_video(tmp_path, first):
    path = tmp_path / "a.mp4"
    path.write_text("this is no video")
    with pytest.raises(
        SampleError, match=r"a\.mp4: expected a video, got a file that cannot be decoded \(Invalid data"
    ):
        open_clips(f"video:{path}?mask={first}").load("a")
    path.write_bytes(b"")
    with pytest.raises(SampleError, match=r"a\.mp4: expected a video, got "):
        open_clips(f"video:{path}?mask={first}").load("a")


def test_sound_alone(tmp_path, first):
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(SampleError, match="expected a video, got a file without pictures"):
        open_clips(f"video:{path}?mask={first}").load("a")


def test_a_play_list_is_not_followed(tmp_path, first):
    path = tmp_path / "a.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SampleError, match=r"a\.m3u8: expected "):
        open_clips(f"video:{path}?mask={first}").load("a")


def test_memory_is_limited(video, first, monkeypatch):
    monkeypatch.setattr(clip_files, "MOST_BYTES", 4 * 48 * 64 * 3)
    with pytest.raises(SampleError, match=r"expected frames of at most .*; take fewer \(video: has &frames=N\)"):
        open_clips(f"video:{video}?mask={first}").load("my cat")
    assert len(open_clips(f"video:{video}?mask={first}&frames=4").load("my cat").frames) == 4


# Folders


def test_folder(folder, first):
    data = open_clips(f"video:{folder}?mask={first}")
    assert data.ids == ("frames",)
    clip = data.load("frames")
    np.testing.assert_array_equal(clip.frames, pictures(12))  # f10 behind f9
    assert clip.names == tuple(f"f{index}" for index in range(12))
    clip = open_clips(f"video:{folder}?mask={first}&start=9&frames=9").load("frames")
    assert clip.names == ("f9", "f10", "f11")
    assert clip.notes == ("3 frames from frame 9 on instead of 9",)
    with pytest.raises(SampleError, match="expected at least 2 frames from frame 11 on, got 1 of 12; start earlier"):
        open_clips(f"video:{folder}?mask={first}&start=11").load("frames")


def test_the_mask_may_lie_beside_the_frames(folder, first):
    inside = first.rename(folder / "a_mask.png")
    data = open_clips(f"video:{folder}?mask={inside}")
    assert len(data.load("frames").frames) == 12
    before = data.fingerprint("frames")
    (folder / "f11.png").unlink()
    assert data.fingerprint("frames") != before


def test_folder_with_a_gap(folder, first):
    (folder / "f7.png").unlink()
    with pytest.raises(SampleError, match=r"f7\.png: expected a frame, since others before and behind it are there"):
        open_clips(f"video:{folder}?mask={first}").load("frames")


def test_empty_folder(tmp_path, first):
    (tmp_path / "frames").mkdir()
    with pytest.raises(SampleError, match="frames: expected the frames of a clip, got no image"):
        open_clips(f"video:{tmp_path / 'frames'}?mask={first}").load("frames")


def test_folder_with_an_unreadable_frame(folder, first):
    (folder / "f3.png").write_bytes(b"nothing")
    with pytest.raises(SampleError, match=r"f3\.png: expected an image, got"):
        open_clips(f"video:{folder}?mask={first}").load("frames")


# Masks and settings


def test_mask_of_0_and_255_is_one_object(video, save, tmp_path):
    png = save(tmp_path / "m.png", mask(255, height=48, width=64))
    clip = open_clips(f"video:{video}?mask={png}").load("my cat")
    np.testing.assert_array_equal(clip.given[0].mask, mask(1, height=48, width=64))
    assert clip.notes == ("mask of 0 and 255 taken for one object",)


def test_void_of_a_mask_is_no_object(video, save, tmp_path):
    png = save(tmp_path / "m.png", mask(2, 255, height=48, width=64))
    clip = open_clips(f"video:{video}?mask={png}").load("my cat")
    np.testing.assert_array_equal(clip.given[0].mask, mask(2, 0, height=48, width=64))


@pytest.mark.parametrize(
    ("content", "want"),
    [
        (mask(0, height=48, width=64), r"m\.png: expected a mask with an object"),
        (mask(1, height=64, width=48), r"m\.png: expected labels of the image's size 48x64, got 64x48"),
        (mask(0, height=64, width=48), r"m\.png: expected labels of the image's size 48x64, got 64x48"),
        (np.arange(48 * 64).reshape(48, 64).astype(np.uint8), r"at most 20 labels, got 254 grey values besides"),
        (frame(0, 48, 64), r"expected labels as single-channel class indices, got an image of mode RGB"),
    ],
)
def test_bad_mask(video, save, tmp_path, content, want):
    png = save(tmp_path / "m.png", Image.fromarray(content))
    with pytest.raises(SampleError, match=want):
        open_clips(f"video:{video}?mask={png}").load("my cat")


def test_fingerprint(video, first, save):
    def taken(more: str = "") -> str:
        return open_clips(f"video:{video}?mask={first}{more}").fingerprint("my cat")

    prints = [taken(), taken("&start=1"), taken("&frames=2")]
    assert taken() == prints[0]
    save(first, mask(1, height=48, width=64))
    prints.append(taken())
    write_video(video, pictures(5))
    prints.append(taken())
    assert len(set(prints)) == 5


@pytest.mark.parametrize(
    ("spec", "error", "want"),
    [
        ("video:", SettingError, r"expected a video, video:PATH\?mask=FILE\.png, got 'video:'"),
        ("video:{video}", SettingError, r"expected the mask of the first frame, video:PATH\?mask=FILE\.png, got none"),
        ("video:{video}?mask=", SettingError, "expected the mask of the first frame"),
        ("video:{video}?mask=nowhere.png", DataError, r"expected the mask of the first frame at nowhere\.png, got no"),
        ("video:nowhere.mp4?mask={first}", DataError, r"a folder of frames at nowhere\.mp4, got nothing there"),
        ("video:{video}?mask={first}&start=-1", SettingError, "expected start to be a whole number of at least 0"),
        ("video:{video}?mask={first}&frames=1", SettingError, "expected frames to be a whole number of at least 2"),
        ("video:{video}?mask={first}&frames=two", SettingError, "got 'two'"),
        ("video:{video}?mask={first}&fps=2", UnknownNameError, "unknown option in .* 'fps'"),
    ],
)
def test_settings(video, first, spec, error, want):
    with pytest.raises(error, match=want):
        open_clips(spec.format(video=video, first=first))


def test_no_split(video, first):
    with pytest.raises(SettingError, match="expected no split, since a video has none, got 'val'; leave it out"):
        open_clips(f"video:{video}?mask={first}", split="val")
    with pytest.raises(UnknownNameError, match=r"unknown clip id in video:.* 'dog'"):
        open_clips(f"video:{video}?mask={first}").load("dog")
