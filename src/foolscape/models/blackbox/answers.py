"""What a black box may answer: a label map, class scores, or boxes; in arrays of whatever library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import ModelError
from foolscape.models.blackbox.asking import Image

DOCS: Final = "docs/your-own-model.md"

_PARTS: Final = ("boxes", "scores", "labels")


class Objects(NamedTuple):
    """The boxes (K, 4) that a black box found, their scores (K,), 1 where it gives none, and labels (K,)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    scored: bool


def is_objects(answer: object) -> bool:
    """Whether an answer holds boxes, and is no map."""
    if isinstance(answer, Mapping):
        return "boxes" in answer
    return hasattr(answer, "boxes") or (isinstance(answer, tuple) and len(answer) in (2, 3))


def map_of(answer: object, image: Image) -> NDArray[Any]:
    """The label map (H, W) int64 or the class scores (C, H, W) float32 in an answer to `image`.

    Raises:
        ModelError: it is of another form or size.
    """
    array, size = _array(answer), image.shape[:2]
    if array is not None and array.shape == size and array.dtype.kind in "iub":
        return array.astype(np.int64)
    if array is not None and array.ndim == 3 and array.dtype.kind in "iuf":
        if array.shape[:2] == size and array.shape[2] > 1:
            return np.ascontiguousarray(np.moveaxis(array, 2, 0), dtype=np.float32)
        if array.shape[1:] == size and array.shape[0] > 1:
            return array.astype(np.float32)
    got = type(answer).__name__ if array is None else f"{array.shape} of {array.dtype}"
    height, width = size
    raise ModelError(
        f"expected a label map ({height}, {width}) of whole numbers or class scores ({height}, {width}, C) or "
        f"(C, {height}, {width}) for an image of {height} x {width}, got {got}; resize the answer in "
        f"the function: {DOCS}"
    )


def objects_of(answer: object, image: Image) -> Objects:
    """The boxes in an answer to `image`: fields or keys boxes, scores (optional) and labels, or a tuple of these.

    Raises:
        ModelError: it is of another form.
    """
    del image
    if isinstance(answer, tuple | list) and len(answer) in (2, 3):
        parts = dict(zip(_PARTS if len(answer) == 3 else ("boxes", "labels"), answer, strict=True))
    elif isinstance(answer, Mapping):
        parts = {str(name): value for name, value in answer.items()}
    else:
        parts = {name: getattr(answer, name, None) for name in _PARTS}
    arrays = {name: _array(parts.get(name)) for name in _PARTS}
    boxes, scores, labels = (arrays[name] for name in _PARTS)
    if boxes is not None and boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    count = -1 if boxes is None or boxes.ndim != 2 else len(boxes)
    scored = scores is not None
    if (
        boxes is None
        or boxes.shape != (count, 4)
        or labels is None
        or labels.shape != (count,)
        or (scores is not None and scores.shape != (count,))
    ):
        shapes = ", ".join(f"{name} {'none' if one is None else one.shape}" for name, one in arrays.items())
        raise ModelError(
            f"expected boxes (K, 4), labels (K,) and, if there are any, scores (K,), got {shapes}; return them "
            f"so: {DOCS}"
        )
    chances = np.ones(count) if scores is None else scores
    if not (np.isfinite(boxes).all() and ((chances >= 0) & (chances <= 1)).all()):
        raise ModelError("expected finite boxes and scores in [0, 1], got others; return them so")
    return Objects(boxes.astype(np.float32), chances.astype(np.float32), labels.astype(np.int64), scored)


def _array(value: object) -> NDArray[Any] | None:
    """`value` as an array; None for what is none."""
    if value is None or isinstance(value, str | Mapping):
        return None
    cpu = getattr(value, "cpu", None)  # a tensor, on whatever device
    try:
        array = np.asarray(cpu() if callable(cpu) else value)
    except (ValueError, TypeError, RuntimeError):
        return None
    return array if array.dtype.kind in "iubf" else None
