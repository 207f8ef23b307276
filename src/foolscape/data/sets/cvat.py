"""What was drawn in CVAT."""

from __future__ import annotations

from typing import Final

from foolscape.data.boxes.cvat import open_cvat
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION

RECORD: Final = DataSet(
    name="cvat",
    form="cvat:annotations.xml",
    description="boxes, polygons, ellipses and masks drawn in CVAT (CVAT for images 1.1), as boxes",
    splits=(),
    openers={DETECTION.name: fixed(open_cvat)},
)
