"""What the families of data have in common: a data set read whole, as `Found`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foolscape.data.files import IMAGE_EXTENSIONS
from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.errors import SampleError
from tests.data.made import frame
from tests.fuzz.cases import Found


def hashed(*arrays: np.ndarray) -> str:
    """A short hash of shapes and values."""
    return hashlib.sha256(repr([(a.shape, a.tobytes()) for a in arrays]).encode()).hexdigest()[:12]


def save(path: Path, picture: np.ndarray, **options: Any) -> Path:
    """Write an image to `path`, whose folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)
    return path


def content(path: Path) -> bytes:
    """What is in a file; `OSError` for a pipe or device, which is not waited for."""
    if not path.is_file():
        raise OSError(f"{path} is no file")
    return path.read_bytes()


def photo(path: Path, index: int = 0) -> Path:
    """Write a photograph of 12x16 pixels."""
    return save(path, frame(index))


def is_photo(path: Path) -> bool:
    """Whether a file counts among photographs, by its name."""
    return path.suffix.lower() in IMAGE_EXTENSIONS and not path.name.startswith(".") and not path.is_dir()


def read_all(data: Any, things: Callable[[Any], tuple[int, Any]]) -> Found:
    """Every sample of `data`; `things` counts those in a sample, and gives the rest of what is measured.

    Totals are the samples, with those that failed, and the things in them.
    """
    count, facts, said = 0, [], list(data.notes)
    for name in data.ids:
        data.fingerprint(name)
        try:
            sample = data.load(name)
        except SampleError as error:
            said.append(f"failed: {error}")
            continue
        number, fact = things(sample)
        count += number
        facts.append((name, fact))
        said += sample.notes
    return Found((len(data.ids), count), tuple(facts), tuple(said))


def segmentation(spec: str, **options: Any) -> Found:
    """A data set for segmentation, its label maps and images."""
    return read_all(
        open_data(spec, **options), lambda s: (0, hashed(s.image, *(() if s.labels is None else (s.labels,))))
    )


def detection(spec: str, **options: Any) -> Found:
    """A data set for detection; its objects are the things."""

    def objects(sample: Any) -> tuple[int, Any]:
        truth = sample.truth
        if truth is None:
            return 0, hashed(sample.image)
        rest = (truth.boxes, truth.labels, truth.difficult, truth.crowd, truth.area)
        return len(truth.labels), (hashed(sample.image), *(str(part.tolist()) for part in rest))

    return read_all(open_detection(spec, **options), objects)


def clips(spec: str, **options: Any) -> Found:
    """A data set of clips; their frames are the things."""

    def frames(clip: Any) -> tuple[int, Any]:
        masks = [np.unique(one.mask).tolist() for one in clip.given]
        truth = None if clip.truth is None else np.unique(clip.truth).tolist()
        return len(clip.frames), (clip.names, str(masks), str(truth), clip.judged, str(clip.categories))

    return read_all(open_clips(spec, **options), frames)


def joined(found: Iterable[Found]) -> Found:
    """Several readings of one input as one."""
    parts = tuple(found)
    return Found(
        tuple(total for part in parts for total in part.totals),
        tuple(part.facts for part in parts),
        tuple(note for part in parts for note in part.said),
    )
