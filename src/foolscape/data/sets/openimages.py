"""Open Images."""

from __future__ import annotations

from typing import Final

from foolscape.data.boxes.open_images import open_open_images
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION

RECORD: Final = DataSet(
    name="openimages",
    form="openimages:DIR[?annotations=FILE&images=DIR&classes=FILE]",
    description="boxes of Open Images, from its tables SPLIT-annotations-bbox.csv and class-descriptions-boxable.csv",
    splits=("validation", "train", "test"),
    openers={DETECTION.name: fixed(open_open_images)},
)
