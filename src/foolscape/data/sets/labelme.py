"""What was drawn in labelme."""

from __future__ import annotations

from typing import Final

from foolscape.data.boxes.labelme import open_labelme
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION

RECORD: Final = DataSet(
    name="labelme",
    form="labelme:DIR",
    description="rectangles, polygons, circles and masks drawn in labelme, as boxes",
    splits=(),
    openers={DETECTION.name: fixed(open_labelme)},
)
