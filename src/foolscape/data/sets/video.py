"""Clips of a user."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.video import open_video
from foolscape.tasks.base import VIDEO

RECORD: Final = DataSet(
    name="video",
    form="video:PATH?mask=MASK[&truth=DIR&start=N&frames=N]",
    description="one clip, a video file or a folder of frames, or a folder of clips; masks of one frame or of more",
    splits=(),
    openers={
        VIDEO.name: fixed(open_video),
    },
)
