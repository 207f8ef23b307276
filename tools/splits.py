"""Scenes drawn once and kept on disk, for the training scripts."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.scenes import describe, render

TRAIN, VALIDATION, TEST = 0, 1, 2  # seeds
VALIDATION_SCENES, TEST_SCENES = 48, 200


class Split(NamedTuple):
    """The first scenes of a seed: images uint8 (N, H, W, 3), labels uint8 and instances uint16 (N, H, W)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]


def _draw(scene: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint16]]:
    frame = render(describe(*scene))
    return frame.image, frame.labels, frame.instances.astype(np.uint16)


def load_split(cache: Path, seed: int, count: int, workers: int) -> Split:
    """The first `count` scenes of a seed, drawn where `cache` does not have them yet."""
    files = [cache / f"{part}-{seed}-{count}.npy" for part in Split._fields]
    if not all(file.exists() for file in files):
        cache.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(workers) as pool:
            frames = list(pool.map(_draw, [(seed, index) for index in range(count)], chunksize=8))
        for file, parts in zip(files, zip(*frames, strict=True), strict=True):
            np.save(file, np.stack(parts))
    return Split(*(np.load(file, mmap_mode="r") for file in files))
