"""J and F of one object in one frame, the two measures of DAVIS (Perazzi et al. 2016, section 5).

Masks are boolean: the object, and nothing but the object. What counts as the object, and which frames count, is the
business of a protocol (`video`, `youtube_vos`).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import SampleError

TOLERANCE: Final = 0.008
"""How far apart two contours may be and still match, as a share of the frame's diagonal."""

Mask = NDArray[np.bool_]


def region_j(prediction: Mask, truth: Mask, void: Mask | None = None) -> float:
    """J, the intersection over union of two masks; 1 where both are empty.

    Args:
        prediction: (H, W) bool.
        truth: (H, W) bool.
        void: (H, W) bool, pixels that count nowhere; None for none.

    Returns:
        A share in [0, 1].

    Raises:
        SampleError: the masks are not boolean maps of one size.
    """
    _check(prediction, truth, void)
    both, either = prediction & truth, prediction | truth
    if void is not None:
        both, either = both & ~void, either & ~void
    union = np.count_nonzero(either)
    return np.count_nonzero(both) / union if union else 1.0


def contour_f(prediction: Mask, truth: Mask, void: Mask | None = None, tolerance: float = TOLERANCE) -> float:
    """F, the harmonic mean of a contour's precision and recall.

    Precision is the share of the predicted boundary within `contour_radius` of the true one, recall the reverse. Both
    boundaries empty is 1, one of them is 0. The border of the frame is no boundary, so a full mask has none: full
    against empty has an F of 1 and a J of 0.

    The paper defines it by matching boundary pixels one to one and measures it by dilation, as is done here.

    Args:
        prediction: (H, W) bool.
        truth: (H, W) bool.
        void: (H, W) bool, pixels that are set to background in both masks; None for none.
        tolerance: share of the diagonal, or from 1 on a number of pixels.

    Returns:
        A share in [0, 1].

    Raises:
        SampleError: the masks are not boolean maps of one size.
    """
    _check(prediction, truth, void)
    if void is not None:
        prediction, truth = prediction & ~void, truth & ~void
    guess, real = boundary(prediction), boundary(truth)
    if not (guess.any() and real.any()):
        return float(not guess.any() and not real.any())
    # Nothing outside this box is asked for, so dilation may stop at its edges.
    box = _box(guess | real)
    guess, real = guess[box], real[box]
    radius = contour_radius(truth.shape[0], truth.shape[1], tolerance)
    precision = np.count_nonzero(guess & dilate(real, radius)) / np.count_nonzero(guess)
    recall = np.count_nonzero(real & dilate(guess, radius)) / np.count_nonzero(real)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contour_radius(height: int, width: int, tolerance: float = TOLERANCE) -> int:
    """The radius in whole pixels, rounded up: 8 for 480 x 854; a `tolerance` from 1 on is in pixels already."""
    return math.ceil(tolerance if tolerance >= 1 else tolerance * math.sqrt(height**2 + width**2))


def boundary(mask: Mask) -> Mask:
    """(H, W) bool: pixels that differ from their neighbour to the right, below, or below to the right.

    A neighbour outside the frame is not asked, so the last row looks to the right alone, the last column down alone,
    and the last pixel is no boundary.
    """
    edge = np.zeros(mask.shape, np.bool_)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edge


def dilate(mask: Mask, radius: int) -> Mask:
    """(H, W) bool: pixels within a Euclidean distance of `radius` of a pixel of (H, W) `mask`; outside is empty.

    The disk is a stack of rows, widest in the middle. From its top row to the middle the mask is spread further and
    further sideways, and what is reached at each height is laid over the result above and below: 4 radius + 2 passes of
    "or" over the frame, whatever the mask holds. A distance transform takes ten times as long.
    """
    height = mask.shape[0]
    spread, reach = mask.copy(), 0
    result = np.zeros_like(mask)
    for rise in range(min(radius, height), -1, -1):
        while (reach + 1) ** 2 + rise**2 <= radius**2:
            reach += 1
            spread[:, reach:] |= mask[:, :-reach]
            spread[:, :-reach] |= mask[:, reach:]
        result[rise:] |= spread[: height - rise]
        result[: height - rise] |= spread[rise:]
    return result


def _box(mask: Mask) -> tuple[slice, slice]:
    """The tightest box around the pixels of a mask that has some."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _check(prediction: NDArray[Any], truth: NDArray[Any], void: NDArray[Any] | None) -> None:
    for mask in (prediction, truth, void):
        if mask is not None and (mask.dtype != np.bool_ or mask.ndim != 2 or mask.shape != truth.shape):
            raise SampleError(
                f"masks must be boolean maps of one size; expected bool {truth.shape[-2:]}, got {mask.dtype} "
                f"{mask.shape}. Compare the label map with the object's label first."
            )
