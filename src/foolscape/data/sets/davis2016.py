"""DAVIS 2016."""

from __future__ import annotations

from typing import Final

from foolscape.data.dataset import DataSet, fixed
from foolscape.data.davis import SPLITS_2016, open_davis2016
from foolscape.tasks.base import VIDEO

RECORD: Final = DataSet(
    name="davis2016",
    form="davis2016:DIR[?resolution=480p]",
    description="DAVIS 2016: clips of one object with a mask for every frame; DIR has JPEGImages, Annotations",
    splits=SPLITS_2016,
    openers={
        VIDEO.name: fixed(open_davis2016),
    },
)
