"""COCO."""

from __future__ import annotations

from typing import Final

from foolscape.data.coco import open_coco
from foolscape.data.coco_boxes import open_coco_boxes
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION, SEGMENTATION

RECORD: Final = DataSet(
    name="coco",
    form="coco:DIR[?classes=voc|coco&annotations=FILE&images=DIR]",
    description="COCO instances: painted as labels of VOC's 21 or COCO's 81 classes, or boxes of 20 or 80",
    splits=("val", "train"),
    openers={
        SEGMENTATION.name: open_coco,
        DETECTION.name: fixed(open_coco_boxes),
    },
)
