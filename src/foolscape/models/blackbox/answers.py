"""What a black box may answer: a label map, class scores, or boxes; in arrays of whatever library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import ModelError
from foolscape.models.blackbox.asking import Image
from foolscape.models.blackbox.worker import is_strange

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
    if isinstance(answer, tuple):
        return len(answer) in (2, 3) and not is_strange(answer)
    return hasattr(answer, "boxes")


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
            return _finite(np.moveaxis(array, 2, 0))
        if array.shape[1:] == size and array.shape[0] > 1:
            return _finite(array)
    height, width = size
    raise ModelError(
        f"expected a label map ({height}, {width}) of whole numbers or class scores ({height}, {width}, C) or "
        f"(C, {height}, {width}) for an image of {height} x {width}, got {_described(answer, array)}; "
        f"{_advice(array, size)}: {DOCS}"
    )


def _finite(scores: NDArray[Any]) -> NDArray[np.float32]:
    """Class scores in float32, without NaN and infinite ones."""
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(scores, dtype=np.float32)
    if bad := values.size - int(np.isfinite(values).sum()):
        raise ModelError(
            f"expected finite class scores, got {bad} of {values.size} that are NaN or infinite in float32; look for "
            "a division by zero, log(0) or an overflow in the function"
        )
    return values


def _advice(array: NDArray[Any] | None, size: tuple[int, ...]) -> str:
    """What to do about an array that is neither a label map nor class scores of an image of `size`."""
    if array is not None and array.ndim > 2 and array.shape[0] == 1 and size in (array.shape[1:3], array.shape[2:4]):
        return "return answer[0], without the batch dimension, or say ?batch=1 if it takes batches, too"
    if array is not None and array.shape == size:
        return "return the indices of classes in an integer type"
    if array is not None and array.ndim in (2, 3):
        return "resize the answer in the function"
    return "return an array so"


def _described(answer: object, array: NDArray[Any] | None) -> str:
    """What an answer is."""
    if array is not None:
        return f"{array.shape} of {array.dtype}"
    if is_strange(answer):
        return str(answer[1])  # type: ignore[index]
    if isinstance(answer, np.ndarray):
        return f"{answer.shape} of {answer.dtype}"
    if isinstance(answer, Mapping):
        return f"{type(answer).__name__} with the keys {', '.join(map(repr, answer)) or '(none)'}"
    return type(answer).__name__


def objects_of(answer: object, image: Image) -> Objects:
    """The boxes in an answer to `image`: fields or keys boxes, scores (optional) and labels, or a tuple of these.

    Raises:
        ModelError: it is of another form.
    """
    del image
    if isinstance(answer, tuple | list) and len(answer) in (2, 3) and not is_strange(answer):
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
        if boxes is None and labels is None:
            shapes = _described(answer, _array(answer)) + ", as of a segmentation: then say ?task=segmentation"
        raise ModelError(
            f"expected boxes (K, 4), labels (K,) and, if there are any, scores (K,), got {shapes}; return them "
            f"so: {DOCS}"
        )
    chances = np.ones(count) if scores is None else scores
    _check_values(boxes, chances, labels)
    return Objects(boxes.astype(np.float32), chances.astype(np.float32), labels.astype(np.int64), scored)


def _check_values(boxes: NDArray[Any], scores: NDArray[Any], labels: NDArray[Any]) -> None:
    """`ModelError` for boxes that are not finite, scores that are no probabilities and labels that are no indices."""
    if not np.isfinite(boxes).all():
        raise ModelError(f"expected finite boxes, got NaN or infinite corners in {_rows(~np.isfinite(boxes))}")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ModelError(
            f"expected scores in [0, 1], got {scores.min():g} to {scores.max():g}; return probabilities, 50 % as 0.5"
        )
    if labels.size and not (np.isfinite(labels).all() and (labels == np.floor(labels)).all()):
        raise ModelError(f"expected labels that are whole numbers, the indices of classes, got {labels.flat[0]:g}, ..")


def _rows(bad: NDArray[np.bool_]) -> str:
    return f"{int(bad.any(axis=1).sum())} of {len(bad)}"


def _array(value: object) -> NDArray[Any] | None:
    """`value` as an array; None for what is none."""
    if value is None or isinstance(value, str | Mapping):
        return None
    detach = getattr(value, "detach", None)  # a tensor, on whatever device
    try:
        array = np.asarray(detach().cpu() if callable(detach) else value)
    except (ValueError, TypeError, RuntimeError):
        return None
    return array if array.dtype.kind in "iubf" else None
