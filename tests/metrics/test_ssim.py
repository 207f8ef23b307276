"""The structural similarity is scikit-image's."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity as of_scikit_image

from foolscape.metrics.distortion import similarity


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (16, 24), (43, 11), (75, 90), (150, 64)])
@pytest.mark.parametrize("change", [0, 1, 8, 255])
def test_it_is_that_of_scikit_image(size: tuple[int, int], change: int) -> None:
    draw = np.random.default_rng([*size, change])
    clean = draw.integers(0, 256, (*size, 3), dtype=np.uint8)
    clean[: size[0] // 2] = clean[0, 0]  # flat parts, too
    moved = clean + draw.integers(-change, change + 1, clean.shape)
    attacked = np.clip(moved, 0, 255).astype(np.uint8)
    value = of_scikit_image(  # type: ignore[no-untyped-call]
        clean, attacked, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    # To the bit where the compiler of scipy does not fuse a product and a sum, as on x86.
    assert similarity(clean, attacked) == pytest.approx(float(value), rel=1e-13)
