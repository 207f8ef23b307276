"""Annotations of images that an EXIF tag turns: were they made on the pixels as stored, or on the upright image?

Annotation tools differ, and neither COCO nor VOC says it. The sizes decide where they can. Where both fit, and the
truth would differ, the image is refused: a wrong guess gives plausible figures of boxes that lie elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.data.picture import TURNS, Turn
from foolscape.errors import SampleError, SettingError
from foolscape.metrics.boxes import Truth, everywhere
from foolscape.spec import Spec

T = TypeVar("T")

Size = tuple[int | None, int | None]
"""(H, W) as an annotation gives it; None for a side that it does not tell."""

FRAMES: Final = ("stored", "upright")
"""What `?annotated=` may say."""


def frame_option(spec: Spec) -> str | None:
    """The frame that `?annotated=` names, None where it is left to the sizes; raises `SettingError` for another."""
    frame = spec.options.get("annotated")
    if frame is not None and frame not in FRAMES:
        raise SettingError(f"{spec.text}: expected annotated to be {' or '.join(FRAMES)}, got {frame!r}")
    return frame


def settle(
    where: Path | str,
    turned: Turn,
    labelled_size: Size,
    frame: str | None,
    make: Callable[[tuple[int, int]], T],
    turn: Callable[[T, int], T],
    same: Callable[[T, T], bool],
) -> tuple[T, tuple[str, ...]]:
    """The truth of an image in its upright frame, and a note where the image was turned.

    Args:
        where: the annotation, for messages.
        turned: how the image was turned upright.
        labelled_size: the size that the annotation gives.
        frame: stored or upright where the user says which; None: the size decides.
        make: the truth in the annotation's own frame, whose size (H, W) it is given.
        turn: turns truth with the stored pixels by an EXIF orientation.
        same: whether two truths are the same.

    Raises:
        SampleError: the size fits neither frame, or it fits both and they give different truth.
    """
    upright, stored = turned.size, turned.stored
    fitting = [name for name, size in zip(FRAMES, (stored, upright), strict=True) if _fits(labelled_size, size)]
    if turned.orientation == 1:
        if not fitting:
            raise mismatch(where, upright, labelled_size)
        return make(upright), ()
    possible = [name for name in fitting if frame in (None, name)]
    if not possible:
        raise mismatch(where, upright, labelled_size, turned, frame)
    truths = [turn(make(stored), turned.orientation) if name == "stored" else make(upright) for name in possible]
    if len(truths) == 2 and not same(*truths):
        raise SampleError(
            f"{where}: expected an annotation that tells whether it was made on the pixels as stored or on the upright "
            f"image (EXIF orientation {turned.orientation}), got one whose size fits both; say it with "
            "?annotated=stored or ?annotated=upright, or save the image upright without the tag"
        )
    return truths[0], (_note(possible, fitting, turned.orientation),)


def mismatch(
    where: Path | str, size: tuple[int, ...], labelled_size: Size, turned: Turn | None = None, frame: str | None = None
) -> SampleError:
    """For labels whose size `labelled_size` is not that of the image, (H, W), nor of its stored pixels."""
    want = _text(size)
    if turned is not None:
        sizes = {"upright": f"{want} upright", "stored": f"{_text(turned.stored)} as stored"}
        sizes_text = " or ".join(text for name, text in sizes.items() if frame in (None, name))
        want = f"{sizes_text} (EXIF orientation {turned.orientation})"
    return SampleError(
        f"{where}: expected labels of the image's size {want}, got {_text(labelled_size)}; use the labels of this image"
    )


def turn_labels(labels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A label map (H, W) of the stored pixels, turned upright as its image is."""
    if orientation == 1:
        return labels
    return np.array(Image.fromarray(labels).transpose(TURNS[orientation]), dtype=np.uint8)


def turn_boxes(truth: Truth, orientation: int, size: tuple[int, int]) -> Truth:
    """Boxes on the stored pixels, whose `size` is (H, W), turned upright as their image is."""
    height, width = size
    x1, y1, x2, y2 = truth.boxes.T
    if orientation in (2, 3, 7, 8):
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 6, 7):
        y1, y2 = height - y2, height - y1
    sides = (x1, y1, x2, y2) if orientation < 5 else (y1, x1, y2, x2)
    turned = np.where(everywhere(truth)[:, None], truth.boxes, np.stack(sides, axis=1))
    return dataclasses.replace(truth, boxes=turned)


def _fits(labelled_size: Size, size: tuple[int, ...]) -> bool:
    return all(one is None or one == other for one, other in zip(labelled_size, size, strict=True))


def _text(size: tuple[int | None, ...]) -> str:
    return "x".join("unknown" if side is None else str(side) for side in size)


def _note(possible: list[str], fitting: list[str], orientation: int) -> str:
    if len(possible) == 2:
        return f"annotation is the same as stored and upright (EXIF orientation {orientation})"
    why = "by its size" if len(fitting) == 1 else "as the spec says"
    if possible == ["stored"]:
        return f"annotation of the stored pixels, {why}: turned with the image (EXIF orientation {orientation})"
    return f"annotation of the upright image, {why} (EXIF orientation {orientation})"
