"""Segmentation scores from counts: count each image once, total, then divide.

The convention, which differs between libraries and moves mIoU by several points: counts are pooled over all images
before anything is divided; a pixel whose label is 255 (void) counts nowhere, whatever is predicted there; mIoU is the
mean over the classes that occur in the truth. Predicting a class that the truth never has is a miss for the class that
stood there, and adds no class to the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import ModelError, SampleError

VOID: Final = 255
"""The label of a pixel that counts nowhere."""

_Array = NDArray[Any]
_FIELDS: Final = ("hit", "truth", "predicted")


@dataclass(frozen=True)
class Counts:
    """Pixels per class; every score of this module is a function of these three numbers.

    The class axis is last. One image has shape (C,); a stack of N images, or of N resamples, has (N, C), and the
    scores then come out with a leading N.

    Attributes:
        hit: (..., C) int64, predicted as the class and truly it.
        truth: (..., C) int64, truly the class.
        predicted: (..., C) int64, predicted as the class, void pixels left out.
    """

    hit: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """Of the pixels that the clean model had right: how many there were, and how many still are right."""

    right_before: int
    right_after: int


@dataclass(frozen=True)
class PixelsMeasured:
    """What one prediction scored on one image, by the class's index; classes without a pixel are left out.

    Attributes:
        hit: pixels predicted as the class and truly it.
        predicted: pixels predicted as the class, void ones left out.
        kept: of the pixels right before; None where nobody asked.
    """

    hit: dict[int, int]
    predicted: dict[int, int]
    kept: Kept | None = None

    def counts(self, truth: Mapping[int, int], classes: int) -> Counts:
        """The Counts (C,), for C = `classes`, against the `truth`, pixels of each class.

        Raises:
            SampleError: a class index is outside [0, classes).
        """
        try:
            return Counts(*(_dense(sparse, classes) for sparse in (self.hit, truth, self.predicted)))
        except (IndexError, ValueError) as error:
            raise SampleError(
                f"counts must be of classes 0 to {classes - 1}; got {error}. "
                "The row was written for other classes or is damaged: delete it and resume the run."
            ) from error


def sparse(counts: NDArray[np.int64]) -> dict[int, int]:
    """(C,) pixels per class by the index of the class, zeros left out."""
    return {index: int(n) for index, n in enumerate(counts) if n}


def count(prediction: _Array, labels: _Array, classes: int) -> Counts:
    """Counts of one image.

    Args:
        prediction: (H, W) integers, the predicted class in [0, classes).
        labels: (H, W) integers, the true class in [0, classes), or 255 for void.
        classes: number of classes C.

    Returns:
        Counts of shape (C,).

    Raises:
        SampleError: the labels do not fit the prediction's shape or the number of classes.
        ModelError: the prediction holds something other than a class.
    """
    if prediction.shape != labels.shape:
        raise SampleError(
            f"labels must have the prediction's shape; expected {prediction.shape}, got {labels.shape}. "
            "Resize the label map (nearest neighbour) to its image."
        )
    counted = labels != VOID
    truth, guess = labels[counted].astype(np.int64), prediction[counted].astype(np.int64)
    if truth.size and (truth.min() < 0 or truth.max() >= classes):
        raise SampleError(
            f"labels must be classes 0 to {classes - 1}, or {VOID} for void; got {_outsider(truth, classes)}. "
            "Map the data set's labels to the model's classes."
        )
    if guess.size and (guess.min() < 0 or guess.max() >= classes):
        raise ModelError(
            f"a prediction must be classes 0 to {classes - 1}; got {_outsider(guess, classes)}. "
            "The model has more outputs than it names classes."
        )
    table = np.bincount(classes * truth + guess, minlength=classes * classes).reshape(classes, classes)
    return Counts(hit=table.diagonal().copy(), truth=table.sum(axis=1), predicted=table.sum(axis=0))


def stack(counts: Sequence[Counts]) -> Counts:
    """Counts of N >= 1 images, each (C,), side by side as (N, C)."""
    return Counts(*(np.stack([getattr(one, field) for one in counts]) for field in _FIELDS))


def total(counts: Sequence[Counts]) -> Counts:
    """The pooled counts (C,) of N >= 1 images, each (C,)."""
    pooled = stack(counts)
    return Counts(*(getattr(pooled, field).sum(axis=0) for field in _FIELDS))


def iou_per_class(counts: Counts) -> NDArray[np.float64]:
    """(..., C) intersection over union of each class in percent, NaN where the truth never has the class."""
    union = counts.truth + counts.predicted - counts.hit
    present = counts.truth > 0
    return np.where(present, 100.0 * counts.hit / np.maximum(union, 1), np.nan)


def mean_iou(counts: Counts) -> NDArray[np.float64]:
    """(...) mean of `iou_per_class` over the classes in the truth, in percent; NaN where nothing was counted."""
    present = (counts.truth > 0).sum(axis=-1)
    summed = np.nansum(iou_per_class(counts), axis=-1)
    return np.where(present > 0, summed / np.maximum(present, 1), np.nan)


def pixel_accuracy(counts: Counts) -> NDArray[np.float64]:
    """(...) correct over counted pixels in percent; NaN where nothing was counted."""
    counted = counts.truth.sum(axis=-1)
    return np.where(counted > 0, 100.0 * counts.hit.sum(axis=-1) / np.maximum(counted, 1), np.nan)


def _dense(sparse: Mapping[int, int], classes: int) -> NDArray[np.int64]:
    row = np.zeros(classes, dtype=np.int64)
    for index, n in sparse.items():
        if index < 0:  # numpy would count from the end
            raise ValueError(f"class {index}")
        row[index] = n
    return row


def _outsider(values: NDArray[np.int64], classes: int) -> int:
    return int(values[(values < 0) | (values >= classes)][0])
