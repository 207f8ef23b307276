"""Distances between images, by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foolscape.errors import SampleError
from foolscape.metrics.distortion import distortion


def _photo(height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_equal_images() -> None:
    measured = distortion(_photo(), _photo())
    assert (measured.linf_levels, measured.l2, measured.perceptibility) == (0, 0.0, 0.0)
    assert measured.ssim == pytest.approx(1.0)


def test_by_hand() -> None:
    clean = np.full((2, 2, 3), 100, dtype=np.uint8)
    attacked = clean.copy()
    attacked[0, 0] = [103, 96, 100]  # squares 9 + 16
    attacked[1, 1] = [100, 100, 112]  # squares 144
    measured = distortion(clean, attacked)
    assert measured.linf_levels == 12
    assert measured.l2 == pytest.approx(13 / 255)
    assert measured.perceptibility == pytest.approx(np.sqrt(169 / 4) / 255)


def test_as_a_row_holds_it() -> None:
    row = distortion(_photo(), _photo()).to_json()
    assert json.loads(json.dumps(row)) == {"linf_levels": 0, "l2": 0.0, "perceptibility": 0.0, "ssim": row["ssim"]}


def test_a_constant_change_has_root_three_times_its_size_as_perceptibility() -> None:
    clean = np.full((9, 7, 3), 10, dtype=np.uint8)
    assert distortion(clean, clean + np.uint8(51)).perceptibility == pytest.approx(np.sqrt(3) * 0.2)


def test_no_wrap_around_of_bytes() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert distortion(black, white) == distortion(white, black)
    assert distortion(black, white).linf_levels == 255


def test_ssim_by_its_formula() -> None:
    # Of two constant images only the luminance term is left: (2ab + C1) / (a^2 + b^2 + C1).
    clean, attacked = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 140, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    assert distortion(clean, attacked).ssim == pytest.approx(expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3), (10, 10), (11, 11), (12, 5)])
def test_images_smaller_than_the_window(size: tuple[int, int]) -> None:
    clean = _photo(*size)
    assert distortion(clean, clean).ssim == pytest.approx(1.0)
    assert -1.0 <= distortion(clean, 255 - clean).ssim < 0.9


def test_refusals() -> None:
    with pytest.raises(SampleError, match=r"expected uint8 \(24, 32\) \+ \(3,\), got uint8 \(12, 32, 3\)"):
        distortion(_photo(), _photo()[:12])
    with pytest.raises(SampleError, match="got float32"):
        distortion(_photo(), _photo().astype(np.float32))
