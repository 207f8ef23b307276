"""YOLO."""

from __future__ import annotations

from typing import Final

from foolscape.data.boxes.yolo import open_yolo
from foolscape.data.boxes.yolo_file import SPLITS
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION

RECORD: Final = DataSet(
    name="yolo",
    form="yolo:data.yaml",
    description="boxes in label files of YOLO, of classes of your own; polygons and turned boxes as the box around",
    splits=SPLITS,
    openers={DETECTION.name: fixed(open_yolo)},
)
