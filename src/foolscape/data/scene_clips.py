"""Clips of the bundled street: cars, cyclists and people, followed over a few seconds; nothing to download."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foolscape.data import files
from foolscape.data.clips import Clip, GivenMask
from foolscape.data.scenes import SIZE, number, series
from foolscape.errors import SampleError
from foolscape.scenes import CLASSES, Street, describe, render
from foolscape.spec import Spec

RATE = 8
"""Frames per second."""

LEAST_PIXELS = 120
"""An object shows at least so many pixels whenever it is checked: at both ends of a clip and at its quarters."""

MOST_OBJECTS = 5

_COUNT, _FRAMES, _MOST_FRAMES = 100, 20, 1000
_TRIES = 4  # streets that a clip is chosen from; no two clips share one
_OBJECTS = tuple(CLASSES.index(name) for name in ("car", "bicycle", "person"))


@dataclass(frozen=True)
class Followed:
    """What is followed under one label: the ids of its instances, and whether it moves."""

    instances: tuple[int, ...]
    moves: bool


@dataclass(frozen=True)
class SceneClips:
    """Clips of the bundled street with exact label maps; implements `ClipData`.

    The camera stands still. A bicycle and who rides it are one object.

    Attributes:
        spec: the spec it was opened by.
        split: train, val or test.
        seed: the split's seed, or the one of the spec.
        length: frames per clip.
        notes: how the clips were made.
        indices: number of each clip by its id.
    """

    spec: str
    split: str
    seed: int
    length: int
    notes: tuple[str, ...]
    indices: Mapping[str, int]

    @property
    def classes(self) -> tuple[str, ...]:
        """("object",), as of every data set of clips with truth."""
        return ("object",)

    @property
    def ids(self) -> tuple[str, ...]:
        """Such as test-000017; seed7-000017 where the spec names a seed."""
        return tuple(self.indices)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of seed, index, length and size."""
        index = files.fetch(self.indices, sample_id, self.spec)
        return files.digest(f"clip of scenes seed {self.seed} index {index} frames {self.length} size {SIZE}")

    def load(self, sample_id: str) -> Clip:
        """The clip, T frames of (160, 256): about 0.1 s of drawing per frame.

        Raises:
            SampleError: none of the clip's streets has an object that stays in view.
        """
        index = files.fetch(self.indices, sample_id, self.spec)
        times = [frame / RATE for frame in range(self.length)]
        quarters = sorted({times[quarter * (self.length - 1) // 4] for quarter in range(5)})
        street, objects = choose(self.seed, index, quarters)
        shots = [shoot(street, objects, time) for time in times]
        truth = np.stack([labels for _, labels in shots])
        return Clip(
            id=sample_id,
            frames=np.stack([image for image, _ in shots]),
            names=tuple(f"{frame:05d}" for frame in range(self.length)),
            given=(GivenMask(0, truth[0]),),
            truth=truth,
            judged=tuple(range(self.length)),
        )


def open_scene_clips(spec: Spec, split: str | None = None) -> SceneClips:
    """Open `scenes:[?seed=N][&count=N][&frames=T]`, by default 100 clips of 20 frames of test.

    Raises:
        UnknownNameError: a split that does not exist.
        SettingError: something behind the colon, a seed below 0, a count below 1 or less than 3 frames.
    """
    split, seed, indices = series(spec, split, count=_COUNT, also=("frames",))
    length = number(spec, "frames", _FRAMES, 3, _MOST_FRAMES)
    notes = (
        f"clips of streets drawn by foolscape with seed {seed}, {length} frames, {RATE} per second, the camera at rest",
        f"objects are the largest cars, cyclists and people, at most {MOST_OBJECTS}, that show {LEAST_PIXELS} pixels "
        "at both ends of the clip and at its quarters; a bicycle and its rider are one object",
    )
    return SceneClips(spec.text, split, seed, length, notes, indices)


def choose(seed: int, index: int, times: Sequence[float]) -> tuple[Street, tuple[Followed, ...]]:
    """The street of clip number `index` of the series `seed`, and its objects by falling size in the first frame.

    Among the clip's streets it is the first with a moving object that is in view at all `times` (seconds, the first
    0), else the first with any.

    Raises:
        SampleError: there is none.
    """
    resting: tuple[Street, tuple[Followed, ...]] | None = None
    for candidate in range(index * _TRIES, (index + 1) * _TRIES):
        street = describe(seed, candidate)
        objects = _in_view(street, times)
        if any(one.moves for one in objects):
            return street, objects
        if objects and resting is None:
            resting = street, objects
    if resting is None:
        raise SampleError(
            f"clip {index} of the streets of seed {seed}: nothing is in view for all of {times[-1]:g} s; ask for fewer "
            "frames"
        )
    return resting


def shoot(street: Street, objects: tuple[Followed, ...], time: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture at `time` seconds, (160, 256, 3) uint8, and its labels, (160, 256) uint8: i + 1 for objects[i]."""
    frame = render(street, *SIZE, time=time)
    labels = np.zeros(SIZE, np.uint8)
    for label, one in enumerate(objects, start=1):
        labels[np.isin(frame.instances, one.instances)] = label
    return frame.image, labels


def _in_view(street: Street, times: Sequence[float]) -> tuple[Followed, ...]:
    """The largest objects that are large enough at all `times`, by falling size at the first."""
    # Houses stand behind everything and take half of the time.
    bare = replace(street, buildings=())
    shots = [render(bare, *SIZE, time=time).instances for time in times]
    sizes = [([int(np.isin(shot, one.instances).sum()) for shot in shots], one) for one in _followed(street)]
    lasting = [(size[0], one) for size, one in sizes if min(size) >= LEAST_PIXELS]
    lasting.sort(key=lambda sized: (-sized[0], sized[1].instances))
    return tuple(one for _, one in lasting[:MOST_OBJECTS])


def _followed(street: Street) -> Iterator[Followed]:
    """Every car, person and bicycle of a street; who rides a bicycle goes with it."""
    riders = {getattr(thing.look, "bicycle", 0): thing.id for thing in street.things}
    for thing in street.things:
        if thing.label in _OBJECTS and not getattr(thing.look, "bicycle", 0):
            rider = (riders[thing.id],) if thing.id in riders else ()
            yield Followed((thing.id, *rider), thing.speed > 0)
