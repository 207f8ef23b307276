"""How bright and how rich in contrast the images of a run are, from its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.records.places import Kind, Layout
from foolscape.records.run import AnyRecord
from foolscape.records.traits import read_traits
from foolscape.report.files import read_image

_LUMA = np.array([0.299, 0.587, 0.114])


def light_of(directory: Path, record: AnyRecord) -> Floats:
    """(N, 2): mean and standard deviation of the luma (ITU-R BT.601) of the clean images of a run, in grey levels; NaN
    without. Of pictures that were let go from what was written down before.
    """
    found, order = np.full((len(record.samples), 2), np.nan), record.order
    for one in read_traits(directory):
        if one.id in order:
            found[order[one.id]] = np.nan if one.light is None else one.light
    for place in np.flatnonzero(np.isnan(found[:, 0])):
        light = light_in(directory, record.samples[place].id, record.layout)
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
