"""YouTube-VOS."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.youtube_vos import SPLITS, open_youtube_vos
from foolscape.tasks.base import VIDEO

RECORD: Final = DataSet(
    name="youtube-vos",
    form="youtube-vos:DIR[?frames=all]",
    description="YouTube-VOS: clips whose objects may appear late, masks only in train; DIR has valid, train",
    splits=SPLITS,
    openers={
        VIDEO.name: fixed(open_youtube_vos),
    },
)
