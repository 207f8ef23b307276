"""What was drawn in Label Studio."""

from __future__ import annotations

from typing import Final

from foolscape.data.boxes.label_studio import open_label_studio
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION

RECORD: Final = DataSet(
    name="label-studio",
    form="label-studio:export.json",
    description="rectangles, polygons and ellipses drawn in Label Studio, as boxes",
    splits=(),
    openers={DETECTION.name: fixed(open_label_studio)},
)
