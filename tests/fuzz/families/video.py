"""Video files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from random import Random

import av

from foolscape.data.video_file import read_video
from foolscape.errors import SampleError
from tests.data.made import frame
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.hostile import mutate_bytes, mutate_tree

FRAMES = 6
FORMS = {"mkv": ("ffv1", "bgr0"), "mp4": ("mpeg4", "yuv420p"), "avi": ("mjpeg", "yuvj420p")}


def make(root: Path) -> None:
    """A video of each form; the one that is read is mutated."""
    for suffix, (codec, pixels) in FORMS.items():
        with av.open(root / f"video.{suffix}", "w") as container:
            stream = container.add_stream(codec, rate=Fraction(10))
            stream.height, stream.width, stream.pix_fmt = 48, 64, pixels
            for index in range(FRAMES):
                picture = av.VideoFrame.from_ndarray(frame(index, 48, 64), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    (root / "which").write_text("mkv")


def mutate(rng: Random, root: Path) -> Mutation:
    """Bytes of one."""
    suffix = rng.choice(tuple(FORMS))
    (root / "which").write_text(suffix)
    path = root / f"video.{suffix}"
    if rng.random() < 0.1:
        for other in root.glob("video.*"):
            if other != path:
                other.unlink()
        return mutate_tree(rng, root)
    mutated, mutation = mutate_bytes(rng, path.read_bytes())
    path.write_bytes(mutated)
    return Mutation(f"{suffix}: {mutation.what}")


def read(root: Path) -> Found:
    """How many frames there are."""
    which = root / "which"
    path = root / f"video.{which.read_text() if which.is_file() and which.stat().st_size else 'mkv'}"
    try:
        frames, notes = read_video(path, 0, None)
    except SampleError as error:
        return Found((FRAMES,), None, (f"failed: {error}",))
    return Found((len(frames),), None, notes)


def held(root: Path) -> tuple[int, ...]:
    """All frames, or it is said that there are fewer."""
    del root
    return (FRAMES,)


FAMILIES = (Family("video file", make, mutate, read, held),)
