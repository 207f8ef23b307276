"""What a user's detection network may return: finding boxes and scores in it, and saying what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from foolscape.errors import ModelError
from foolscape.models.common.black_boxes import WITHOUT_GRADIENTS
from foolscape.models.common.output import DOCS
from foolscape.tasks.detection import Candidates, Detections


class DenseOutput(NamedTuple):
    """What a network returned.

    Attributes:
        boxes: (B, N, 4) x1, y1, x2, y2 in pixels of its input.
        scores: (B, N, C) as the network counts them.
        objectness: (B, N) or (B, N, 1); None if there is none.
    """

    boxes: Tensor
    scores: Tensor
    objectness: Tensor | None = None


def dense_of(output: object) -> DenseOutput:
    """`boxes`, `scores` and `objectness` in `output`: fields or keys of that name, or the first two of a plain tuple.

    Raises:
        ModelError: boxes or scores are missing or not a tensor.
    """
    _refuse_chosen(output)
    boxes, scores = _field(output, "boxes"), _field(output, "scores")
    if boxes is None and scores is None and isinstance(output, list | tuple) and len(output) >= 2:
        boxes, scores = output[0], output[1]
    if isinstance(boxes, Tensor) and isinstance(scores, Tensor):
        objectness = _field(output, "objectness")
        return DenseOutput(boxes, scores, objectness if isinstance(objectness, Tensor) else None)
    raise ModelError(
        "expected the network to return boxes (B, N, 4) and scores (B, N, C) of all candidates before NMS, as a tuple "
        f"in that order or with fields or keys of these names; got {_describe(output)}{_advice(output)}: {DOCS}"
    )


def _refuse_chosen(output: object) -> None:
    """`ModelError` for boxes that a threshold or NMS chose, which each have one score and label."""
    one = output[0] if isinstance(output, list | tuple) and output else output
    boxes, labels = _field(one, "boxes"), _field(one, "labels")
    if isinstance(boxes, Tensor) and isinstance(labels, Tensor) and boxes.ndim == 2:
        raise ModelError(
            f"expected boxes (B, N, 4) and scores (B, N, C) of all candidates, got boxes {tuple(boxes.shape)} with "
            "labels, which are chosen already: a threshold and NMS leave attacks no gradient to what they drop; return "
            f"the candidates before them, or {WITHOUT_GRADIENTS}: {DOCS}"
        )


def _field(output: object, name: str) -> object:
    """`output.name` or `output["name"]`; None if there is neither."""
    return output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)


def _advice(output: object) -> str:
    """What to do about an output without boxes and scores, behind what it is."""
    dense = isinstance(output, Tensor) and output.ndim == 4
    return ", as of a network that segments: then leave the task out" if dense else ""


def _describe(output: object) -> str:
    """The type of `output` and what is in it."""
    name = type(output).__name__
    if isinstance(output, Tensor):
        return f"one tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"{name} with the keys {', '.join(map(repr, output)) or '(none)'}"
    if isinstance(output, list | tuple):
        return f"{name} of {len(output)} ({', '.join(type(part).__name__ for part in output[:4])})"
    return name


def check_output(dense: DenseOutput, images: Tensor, channels: int | None) -> None:
    """Raise `ModelError` unless boxes are (B, N, 4) and scores (B, N, channels) for `images` ((B, 3, H, W)).

    Args:
        dense: what the network returned; no value is read.
        images: what it was given.
        channels: how many classes it must score; None: any number.
    """
    boxes, scores, objectness = dense
    batch, last = images.shape[0], "C" if channels is None else channels
    right = boxes.ndim == 3 and scores.ndim == 3 and boxes.shape[:2] == scores.shape[:2]
    right = right and boxes.shape[0] == batch and boxes.shape[2] == 4 and scores.shape[2] > 0
    if not right or (channels is not None and scores.shape[2] != channels):
        raise ModelError(
            f"expected boxes ({batch}, N, 4) and scores ({batch}, N, {last}) with one N for {batch} images, got boxes "
            f"{tuple(boxes.shape)} and scores {tuple(scores.shape)}; return every candidate before thresholding and "
            f"NMS: {DOCS}"
        )
    if objectness is not None and objectness.shape not in (scores.shape[:2], (*scores.shape[:2], 1)):
        raise ModelError(
            f"expected objectness ({batch}, N) or ({batch}, N, 1) with the N of the scores, {scores.shape[1]}, got "
            f"{tuple(objectness.shape)}: {DOCS}"
        )
    if not (boxes.is_floating_point() and scores.is_floating_point()):
        raise ModelError(
            f"expected floating boxes and scores, got {boxes.dtype} and {scores.dtype}; return the scores before "
            f"argmax: a class index has no gradient ({DOCS})"
        )
    if boxes.device != images.device or scores.device != images.device:
        raise ModelError(
            f"expected an answer on the device of the images, {images.device}, got boxes on {boxes.device} and scores "
            f"on {scores.device}; move what the network holds with register_buffer: {DOCS}"
        )


def check_candidates(answer: object, images: Tensor, classes: int) -> Candidates:
    """What a user's own `Detector.candidates` returned for `images` ((B, 3, H, W)).

    Raises:
        ModelError: it has no fields boxes (B, N, 4) and scores (B, classes + 1, N), or they do not fit the images.
    """
    boxes, scores = getattr(answer, "boxes", None), getattr(answer, "scores", None)
    if not (isinstance(boxes, Tensor) and isinstance(scores, Tensor)):
        raise ModelError(
            "expected Detector.candidates to return Candidates with the fields boxes (B, N, 4) and scores "
            f"(B, C + 1, N), got {_describe(answer)}: {DOCS}"
        )
    batch, count = images.shape[0], boxes.shape[1] if boxes.ndim == 3 else "N"
    if boxes.shape != (batch, count, 4) or scores.shape != (batch, classes + 1, count):
        raise ModelError(
            f"expected Detector.candidates to return boxes ({batch}, N, 4) and scores ({batch}, {classes + 1}, N) with "
            f"one N for {batch} images of {classes} classes, the background last, got boxes {tuple(boxes.shape)} and "
            f"scores {tuple(scores.shape)}: {DOCS}"
        )
    check_output(DenseOutput(boxes, scores.transpose(1, 2)), images, classes + 1)
    return Candidates(boxes, scores)


def check_detections(answer: object, images: Tensor, classes: int) -> list[Detections]:
    """What a user's own `detect` returned for `images`, as records.

    Raises:
        ModelError: it is not one thing with boxes (K, 4), scores (K,) and labels (K,) for each image, or a score or a
            label is out of range.
    """
    if not isinstance(answer, Sequence) or len(answer) != images.shape[0]:
        got = f"{len(answer)} things" if isinstance(answer, Sequence) else type(answer).__name__
        raise ModelError(f"expected detect to return a list of one thing per image ({images.shape[0]}), got {got}")
    return [_detections(one, classes) for one in answer]


def _detections(answer: object, classes: int) -> Detections:
    """The detections of one image."""
    boxes, scores, labels = (_field(answer, name) for name in ("boxes", "scores", "labels"))
    if not (isinstance(boxes, Tensor) and isinstance(scores, Tensor) and isinstance(labels, Tensor)):
        raise ModelError(
            "expected detect to return boxes, scores and labels for each image, as fields or keys, got "
            f"{_describe(answer)}: {DOCS}"
        )
    count = len(scores) if scores.ndim == 1 else -1
    if boxes.shape != (count, 4) or labels.shape != (count,):
        raise ModelError(
            f"expected detect to return boxes (K, 4), scores (K,) and labels (K,), got {tuple(boxes.shape)}, "
            f"{tuple(scores.shape)} and {tuple(labels.shape)}: {DOCS}"
        )
    if count and not (float(scores.min()) >= 0 and float(scores.max()) <= 1):
        raise ModelError(
            f"expected detect to return scores in [0, 1], got {float(scores.min()):g} to {float(scores.max()):g}"
        )
    if count and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ModelError(
            f"expected detect to return labels from 0 to {classes - 1}, the index of the class, got "
            f"{int(labels.min())} to {int(labels.max())}"
        )
    return Detections(boxes, scores, labels)
