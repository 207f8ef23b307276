"""`scenes:`: the bundled street, drawn when it is asked for; nothing to download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foolscape.data import files
from foolscape.data.sample import Sample
from foolscape.errors import SettingError
from foolscape.scenes import CLASSES, SceneFrame, describe, render
from foolscape.spec import Spec

SPLITS: Mapping[str, int] = {"train": 0, "val": 1, "test": 2}
"""The seed of each split."""

SIZE = (160, 256)
"""Height and width of an image."""

_COUNT, _MOST = 1000, 1_000_000
_LOW_SUN = 0.45
"""Radians above the horizon; at dusk the street's sun stands below, by day above."""
_MOVING = ("car", "bicycle", "person")


@dataclass(frozen=True)
class Scenes:
    """Pictures of the bundled street with exact labels; implements `SegmentationData`.

    Attributes:
        spec: the spec it was opened by.
        split: train, val or test.
        seed: the split's seed, or the one of the spec.
        notes: the seed.
        indices: number of each street by its id.
    """

    spec: str
    split: str
    seed: int
    notes: tuple[str, ...]
    indices: Mapping[str, int]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the street; no pixel is void."""
        return CLASSES

    @property
    def ids(self) -> tuple[str, ...]:
        """Such as test-000017; seed7-000017 where the spec names a seed."""
        return tuple(self.indices)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of seed, index and size."""
        index = files.fetch(self.indices, sample_id, self.spec)
        return files.digest(f"scenes seed {self.seed} index {index} size {SIZE}")

    def load(self, sample_id: str) -> Sample:
        """The picture, (160, 256, 3), and its labels."""
        frame = self.frame(sample_id)
        return Sample(sample_id, frame.image, frame.labels)

    def frame(self, sample_id: str) -> SceneFrame:
        """The picture, its labels and its instances."""
        index = files.fetch(self.indices, sample_id, self.spec)
        return render(describe(self.seed, index), *SIZE)

    def attributes(self, sample_id: str) -> dict[str, str]:
        """The light, whether it rains, and how far the nearest car, bicycle or person is."""
        index = files.fetch(self.indices, sample_id, self.spec)
        street = describe(self.seed, index)
        nearest = min((thing.y for thing in street.things if CLASSES[thing.label] in _MOVING), default=None)
        return {
            "light": "dusk" if street.light.sun_elevation < _LOW_SUN else "day",
            "lamps": "lit" if street.light.lamps else "off",
            "rain": "yes" if street.light.rain > 0 else "no",
            **({} if nearest is None else {"nearest, m": f"{nearest:.1f}"}),
        }


def open_scenes(spec: Spec, split: str | None = None) -> Scenes:
    """Open `scenes:[?seed=N][&count=N]`, by default the 1,000 pictures of test.

    Raises:
        UnknownNameError: a split that does not exist.
        SettingError: something behind the colon, a seed below 0 or a count below 1.
    """
    split, seed, indices = series(spec, split, count=_COUNT)
    return Scenes(spec.text, split, seed, (f"streets drawn by foolscape with seed {seed}",), indices)


def series(spec: Spec, split: str | None, *, count: int, also: tuple[str, ...] = ()) -> tuple[str, int, dict[str, int]]:
    """Split, seed and number by id of what `scenes:[?seed=N][&count=N]` asks for; `also` names further options.

    Raises:
        as `open_scenes`.
    """
    spec.only("seed", "count", *also)
    if spec.rest.strip():
        raise SettingError(f"expected scenes: without a folder, got {spec.text!r}; leave {spec.rest!r} out")
    split = files.pick_split(spec, split, SPLITS, "test")
    count = number(spec, "count", count, 1, _MOST)
    seed = number(spec, "seed", SPLITS[split], 0, 2**31 - 1)
    # An id must not say "test" where the pictures are others than those of the test split.
    prefix = f"seed{seed}" if "seed" in spec.options else split
    return split, seed, {f"{prefix}-{index:06d}": index for index in range(count)}


def number(spec: Spec, name: str, default: int, least: int, most: int) -> int:
    """The whole number that the option `name` gives; raises `SettingError` if it gives another thing."""
    text = spec.options.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise SettingError(f"{spec.text}: expected {name} to be a whole number from {least} to {most}, got {text!r}")
    return int(text)
