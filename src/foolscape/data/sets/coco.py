"""COCO."""

from __future__ import annotations

from typing import Final

from foolscape.data.coco import open_coco
from foolscape.data.coco_boxes import open_coco_boxes
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION, SEGMENTATION

RECORD: Final = DataSet(
    name="coco",
    form="coco:DIR-or-FILE[?classes=own|coco|voc&annotations=FILE&images=DIR]",
    description="COCO instances: boxes, or painted as labels, of COCO's 80 classes, VOC's 20 or the file's own",
    splits=("val", "train"),
    openers={
        SEGMENTATION.name: open_coco,
        DETECTION.name: fixed(open_coco_boxes),
    },
)
