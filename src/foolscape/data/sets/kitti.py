"""KITTI."""

from __future__ import annotations

from typing import Final

from foolscape.data.boxes.kitti import open_kitti
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import DETECTION

RECORD: Final = DataSet(
    name="kitti",
    form="kitti:DIR[?classes=FILE]",
    description="boxes of KITTI's 8 classes; DIR has training/image_2 and training/label_2",
    splits=("training",),
    openers={DETECTION.name: fixed(open_kitti)},
)
