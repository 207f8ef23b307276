"""How far an attacked image is from the clean one, measured on the 8-bit images that a file holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import SampleError
from foolscape.extras import extra
from foolscape.metrics.ssim import RADIUS, structural_similarity

CONVENTIONS: Final[dict[str, str]] = {
    "linf_levels": "Linf: largest change of any channel of any pixel, in grey levels of 255.",
    "l2": "L2: Euclidean norm of the change over all pixels and channels, pixels in [0, 1].",
    "perceptibility": "p: root of the mean over pixels of the squared colour change, pixels in [0, 1] "
    "(Xie et al. 2017).",
    "ssim": "SSIM: structural similarity, Gaussian window of sigma 1.5, mean over the colour channels "
    "(Wang et al. 2004).",
}


@dataclass(frozen=True)
class Distortion:
    """Distances between two 8-bit images.

    Attributes:
        linf_levels: largest absolute change of a channel, in levels of 255.
        l2: Euclidean norm over all pixels and channels, pixel values in [0, 1].
        perceptibility: sqrt(mean over pixels k of ||r_k||_2^2), r in [0, 1] (Xie et al. 2017, section 3.2).
        ssim: mean structural similarity, 1 for equal images.
    """

    linf_levels: int
    l2: float
    perceptibility: float
    ssim: float

    def to_json(self) -> dict[str, int | float]:
        """The record as a line of `rows.jsonl` holds it."""
        return dict(vars(self))


def distortion(clean: NDArray[np.uint8], attacked: NDArray[np.uint8]) -> Distortion:
    """The distances from `clean` to `attacked`, both (H, W, 3) uint8 RGB.

    Raises:
        SampleError: the two are not 8-bit RGB images of one size.
    """
    for image in (clean, attacked):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.shape != clean.shape:
            raise SampleError(
                f"distortion compares two 8-bit RGB images of one size; expected uint8 {clean.shape[:2]} + (3,), "
                f"got {image.dtype} {image.shape}. Quantise first: foolscape.pixels."
            )
    change = attacked.astype(np.int64) - clean.astype(np.int64)
    l2 = length(clean, attacked)
    return Distortion(
        linf_levels=int(np.abs(change).max(initial=0)),
        l2=l2,
        perceptibility=l2 / (clean.shape[0] * clean.shape[1]) ** 0.5,
        ssim=similarity(clean, attacked),
    )


def length(clean: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """`Distortion.l2` alone, of two uint8 arrays of one shape."""
    change = changed.astype(np.int64) - clean.astype(np.int64)
    return math.sqrt((change**2).sum()) / 255


def similarity(clean: NDArray[np.uint8], attacked: NDArray[np.uint8]) -> float:
    """Mean structural similarity (Wang et al. 2004) of two (H, W, 3) uint8 images.

    The window is 11 wide with Gaussian weights, and a border of half a window is left out of the mean. An image that is
    smaller than that leaves out as much as its own largest odd window would, so every size has a value.
    """
    short = min(clean.shape[:2])
    if short > 2 * RADIUS:
        return structural_similarity(clean, attacked)
    # Imported here: scikit-image takes longer to load than the report that only reads the other names of this package.
    with extra("report"):
        from skimage import metrics

    value = metrics.structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image is not annotated
        clean,
        attacked,
        win_size=short if short % 2 else short - 1,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)
