"""What the MATLAB release of Faster R-CNN takes from its images: ImageNet's mean pixel, or a mean image in a file."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from foolscape.errors import CheckpointError
from foolscape.paths import file_of
from foolscape.regular import read_bytes

MEAN: Final = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)
"""R, G, B in grey levels."""

_MOST: Final = 4096
"""Pixels of a mean image's side; the published ones have 224."""


def read_mean_image(path: str) -> Tensor:
    """(1, 3, h, w) RGB in grey levels: the only array (h, w, 3) in a .mat (up to version 7) or .npy file.

    Raises:
        CheckpointError: there is no such file, it cannot be read, or it holds no mean image.
    """
    file = file_of(path)
    wanted = f"a mean image (height, width, 3) in grey levels, RGB, in {file}, a .npy or a .mat up to version 7"
    try:
        content = io.BytesIO(read_bytes(file))
        arrays = _of_npy(content) if file.suffix.lower() == ".npy" else _of_mat(content)
    except OSError as error:
        raise CheckpointError(f"expected {wanted}, got no readable file ({error.strerror or error})") from None
    except (Exception, RecursionError) as error:  # a damaged file makes scipy raise nearly anything
        raise CheckpointError(f"expected {wanted}, got {type(error).__name__}: {error}") from None
    if len(arrays) != 1:
        raise CheckpointError(f"expected {wanted}, got {len(arrays)} variables")
    values = np.asarray(arrays[0])
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype.kind not in "uif" or not 0 < max(values.shape) <= _MOST:
        raise CheckpointError(f"expected {wanted}, got {values.dtype} of shape {values.shape}")
    values = values.astype(np.float32)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 255):
        raise CheckpointError(f"expected {wanted}, got values outside 0 to 255")
    return torch.from_numpy(values).permute(2, 0, 1)[None].contiguous()


def _of_npy(content: io.BytesIO) -> list[Any]:
    return [np.load(content, allow_pickle=False)]


def _of_mat(content: io.BytesIO) -> list[Any]:
    import scipy.io  # here, for most models need none of it

    return [value for name, value in scipy.io.loadmat(content).items() if not name.startswith("__")]
