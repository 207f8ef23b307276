"""A single clip."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.video import open_video
from foolscape.tasks.base import VIDEO

RECORD: Final = DataSet(
    name="video",
    form="video:PATH?mask=FILE.png[&start=N&frames=N]",
    description="one clip, a video file or a folder of frames, with the objects of its first frame",
    splits=(),
    openers={
        VIDEO.name: fixed(open_video),
    },
)
