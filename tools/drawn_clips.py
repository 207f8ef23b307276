"""Clips of the street drawn once and kept on disk, for the training of the tracker."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.data.scene_clips import RATE, choose, shoot

FRAMES = 8  # of a clip that are drawn, GAPS apart: more streets teach more than more frames of each
GAPS = (1, 2, 3)
SHARD = 50  # clips per file


class Drawn(NamedTuple):
    """The first N clips of a seed: images uint8 (N, FRAMES, H, W, 3), masks uint8 (N, FRAMES, H, W)."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]


def draw(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images and masks of FRAMES frames of clip `index`, at random gaps; an object may be hidden in between."""
    gaps = np.random.default_rng([seed, index]).choice(GAPS, FRAMES - 1)
    times = [float(frame) / RATE for frame in (0, *np.cumsum(gaps))]
    street, objects = choose(seed, index, (0.0, times[-1]))
    images, masks = zip(*(shoot(street, objects, time) for time in times), strict=True)
    return np.stack(images), np.stack(masks)


def _draw_shard(file: Path, seed: int, number: int) -> None:
    clips = [draw(seed, index) for index in range(number * SHARD, (number + 1) * SHARD)]
    images, masks = zip(*clips, strict=True)
    part = file.with_suffix(".part.npz")
    np.savez(part, images=np.stack(images), masks=np.stack(masks))
    part.rename(file)


class Drawing:
    """The first `count` clips of a seed (a multiple of SHARD), drawn in the background where `cache` lacks them."""

    def __init__(self, cache: Path, seed: int, count: int, workers: int) -> None:
        if count % SHARD:
            raise ValueError(f"expected a multiple of {SHARD} clips, got {count}")
        cache.mkdir(parents=True, exist_ok=True)
        self.files = [cache / f"clips-{seed}-{number:03d}.npz" for number in range(count // SHARD)]
        pool = ProcessPoolExecutor(workers)
        self.awaited = {
            number: pool.submit(_draw_shard, file, seed, number)
            for number, file in enumerate(self.files)
            if not file.exists()
        }
        self.ready = Drawn(np.empty((0,), np.uint8), np.empty((0,), np.uint8))

    def first(self, count: int) -> Drawn:
        """The first `count` clips, all where there are fewer; waits until they are drawn."""
        count = min(count, len(self.files) * SHARD)
        if len(self.ready.images) != count:
            self.ready = Drawn(*(np.concatenate(parts) for parts in zip(*self._shards(count // SHARD), strict=True)))
        return self.ready

    def _shards(self, count: int) -> list[Drawn]:
        for number in range(count):
            if number in self.awaited:
                self.awaited[number].result()
        shards = [np.load(file) for file in self.files[:count]]
        return [Drawn(shard["images"], shard["masks"]) for shard in shards]
