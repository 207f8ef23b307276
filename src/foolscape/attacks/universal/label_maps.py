"""What a universal perturbation is to make a network see: a fixed picture, or the scene without a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

LabelMap = NDArray[np.int64]
"""(H, W) class of each pixel, `IGNORE` where nothing counts."""


def filled(prediction: LabelMap, hidden: int) -> LabelMap:
    """`prediction` with every pixel of the class `hidden` given the class of the nearest pixel of another class.

    Metzen et al. (2017), section 3.2, by an exact Euclidean distance transform; void pixels lend nothing.

    Raises:
        ValueError: the picture holds no other class.
    """
    lacking = (prediction == hidden) | (prediction < 0)
    if lacking.all():
        raise ValueError("expected a pixel of another class to fill from, got none")
    rows, columns = distance_transform_edt(lacking, return_distances=False, return_indices=True)
    return np.where(prediction == hidden, prediction[rows, columns], prediction)


def replaced(prediction: LabelMap, hidden: int, by: int) -> LabelMap:
    """`prediction` with every pixel of the class `hidden` given the class `by`."""
    return np.where(prediction == hidden, by, prediction)


def brought_to(picture: LabelMap, size: tuple[int, int]) -> LabelMap:
    """`picture` at `size` (H, W), every pixel the nearest one."""
    rows, columns = ((np.arange(new) + 0.5) * old // new for new, old in zip(size, picture.shape, strict=True))
    scaled: LabelMap = picture[rows.astype(np.int64)[:, None], columns.astype(np.int64)]
    return scaled


def repeated(picture: LabelMap, size: tuple[int, int]) -> LabelMap:
    """`picture` laid side by side over `size` (H, W), from the upper left corner on."""
    copies = (-(-size[0] // picture.shape[0]), -(-size[1] // picture.shape[1]))
    laid: LabelMap = np.tile(picture, copies)
    return laid[: size[0], : size[1]]
