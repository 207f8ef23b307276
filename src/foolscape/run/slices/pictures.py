"""How bright and how rich in contrast the images of a run are, from the pictures that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.records.places import Kind, Layout
from foolscape.report.files import read_image

_LUMA = np.array([0.299, 0.587, 0.114])


def light_of(directory: Path, ids: Sequence[str], layout: Layout) -> Floats:
    """(N, 2): mean and standard deviation of the luma (ITU-R BT.601) of clean images, in grey levels; NaN without."""
    found = np.full((len(ids), 2), np.nan)
    for place, name in enumerate(ids):
        image = read_image(directory, layout.found(directory, Kind.IMAGE, name))
        if image is not None:
            luma = image.astype(np.float32) @ _LUMA.astype(np.float32)
            found[place] = luma.mean(), luma.std()
    return found
