"""A folder of photographs."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.folder import open_folder, open_folder_boxes
from foolscape.tasks.base import DETECTION, SEGMENTATION

RECORD: Final = DataSet(
    name="folder",
    form="folder:DIR",
    description="photographs below a folder, without labels or boxes",
    splits=(),
    openers={
        SEGMENTATION.name: fixed(open_folder),
        DETECTION.name: fixed(open_folder_boxes),
    },
)
