"""Boxes for the tests of detection metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foolscape.metrics.boxes import Detected, Truth

Box = tuple[float, float, float, float]


def truth(
    boxes: Sequence[Box],
    labels: Sequence[int] | None = None,
    difficult: Sequence[int] = (),
    crowd: Sequence[int] = (),
) -> Truth:
    """Objects, of class 0 unless `labels` says else; `difficult` and `crowd` list indices."""
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    which = np.arange(len(array))
    return Truth(
        array,
        np.array(labels if labels is not None else [0] * len(array), dtype=np.int64),
        np.isin(which, difficult),
        np.isin(which, crowd),
        (array[:, 2:] - array[:, :2]).prod(axis=1),
    )


def found(boxes: Sequence[Box], labels: Sequence[int] | None = None, scores: Sequence[float] | None = None) -> Detected:
    """Detections, of class 0 and with falling scores unless told else."""
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Detected(
        array,
        np.array(scores if scores is not None else np.linspace(0.9, 0.1, len(array)), dtype=np.float64),
        np.array(labels if labels is not None else [0] * len(array), dtype=np.int64),
    )


def square(index: int, size: float = 10.0) -> Box:
    """Squares that do not touch, one per index."""
    return (20.0 * index, 0.0, 20.0 * index + size, size)


def crowded_images(
    seed: int, images: int = 12, classes: int = 4, difficult: float = 0.0
) -> tuple[list[Truth], list[Detected]]:
    """Random images with crowds, empty images, a class without objects, over 100 detections, and no equal scores."""
    rng = np.random.default_rng(seed)
    truths, detections = [], []
    for image in range(images):
        objects = 0 if image % 5 == 4 else int(rng.integers(0, 9))
        boxes, labels = _boxes(rng, objects), rng.integers(0, classes - 1, objects)
        truths.append(
            Truth(
                boxes,
                labels,
                rng.random(objects) < difficult,
                rng.random(objects) < 0.2,
                (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) * 0.7,
            )
        )
        near = [_upright(boxes + rng.normal(0, spread, boxes.shape)) for spread in (1.0, 4.0, 8.0)]
        clutter = 0 if image % 5 == 3 else 130 if image == 1 else int(rng.integers(0, 12))
        drawn = np.concatenate([*near, _boxes(rng, clutter)])
        named = np.concatenate(
            [labels, labels, labels, np.zeros(clutter, np.int64) if image == 1 else rng.integers(0, classes, clutter)]
        )
        detections.append(Detected(drawn, np.zeros(len(drawn)), named))
    scores = rng.permutation(sum(len(one.labels) for one in detections)) + 1.0
    ends = np.cumsum([len(one.labels) for one in detections])[:-1]
    split = np.split(scores / (len(scores) + 1), ends)
    return truths, [Detected(one.boxes, mine, one.labels) for one, mine in zip(detections, split, strict=True)]


def _upright(boxes: np.ndarray) -> np.ndarray:
    # Jitter may turn a small box inside out; pycocotools leaves out a negative area, foolscape calls it false.
    return np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 100, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(15, 60, (count, 2))], axis=1)
