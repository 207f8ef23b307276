"""PASCAL VOC."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.voc import open_voc
from foolscape.data.voc_boxes import open_voc_boxes
from foolscape.tasks.base import DETECTION, SEGMENTATION

RECORD: Final = DataSet(
    name="voc",
    form="voc:DIR[?year=2012&classes=FILE]",
    description="PASCAL VOC: labels of 21 classes, boxes of 20 or your own; VOCdevkit, a year of it, or such a tree",
    splits=("val", "train", "trainval", "test"),
    openers={
        SEGMENTATION.name: fixed(open_voc),
        DETECTION.name: fixed(open_voc_boxes),
    },
)
