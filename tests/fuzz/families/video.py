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


def _family(suffix: str, codec: str, pixels: str) -> Family:
    """Videos of one form."""

    def make(root: Path) -> None:
        with av.open(root / f"video.{suffix}", "w") as container:
            stream = container.add_stream(codec, rate=Fraction(10))
            stream.height, stream.width, stream.pix_fmt = 48, 64, pixels
            for index in range(FRAMES):
                picture = av.VideoFrame.from_ndarray(frame(index, 48, 64), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())

    def mutate(rng: Random, root: Path) -> Mutation:
        if rng.random() < 0.1:
            return mutate_tree(rng, root)
        path = root / f"video.{suffix}"
        mutated, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(mutated)
        return mutation

    def read(root: Path) -> Found:
        path = next(iter(sorted(root.glob("video.*"))), root / f"video.{suffix}")
        try:
            frames, notes = read_video(path, 0, None)
        except SampleError as error:
            return Found((FRAMES,), None, (f"failed: {error}",))
        return Found((len(frames),), None, notes)

    # All frames are there, or it is said that there are fewer.
    return Family(suffix, make, mutate, read, lambda _: (FRAMES,), weight=2)


FAMILIES = tuple(_family(suffix, *form) for suffix, form in FORMS.items())
