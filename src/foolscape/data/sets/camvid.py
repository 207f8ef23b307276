"""CamVid."""

from __future__ import annotations

from typing import Final

from foolscape.data.camvid import open_camvid
from foolscape.data.dataset import DataSet, fixed
from foolscape.tasks.base import SEGMENTATION

RECORD: Final = DataSet(
    name="camvid",
    form="camvid:DIR",
    description="CamVid, road scenes: labels of 11 classes, no boxes; DIR has test, testannot and so on",
    splits=("test", "val", "train"),
    openers={
        SEGMENTATION.name: fixed(open_camvid),
    },
)
