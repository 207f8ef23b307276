"""Label maps in MATLAB's files, as PASCAL Context is published."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from foolscape.data.images import MAX_PIXELS, Decoded, refuse
from foolscape.regular import read_bytes

SUFFIX: Final = ".mat"

_NAME: Final = "LabelMap"
_WANTED: Final = f"a MATLAB file (version 5) with the label map {_NAME}"
_DO: Final = "unpack it again, or convert it to a PNG of class indices"
_HIGHEST: Final = 65535


def decode_mat(path: Path) -> Decoded:
    """The label map (H, W) of whole numbers from 0 to 65,535 in the variable LabelMap; raises `SampleError`."""
    import scipy.io  # here, for label maps that are images need none of it

    try:
        content = read_bytes(path)
    except OSError as error:
        raise refuse(path, _WANTED, f"no readable file ({error.strerror})", _DO) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of the file that are not asked for
            found = scipy.io.loadmat(io.BytesIO(content), variable_names=[_NAME])
    except (Exception, RecursionError) as error:  # a damaged file makes scipy raise nearly anything
        raise refuse(path, _WANTED, f"{type(error).__name__}: {error}", _DO) from None
    values: Any = found.get(_NAME)
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "uif" or not values.size:
        got = f"an array of shape {values.shape}" if isinstance(values, np.ndarray) else f"no {_NAME}"
        raise refuse(path, _WANTED, got, _DO)
    if values.size > MAX_PIXELS:
        raise refuse(path, f"at most {MAX_PIXELS:,} pixels", f"{values.size:,}", _DO)
    whole = np.nan_to_num(values.astype(np.float64), nan=-1.0).round().clip(-1, _HIGHEST + 1).astype(np.int64)
    if (whole != values).any() or whole.min() < 0 or whole.max() > _HIGHEST:
        raise refuse(path, f"labels from 0 to {_HIGHEST:,}", "others, or fractions", _DO)
    return Decoded(Image.fromarray(whole.astype(np.uint16)), "I;16", (), 1)
