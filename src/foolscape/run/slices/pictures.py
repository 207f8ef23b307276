"""How bright and how rich in contrast the images of a run are, from its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.records.places import Kind, Layout
from foolscape.records.traits import read_traits
from foolscape.report.files import read_image

_LUMA = np.array([0.299, 0.587, 0.114])


def light_of(directory: Path, ids: Sequence[str], layout: Layout) -> Floats:
    """(N, 2): mean and standard deviation of the luma (ITU-R BT.601) of clean images, in grey levels; NaN without."""
    known = {one.id: one.light for one in read_traits(directory)}
    found = np.full((len(ids), 2), np.nan)
    for place, name in enumerate(ids):
        light = known.get(name) or light_in(directory, name, layout)
        if light is not None:
            found[place] = light
    return found


def light_in(directory: Path, name: str, layout: Layout) -> tuple[float, float] | None:
    """As `light_of`, of one image; None without its picture."""
    image = read_image(directory, layout.found(directory, Kind.IMAGE, name))
    if image is None:
        return None
    luma = image.astype(np.float32) @ _LUMA.astype(np.float32)
    return float(luma.mean()), float(luma.std())
