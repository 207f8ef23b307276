"""The bundled street."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.scene_boxes import open_scene_boxes
from foolscape.data.scene_clips import open_scene_clips
from foolscape.data.scenes import open_scenes
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO

RECORD: Final = DataSet(
    name="scenes",
    form="scenes:[?seed=N&count=N&frames=T]",
    description="the bundled street, drawn on demand with exact labels (9 classes), boxes (4) and clips, 160x256",
    splits=("test", "val", "train"),
    openers={
        SEGMENTATION.name: fixed(open_scenes),
        DETECTION.name: fixed(open_scene_boxes),
        VIDEO.name: fixed(open_scene_clips),
    },
)
